"""Parts and points of an ROC curve: partial areas, sensitivity at a given specificity and back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_binary, as_clusters, as_scores, same_length
from readerstudy.stats.distributions import clip_interval, t_quantile
from readerstudy.stats.estimate import Estimate
from readerstudy.stats.resampling.jackknife import jackknife_variance
from readerstudy.stats.resampling.weights import cluster_weights

from .curves import roc_curve

Focus = Literal["specificity", "sensitivity"]


def _area_between(x: FloatArray, y: FloatArray, low: float, high: float) -> float:
    """
    Trapezoid area under a curve (x not falling) between two abscissae; the upper end at a vertical step.
    """
    if high <= low:
        return 0.0
    inside = (x > low) & (x < high)
    grid = np.concatenate(([low], x[inside], [high]))
    # At a vertical step right of `low` the curve starts from its upper end, at `high` it ends at the lower.
    left, right = _ordinate(x, y, low, upper=True), _ordinate(x, y, high, upper=False)
    heights = np.concatenate(([left], y[inside], [right]))
    return float(np.sum(np.diff(grid) * (heights[1:] + heights[:-1]) / 2))


def _ordinate(x: FloatArray, y: FloatArray, at: float, *, upper: bool) -> float:
    """Height of a piecewise linear curve at an abscissa; at a vertical step its upper or lower end."""
    equal = np.flatnonzero(x == at)
    if equal.size:
        return float(y[equal[-1]] if upper else y[equal[0]])
    return float(np.interp(at, x, y))


def partial_area_of_points(
    fpr: FloatArray, tpr: FloatArray, *, focus: Focus, start: float, stop: float
) -> float:
    """
    Area under the part of a curve between two specificities, or beside it between two sensitivities.

    Parameters
    ----------
    fpr, tpr : ndarray, shape (n_points,)
        Points from (0, 0) to (1, 1), both not falling.
    focus : {"specificity", "sensitivity"}
        Axis of the range.
    start, stop : float
        The range, in either order.

    Returns
    -------
    float
        The raw area, at most the width of the range.
    """
    low, high = min(start, stop), max(start, stop)
    if focus == "specificity":
        return _area_between(fpr, tpr, 1 - high, 1 - low)
    if focus == "sensitivity":
        return _area_between(1 - tpr[::-1], 1 - fpr[::-1], 1 - high, 1 - low)
    raise ValueError(f"focus must be specificity or sensitivity, got {focus!r}")


def sensitivity_at(fpr: FloatArray, tpr: FloatArray, specificity: float) -> float:
    """Sensitivity of a curve at a specificity: interpolated, at a vertical step the upper end."""
    # A specificity such as 0.9 has no exact complement: take a point within rounding as that point.
    at = 1 - specificity
    near = fpr[np.abs(fpr - at) < 1e-12]
    return _ordinate(fpr, tpr, float(near[0]) if near.size else at, upper=True)


def partial_auc(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    focus: Focus = "specificity",
    start: float = 0.9,
    stop: float = 1.0,
    corrected: bool = False,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""
    Partial area under the empirical ROC curve.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious.
    focus : {"specificity", "sensitivity"}
        Axis of the range.
    start, stop : float
        The range on that axis, in 0..1, in either order.
    corrected : bool
        McClish's standardisation: 1/2 for no discrimination, 1 for perfect, over the range.
    clusters : array_like, shape (n_items,), optional
        Patient of each item; with it the interval is the delete-one-patient jackknife's, without it the
        delete-one-item jackknife's.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        Undefined when a class is absent, and where a curve that is to be corrected has less area in the range
        than the diagonal: the correction puts areas between the diagonal's and the largest into 1/2..1 and
        says nothing of smaller ones. The raw area stands; nothing is folded back.

    References
    ----------
    .. [1] McClish DK. Med Decis Making 1989;9:190-195. doi:10.1177/0272989X8900900307
    """
    if not (0 <= start <= 1 and 0 <= stop <= 1) or start == stop:
        raise ValueError(f"start and stop must be different shares in 0..1, got {start} and {stop}")
    low, high = min(start, stop), max(start, stop)
    # Under no discrimination the range holds this much, at best its width.
    least = ((1 - low) ** 2 - (1 - high) ** 2) / 2
    most = high - low

    def of_points(fpr: FloatArray, tpr: FloatArray) -> float:
        area = partial_area_of_points(fpr, tpr, focus=focus, start=start, stop=stop)
        return (1 + (area - least) / (most - least)) / 2 if corrected else area

    def gone(fpr: FloatArray, tpr: FloatArray) -> str:
        area = partial_area_of_points(fpr, tpr, focus=focus, start=start, stop=stop)
        below = corrected and area < least - 1e-12
        return "less area than the diagonal in this range: McClish's correction is not defined" * below

    form = "McClish-corrected" if corrected else "raw"
    name = f"partial AUC, {focus} {low:g} to {high:g}, {form}"
    return _curve_statistic(reference, scores, clusters, of_points, name, confidence, gone)


