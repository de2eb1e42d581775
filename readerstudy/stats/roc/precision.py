"""Areas under the precision-recall curve, step and trapezoid named apart, with intervals over patients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.estimate import Estimate

from .partial import resampled_curve_statistic


def _step(fp: FloatArray, tp: FloatArray) -> float:
    counted = tp + fp
    precision = np.divide(tp, counted, out=np.zeros_like(tp), where=counted > 0)
    return float(np.sum(np.diff(tp, prepend=0.0) * precision) / tp[-1])


def _trapezoid(fp: FloatArray, tp: FloatArray) -> float:
    there = tp + fp > 0
    tp, fp = tp[there], fp[there]
    recall = np.concatenate(([0.0], tp / tp[-1]))
    precision = np.concatenate(([1.0], tp / (tp + fp)))
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def average_precision(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int | None = None,
) -> Estimate:
    r"""
    Average precision, the step area :math:`\sum_k (R_k - R_{k-1}) P_k` under the precision-recall curve.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious.
    rng : numpy.random.Generator
        Source of randomness for the interval.
    clusters : array_like, shape (n_items,), optional
        Patient of each item; patients are resampled with all their items, else items.
    n_resamples : int
        Resamples.
    confidence : float
        Coverage of the percentile interval.
    seed : int, optional
        Seed of the generator, to be kept with the result.

    Returns
    -------
    Estimate
        Undefined when a class is absent. It depends on the prevalence: compare it only on the same items.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> round(average_precision([0, 0, 1, 1], [1, 3, 2, 4], rng=rng).value, 3)
    0.833
    """
    return resampled_curve_statistic(
        reference, scores, clusters, _step, "average precision (step)", rng, n_resamples, confidence, seed
    )


def pr_auc_trapezoid(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int | None = None,
) -> Estimate:
    """
    Area under the precision-recall curve joined by straight lines.

    Straight lines between points of this curve are optimistic; prefer `average_precision`. Offered because
    published figures use it.

    Parameters
    ----------
    reference, scores, rng, clusters, n_resamples, confidence, seed
        As in `average_precision`.

    Returns
    -------
    Estimate

    References
    ----------
    .. [1] Davis J, Goadrich M. Proc ICML 2006;23:233-240. doi:10.1145/1143844.1143874
    """
    return resampled_curve_statistic(
        reference, scores, clusters, _trapezoid, "area under the precision-recall curve (trapezoid)", rng,
        n_resamples, confidence, seed,
    )  # fmt: skip
