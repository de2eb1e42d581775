"""Empirical ROC and precision-recall curves, their operating points, and average precision."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import BoolArray, FloatArray, as_binary, as_scores, read_only, same_length
from readerstudy.stats.accuracy.counts import BinaryCounts
from readerstudy.stats.estimate import _Record


@dataclass(frozen=True, slots=True)
class RocCurve(_Record):
    """
    Points of an empirical ROC curve, from (0, 0) to (1, 1).

    Parameters
    ----------
    fpr, tpr : ndarray, shape (n_points,)
        False-positive and true-positive rate when calling scores at or above `thresholds` positive. NaN
        throughout when the class of the rate is absent.
    thresholds : ndarray, shape (n_points,)
        Descending, the first plus infinity.
    n : int
        Items.
    undefined_because : str
        Why there is no curve; empty when there is one.
    """

    fpr: FloatArray
    tpr: FloatArray
    thresholds: FloatArray
    n: int
    undefined_because: str = ""


@dataclass(frozen=True, slots=True)
class PrecisionRecallCurve(_Record):
    """
    Points of a precision-recall curve, by ascending threshold, closed by precision 1 at recall 0.

    Parameters
    ----------
    precision, recall : ndarray, shape (n_thresholds + 1,)
        PPV and sensitivity when calling scores at or above the threshold positive.
    thresholds : ndarray, shape (n_thresholds,)
        Ascending; the closing point has none.
    n : int
        Items.
    undefined_because : str
        Why there is no curve; empty when there is one.
    """

    precision: FloatArray
    recall: FloatArray
    thresholds: FloatArray
    n: int
    undefined_because: str = ""


@dataclass(frozen=True, slots=True)
class OperatingPoint(_Record):
    """Sensitivity and specificity at one threshold, with the counts behind them."""

    threshold: float
    sensitivity: float
    specificity: float
    counts: BinaryCounts


def _cumulative(truth: BoolArray, values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct scores, descending, with the true and false positives at or above each."""
    order = np.argsort(-values, kind="stable")
    ordered, diseased = values[order], truth[order]
    last = np.flatnonzero(np.concatenate((ordered[1:] != ordered[:-1], [True])))
    tp = np.cumsum(diseased)[last].astype(np.float64)
    return ordered[last], tp, last + 1.0 - tp


def _checked(reference: ArrayLike, scores: ArrayLike) -> tuple[BoolArray, FloatArray]:
    truth, values = as_binary("reference", reference), as_scores("scores", scores)
    same_length(reference=truth, scores=values)
    return truth, values


def roc_curve(reference: ArrayLike, scores: ArrayLike) -> RocCurve:
    """
    Empirical ROC curve, all thresholds kept.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious.

    Returns
    -------
    RocCurve
        Joined by straight lines its area is `auc` (ties one half).

    Examples
    --------
    >>> curve = roc_curve([0, 0, 1, 1], [1, 2, 2, 3])
    >>> curve.fpr.tolist(), curve.tpr.tolist()
    ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    truth, values = _checked(reference, scores)
    thresholds, tp, fp = _cumulative(truth, values)
    n1 = int(truth.sum())
    n0 = truth.shape[0] - n1
    reason = "" if n1 and n0 else "no positive items" if n0 else "no negative items"
    tpr = np.concatenate(([0.0], tp)) / n1 if n1 else np.full(tp.shape[0] + 1, np.nan)
    fpr = np.concatenate(([0.0], fp)) / n0 if n0 else np.full(fp.shape[0] + 1, np.nan)
    thresholds = np.concatenate(([np.inf], thresholds))
    return RocCurve(read_only(fpr), read_only(tpr), read_only(thresholds), truth.shape[0], reason)


def pr_curve(reference: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve:
    """
    Empirical precision-recall curve.

    Parameters
    ----------
    reference, scores
        As in `roc_curve`.

    Returns
    -------
    PrecisionRecallCurve
        Its step area is `average_precision`, its trapezoid (optimistic) area `pr_auc_trapezoid`.
    """
    truth, values = _checked(reference, scores)
    thresholds, tp, fp = _cumulative(truth, values)
    n1 = int(truth.sum())
    precision = (tp / (tp + fp))[::-1]
    recall = (tp / n1)[::-1] if n1 else np.full(tp.shape[0], np.nan)
    return PrecisionRecallCurve(
        read_only(np.append(precision, 1.0)),
        read_only(np.append(recall, 0.0)),
        read_only(thresholds[::-1].copy()),
        truth.shape[0],
        "" if n1 else "no positive items",
    )


def average_precision_value(reference: ArrayLike, scores: ArrayLike) -> float:
    r"""
    Average precision, the step area :math:`\sum_k (R_k - R_{k-1}) P_k`; NaN when no item is positive.
    """
    curve = pr_curve(reference, scores)
    if curve.undefined_because:
        return math.nan
    return float(-np.sum(np.diff(curve.recall) * curve.precision[:-1]))


def pr_auc_trapezoid_value(reference: ArrayLike, scores: ArrayLike) -> float:
    """Area under the precision-recall curve joined by straight lines; NaN when no item is positive."""
    curve = pr_curve(reference, scores)
    if curve.undefined_because:
        return math.nan
    return float(-np.sum(np.diff(curve.recall) * (curve.precision[1:] + curve.precision[:-1]) / 2))


def operating_points(reference: ArrayLike, scores: ArrayLike) -> tuple[OperatingPoint, ...]:
    """
    Operating points between all adjacent scores.

    Parameters
    ----------
    reference, scores
        As in `roc_curve`.

    Returns
    -------
    tuple of OperatingPoint
        Thresholds ascending: minus infinity, midway between adjacent scores, plus infinity. Rates whose
        class is absent are NaN.
    """
    truth, values = _checked(reference, scores)
    distinct, tp, fp = _cumulative(truth, values)
    n1 = int(truth.sum())
    n0 = truth.shape[0] - n1
    rising = distinct[::-1]
    with np.errstate(invalid="ignore"):
        middle = (rising[1:] + rising[:-1]) / 2
    # Midway from minus infinity is minus infinity: call there what the upper neighbour calls.
    middle = np.where(np.isfinite(middle), middle, rising[1:])
    thresholds = np.concatenate(([-np.inf], middle, [np.inf]))
    tps = np.concatenate((tp[::-1], [0.0])).astype(int)
    fps = np.concatenate((fp[::-1], [0.0])).astype(int)
    return tuple(
        OperatingPoint(
            float(threshold),
            a / n1 if n1 else math.nan,
            (n0 - b) / n0 if n0 else math.nan,
            BinaryCounts(tp=int(a), fp=int(b), fn=int(n1 - a), tn=int(n0 - b)),
        )
        for threshold, a, b in zip(thresholds, tps, fps, strict=True)
    )


def youden_points(reference: ArrayLike, scores: ArrayLike) -> tuple[OperatingPoint, ...]:
    """
    Operating points with the highest sensitivity + specificity - 1; several when they tie.

    Parameters
    ----------
    reference, scores
        As in `roc_curve`; both classes present.

    Returns
    -------
    tuple of OperatingPoint
        By ascending threshold; empty when a class is absent.

    References
    ----------
    .. [1] Youden WJ. Cancer 1950;3:32-35.
    """
    points = operating_points(reference, scores)
    index = [p.sensitivity + p.specificity for p in points]
    if any(math.isnan(value) for value in index):
        return ()
    best = max(index)
    return tuple(p for p, value in zip(points, index, strict=True) if value >= best - 1e-12)
