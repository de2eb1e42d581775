"""Ratings of several readers: coding to categories, missing grades, and the table of two readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, IntArray

Missing = Literal["available", "complete_cases"]


@dataclass(frozen=True, slots=True)
class Ratings:
    """
    Grades of several readers coded to the positions of a scale.

    Parameters
    ----------
    codes : ndarray of int, shape (n_units, n_readers)
        Position of the grade on the scale, -1 where not graded.
    values : ndarray, shape (n_categories,)
        Numeric value of each category; positions 1, 2, ... when the categories are not numbers.
    n_dropped : int
        Units left out: without any grade, or incomplete when complete cases were asked for.
    """

    codes: IntArray
    values: FloatArray
    n_dropped: int = 0

    @property
    def n_categories(self) -> int:
        """Categories of the scale, used or not."""
        return int(self.values.shape[0])

    @property
    def n_readers(self) -> int:
        """Readers (columns)."""
        return int(self.codes.shape[1])

    def counts(self) -> FloatArray:
        """Readers per unit and category: shape (n_units, n_categories)."""
        n, q = self.codes.shape[0], self.n_categories
        unit = np.repeat(np.arange(n), self.codes.shape[1])
        flat = self.codes.ravel()
        given = flat >= 0
        table = np.bincount(unit[given] * q + flat[given], minlength=n * q)
        return table.reshape(n, q).astype(np.float64)

    def pair_table(self, first: int = 0, second: int = 1) -> IntArray:
        """Table of two readers on the units that both graded."""
        a, b = self.codes[:, first], self.codes[:, second]
        both, q = (a >= 0) & (b >= 0), self.n_categories
        table = np.bincount(a[both] * q + b[both], minlength=q * q)
        return table.reshape(q, q).astype(np.int64)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value) or value == ""


def _numeric(values: list[Any]) -> FloatArray | None:
    try:
        numbers = np.array([float(value) for value in values])
    except (TypeError, ValueError):
        return None
    return numbers if np.all(np.isfinite(numbers)) else None


def _in_order(used: set[Any]) -> list[Any]:
    """Grades in use by value where all are numbers (also written as text), else by their text."""
    try:
        return sorted(used, key=float)
    except (TypeError, ValueError):
        return sorted(used, key=str)


def code_ratings(
    ratings: ArrayLike, *, categories: ArrayLike | None = None, missing: Missing = "available"
) -> Ratings:
    """
    Code a table of grades to the positions of its scale.

    Parameters
    ----------
    ratings : array_like, shape (n_units, n_readers)
        Numbers or labels; NaN, None or "" where a reader did not grade a unit.
    categories : array_like, optional
        The scale in order. By default the sorted values in use, which understates a scale whose end was
        never used: Gwet's AC and Brennan-Prediger depend on it.
    missing : {"available", "complete_cases"}
        Use what is there, or drop every unit with an empty cell. Units without any grade are dropped always.

    Returns
    -------
    Ratings

    Raises
    ------
    ValueError
        If the table is empty, a grade is not on the scale, or there are fewer than two readers. A table of
        which no unit is left is no error: its coefficients are undefined.
    """
    if missing not in ("available", "complete_cases"):
        raise ValueError(f"missing must be available or complete_cases, got {missing!r}")
    table = np.asarray(ratings)
    if table.ndim != 2 or table.shape[1] < 2:
        raise ValueError(f"ratings must have shape (n_units, n_readers >= 2), got {table.shape}")
    if table.shape[0] == 0:
        raise ValueError("ratings is empty")
    if table.dtype.kind in "biuf":
        numbers = table.astype(np.float64)
        absent = np.isnan(numbers)
        scale = np.unique(numbers[~absent]) if categories is None else _numeric(list(np.asarray(categories)))
        if scale is None:
            raise ValueError("categories must be numbers when the ratings are numbers")
        values, codes = scale.astype(np.float64), _code_numbers(numbers, absent, scale)
    else:
        cells = [[None if _is_missing(cell) else cell for cell in row] for row in table.tolist()]
        used = {cell for row in cells for cell in row if cell is not None}
        labels = _in_order(used) if categories is None else list(np.asarray(categories, dtype=object))
        position = {str(label): k for k, label in enumerate(labels)}
        for cell in used:
            if str(cell) not in position:
                raise ValueError(f"ratings holds {cell!r}, which is not among the categories")
        codes = np.array(
            [[-1 if cell is None else position[str(cell)] for cell in row] for row in cells], dtype=np.int64
        )
        known = _numeric(labels)
        values = np.arange(1.0, len(labels) + 1) if known is None else known
    given = codes >= 0
    keep = given.all(axis=1) if missing == "complete_cases" else given.any(axis=1)
    if np.unique(values).size != values.size:
        raise ValueError("categories holds the same value twice")
    return Ratings(codes[keep], values, int((~keep).sum()))


def _code_numbers(numbers: FloatArray, absent: np.ndarray, scale: FloatArray) -> IntArray:
    order = np.argsort(scale)
    place = np.searchsorted(scale[order], np.where(absent, scale[order[0]] if scale.size else 0, numbers))
    place = np.minimum(place, max(scale.size - 1, 0))
    found = absent | (scale[order][place] == numbers) if scale.size else absent
    if not np.all(found):
        bad = numbers[~found][0]
        raise ValueError(f"ratings holds {bad:g}, which is not among the categories")
    if not scale.size:
        return np.full(numbers.shape, -1, dtype=np.int64)
    return np.where(absent, -1, order[place]).astype(np.int64)


def ratings_of_table(table: ArrayLike, *, values: ArrayLike | None = None) -> Ratings:
    """
    Expand a two-reader table into one row of ratings per item.

    Parameters
    ----------
    table : array_like of int, shape (q, q)
        Items by grade of the first reader (rows) and the second (columns).
    values : array_like, optional
        Values of the grades; positions by default.

    Returns
    -------
    Ratings
    """
    counts = np.asarray(table, dtype=np.int64)
    q = counts.shape[0]
    rows, columns = np.divmod(np.repeat(np.arange(q * q), counts.ravel()), q)
    scale = np.arange(1.0, q + 1) if values is None else np.asarray(values, dtype=np.float64)
    return Ratings(np.stack((rows, columns), axis=1).astype(np.int64), scale)
