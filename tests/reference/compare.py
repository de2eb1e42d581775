"""Compare a result with what an entry expects, by the rules of the reference folder's README."""

from __future__ import annotations

import math
from typing import Any

from .layouts import text

DEFAULT = {"abs": 1e-8, "rel": 1e-7}


def _limit(tolerance: dict, path: tuple[str, ...], value: float) -> float:
    keys = tolerance.get("keys", {})
    for length in range(len(path), 0, -1):
        ending = ".".join(path[-length:])
        if ending in keys:
            return keys[ending]
    return max(tolerance.get("abs", 0.0), tolerance.get("rel", 0.0) * abs(value))


def _is_nothing(result: Any) -> bool:
    return result is None or (isinstance(result, float) and not math.isfinite(result))


def differences(
    result: Any, wanted: Any, tolerance: dict | None = None, path: tuple[str, ...] = ()
) -> list[str]:
    """Say where `result` is not what was wanted; empty when it is."""
    tolerance = tolerance or DEFAULT
    where = ".".join(path) or "value"
    if isinstance(wanted, dict):
        if set(wanted) <= {"status", "reason_contains"} and wanted.get("status") == "undefined":
            return _undefined(result, wanted, where)
        if wanted.get("error") is True:
            return [] if _every(result, "refused") else [f"{where}: should have been refused"]
        if not isinstance(result, dict):
            return [f"{where}: got {result!r}, not an object"]
        if "refused" in result:
            return [f"{where}: refused: {result['refused']}"]
        out = []
        for key, value in wanted.items():
            if key not in result:
                out.append(f"{where}: no key {key}")
            else:
                out += differences(result[key], value, tolerance, (*path, key))
        return out
    if isinstance(wanted, list):
        if not isinstance(result, list | tuple):
            return [f"{where}: got {result!r}, not a list"]
        if len(result) != len(wanted):
            return [f"{where}: {len(result)} entries, not {len(wanted)}"]
        return [d for r, w in zip(result, wanted, strict=True) for d in differences(r, w, tolerance, path)]
    if isinstance(wanted, float) and math.isinf(wanted):
        return [] if result == wanted else [f"{where}: got {result!r}, wanted {wanted!r}"]
    if wanted is None or wanted != wanted:
        return [] if _is_nothing(result) else [f"{where}: got {result!r}, not 'not estimable'"]
    if isinstance(wanted, (bool, str)):
        return [] if text(result) == text(wanted) else [f"{where}: got {result!r}, wanted {wanted!r}"]
    if isinstance(result, str):
        # Identifiers are text; an entry may write the reader "1" as the number 1.
        return [] if result == text(wanted) else [f"{where}: got {result!r}, wanted {wanted!r}"]
    if _is_nothing(result) or isinstance(result, dict | list | tuple):
        return [f"{where}: got {result!r}, wanted {wanted!r}"]
    gap = abs(float(result) - wanted)
    if gap <= _limit(tolerance, path, wanted):
        return []
    return [f"{where}: got {float(result)!r}, wanted {wanted!r} (off by {gap:.3g})"]


def _every(result: Any, key: str) -> list[str]:
    """
    What a result says under a key: its own text, or those of all its parts or rows; empty when one is silent.
    """
    if isinstance(result, dict) and result.get(key):
        return [str(result[key])]
    parts = list(result.values()) if isinstance(result, dict) else result
    if not isinstance(parts, list | tuple) or not parts:
        return []
    said = [_every(part, key) for part in parts]
    return [text for one in said for text in one] if all(said) else []


def _undefined(result: Any, wanted: dict, where: str) -> list[str]:
    reasons = _every(result, "undefined_because")
    if not reasons:
        return [f"{where}: got {result!r}, should be not estimable with a reason"]
    words = wanted.get("reason_contains")
    if words is None or all(words in reason for reason in reasons):
        return []
    return [f"{where}: reason {reasons[0]!r} lacks {words!r}"]
