"""
Reader figures of merit and their leave-one-case-out values.

An end point turns a study into one figure per treatment and reader (a cell), and says what each figure would
be without each case: all that the jackknife needs.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from readerstudy.stats._arrays import BoolArray, FloatArray
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.roc.partial import partial_area_of_points, sensitivity_at
from readerstudy.stats.roc.placements import placements

from .readings import Readings


@dataclass(frozen=True, slots=True)
class Cells:
    """
    Figures of merit of all cells and their leave-one-out values.

    Parameters
    ----------
    values : ndarray, shape (n_treatments, n_readers)
        Figures of merit.
    without : ndarray, shape (n_treatments, n_readers, n_units)
        Figure without each case; a case that a cell did not read leaves its figure as it is.
    """

    values: FloatArray
    without: FloatArray

    @property
    def n_units(self) -> int:
        """Cases that are left out in turn."""
        return int(self.without.shape[2])


class Endpoint(Protocol):
    """What Obuchowski-Rockette and its relatives need of a figure of merit."""

    @property
    def name(self) -> str:
        """Words for reports."""
        ...

    def cells(self, data: Any) -> Cells:
        """Evaluate all cells of a study."""
        ...


def _check_readings(data: Any, name: str, *, need1: bool, need0: bool) -> None:
    """Refuse a study without one rating per case, or a cell without two cases of a class that is needed."""
    if not hasattr(data, "ratings"):
        raise AnalysisRefused(
            f"{name} needs one rating per case, but this study holds marks: take a figure of merit of marks, "
            "or HrAuc for each case's highest rating"
        )
    for label, mask, needed in (("diseased", data.diseased, need1), ("non-diseased", ~data.diseased, need0)):
        if not needed:
            continue
        n = data.read[:, :, mask].sum(axis=2)
        if n.min() < 2:
            i, j = np.unravel_index(int(n.argmin()), n.shape)
            raise AnalysisRefused(
                f"reader {data.readers[j]} read {int(n[i, j])} {label} cases under {data.treatments[i]}: "
                "at least two are needed"
            )


@dataclass(frozen=True, slots=True)
class Auc:
    """Area under the empirical ROC curve."""

    @property
    def name(self) -> str:
        """Words for reports."""
        return "empirical AUC"

    def placements(self, data: Readings) -> tuple[FloatArray, FloatArray]:
        """Placement values (cells, n1) and (cells, n0); NaN where a case was not read."""
        _check_readings(data, self.name, need1=True, need0=True)
        flat = data.ratings.reshape(-1, len(data.cases))
        x, y = flat[:, data.diseased], flat[:, ~data.diseased]
        if data.complete:
            return placements(x, y)
        v10, v01 = np.full(x.shape, np.nan), np.full(y.shape, np.nan)
        for c in range(flat.shape[0]):
            has1, has0 = ~np.isnan(x[c]), ~np.isnan(y[c])
            v10[c, has1], v01[c, has0] = placements(x[c, has1], y[c, has0])
        return v10, v01

    def cells(self, data: Readings) -> Cells:
        """Areas, and by formula those without each case."""
        v10, v01 = self.placements(data)
        shape = data.ratings.shape
        without = np.empty((v10.shape[0], shape[2]))
        without[:, data.diseased], area = leave_one_out_means(v10)
        without[:, ~data.diseased], _ = leave_one_out_means(v01)
        return Cells(area.reshape(shape[:2]), without.reshape(shape))


def leave_one_out_means(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Means without each entry along the last axis, and the means; NaN entries are not there."""
    there = ~np.isnan(values)
    if there.all():
        n = values.shape[-1]
        mean = values.sum(axis=-1) / n
        return (n * mean[..., None] - values) / (n - 1), mean
    n_each = there.sum(axis=-1)
    filled = np.where(there, values, 0.0)
    mean = filled.sum(axis=-1) / n_each
    without = (n_each * mean)[..., None] - filled
    return np.where(there, without / (n_each - 1)[..., None], mean[..., None]), mean