def _curve_statistic(
    reference: ArrayLike,
    scores: ArrayLike,
    clusters: ArrayLike | None,
    of_points: Callable[[FloatArray, FloatArray], float],
    name: str,
    confidence: float,
    why_not: Callable[[FloatArray, FloatArray], str],
) -> Estimate:
    """
    A figure of an ROC curve with a jackknife interval over items or patients.

    `why_not` says why the figure is not defined for the curve, if it is not.
    """
    truth, values = as_binary("reference", reference), as_scores("scores", scores)
    n = same_length(reference=truth, scores=values)
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    unit = "item" if clusters is None else "patient"
    method = f"{name}; delete-one-{unit} jackknife, t on {m - 1} df"
    n_clusters = None if clusters is None else m
    curve = roc_curve(truth, values)
    reason = curve.undefined_because or why_not(curve.fpr, curve.tpr)
    if reason:
        return Estimate.undefined(reason, n=n, n_clusters=n_clusters, method=method, confidence=confidence)
    value = of_points(curve.fpr, curve.tpr)
    # Counts per distinct score and class make each leave-one-out curve a subtraction.
    distinct, place = np.unique(-values, return_inverse=True)
    size = distinct.size
    tp = np.bincount(place[truth], minlength=size)
    fp = np.bincount(place[~truth], minlength=size)
    without = np.full(m, np.nan)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(m + 1))
    for patient in range(m):
        items = order[bounds[patient] : bounds[patient + 1]]
        own = truth[items]
        t = tp - np.bincount(place[items][own], minlength=size)
        f = fp - np.bincount(place[items][~own], minlength=size)
        if t.sum() == 0 or f.sum() == 0:
            break
        without[patient] = of_points(
            np.concatenate(([0.0], np.cumsum(f) / f.sum())), np.concatenate(([0.0], np.cumsum(t) / t.sum()))
        )
    variance = jackknife_variance(without)
    if math.isnan(variance):
        nan = math.nan
        note = "no interval: undefined when one unit is left out"
        return Estimate(value, nan, nan, nan, n, n_clusters, method, confidence, note=note)
    se = math.sqrt(variance)
    half = t_quantile(confidence, m - 1) * se
    low, high = clip_interval(value - half, value + half, 0.0, 1.0)
    note = "degenerate interval: no variability" if se == 0 else ""
    return Estimate(
        value, min(low, value), max(high, value), se, n, n_clusters, method, confidence, note=note
    )


