"""Confusion matrices and the four counts at a cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_grades,
    as_scores,
    read_only,
    same_length,
)


@dataclass(frozen=True, slots=True)
class BinaryCounts:
    """Items by call and reference: true and false positives, false and true negatives."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def n(self) -> int:
        """All items."""
        return self.tp + self.fp + self.fn + self.tn

    @property
    def diseased(self) -> int:
        """Items that the reference calls positive."""
        return self.tp + self.fn

    @property
    def non_diseased(self) -> int:
        """Items that the reference calls negative."""
        return self.fp + self.tn


def confusion_matrix(reference: ArrayLike, given: ArrayLike, *, n_grades: int) -> IntArray:
    """
    Count items by reference grade (rows) and given grade (columns).

    Parameters
    ----------
    reference, given : array_like of int, shape (n_items,)
        Grade index per item, in 0 .. n_grades - 1.
    n_grades : int
        Number of grades of the scale, used or not.

    Returns
    -------
    ndarray of int, shape (n_grades, n_grades)
        Read-only counts; row r, column c: items of reference grade r that were given grade c.

    Raises
    ------
    ValueError
        If the arrays differ in length, are empty, or hold a grade outside the scale.

    Examples
    --------
    >>> confusion_matrix([0, 1, 1, 2], [0, 1, 2, 2], n_grades=3).tolist()
    [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    """
    if n_grades < 1:
        raise ValueError(f"n_grades must be at least 1, got {n_grades}")
    truth = as_grades("reference", reference, n_grades)
    grades = as_grades("given", given, n_grades)
    same_length(reference=truth, given=grades)
    table = np.bincount(truth * n_grades + grades, minlength=n_grades**2).reshape(n_grades, n_grades)
    return read_only(table.astype(np.int64))


def dichotomise(
    reference: ArrayLike, given: ArrayLike, *, cut: float, reference_cut: float | None = None
) -> tuple[BoolArray, BoolArray]:
    """
    Call an item positive when its grade or score is at or above the cut.

    Parameters
    ----------
    reference, given : array_like, shape (n_items,)
        Grades (or 0/1, or scores).
    cut : float
        Cut for `given`, and for `reference` too unless `reference_cut` is given.
    reference_cut : float, optional
        Cut of the reference where it differs: 1 for a 0/1 reference beside probabilities, for instance.

    Returns
    -------
    diseased, called : ndarray of bool, shape (n_items,)
    """
    truth = as_scores("reference", reference)
    values = as_scores("given", given)
    same_length(reference=truth, given=values)
    return truth >= (cut if reference_cut is None else reference_cut), values >= cut


def binary_counts(
    reference: ArrayLike, given: ArrayLike, *, cut: float = 1, reference_cut: float | None = None
) -> BinaryCounts:
    """
    Count true and false calls at a cut of the scale.

    Parameters
    ----------
    reference, given : array_like, shape (n_items,)
        Grades, 0/1 calls, or scores.
    cut : float
        Positive at or above this value.
    reference_cut : float, optional
        Cut of the reference where it differs from `cut`.

    Returns
    -------
    BinaryCounts

    Examples
    --------
    >>> binary_counts([0, 1, 2, 3], [1, 1, 2, 0], cut=1)
    BinaryCounts(tp=2, fp=1, fn=1, tn=0)
    """
    diseased, called = dichotomise(reference, given, cut=cut, reference_cut=reference_cut)
    cells = np.bincount(diseased * 2 + called, minlength=4)
    return BinaryCounts(tp=int(cells[3]), fp=int(cells[1]), fn=int(cells[2]), tn=int(cells[0]))


def counts_by_cluster(diseased: BoolArray, called: BoolArray, codes: IntArray, m: int) -> FloatArray:
    """Counts tp, fp, fn, tn of each cluster: shape (n_clusters, 4)."""
    cell = np.where(diseased, np.where(called, 0, 2), np.where(called, 1, 3))
    return np.bincount(codes * 4 + cell, minlength=4 * m).reshape(m, 4).astype(np.float64)
