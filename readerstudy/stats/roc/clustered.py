"""AUC of items nested in patients (Obuchowski 1997): what the dashboard calls."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_binary,
    as_clusters,
    as_scores,
    same_length,
)
from readerstudy.stats.estimate import Alternative, Comparison, Estimate

from .delong import AucInterval, auc_estimate, compare_areas, why_no_auc
from .placements import obuchowski_covariance, placements, split_by_class


def _areas(truth: BoolArray, values: FloatArray, codes: IntArray, m: int) -> tuple[FloatArray, FloatArray]:
    v10, v01 = placements(*split_by_class(truth, values))
    return v10.mean(axis=1), obuchowski_covariance(v10, v01, codes[truth], codes[~truth], m)


def _single(
    truth: BoolArray,
    codes: IntArray,
    m: int,
    area: float,
    variance: float,
    interval: AucInterval,
    clip: bool,
    confidence: float,
) -> Estimate:
    n1 = int(truth.sum())
    n0 = truth.shape[0] - n1
    method = f"empirical AUC, clustered (Obuchowski 1997); {interval} interval"
    reason = why_no_auc(n1, n0)
    if reason:
        return Estimate.undefined(reason, n=n1 + n0, n_clusters=m, method=method, confidence=confidence)
    return auc_estimate(
        area, variance, n1=n1, n0=n0,
        units1=int(np.unique(codes[truth]).size), units0=int(np.unique(codes[~truth]).size),
        n_clusters=m, interval=interval, clip=clip, method=method, confidence=confidence,
    )  # fmt: skip


def clustered_auc(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    clusters: ArrayLike,
    interval: AucInterval = "logit",
    clip: bool = True,
    confidence: float = 0.95,
) -> Estimate:
    """
    Area under the empirical ROC curve for items nested in patients.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard; a patient may have diseased and non-diseased items.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    interval : {"logit", "wald"}
        Scale of the normal interval.
    clip : bool
        Cut Wald limits to [0, 1].
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        Undefined when one class is absent.

    References
    ----------
    .. [1] Obuchowski NA. Biometrics 1997;53:567-578. doi:10.2307/2533958

    Examples
    --------
    >>> area = clustered_auc([0, 1, 0, 1, 0, 1], [1, 3, 2, 2, 1, 1], clusters=["a", "a", "b", "b", "c", "c"])
    >>> round(area.value, 3), area.n_clusters
    (0.722, 3)
    """
    truth, values = as_binary("reference", reference), as_scores("scores", scores)
    codes, m = as_clusters(clusters, same_length(reference=truth, scores=values))
    if why_no_auc(int(truth.sum()), int((~truth).sum())):
        return _single(truth, codes, m, math.nan, math.nan, interval, clip, confidence)
    areas, cov = _areas(truth, values[None, :], codes, m)
    return _single(truth, codes, m, float(areas[0]), float(cov[0, 0]), interval, clip, confidence)


def clustered_auc_difference(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike,
    alternative: Alternative = "two-sided",
    interval: AucInterval = "logit",
    clip: bool = True,
    confidence: float = 0.95,
) -> Comparison:
    """
    Paired difference of two AUCs on the same items, nested in patients.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    first, second : array_like, shape (n_items,)
        Scores of two readers (or of a reader and a model) for the same items.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of first minus second; the interval is two-sided always.
    interval : {"logit", "wald"}
        Interval of the two single areas; the difference has a normal one.
    clip : bool
        Cut the single areas' Wald limits to [0, 1].
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Comparison
        Identical readers: difference 0, p = 1.

    Notes
    -----
    A reader's area from few grades and a model's from probabilities are not alike: compare the model on the
    readers' scale, or operating points.

    References
    ----------
    .. [1] Obuchowski NA. Biometrics 1997;53:567-578. doi:10.2307/2533958
    """
    truth = as_binary("reference", reference)
    a, b = as_scores("first", first), as_scores("second", second)
    codes, m = as_clusters(clusters, same_length(reference=truth, first=a, second=b))
    method = "paired difference of empirical AUCs, clustered (Obuchowski 1997); normal interval and z test"
    if why_no_auc(int(truth.sum()), int((~truth).sum())):
        gone = _single(truth, codes, m, math.nan, math.nan, interval, clip, confidence)
        return compare_areas(
            gone, gone, math.nan, (math.nan, math.nan),
            alternative=alternative, method=method, confidence=confidence,
        )  # fmt: skip
    areas, cov = _areas(truth, np.stack((a, b)), codes, m)
    singles = [
        _single(truth, codes, m, float(areas[k]), float(cov[k, k]), interval, clip, confidence)
        for k in (0, 1)
    ]
    return compare_areas(
        singles[0], singles[1], float(cov[0, 1]), (float(cov[0, 0]), float(cov[1, 1])),
        alternative=alternative, method=method, confidence=confidence,
    )  # fmt: skip