def _rates(fp: FloatArray, tp: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points (fpr, tpr) of cumulative counts, from (0, 0) on."""
    return np.concatenate(([0.0], fp / fp[-1])), np.concatenate(([0.0], tp / tp[-1]))


def _mirrored(fp: FloatArray, tp: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Points (1 - tpr, 1 - fpr), rising: the same curve with sensitivity and specificity exchanged."""
    x, y = _rates(fp, tp)
    return 1 - y[::-1], 1 - x[::-1]


def resampled_curve_statistic(
    reference: ArrayLike,
    scores: ArrayLike,
    clusters: ArrayLike | None,
    of_counts: Callable[[FloatArray, FloatArray], float],
    name: str,
    rng: np.random.Generator,
    n_resamples: int,
    confidence: float,
    seed: int | None,
) -> Estimate:
    """
    A figure of a curve with a percentile bootstrap interval over items or patients.

    `of_counts` takes cumulative false and true positives by falling threshold. A point of a curve is a
    quantile of one class carried to the other: the jackknife is not consistent for it.
    """
    truth, values = as_binary("reference", reference), as_scores("scores", scores)
    n = same_length(reference=truth, scores=values)
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    unit = "items" if clusters is None else "patients"
    method = f"{name}; percentile bootstrap over {unit}, {n_resamples} resamples"
    n_clusters = None if clusters is None else m
    reason = "no positive items" if not truth.any() else "no negative items" if truth.all() else ""
    if reason:
        return Estimate.undefined(
            reason, n=n, n_clusters=n_clusters, method=method, confidence=confidence, seed=seed
        )
    order = np.argsort(-values, kind="stable")
    ordered = values[order]
    last = np.flatnonzero(np.concatenate((ordered[1:] != ordered[:-1], [True])))
    ill, owner = truth[order], codes[order]
    value = of_counts(np.cumsum(~ill)[last].astype(np.float64), np.cumsum(ill)[last].astype(np.float64))
    weights = cluster_weights(m, n_resamples, rng)
    resampled = np.full(n_resamples, np.nan)
    for k in range(n_resamples):
        w = weights[k].astype(np.float64)[owner]
        tp, fp = np.cumsum(w * ill)[last], np.cumsum(w * ~ill)[last]
        if tp[-1] > 0 and fp[-1] > 0:
            resampled[k] = of_counts(fp, tp)
    defined = resampled[np.isfinite(resampled)]
    if defined.size < 2:
        nan = math.nan
        note = "no interval: undefined in nearly all resamples"
        return Estimate(value, nan, nan, nan, n, n_clusters, method, confidence, seed, note=note)
    tail = (1 - confidence) / 2
    low, high = (float(x) for x in np.quantile(defined, [tail, 1 - tail]))
    return Estimate(
        value, low, high, float(defined.std(ddof=1)), n, n_clusters, method, confidence, seed,
        note=f"{n_resamples - defined.size} resamples lack a class" if defined.size < n_resamples else "",
    )  # fmt: skip


def sensitivity_at_specificity(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    specificity: float,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int | None = None,
) -> Estimate:
    """
    Sensitivity of the empirical curve at a fixed specificity.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    scores : array_like, shape (n_items,)
        Ordinal grades or continuous scores, higher = more suspicious.
    specificity : float
        In 0..1; between two points of the curve the sensitivity is interpolated linearly, at a vertical step
        it is the upper end.
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
        Undefined when a class is absent.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> sensitivity_at_specificity([0, 0, 1, 1], [1, 2, 2, 3], specificity=0.5, rng=rng).value
    1.0
    """
    if not 0 <= specificity <= 1:
        raise ValueError(f"specificity must lie in 0..1, got {specificity!r}")
    return resampled_curve_statistic(
        reference, scores, clusters, lambda fp, tp: sensitivity_at(*_rates(fp, tp), specificity),
        f"sensitivity at specificity {specificity:g}", rng, n_resamples, confidence, seed,
    )  # fmt: skip


def specificity_at_sensitivity(
    reference: ArrayLike,
    scores: ArrayLike,
    *,
    sensitivity: float,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int | None = None,
) -> Estimate:
    """
    Specificity of the empirical curve at a fixed sensitivity.

    Parameters
    ----------
    reference, scores, rng, clusters, n_resamples, confidence, seed
        As in `sensitivity_at_specificity`.
    sensitivity : float
        In 0..1; interpolated likewise, at a horizontal step the upper end.

    Returns
    -------
    Estimate
    """
    if not 0 <= sensitivity <= 1:
        raise ValueError(f"sensitivity must lie in 0..1, got {sensitivity!r}")
    return resampled_curve_statistic(
        reference, scores, clusters,
        # Mirrored on the falling diagonal, specificity is to sensitivity what it was the other way round.
        lambda fp, tp: sensitivity_at(*_mirrored(fp, tp), sensitivity),
        f"specificity at sensitivity {sensitivity:g}", rng, n_resamples, confidence, seed,
    )  # fmt: skip
