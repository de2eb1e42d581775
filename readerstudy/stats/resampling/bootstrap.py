"""Bootstrap intervals and tests; every draw comes from the generator that is passed in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from readerstudy.stats._arrays import BoolArray, FloatArray, as_binary, as_clusters, as_scores, same_length
from readerstudy.stats.distributions import delta_interval, normal_quantile, t_tail
from readerstudy.stats.estimate import Alternative, Comparison, Estimate, HypothesisTest, _Record
from readerstudy.stats.roc.delong import why_no_auc
from readerstudy.stats.roc.placements import placements

from .jackknife import CountStatistic
from .weights import bootstrap_areas, cluster_weights, weighted_sums

BootstrapInterval = Literal["percentile", "bca", "normal"]


@dataclass(frozen=True, slots=True)
class BootstrapEstimate(_Record):
    """
    A bootstrap interval with the median of the resamples.

    Parameters
    ----------
    estimate : Estimate
        Value on the data, interval, and the resamples' standard deviation as standard error.
    median : float
        Median of the resamples.
    n_resamples, n_undefined : int
        Resamples drawn, and those of them in which the statistic was undefined and which were left out.
    """

    estimate: Estimate
    median: float
    n_resamples: int
    n_undefined: int

    @property
    def undefined_because(self) -> str:
        """Why there is no value."""
        return self.estimate.undefined_because

    def __str__(self) -> str:
        return str(self.estimate)


def percentile_limits(values: FloatArray, confidence: float) -> tuple[float, float]:
    """Percentile limits of resampled values."""
    tail = (1 - confidence) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bca_limits(
    values: FloatArray, value: float, leave_one_out: FloatArray, confidence: float
) -> tuple[float, float]:
    """
    Bias-corrected and accelerated limits.

    Parameters
    ----------
    values : ndarray, shape (n_resamples,)
        Resampled values.
    value : float
        Value on the data.
    leave_one_out : ndarray, shape (n_clusters,)
        Delete-one values, for the acceleration.
    confidence : float
        Coverage of the interval.

    References
    ----------
    .. [1] Efron B. J Am Stat Assoc 1987;82:171-185. doi:10.1080/01621459.1987.10478410
    """
    below = (float((values < value).sum()) + float((values == value).sum()) / 2) / values.size
    if not 0 < below < 1:
        return percentile_limits(values, confidence)
    z0 = float(special.ndtri(below))
    gap = leave_one_out.mean() - leave_one_out
    spread = float((gap**2).sum())
    a = float((gap**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0
    z = normal_quantile(confidence)
    levels = [float(special.ndtr(z0 + (z0 + s) / (1 - a * (z0 + s)))) for s in (-z, z)]
    low, high = np.quantile(values, levels)
    return float(low), float(high)


def _of_values(
    resampled: FloatArray,
    value: float,
    leave_one_out: FloatArray | None,
    *,
    interval: BootstrapInterval,
    n: int,
    n_clusters: int | None,
    name: str,
    confidence: float,
    seed: int | None,
) -> BootstrapEstimate:
    defined = resampled[np.isfinite(resampled)]
    lost = int(resampled.size - defined.size)
    method = f"{name}; {interval} bootstrap, {resampled.size} resamples"
    note = f"{lost} resamples in which it is undefined were left out" if lost else ""
    if defined.size < 2:
        nan = math.nan
        note = "no interval: undefined in nearly all resamples"
        e = Estimate(value, nan, nan, nan, n, n_clusters, method, confidence, seed, note=note)
        return BootstrapEstimate(e, nan, resampled.size, lost)
    se = float(defined.std(ddof=1))
    if interval == "bca" and leave_one_out is not None and np.all(np.isfinite(leave_one_out)):
        low, high = bca_limits(defined, value, leave_one_out, confidence)
    elif interval == "normal":
        low, high = delta_interval(value, se, normal_quantile(confidence))
    else:
        low, high = percentile_limits(defined, confidence)
    if se == 0:
        note = "degenerate interval: every resample gives the same value"
    e = Estimate(value, low, high, se, n, n_clusters, method, confidence, seed, note=note)
    return BootstrapEstimate(e, float(np.median(defined)), resampled.size, lost)


def bootstrap_counts(
    counts: ArrayLike,
    statistic: CountStatistic,
    *,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    interval: BootstrapInterval = "percentile",
    weights: NDArray[np.float32] | None = None,
    strata: ArrayLike | None = None,
    name: str = "statistic of counts",
    undefined_because: str = "undefined on these counts",
    confidence: float = 0.95,
    seed: int | None = None,
) -> BootstrapEstimate:
    """
    Bootstrap any statistic of counts over patients, by one matrix product.

    Parameters
    ----------
    counts : array_like, shape (n_clusters, n_cells)
        Items of each patient in each cell.
    statistic : callable
        Maps counts of shape (..., n_cells) to values of shape (...); NaN where undefined.
    rng : numpy.random.Generator
        Source of randomness; not used when `weights` are given.
    n_resamples : int
        Resamples.
    interval : {"percentile", "bca", "normal"}
        Interval of the resamples.
    weights : ndarray, shape (n_resamples, n_clusters), optional
        Weights drawn before, to keep several statistics on the same resamples.
    strata : array_like, shape (n_clusters,), optional
        Stratum of each patient.
    name, undefined_because : str
        Words for the estimate.
    confidence : float
        Coverage of the interval.
    seed : int, optional
        Seed of the generator, to be kept with the result.

    Returns
    -------
    BootstrapEstimate

    Examples
    --------
    >>> import numpy as np
    >>> share = lambda c: c[..., 0] / c.sum(axis=-1)
    >>> boot = bootstrap_counts([[8, 2], [5, 5], [9, 1]], share, rng=np.random.default_rng(1))
    >>> round(boot.estimate.value, 3)
    0.733
    """
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] == 0:
        raise ValueError(f"counts must have shape (n_clusters, n_cells), got {table.shape}")
    m = table.shape[0]
    drawn = cluster_weights(m, n_resamples, rng, strata=strata) if weights is None else weights
    total = table.sum(axis=0)
    value, n = float(statistic(total)), round(float(total.sum()))
    if math.isnan(value):
        gone = Estimate.undefined(
            undefined_because, n=n, n_clusters=m, method=name, confidence=confidence, seed=seed
        )
        return BootstrapEstimate(gone, math.nan, int(drawn.shape[0]), int(drawn.shape[0]))
    resampled = np.asarray(statistic(weighted_sums(drawn, table)), dtype=np.float64)
    without = np.asarray(statistic(total - table), dtype=np.float64) if interval == "bca" else None
    return _of_values(
        resampled, value, without, interval=interval, n=n, n_clusters=m, name=name, confidence=confidence,
        seed=seed,
    )  # fmt: skip


def bootstrap_auc(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    stratified: bool = True,
    resamples: int = 2000,
    interval: BootstrapInterval = "percentile",
    confidence: float = 0.95,
    seed: int | None = None,
) -> BootstrapEstimate:
    """
    Bootstrap interval of an AUC, over items or over patients.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious.
    rng : numpy.random.Generator
        Source of randomness.
    clusters : array_like, shape (n_items,), optional
        Patient of each item; patients are then resampled with all their items, and `stratified` does not
        apply.
    stratified : bool
        Without clusters: resample diseased and other items apart.
    resamples : int
        Resamples.
    interval : {"percentile", "bca", "normal"}
        Interval of the resamples.
    confidence : float
        Coverage of the interval.
    seed : int, optional
        Seed of the generator, to be kept with the result.

    Returns
    -------
    BootstrapEstimate
    """
    truth, values = as_binary("reference", reference), as_scores("scores", scores)
    n = same_length(reference=truth, scores=values)
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    nested = clusters is not None
    name = f"empirical AUC over {'patients' if nested else 'items, stratified' if stratified else 'items'}"
    n_clusters = m if nested else None
    reason = why_no_auc(int(truth.sum()), int((~truth).sum()))
    if reason:
        gone = Estimate.undefined(
            reason, n=n, n_clusters=n_clusters, method=name, confidence=confidence, seed=seed
        )
        return BootstrapEstimate(gone, math.nan, resamples, resamples)
    strata = truth[np.argsort(codes)] if stratified and not nested else None
    weights = cluster_weights(m, resamples, rng, strata=strata)
    v10, _ = placements(values[truth], values[~truth])
    without = _areas_without(truth, values, codes, m) if interval == "bca" else None
    return _of_values(
        bootstrap_areas(truth, values, codes, weights), float(v10.mean()), without, interval=interval, n=n,
        n_clusters=n_clusters, name=name, confidence=confidence, seed=seed,
    )  # fmt: skip


def _areas_without(truth: BoolArray, values: FloatArray, codes: np.ndarray, m: int) -> FloatArray:
    """Area without each cluster: leaving one out is a resample with weights 0 and 1."""
    return bootstrap_areas(truth, values, codes, (1 - np.eye(m)).astype(np.float32))


def _difference(
    first: float,
    second: float,
    resampled: FloatArray,
    *,
    n: int,
    n_clusters: int | None,
    name: str,
    alternative: Alternative,
    confidence: float,
    seed: int | None,
) -> Comparison:
    defined = resampled[np.isfinite(resampled)]
    d, nan = first - second, math.nan
    se = float(defined.std(ddof=1)) if defined.size > 1 else nan
    single = [
        Estimate(v, nan, nan, nan, n, n_clusters, "empirical AUC", confidence, seed) for v in (first, second)
    ]
    rest = (n, n_clusters, name, alternative)
    if se > 0:
        low, high = percentile_limits(defined, confidence)
        estimate = Estimate(d, low, high, se, n, n_clusters, name, confidence, seed)
        test = HypothesisTest(d / se, math.inf, t_tail(d / se, math.inf, alternative), *rest)
    elif abs(d) < 1e-12:
        estimate = Estimate(0.0, 0.0, 0.0, 0.0, n, n_clusters, name, confidence, seed)
        p = 1.0 if alternative == "two-sided" else 0.5
        test = HypothesisTest(0.0, math.inf, p, *rest, note="identical readers: p = 1 by convention")
    else:
        estimate = Estimate(d, nan, nan, nan, n, n_clusters, name, confidence, seed)
        test = HypothesisTest(nan, math.inf, nan, *rest, undefined_because="every resample is alike")
    return Comparison(single[0], single[1], estimate, test)


def _no_difference(
    reason: str, n: int, m: int | None, alternative: Alternative, confidence: float, seed: int | None
) -> Comparison:
    name = "difference of AUCs; bootstrap"
    gone = Estimate.undefined(reason, n=n, n_clusters=m, method=name, confidence=confidence, seed=seed)
    nan = math.nan
    test = HypothesisTest(nan, nan, nan, n, m, name, alternative, undefined_because=reason)
    return Comparison(gone, gone, gone, test, nan)


def bootstrap_auc_difference(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    stratified: bool = True,
    resamples: int = 2000,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    seed: int | None = None,
) -> Comparison:
    """
    Paired difference of two AUCs by the bootstrap: percentile interval, z from the resamples' spread.

    Parameters
    ----------
    reference, rng, clusters, stratified, resamples, confidence, seed
        As in `bootstrap_auc`.
    first, second : array_like, shape (n_items,)
        Scores of the same items; both see the same resamples.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of first minus second.

    Returns
    -------
    Comparison
        Undefined when a class is absent.
    """
    truth = as_binary("reference", reference)
    a, b = as_scores("first", first), as_scores("second", second)
    n = same_length(reference=truth, first=a, second=b)
    nested = clusters is not None
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    reason = why_no_auc(int(truth.sum()), int((~truth).sum()))
    if reason:
        return _no_difference(reason, n, m if nested else None, alternative, confidence, seed)
    strata = truth[np.argsort(codes)] if stratified and not nested else None
    weights = cluster_weights(m, resamples, rng, strata=strata)
    areas = [bootstrap_areas(truth, x, codes, weights) for x in (a, b)]
    values = [float(placements(x[truth], x[~truth])[0].mean()) for x in (a, b)]
    return _difference(
        values[0], values[1], areas[0] - areas[1], n=n, n_clusters=m if nested else None,
        name=f"paired difference of AUCs; bootstrap, {resamples} resamples", alternative=alternative,
        confidence=confidence, seed=seed,
    )  # fmt: skip


def bootstrap_auc_difference_unpaired(
    reference1: ArrayLike,
    scores1: ArrayLike,
    reference2: ArrayLike,
    scores2: ArrayLike,
    *,
    rng: np.random.Generator,
    stratified: bool = True,
    resamples: int = 2000,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    seed: int | None = None,
) -> Comparison:
    """
    Difference of two AUCs of independent samples by the bootstrap.

    Parameters
    ----------
    reference1, scores1, reference2, scores2 : array_like
        The two samples; the difference is undefined when one lacks a class.
    rng, stratified, resamples, alternative, confidence, seed
        As in `bootstrap_auc_difference`.

    Returns
    -------
    Comparison
    """
    parts, values, n = [], [], 0
    for reference, scores in ((reference1, scores1), (reference2, scores2)):
        truth, x = as_binary("reference", reference), as_scores("scores", scores)
        size = same_length(reference=truth, scores=x)
        reason = why_no_auc(int(truth.sum()), int((~truth).sum()))
        if reason:
            return _no_difference(reason, size, None, alternative, confidence, seed)
        weights = cluster_weights(size, resamples, rng, strata=truth if stratified else None)
        parts.append(bootstrap_areas(truth, x, np.arange(size), weights))
        values.append(float(placements(x[truth], x[~truth])[0].mean()))
        n += size
    return _difference(
        values[0], values[1], parts[0] - parts[1], n=n, n_clusters=None,
        name=f"difference of independent AUCs; bootstrap, {resamples} resamples", alternative=alternative,
        confidence=confidence, seed=seed,
    )  # fmt: skip
