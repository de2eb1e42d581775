"""Calibration of predicted probabilities: Brier score, calibration error, reliability curve."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import BoolArray, FloatArray, IntArray, as_binary, as_clusters, as_finite, same_length
from .accuracy.proportions import clustered_proportion
from .distributions import clip_interval, t_quantile
from .estimate import Estimate, _Record
from .resampling.bootstrap import BootstrapEstimate, bootstrap_counts

Binning = Literal["width", "quantile"]


@dataclass(frozen=True, slots=True)
class ReliabilityBin(_Record):
    """
    One bin of a reliability curve.

    Parameters
    ----------
    low, high : float
        Predicted probabilities of the bin.
    mean_predicted : float
        Their mean.
    observed : Estimate
        Share of diseased items, with its interval.
    """

    low: float
    high: float
    mean_predicted: float
    observed: Estimate


def _checked(reference: ArrayLike, probabilities: ArrayLike) -> tuple[BoolArray, FloatArray]:
    truth, p = as_binary("reference", reference), as_finite("probabilities", probabilities)
    same_length(reference=truth, probabilities=p)
    if np.any((p < 0) | (p > 1)):
        raise ValueError(f"probabilities must lie in 0..1, got {p[(p < 0) | (p > 1)][0]:g}")
    return truth, p


def brier_score(
    reference: ArrayLike,
    probabilities: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    r"""
    Brier score, the mean squared difference of probability and outcome.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    probabilities : array_like, shape (n_items,)
        Predicted probability of disease.
    clusters : array_like of int or str, shape (n_items,), optional
        Patient of each item; with it the variance is the ratio estimator's over patients.
    confidence : float
        Coverage of the t interval.

    Returns
    -------
    Estimate
        In 0..1; 0 is perfect, 1/4 is always saying one half.

    References
    ----------
    .. [1] Brier GW. Mon Weather Rev 1950;78:1-3.

    Examples
    --------
    >>> brier_score([0, 1], [0.5, 0.5]).value
    0.25
    """
    truth, p = _checked(reference, probabilities)
    n = truth.shape[0]
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    loss = np.bincount(codes, weights=(p - truth) ** 2, minlength=m)
    size = np.bincount(codes, minlength=m)
    value = float(loss.sum() / n)
    unit = "items" if clusters is None else "patients"
    method = f"Brier score; ratio estimator over {unit}, t on {m - 1} df"
    n_clusters = None if clusters is None else m
    if m < 2:
        nan = math.nan
        note = "no interval: one cluster only"
        return Estimate(value, nan, nan, nan, n, n_clusters, method, confidence, note=note)
    se = math.sqrt(m / (m - 1) * float(((loss - value * size) ** 2).sum())) / n
    half = t_quantile(confidence, m - 1) * se
    low, high = clip_interval(value - half, value + half, 0.0, 1.0)
    return Estimate(value, low, high, se, n, n_clusters, method, confidence)


def _edges(p: FloatArray, n_bins: int, binning: Binning) -> FloatArray:
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    if binning == "width":
        return np.linspace(0, 1, n_bins + 1)
    if binning == "quantile":
        inner = np.unique(np.quantile(p, np.linspace(0, 1, n_bins + 1)[1:-1]))
        return np.concatenate(([0.0], inner[(inner > 0) & (inner < 1)], [1.0]))
    raise ValueError(f"binning must be width or quantile, got {binning!r}")


def _bin(p: FloatArray, edges: FloatArray) -> IntArray:
    """Bin of each probability: (low, high], the first one closed on both sides."""
    return np.clip(np.searchsorted(edges, p, side="left") - 1, 0, edges.size - 2).astype(np.int64)


def reliability_curve(
    reference: ArrayLike,
    probabilities: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    n_bins: int = 10,
    binning: Binning = "quantile",
    confidence: float = 0.95,
) -> tuple[ReliabilityBin, ...]:
    """
    Observed share of disease by predicted probability.

    Parameters
    ----------
    reference, probabilities, clusters
        As in `brier_score`.
    n_bins : int
        Bins.
    binning : {"quantile", "width"}
        Bins with alike numbers of items, or of alike width.
    confidence : float
        Coverage of the intervals: the clustered score interval (items are clusters of one without clusters).

    Returns
    -------
    tuple of ReliabilityBin
        Bins that hold an item, ascending.
    """
    truth, p = _checked(reference, probabilities)
    n = truth.shape[0]
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    edges = _edges(p, n_bins, binning)
    place = _bin(p, edges)
    out = []
    for k in range(edges.size - 1):
        inside = place == k
        if not inside.any():
            continue
        ill = np.bincount(codes[inside], weights=truth[inside], minlength=m)
        all_items = np.bincount(codes[inside], minlength=m)
        share = clustered_proportion(ill, all_items, confidence=confidence, what="share of disease")
        out.append(ReliabilityBin(float(edges[k]), float(edges[k + 1]), float(p[inside].mean()), share))
    return tuple(out)


def calibration_error(
    reference: ArrayLike,
    probabilities: ArrayLike,
    *,
    rng: np.random.Generator,
    clusters: ArrayLike | None = None,
    n_bins: int = 10,
    binning: Binning = "width",
    n_resamples: int = 2000,
    confidence: float = 0.95,
    seed: int | None = None,
) -> BootstrapEstimate:
    r"""
    Expected calibration error :math:`\sum_b \frac{n_b}{n} |\bar y_b - \bar p_b|` over bins of probability.

    Parameters
    ----------
    reference, probabilities, clusters, n_bins, binning
        As in `reliability_curve`.
    rng : numpy.random.Generator
        Source of randomness; patients (or items) are resampled with the bins held fixed.
    n_resamples : int
        Resamples.
    confidence : float
        Coverage of the percentile interval.
    seed : int, optional
        Seed of the generator, to be kept with the result.

    Returns
    -------
    BootstrapEstimate
        Never negative, and biased upward in small samples: a perfectly calibrated model does not have 0.

    References
    ----------
    .. [1] Naeini MP, Cooper GF, Hauskrecht M. Proc AAAI 2015;29:2901-2907.
    """
    truth, p = _checked(reference, probabilities)
    n = truth.shape[0]
    codes, m = as_clusters(np.arange(n) if clusters is None else clusters, n)
    edges = _edges(p, n_bins, binning)
    bins = edges.size - 1
    cell = codes * bins + _bin(p, edges)
    # Per patient and bin: items, and the surplus of outcomes over probabilities. Both add up over patients.
    items = np.bincount(cell, minlength=m * bins).reshape(m, bins)
    gap = np.bincount(cell, weights=truth - p, minlength=m * bins).reshape(m, bins)

    def error(sums: FloatArray) -> FloatArray:
        return np.asarray(np.abs(sums[..., bins:]).sum(axis=-1) / sums[..., :bins].sum(axis=-1))

    boot = bootstrap_counts(
        np.concatenate((items, gap), axis=1), error, rng=rng, n_resamples=n_resamples,
        name=f"expected calibration error, {bins} bins of equal {'width' if binning == 'width' else 'size'}",
        confidence=confidence, seed=seed,
    )  # fmt: skip
    e = boot.estimate
    fixed = Estimate(
        e.value,
        e.low,
        e.high,
        e.se,
        n,
        None if clusters is None else m,
        e.method,
        confidence,
        seed,
        note=e.note,
    )
    return BootstrapEstimate(fixed, boot.median, boot.n_resamples, boot.n_undefined)
