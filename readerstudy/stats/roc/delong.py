"""
The empirical AUC for ordinal and continuous scores, one item per patient: DeLong's variance and tests.

Several items per patient need `clustered_auc` and `clustered_auc_difference`.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_binary, as_scores, same_length
from readerstudy.stats.distributions import clip_interval, delta_interval, normal_quantile, t_quantile, t_tail
from readerstudy.stats.estimate import Alternative, Comparison, Estimate, HypothesisTest

from .placements import delong_covariance, placements, split_by_class

AucInterval = Literal["logit", "wald"]
ZERO_VARIANCE = 1e-14
"""Variances below this are rounding: scores of real readers do not reach it."""


def why_no_auc(n1: int, n0: int) -> str:
    """Why an AUC is undefined; empty when it is defined."""
    if n1 == 0:
        return "no positive items"
    return "no negative items" if n0 == 0 else ""


def auc_estimate(
    value: float,
    variance: float,
    *,
    n1: int,
    n0: int,
    units1: int,
    units0: int,
    n_clusters: int | None,
    interval: AucInterval,
    clip: bool,
    method: str,
    confidence: float,
) -> Estimate:
    """
    Put the interval on an AUC whose variance is known.

    `units1` and `units0` are the independent diseased and non-diseased units (patients, or items when these
    are independent). Where the variance is 0 (perfect separation, all ties) a Wald interval has no width and
    is flagged; the logit form gives instead the interval of Hanley and McNeil's variance at the
    continuity-corrected area, on units, and is flagged too.
    """
    n = n1 + n0
    if math.isnan(variance):
        return Estimate(
            value, math.nan, math.nan, math.nan, n, n_clusters, method, confidence,
            note="no variance: fewer than two independent items of one class",
        )  # fmt: skip
    z = normal_quantile(confidence)
    if variance < ZERO_VARIANCE:
        if interval == "wald":
            note = "degenerate: the variance is 0, the interval has no width"
            return Estimate(value, value, value, 0.0, n, n_clusters, method, confidence, note=note)
        low, high = corrected_limits(value, units1, units0, z)
        note = "the variance is 0: interval by Hanley-McNeil at the continuity-corrected area"
        return Estimate(value, low, high, 0.0, n, n_clusters, method, confidence, note=note)
    se = math.sqrt(variance)
    low, high = delta_interval(value, se, z, "logit" if interval == "logit" else "identity")
    if math.isnan(low):
        # Area at the end of its range with a positive clustered variance cannot occur; Wald is finite.
        low, high = delta_interval(value, se, z)
    if clip:
        low, high = clip_interval(low, high, 0.0, 1.0)
    return Estimate(value, low, high, se, n, n_clusters, method, confidence)


def corrected_limits(value: float, units1: int, units0: int, z: float) -> tuple[float, float]:
    """Logit limits at the area pulled half a comparison towards 1/2, variance of Hanley and McNeil (1982)."""
    pairs = units1 * units0
    area = (value * pairs + 0.5) / (pairs + 1.0)
    variance = hanley_mcneil_variance(area, units1, units0)
    low, high = delta_interval(area, math.sqrt(variance), z, "logit")
    return min(low, value), max(high, value)


def hanley_mcneil_variance(area: float, n1: float, n0: float) -> float:
    r"""
    Hanley and McNeil's variance of an area under exponential scores.

    .. math:: \frac{A(1-A) + (n_1-1)(Q_1 - A^2) + (n_0-1)(Q_2 - A^2)}{n_1 n_0},\;
              Q_1 = \frac{A}{2-A},\; Q_2 = \frac{2A^2}{1+A}

    References
    ----------
    .. [1] Hanley JA, McNeil BJ. Radiology 1982;143:29-36. doi:10.1148/radiology.143.1.7063747
    """
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    return (area * (1 - area) + (n1 - 1) * (q1 - area**2) + (n0 - 1) * (q2 - area**2)) / (n1 * n0)


def auc(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    interval: AucInterval = "logit",
    clip: bool = True,
    confidence: float = 0.95,
) -> Estimate:
    r"""
    Area under the empirical ROC curve with DeLong's variance, for one item per patient.

    .. math:: \hat A = \frac{1}{n_1 n_0} \sum_i \sum_j \psi(x_i, y_j)

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious. The direction is never flipped: an
        area below 1/2 is reported as such.
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
    .. [1] DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595

    Examples
    --------
    >>> auc([0, 0, 1, 1], [1, 2, 2, 3]).value
    0.875
    """
    truth, values = as_binary("reference", reference), as_scores("scores", scores)
    same_length(reference=truth, scores=values)
    n1 = int(truth.sum())
    n0 = truth.shape[0] - n1
    method = f"empirical AUC, DeLong variance; {interval} interval"
    reason = why_no_auc(n1, n0)
    if reason:
        return Estimate.undefined(reason, n=n1 + n0, n_clusters=None, method=method, confidence=confidence)
    v10, v01 = placements(*split_by_class(truth, values[None, :]))
    return auc_estimate(
        float(v10.mean()),
        float(delong_covariance(v10, v01)[0, 0]),
        n1=n1, n0=n0, units1=n1, units0=n0, n_clusters=None,
        interval=interval, clip=clip, method=method, confidence=confidence,
    )  # fmt: skip


def compare_areas(
    first: Estimate,
    second: Estimate,
    covariance: float,
    variances: tuple[float, float],
    *,
    df: float = math.inf,
    quantile_df: float = math.inf,
    alternative: Alternative,
    method: str,
    confidence: float,
) -> Comparison:
    """Difference of two areas with its Wald interval and test; identical readers: difference 0, p = 1."""
    n, m = first.n, first.n_clusters
    if not (first.defined and second.defined):
        reason = first.undefined_because or second.undefined_because
        return Comparison(
            first, second,
            Estimate.undefined(reason, n=n, n_clusters=m, method=method, confidence=confidence),
            HypothesisTest(math.nan, df, math.nan, n, m, method, alternative, undefined_because=reason),
            math.nan,
        )  # fmt: skip
    d = first.value - second.value
    variance = variances[0] + variances[1] - 2 * covariance
    if math.isnan(variance):
        reason = "no variance: fewer than two independent items of one class"
        return Comparison(
            first, second,
            Estimate(d, math.nan, math.nan, math.nan, n, m, method, confidence, note=reason),
            HypothesisTest(math.nan, df, math.nan, n, m, method, alternative, undefined_because=reason),
            math.nan,
        )  # fmt: skip
    if variance < ZERO_VARIANCE:
        if abs(d) < 1e-12:
            note = "the two are identical in every comparison: difference 0, p = 1 by convention"
            p = 1.0 if alternative == "two-sided" else 0.5
            test = HypothesisTest(0.0, df, p, n, m, method, alternative, note=note)
            return Comparison(
                first, second, Estimate(0.0, 0.0, 0.0, 0.0, n, m, method, confidence), test, covariance
            )
        reason = "the variance of the difference is 0"
        return Comparison(
            first, second,
            Estimate(d, math.nan, math.nan, 0.0, n, m, method, confidence, note=reason),
            HypothesisTest(math.nan, df, math.nan, n, m, method, alternative, undefined_because=reason),
            covariance,
        )  # fmt: skip
    se = math.sqrt(variance)
    z = d / se
    low, high = delta_interval(d, se, t_quantile(confidence, quantile_df))
    return Comparison(
        first,
        second,
        Estimate(d, low, high, se, n, m, method, confidence),
        HypothesisTest(z, df, t_tail(z, df, alternative), n, m, method, alternative),
        covariance,
    )


def auc_difference(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    interval: AucInterval = "logit",
    confidence: float = 0.95,
) -> Comparison:
    """
    Paired difference of two AUCs on the same items (DeLong), one item per patient.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    first, second : array_like, shape (n_items,)
        Scores of two readers (or treatments) for the same items.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of first minus second; the interval is two-sided always.
    interval : {"logit", "wald"}
        Interval of the two single areas; the difference has a normal one.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Comparison
        Identical readers: difference 0, p = 1.

    References
    ----------
    .. [1] DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    """
    truth = as_binary("reference", reference)
    a, b = as_scores("first", first), as_scores("second", second)
    same_length(reference=truth, first=a, second=b)
    n1 = int(truth.sum())
    n0 = truth.shape[0] - n1
    method = "paired difference of empirical AUCs, DeLong covariance; normal interval and z test"
    single = f"empirical AUC, DeLong variance; {interval} interval"
    reason = why_no_auc(n1, n0)
    if reason:
        gone = Estimate.undefined(reason, n=n1 + n0, n_clusters=None, method=single, confidence=confidence)
        return compare_areas(
            gone, gone, math.nan, (math.nan, math.nan),
            alternative=alternative, method=method, confidence=confidence,
        )  # fmt: skip
    v10, v01 = placements(*split_by_class(truth, np.stack((a, b))))
    cov = delong_covariance(v10, v01)
    areas = v10.mean(axis=1)
    estimates = [
        auc_estimate(
            float(areas[k]), float(cov[k, k]), n1=n1, n0=n0, units1=n1, units0=n0, n_clusters=None,
            interval=interval, clip=True, method=single, confidence=confidence,
        )
        for k in (0, 1)
    ]  # fmt: skip
    return compare_areas(
        estimates[0], estimates[1], float(cov[0, 1]), (float(cov[0, 0]), float(cov[1, 1])),
        alternative=alternative, method=method, confidence=confidence,
    )  # fmt: skip


def auc_difference_unpaired(
    reference1: ArrayLike,
    scores1: ArrayLike,
    reference2: ArrayLike,
    scores2: ArrayLike,
    *,
    alternative: Alternative = "two-sided",
    interval: AucInterval = "logit",
    confidence: float = 0.95,
) -> Comparison:
    r"""
    Difference of two AUCs from independent samples, with Welch's degrees of freedom.

    .. math:: \nu = \frac{(v_1 + v_2)^2}{v_1^2 / (N_1 - 1) + v_2^2 / (N_2 - 1)}

    Parameters
    ----------
    reference1, scores1, reference2, scores2 : array_like
        The two samples, shapes (N1,), (N1,), (N2,), (N2,).
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of first minus second.
    interval : {"logit", "wald"}
        Interval of the two single areas.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Comparison

    References
    ----------
    .. [1] DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    """
    first = auc(reference1, scores1, interval=interval, confidence=confidence)
    second = auc(reference2, scores2, interval=interval, confidence=confidence)
    v1, v2 = first.se**2, second.se**2
    bottom = v1**2 / (first.n - 1) + v2**2 / (second.n - 1) if first.n > 1 and second.n > 1 else math.nan
    df = (v1 + v2) ** 2 / bottom if bottom > 0 else math.inf
    return compare_areas(
        first, second, 0.0, (v1, v2), df=df, quantile_df=df, alternative=alternative,
        method="difference of independent empirical AUCs, DeLong variances; t with Welch's df",
        confidence=confidence,
    )  # fmt: skip


def auc_matrix(reference: ArrayLike, scores: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """
    AUCs of several readers on the same items and their DeLong covariance.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard; both classes present.
    scores : array_like, shape (n_readers, n_items)
        One row per reader.

    Returns
    -------
    areas : ndarray, shape (n_readers,)
    covariance : ndarray, shape (n_readers, n_readers)
    """
    truth = as_binary("reference", reference)
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != truth.shape[0]:
        raise ValueError(f"scores must have shape (n_readers, {truth.shape[0]}), got {values.shape}")
    if np.isnan(values).any():
        raise ValueError("scores holds NaN: leave missing items out (and count them) before the call")
    if truth.all() or not truth.any():
        raise ValueError("reference must hold both classes")
    v10, v01 = placements(*split_by_class(truth, values))
    return v10.mean(axis=1), delong_covariance(v10, v01)
