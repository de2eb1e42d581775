"""
Accuracy of calls whose items are nested in patients: what the dashboard calls.

Shares are ratio estimators with the score interval on their effective sample size; F1, MCC, balanced
accuracy and likelihood ratios are smooth functions of a patient's counts: jackknife over patients.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_clusters, as_grades, same_length
from readerstudy.stats.estimate import Estimate
from readerstudy.stats.resampling.jackknife import jackknife_counts

from .binary import SCALES, SHARES, WHY_UNDEFINED, BinarySummary, measure_of_counts
from .counts import BinaryCounts, counts_by_cluster, dichotomise
from .proportions import clustered_proportion

Interval = Literal["wilson", "logit", "wald"]


def _patient_counts(
    reference: ArrayLike, given: ArrayLike, clusters: ArrayLike, cut: float, reference_cut: float | None
) -> FloatArray:
    diseased, called = dichotomise(reference, given, cut=cut, reference_cut=reference_cut)
    codes, m = as_clusters(clusters, diseased.shape[0])
    return counts_by_cluster(diseased, called, codes, m)


def clustered_measure_of_counts(
    counts: FloatArray, measure: str, *, interval: Interval = "wilson", confidence: float = 0.95
) -> Estimate:
    """
    One measure of accuracy from the counts of each patient.

    Parameters
    ----------
    counts : ndarray, shape (n_clusters, 4)
        tp, fp, fn, tn of each patient.
    measure : str
        One of `accuracy.binary.MEASURES`.
    interval : {"wilson", "logit", "wald"}
        Interval of the shares; the others have the jackknife's.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
    """
    tp, fp, fn, tn = counts.T
    parts = {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "ppv": (tp, tp + fp),
        "npv": (tn, tn + fn),
    }
    if measure in parts:
        x, t = parts[measure]
        share = clustered_proportion(x, t, interval=interval, confidence=confidence, what=measure)
        if share.defined:
            return share
        return Estimate.undefined(
            WHY_UNDEFINED[measure], n=0, n_clusters=0, method=share.method, confidence=confidence
        )
    if measure not in SCALES:
        raise ValueError(f"measure must be one of {', '.join(SCALES)}, got {measure!r}")
    scale, limits = SCALES[measure]
    return jackknife_counts(
        counts,
        lambda c: measure_of_counts(c, measure),
        scale=scale,
        method=f"{measure.replace('_', ' ')}, clustered",
        undefined_because=WHY_UNDEFINED[measure],
        confidence=confidence,
        limits=limits,
    )


def clustered_binary_summary(
    reference: ArrayLike,
    given: ArrayLike,
    *,
    clusters: ArrayLike,
    cut: float = 1,
    reference_cut: float | None = None,
    interval: Interval = "wilson",
    confidence: float = 0.95,
) -> BinarySummary:
    """
    All measures of accuracy at a cut, for items nested in patients.

    Parameters
    ----------
    reference, given : array_like, shape (n_items,)
        Grades, 0/1 calls, or scores; positive at or above the cut.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    cut : float
        Cut of `given` (and of `reference` unless `reference_cut` is given).
    reference_cut : float, optional
        Cut of the reference where it differs.
    interval : {"wilson", "logit", "wald"}
        Interval of the shares.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    BinarySummary
        Each `n_clusters` counts the patients that are in that measure's denominator.

    Examples
    --------
    >>> summary = clustered_binary_summary([1, 1, 0, 0, 1, 0], [1, 0, 0, 0, 1, 1], clusters=list("aabbcc"))
    >>> round(summary.sensitivity.value, 3), summary.sensitivity.n, summary.sensitivity.n_clusters
    (0.667, 3, 2)
    """
    counts = _patient_counts(reference, given, clusters, cut, reference_cut)
    totals = counts.sum(axis=0).astype(int)
    estimates = {
        measure: clustered_measure_of_counts(counts, measure, interval=interval, confidence=confidence)
        for measure in (*SHARES, *(name for name in SCALES if name not in SHARES))
    }
    return BinarySummary(
        counts=BinaryCounts(*(int(x) for x in totals)),
        **estimates,
    )


class _MeasureOfPatients(Protocol):
    """Call of a measure of accuracy at a cut, for items nested in patients."""

    def __call__(
        self,
        reference: ArrayLike,
        given: ArrayLike,
        *,
        clusters: ArrayLike,
        cut: float = 1,
        reference_cut: float | None = None,
        interval: Interval = "wilson",
        confidence: float = 0.95,
    ) -> Estimate: ...


def _measure(measure: str, words: str) -> _MeasureOfPatients:
    """The function `clustered_<measure>`; all differ in the measure alone."""

    def of_items(
        reference: ArrayLike,
        given: ArrayLike,
        *,
        clusters: ArrayLike,
        cut: float = 1,
        reference_cut: float | None = None,
        interval: Interval = "wilson",
        confidence: float = 0.95,
    ) -> Estimate:
        counts = _patient_counts(reference, given, clusters, cut, reference_cut)
        return clustered_measure_of_counts(counts, measure, interval=interval, confidence=confidence)

    of_items.__name__ = of_items.__qualname__ = f"clustered_{measure}"
    of_items.__doc__ = f"{words} for items nested in patients; parameters as in `clustered_binary_summary`."
    return of_items


clustered_sensitivity = _measure("sensitivity", "Sensitivity at a cut")
clustered_specificity = _measure("specificity", "Specificity at a cut")
clustered_ppv = _measure("ppv", "Positive predictive value")
clustered_npv = _measure("npv", "Negative predictive value")


def clustered_f1(
    reference: ArrayLike,
    given: ArrayLike,
    *,
    clusters: ArrayLike,
    cut: float = 1,
    reference_cut: float | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """F1 of the positive class, delete-one-patient jackknife; parameters as in `clustered_binary_summary`."""
    counts = _patient_counts(reference, given, clusters, cut, reference_cut)
    return clustered_measure_of_counts(counts, "f1", confidence=confidence)


def clustered_accuracy(
    reference: ArrayLike,
    given: ArrayLike,
    *,
    clusters: ArrayLike,
    n_grades: int | None = None,
    interval: Interval = "wilson",
    confidence: float = 0.95,
) -> Estimate:
    """
    Share of items given their reference grade exactly, for items nested in patients.

    Parameters
    ----------
    reference, given : array_like of int, shape (n_items,)
        Grade index (or 0/1 call) per item.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    n_grades : int, optional
        Number of grades of the scale, to check the indices against.
    interval : {"wilson", "logit", "wald"}
        Interval, as in `clustered_proportion`.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
    """
    truth = as_grades("reference", reference, n_grades)
    grades = as_grades("given", given, n_grades)
    codes, m = as_clusters(clusters, same_length(reference=truth, given=grades))
    right = np.bincount(codes, weights=truth == grades, minlength=m)
    return clustered_proportion(
        right, np.bincount(codes, minlength=m), interval=interval, confidence=confidence, what="accuracy"
    )
