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
            refused = isinstance(result, dict) and "refused" in result
            return [] if refused else [f"{where}: should have been refused"]
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
    if wanted is None:
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


def _undefined(result: Any, wanted: dict, where: str) -> list[str]:
    reason = result.get("undefined_because") if isinstance(result, dict) else None
    if not reason:
        return [f"{where}: got {result!r}, should be not estimable with a reason"]
    words = wanted.get("reason_contains")
    return [] if words is None or words in reason else [f"{where}: reason {reason!r} lacks {words!r}"]
