"""
The delete-one-patient jackknife for any statistic of a table of counts.

A statistic of counts (kappa, F1, a likelihood ratio) needs of a patient only how many items fall in each
cell. With one row of counts per patient, leaving a patient out is a subtraction, so all leave-one-out values
are one vectorised call.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.distributions import (
    Transform,
    back,
    clip_interval,
    delta_interval,
    t_quantile,
    transform,
)
from readerstudy.stats.estimate import Estimate

CountStatistic = Callable[[FloatArray], FloatArray]
"""From counts of shape (..., n_cells) to values of shape (...); NaN where undefined."""


def jackknife_variance(leave_one_out: FloatArray) -> float:
    r"""
    Variance of a statistic from its delete-one values.

    .. math:: \frac{m-1}{m} \sum_i (\theta_{(-i)} - \bar\theta_{(\cdot)})^2

    Parameters
    ----------
    leave_one_out : ndarray, shape (n_clusters,)
        The statistic without each cluster in turn.

    Returns
    -------
    float
        NaN for fewer than two clusters or an undefined delete-one value.

    References
    ----------
    .. [1] Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall, 1993, ch. 11.
    """
    m = leave_one_out.shape[0]
    if m < 2 or not np.all(np.isfinite(leave_one_out)):
        return math.nan
    return float((m - 1) / m * np.sum((leave_one_out - leave_one_out.mean()) ** 2))


def jackknife_counts(
    counts: FloatArray,
    statistic: CountStatistic,
    *,
    scale: Transform,
    method: str,
    undefined_because: str,
    confidence: float = 0.95,
    limits: tuple[float, float] = (-math.inf, math.inf),
    n: int | None = None,
) -> Estimate:
    r"""
    Estimate a statistic of counts with a delete-one-patient jackknife interval.

    The jackknife is taken on `scale` (arctanh for kappa, logit for a share), where the sampling
    distribution is closer to normal, with a t quantile on m - 1 degrees of freedom, and the limits are
    carried back.

    Parameters
    ----------
    counts : ndarray, shape (n_clusters, n_cells)
        Items of each cluster in each cell.
    statistic : callable
        Maps counts of shape (..., n_cells) to values of shape (...); NaN where undefined.
    scale : {"identity", "logit", "arctanh", "log"}
        Scale of the jackknife and of the interval.
    method : str
        Name of the estimator; the words on the interval are added.
    undefined_because : str
        Reason reported when the statistic is NaN on all the data.
    confidence : float
        Coverage of the interval.
    limits : (float, float)
        Range of the statistic.
    n : int, optional
        Items behind the value; all of them by default.

    Returns
    -------
    Estimate
        `se` is the jackknife standard error on the statistic's own scale.
    """
    m = counts.shape[0]
    total = counts.sum(axis=0)
    n_items = round(total.sum()) if n is None else n
    method = f"{method}; delete-one-patient jackknife, {scale} scale, t on {max(m - 1, 0)} df"
    value = float(statistic(total))
    if math.isnan(value):
        return Estimate.undefined(
            undefined_because, n=n_items, n_clusters=m, method=method, confidence=confidence
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        without = statistic(total - counts) if m > 1 else np.full(0, np.nan)
    se = math.sqrt(jackknife_variance(without)) if m > 1 else math.nan
    if math.isnan(se):
        note = (
            "no interval: one cluster only"
            if m < 2
            else "no interval: undefined when one patient is left out"
        )
        return Estimate(value, math.nan, math.nan, math.nan, n_items, m, method, confidence, note=note)
    if se <= 1e-12:
        # All delete-one values agree (perfect agreement, every call right): the data hold no variability.
        note = "degenerate interval: no variability between patients"
        return Estimate(value, value, value, 0.0, n_items, m, method, confidence, note=note)
    quantile = t_quantile(confidence, m - 1)
    low, high, note = _scaled_interval(value, without, se, quantile, scale)
    low, high = clip_interval(low, high, *limits)
    return Estimate(value, low, high, se, n_items, m, method, confidence, note=note)


def _scaled_interval(
    value: float, without: FloatArray, se: float, quantile: float, scale: Transform
) -> tuple[float, float, str]:
    """Jackknife on the scale itself; by the delta method where a delete-one value is at the range's end."""
    centre = transform(value, scale)
    if not math.isfinite(centre):
        low, high = delta_interval(value, se, quantile)
        return low, high, f"the {scale} is infinite here: interval symmetric on the statistic's own scale"
    carried = _carry(without, scale)
    se_scale = math.sqrt(jackknife_variance(carried)) if np.all(np.isfinite(carried)) else math.nan
    if math.isnan(se_scale):
        low, high = delta_interval(value, se, quantile, scale)
        return low, high, ""
    return back(centre - quantile * se_scale, scale), back(centre + quantile * se_scale, scale), ""


def _carry(values: FloatArray, scale: Transform) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "logit":
            return np.asarray(np.log(values / (1.0 - values)))
        if scale == "arctanh":
            return np.asarray(np.arctanh(values))
        if scale == "log":
            return np.asarray(np.log(values))
    return values
