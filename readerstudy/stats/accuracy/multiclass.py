"""Accuracy of grades and classes: per class, averaged, and of predicted probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import (
    FloatArray,
    IntArray,
    as_clusters,
    as_grades,
    cluster_tables,
    same_length,
)
from readerstudy.stats.estimate import Estimate, _Record
from readerstudy.stats.resampling.jackknife import jackknife_counts

from .counts import confusion_matrix
from .proportions import ProportionMethod, proportion


@dataclass(frozen=True, slots=True)
class MulticlassSummary(_Record):
    """
    Accuracy of given classes, one item per patient.

    Parameters
    ----------
    matrix : ndarray of int, shape (n_classes, n_classes)
        Items by reference (rows) and given class (columns).
    accuracy : Estimate
        Share given its reference class.
    precision, recall, specificity, f1 : tuple of float
        Per class against the others; NaN where the denominator is empty.
    support : tuple of int
        Items of each reference class.
    balanced_accuracy, macro_f1, weighted_f1 : float
        Means over the classes for which the measure is defined (weighted by support for the last).
    micro_f1 : float
        F1 of all calls pooled, which equals accuracy when each item has one class.
    mcc : float
        Gorodkin's correlation; NaN when reference or calls are all alike.
    note : str
        Classes left out of a mean; empty when none is.
    """

    matrix: IntArray
    accuracy: Estimate
    precision: tuple[float, ...]
    recall: tuple[float, ...]
    specificity: tuple[float, ...]
    f1: tuple[float, ...]
    support: tuple[int, ...]
    balanced_accuracy: float
    macro_f1: float
    micro_f1: float
    weighted_f1: float
    mcc: float
    note: str = ""


def _divide(top: FloatArray, bottom: FloatArray) -> FloatArray:
    empty = np.full(np.broadcast(top, bottom).shape, np.nan)
    return np.asarray(np.divide(top, bottom, out=empty, where=bottom > 0))


def _table(counts: FloatArray, q: int) -> FloatArray:
    return counts.reshape(*counts.shape[:-1], q, q)


def _class_f1(t: FloatArray) -> FloatArray:
    right = np.einsum("...ii->...i", t)
    return _divide(2 * right, t.sum(axis=-1) + t.sum(axis=-2))


def _mean_defined(values: FloatArray, weights: FloatArray | None = None) -> FloatArray:
    """Mean over the defined classes; NaN when none is."""
    there = ~np.isnan(values)
    w = there * (1.0 if weights is None else weights)
    return _divide((np.where(there, values, 0.0) * w).sum(axis=-1), w.sum(axis=-1))


def _mcc(t: FloatArray) -> FloatArray:
    n = t.sum(axis=(-1, -2))
    right = np.einsum("...ii->...", t)
    rows, columns = t.sum(axis=-1), t.sum(axis=-2)
    top = right * n - (rows * columns).sum(axis=-1)
    bottom = (n**2 - (columns**2).sum(axis=-1)) * (n**2 - (rows**2).sum(axis=-1))
    return _divide(top, np.sqrt(np.maximum(bottom, 0.0)))


MULTICLASS_MEASURES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "balanced_accuracy": lambda t: _mean_defined(_divide(np.einsum("...ii->...i", t), t.sum(axis=-1))),
    "macro_f1": lambda t: _mean_defined(_class_f1(t)),
    "weighted_f1": lambda t: _mean_defined(_class_f1(t), t.sum(axis=-1)),
    "micro_f1": lambda t: _divide(np.einsum("...ii->...", t), t.sum(axis=(-1, -2))),
    "mcc": _mcc,
}


def multiclass_summary(
    reference: ArrayLike,
    given: ArrayLike,
    *,
    n_classes: int,
    method: ProportionMethod = "wilson",
    confidence: float = 0.95,
) -> MulticlassSummary:
    """
    Accuracy per class and averaged, one item per patient.

    Parameters
    ----------
    reference, given : array_like of int, shape (n_items,)
        Class index, in 0 .. n_classes - 1.
    n_classes : int
        Classes of the scale, used or not.
    method, confidence
        Interval of the accuracy, as in `proportion`.

    Returns
    -------
    MulticlassSummary

    References
    ----------
    .. [1] Gorodkin J. Comput Biol Chem 2004;28:367-374. doi:10.1016/j.compbiolchem.2004.09.006

    Examples
    --------
    >>> multiclass_summary([0, 1, 2, 2], [0, 2, 2, 2], n_classes=3).recall
    (1.0, 0.0, 1.0)
    """
    matrix = confusion_matrix(reference, given, n_grades=n_classes)
    t = matrix.astype(np.float64)
    n, right = t.sum(), np.diag(t)
    rows, columns = t.sum(axis=1), t.sum(axis=0)
    f1 = _class_f1(t)
    absent = [str(k) for k in np.flatnonzero(np.isnan(f1))]
    unseen = [str(k) for k in np.flatnonzero((rows == 0) & ~np.isnan(f1))]
    notes = []
    if absent:
        notes.append(f"classes {', '.join(absent)} occur nowhere and are left out of the means")
    if unseen:
        notes.append(f"classes {', '.join(unseen)} are not in the reference")
    values = {name: float(f(t)) for name, f in MULTICLASS_MEASURES.items()}
    share = proportion(int(right.sum()), int(n), method=method, confidence=confidence)
    return MulticlassSummary(
        matrix=matrix,
        accuracy=share,
        precision=tuple(_divide(right, columns).tolist()),
        recall=tuple(_divide(right, rows).tolist()),
        specificity=tuple(_divide(n - rows - columns + right, n - rows).tolist()),
        f1=tuple(f1.tolist()),
        support=tuple(int(x) for x in rows),
        note="; ".join(notes),
        **values,
    )


def clustered_multiclass_measure(
    reference: ArrayLike,
    given: ArrayLike,
    *,
    measure: str,
    clusters: ArrayLike,
    n_classes: int,
    confidence: float = 0.95,
) -> Estimate:
    """
    Balanced accuracy, macro, weighted or micro F1, or MCC of several classes, for items nested in patients.

    Parameters
    ----------
    reference, given : array_like of int, shape (n_items,)
        Class index, in 0 .. n_classes - 1.
    measure : {"balanced_accuracy", "macro_f1", "weighted_f1", "micro_f1", "mcc"}
        Which measure.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    n_classes : int
        Classes of the scale, used or not.
    confidence : float
        Coverage of the interval (delete-one-patient jackknife).

    Returns
    -------
    Estimate
    """
    if measure not in MULTICLASS_MEASURES:
        raise ValueError(f"measure must be one of {', '.join(MULTICLASS_MEASURES)}, got {measure!r}")
    truth, grades = as_grades("reference", reference, n_classes), as_grades("given", given, n_classes)
    codes, m = as_clusters(clusters, same_length(reference=truth, given=grades))
    figure = MULTICLASS_MEASURES[measure]
    signed = measure == "mcc"
    return jackknife_counts(
        cluster_tables(codes, m, truth * n_classes + grades, n_classes**2),
        lambda c: figure(_table(c, n_classes)),
        scale="arctanh" if signed else "logit",
        method=f"{measure.replace('_', ' ')}, {n_classes} classes, clustered",
        undefined_because="reference or calls are all alike" if signed else "no class occurs",
        confidence=confidence,
        limits=(-1.0 if signed else 0.0, 1.0),
    )


def _probabilities(probabilities: ArrayLike, n: int) -> FloatArray:
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape[0] != n or p.shape[1] < 2:
        raise ValueError(f"probabilities must have shape ({n}, n_classes >= 2), got {p.shape}")
    if not np.all(np.isfinite(p)) or np.any(p < 0) or np.any(p.sum(axis=1) <= 0):
        raise ValueError("probabilities must be finite, at least 0, and not all 0 in a row")
    return p


def log_loss(reference: ArrayLike, probabilities: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    r"""
    Mean negative log-likelihood of predicted class probabilities, one item per patient.

    Parameters
    ----------
    reference : array_like of int, shape (n_items,)
        Class index.
    probabilities : array_like, shape (n_items, n_classes)
        Predicted probabilities; rows are scaled to sum 1.
    confidence : float
        Coverage of the normal interval.

    Returns
    -------
    Estimate
        In nats; infinite, with a note, when a true class was given probability 0.
    """
    truth = as_grades("reference", reference, None)
    p = _probabilities(probabilities, truth.shape[0])
    as_grades("reference", reference, p.shape[1])
    n = truth.shape[0]
    with np.errstate(divide="ignore"):
        loss = -np.log((p / p.sum(axis=1, keepdims=True))[np.arange(n), truth])
    value, method = float(loss.mean()), "log loss; normal interval"
    if not math.isfinite(value):
        note = "a true class was given probability 0"
        return Estimate(value, math.nan, math.nan, math.nan, n, None, method, confidence, note=note)
    from readerstudy.stats.distributions import normal_quantile

    se = float(loss.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    half = normal_quantile(confidence) * se
    return Estimate(value, value - half, value + half, se, n, None, method, confidence)