@dataclass(frozen=True, slots=True)
class CallRate:
    """Sensitivity or specificity of calls at a threshold."""

    measure: Literal["sensitivity", "specificity"]
    threshold: float

    @property
    def name(self) -> str:
        """Words for reports."""
        return f"{self.measure} at threshold {self.threshold:g}"

    def mask(self, data: Readings) -> BoolArray:
        """Cases that count: the diseased for sensitivity, the others for specificity."""
        return data.diseased if self.measure == "sensitivity" else ~data.diseased

    def right(self, data: Readings) -> FloatArray:
        """Whether each call of those cases was right, (cells, n); NaN where not read."""
        ill = self.measure == "sensitivity"
        _check_readings(data, self.name, need1=ill, need0=not ill)
        x = data.ratings.reshape(-1, len(data.cases))[:, self.mask(data)]
        called = x >= self.threshold
        right = called if self.measure == "sensitivity" else ~called
        return np.where(np.isnan(x), np.nan, right.astype(np.float64))

    def cells(self, data: Readings) -> Cells:
        """Rates; only cases of the class are left out."""
        without, rate = leave_one_out_means(self.right(data))
        shape = data.ratings.shape[:2]
        return Cells(rate.reshape(shape), without.reshape(*shape, -1))


def brute_force_cells(
    n_treatments: int,
    n_readers: int,
    n_cases: int,
    figure: Callable[[int, int, BoolArray], float],
    read: BoolArray,
) -> Cells:
    """Evaluate a figure of merit afresh without each case: for figures that have no formula."""
    values = np.empty((n_treatments, n_readers))
    without = np.empty((n_treatments, n_readers, n_cases))
    everything = np.ones(n_cases, dtype=bool)
    for i in range(n_treatments):
        for j in range(n_readers):
            values[i, j] = figure(i, j, everything)
            for k in range(n_cases):
                if not read[i, j, k]:
                    without[i, j, k] = values[i, j]
                    continue
                everything[k] = False
                without[i, j, k] = figure(i, j, everything)
                everything[k] = True
    if not np.all(np.isfinite(without)):
        raise AnalysisRefused("the figure of merit is undefined when one case is left out")
    return Cells(values, without)


class _CurveEndpoint(ABC):
    """An end point read off each cell's ROC curve."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Words for reports."""

    @abstractmethod
    def of_scores(self, diseased: FloatArray, healthy: FloatArray) -> float:
        """Figure of one reader from the scores of the two classes."""

    def cells(self, data: Readings) -> Cells:
        """Figures, evaluated afresh without each case."""
        _check_readings(data, self.name, need1=True, need0=True)
        read = data.read

        def figure(i: int, j: int, keep: BoolArray) -> float:
            used = read[i, j] & keep
            x = data.ratings[i, j]
            return self.of_scores(x[used & data.diseased], x[used & ~data.diseased])

        i, j, k = data.ratings.shape
        return brute_force_cells(i, j, k, figure, read)


@dataclass(frozen=True, slots=True)
class PartialAuc(_CurveEndpoint):
    """Area under part of the ROC curve, by default divided by the width of the part."""

    focus: Literal["specificity", "sensitivity"]
    start: float
    stop: float
    normalised: bool = True

    def __post_init__(self) -> None:
        check_fraction("start", self.start)
        check_fraction("stop", self.stop)
        if self.start == self.stop:
            raise ValueError(f"start and stop must differ, got {self.start:g} twice")

    @property
    def name(self) -> str:
        """Words for reports."""
        return f"partial AUC, {self.focus} {self.start:g} to {self.stop:g}"

    def of_scores(self, diseased: FloatArray, healthy: FloatArray) -> float:
        """Figure of one reader."""
        area = partial_area_of_points(
            *_points(diseased, healthy), focus=self.focus, start=self.start, stop=self.stop
        )
        return area / abs(self.stop - self.start) if self.normalised else area


@dataclass(frozen=True, slots=True)
class SensitivityAtSpecificity(_CurveEndpoint):
    """Sensitivity on the empirical curve at a given specificity, linearly interpolated."""

    specificity: float

    def __post_init__(self) -> None:
        check_fraction("specificity", self.specificity)

    @property
    def name(self) -> str:
        """Words for reports."""
        return f"sensitivity at specificity {self.specificity:g}"

    def of_scores(self, diseased: FloatArray, healthy: FloatArray) -> float:
        """Figure of one reader."""
        return sensitivity_at(*_points(diseased, healthy), self.specificity)


def _points(diseased: FloatArray, healthy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """ROC points (fpr, tpr) of the scores of the two classes, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate((diseased, healthy)))[::-1]
    x, y = np.sort(diseased), np.sort(healthy)
    tpr = 1 - np.searchsorted(x, thresholds, side="left") / x.size
    fpr = 1 - np.searchsorted(y, thresholds, side="left") / y.size
    return np.concatenate(([0.0], fpr)), np.concatenate(([0.0], tpr))


def check_fraction(name: str, value: float) -> float:
    """Return a share in 0..1, or raise."""
    if not (0.0 <= value <= 1.0) or math.isnan(value):
        raise ValueError(f"{name} must lie in 0..1, got {value!r}")
    return value
