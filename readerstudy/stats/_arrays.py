"""Entry checks: turn what a caller hands over into arrays, or say precisely what is wrong with it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
_LARGEST = 2.0**53
"""Whole numbers are exact up to here."""


def _vector(name: str, values: ArrayLike) -> NDArray[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty")
    return array


def as_scores(name: str, values: ArrayLike) -> FloatArray:
    """Return one score per item as float64; infinities are ranks like any other, NaN is refused."""
    array = _vector(name, values)
    try:
        scores = array.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must hold numbers, got {array.dtype}") from None
    missing = np.flatnonzero(np.isnan(scores))
    if missing.size:
        raise ValueError(
            f"{name} holds NaN at item {missing[0]}: leave missing items out (and count them) before the call"
        )
    return scores


def as_finite(name: str, values: ArrayLike) -> FloatArray:
    """Return one finite number per item as float64."""
    numbers = as_scores(name, values)
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{name} holds an infinite value at item {np.flatnonzero(~np.isfinite(numbers))[0]}")
    return numbers


def as_grades(name: str, values: ArrayLike, n_grades: int | None) -> IntArray:
    """Return grade indices as int64, each in 0 .. n_grades - 1 (any non-negative integer when None)."""
    numbers = as_finite(name, values)
    if np.any(np.abs(numbers) > _LARGEST):
        raise ValueError(f"{name} must hold grade indices, got {numbers[np.abs(numbers) > _LARGEST][0]:g}")
    grades = numbers.astype(np.int64)
    if np.any(grades != numbers):
        bad = numbers[np.flatnonzero(grades != numbers)[0]]
        raise ValueError(f"{name} must hold whole grade indices, got {bad:g}")
    outside = (grades < 0) | (grades >= n_grades if n_grades is not None else False)
    if np.any(outside):
        top = "" if n_grades is None else str(n_grades - 1)
        raise ValueError(f"{name} holds grade {grades[np.flatnonzero(outside)[0]]}, outside 0..{top}")
    return grades


def as_binary(name: str, values: ArrayLike) -> BoolArray:
    """Return a reference or a call as bool; only 0 and 1 (or False and True) are taken."""
    numbers = as_finite(name, values)
    if np.any((numbers != 0) & (numbers != 1)):
        bad = numbers[np.flatnonzero((numbers != 0) & (numbers != 1))[0]]
        raise ValueError(f"{name} must hold 0 and 1 only, got {bad:g}; dichotomise at a named cut first")
    return numbers.astype(np.bool_)


def same_length(**arrays: NDArray[Any]) -> int:
    """Return the common length of the named arrays, or raise naming the two that differ."""
    names = list(arrays)
    first = int(arrays[names[0]].shape[0])
    for name in names[1:]:
        if arrays[name].shape[0] != first:
            raise ValueError(
                f"{names[0]} and {name} must have the same length, got {first} and {arrays[name].shape[0]}"
            )
    return first


def as_clusters(clusters: ArrayLike, n_items: int) -> tuple[IntArray, int]:
    """Return a code 0 .. m - 1 per item and the number m of clusters (patients)."""
    array = _vector("clusters", clusters)
    if array.shape[0] != n_items:
        raise ValueError(f"clusters must name one cluster per item, got {array.shape[0]} for {n_items} items")
    if array.dtype.kind == "f" and np.any(np.isnan(array)):
        raise ValueError(f"clusters holds NaN at item {np.flatnonzero(np.isnan(array))[0]}")
    _, codes = np.unique(array, return_inverse=True)
    codes = codes.astype(np.int64)
    return codes, int(codes.max()) + 1


def as_count_table(name: str, table: ArrayLike) -> IntArray:
    """Return a square table of non-negative whole counts with at least one observation."""
    numbers = np.asarray(table, dtype=np.float64)
    if numbers.ndim != 2 or numbers.shape[0] != numbers.shape[1]:
        raise ValueError(f"{name} must be a square table, got shape {numbers.shape}")
    if not np.all(np.isfinite(numbers)) or np.any(numbers < 0) or np.any(numbers != np.floor(numbers)):
        raise ValueError(f"{name} must hold whole counts of at least 0")
    if np.any(numbers > _LARGEST):
        raise ValueError(f"{name} holds {numbers.max():g}, which is no count")
    if numbers.sum() == 0:
        raise ValueError(f"{name} is empty: all counts are 0")
    return numbers.astype(np.int64)


def cluster_tables(codes: IntArray, n_clusters: int, cells: IntArray, n_cells: int) -> FloatArray:
    """Count, per cluster, the items that fall in each cell: shape (n_clusters, n_cells)."""
    flat = np.bincount(codes * n_cells + cells, minlength=n_clusters * n_cells)
    return flat.reshape(n_clusters, n_cells).astype(np.float64)


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array with its write flag off: results are frozen."""
    array.setflags(write=False)
    return array


def choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    """Return `value` if it is allowed, else raise naming the choices."""
    if value not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value
