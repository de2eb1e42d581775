"""
LROC: each reader gives each case one rating and one place, right or wrong.

A point of the curve is the share of non-diseased cases at or above a rating against the share of diseased
cases at or above it whose place was right. The curve is not extended to (1, 1): it ends where all cases are
called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import BoolArray, FloatArray, as_binary, as_scores, same_length
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.mrmc.endpoints import Cells, brute_force_cells, check_fraction
from readerstudy.stats.mrmc.readings import positions, readings_from_long


@dataclass(frozen=True, slots=True)
class LrocStudy:
    """
    Ratings with one place per case.

    Parameters
    ----------
    readers, cases : tuple of str
        Identifiers.
    diseased : ndarray of bool, shape (n_cases,)
        The reference standard.
    ratings : ndarray, shape (1, n_readers, n_cases)
        Rating of each case.
    correct : ndarray of bool, shape (n_readers, n_cases)
        Whether the place was right; False for non-diseased cases.
    """

    readers: tuple[str, ...]
    cases: tuple[str, ...]
    diseased: BoolArray
    ratings: FloatArray
    correct: BoolArray

    @property
    def treatments(self) -> tuple[str, ...]:
        """An LROC study has one treatment."""
        return ("1",)

    @property
    def complete(self) -> bool:
        """Whether every reader read every case."""
        return not bool(np.isnan(self.ratings).any())

    @property
    def read(self) -> BoolArray:
        """Whether a case was read."""
        return np.asarray(~np.isnan(self.ratings))

    @property
    def n_clusters(self) -> int | None:
        """Cases are taken as independent."""
        return None


def lroc_study(
    reader: Sequence[Any],
    case: Sequence[Any],
    diseased: ArrayLike,
    rating: ArrayLike,
    correct: ArrayLike,
    *,
    readers: Sequence[Any] | None = None,
) -> LrocStudy:
    """
    Arrange one row per reading into arrays.

    Parameters
    ----------
    reader, case : sequence, length n_rows
        Identifiers, compared as text.
    diseased, rating : array_like, shape (n_rows,)
        Reference of the row's case and its rating.
    correct : array_like of bool or 0/1, shape (n_rows,)
        Whether the place was right; 0 for non-diseased cases.
    readers : sequence, optional
        Those to take, in order.

    Returns
    -------
    LrocStudy
    """
    right = as_binary("correct", correct)
    values = as_scores("rating", rating)
    same_length(correct=right, rating=values)
    data = readings_from_long(reader, ["1"] * len(reader), case, diseased, values, readers=readers)
    reader_ids, j = positions("readers", reader, readers)
    _, k = positions("cases", case, data.cases)
    table = np.zeros((len(reader_ids), len(data.cases)), dtype=bool)
    kept = j >= 0
    table[j[kept], k[kept]] = right[kept]
    return LrocStudy(reader_ids, data.cases, data.diseased, data.ratings, table & data.diseased)


def _curve(rating: FloatArray, correct: BoolArray, diseased: BoolArray) -> tuple[FloatArray, FloatArray]:
    thresholds = np.unique(rating)[::-1]
    healthy = np.sort(rating[~diseased])
    located = np.sort(rating[diseased & correct])
    n1, n0 = int(diseased.sum()), healthy.size
    fpf = (n0 - np.searchsorted(healthy, thresholds, side="left")) / max(n0, 1)
    pcl = (located.size - np.searchsorted(located, thresholds, side="left")) / max(n1, 1)
    return np.concatenate(([0.0], fpf)), np.concatenate(([0.0], pcl))


def _height(x: FloatArray, y: FloatArray, at: float) -> float:
    """Ordinate between the last point left of an abscissa and the lowest point at or right of it."""
    right = int(np.searchsorted(x, at, side="left"))
    if right == 0:
        return float(y[0])
    if right == x.size:
        return float(y[-1])
    left = right - 1
    return float(y[left] + (y[right] - y[left]) * (at - x[left]) / (x[right] - x[left]))


def _cells(study: LrocStudy, of_curve: Any) -> Cells:
    if not isinstance(study, LrocStudy):
        raise AnalysisRefused("a figure of the LROC curve needs one rated place per case (an LROC study)")

    def figure(i: int, j: int, keep: BoolArray) -> float:
        return float(
            of_curve(*_curve(study.ratings[0, j, keep], study.correct[j, keep], study.diseased[keep]))
        )

    return brute_force_cells(1, len(study.readers), len(study.cases), figure, study.read)


@dataclass(frozen=True, slots=True)
class LrocAuc:
    """Area under the LROC curve up to a false-positive fraction."""

    max_fpf: float = 1.0

    @property
    def name(self) -> str:
        """Words for reports."""
        return f"area under the LROC curve to FPF {self.max_fpf:g}"

    def of_curve(self, x: FloatArray, y: FloatArray) -> float:
        """Trapezoid area, the last ordinate interpolated."""
        inside = x < self.max_fpf
        xs = np.concatenate((x[inside], [self.max_fpf]))
        ys = np.concatenate((y[inside], [_height(x, y, self.max_fpf)]))
        return float(np.sum(np.diff(xs) * (ys[1:] + ys[:-1]) / 2))

    def cells(self, study: LrocStudy) -> Cells:
        """Areas, evaluated afresh without each case."""
        check_fraction("max_fpf", self.max_fpf)
        return _cells(study, self.of_curve)


@dataclass(frozen=True, slots=True)
class LrocPcl:
    """Share of diseased cases called at the right place, at a false-positive fraction."""

    fpf: float

    @property
    def name(self) -> str:
        """Words for reports."""
        return f"correct localisation at FPF {self.fpf:g}"

    def of_curve(self, x: FloatArray, y: FloatArray) -> float:
        """Ordinate at the fraction."""
        return _height(x, y, self.fpf)

    def cells(self, study: LrocStudy) -> Cells:
        """Figures, evaluated afresh without each case."""
        check_fraction("fpf", self.fpf)
        return _cells(study, self.of_curve)
