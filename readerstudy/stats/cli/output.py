"""Results as text for people and as JSON for programs."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from readerstudy.stats.estimate import Estimate, HypothesisTest, json_safe


def plain(value: Any) -> Any:
    """Nested dictionaries and lists of a result, ready for JSON."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return json_safe(value)


def as_json(method: str, result: Any, notes: list[str]) -> str:
    """One JSON object: method, result, notes; undefined numbers are null beside their reason."""
    return json.dumps({"method": method, "result": plain(result), "notes": notes}, indent=1, allow_nan=False)


def as_text(result: Any, indent: int = 0) -> list[str]:
    """Lines for people."""
    pad = " " * indent
    if isinstance(result, Estimate):
        size = f"n = {result.n}" + ("" if result.n_clusters is None else f", {result.n_clusters} patients")
        lines = [f"{pad}{result}   [{size}]", f"{pad}  {result.method}"]
        return [*lines, f"{pad}  note: {result.note}"] if result.note else lines
    if isinstance(result, HypothesisTest):
        lines = [f"{pad}{result}   [{result.method}]"]
        return [*lines, f"{pad}  note: {result.note}"] if result.note else lines
    if isinstance(result, np.ndarray):
        return [pad + line for line in np.array2string(result, precision=6, threshold=400).splitlines()]
    if is_dataclass(result) and not isinstance(result, type):
        result = {f.name: getattr(result, f.name) for f in fields(result)}
    if isinstance(result, dict):
        lines = []
        for key, value in result.items():
            if key == "covariance" and isinstance(value, np.ndarray):
                continue  # a matrix for programs: it is in the JSON
            if value in ((), "", None) if isinstance(value, tuple | str | type(None)) else False:
                continue
            inner = as_text(value, indent + 2)
            if len(inner) == 1 and not isinstance(value, dict | Estimate | HypothesisTest):
                lines.append(f"{pad}{key}: {inner[0].strip()}")
            else:
                lines += [f"{pad}{key}:", *inner]
        return lines
    if isinstance(result, list | tuple):
        if all(isinstance(item, str | int | float) for item in result):
            return [pad + ", ".join(_number(item) for item in result)]
        return [line for item in result for line in [*as_text(item, indent), f"{pad}--"]][:-1]
    return [pad + _number(result)]


def _number(value: Any) -> str:
    if isinstance(value, float):
        return "not estimable" if value != value else f"{value:.6g}"
    return str(value)
