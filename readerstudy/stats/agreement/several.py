"""
Further coefficients of several readers: Fleiss with its null variance, Light, Krippendorff's metrics, and the
clustered form of all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_clusters
from readerstudy.stats.distributions import t_quantile, t_tail
from readerstudy.stats.estimate import Estimate, _Record
from readerstudy.stats.resampling.jackknife import _scaled_interval, jackknife_variance

from .chance_corrected import CHANCE_COMPLETE, _unit_parts
from .kappa import kappa_of_counts
from .ratings import Missing, Ratings, code_ratings
from .weights import agreement_weights

Metric = Literal["nominal", "ordinal", "interval", "ratio"]


@dataclass(frozen=True, slots=True)
class FleissNull(_Record):
    """Fleiss' test of no agreement: z, two-sided p, and per category kappa and z."""

    z: float
    p: float
    category_kappa: tuple[float, ...]
    category_z: tuple[float, ...]


def fleiss_null_test(ratings: Ratings) -> FleissNull:
    r"""
    Fleiss' large-sample test that kappa is 0, for complete ratings without weights.

    Parameters
    ----------
    ratings : Ratings
        Every reader graded every unit.

    Returns
    -------
    FleissNull
        NaN for a category that was never, or always, used.

    Raises
    ------
    ValueError
        When a grade is missing.

    References
    ----------
    .. [1] Fleiss JL. Psychol Bull 1971;76:378-382. doi:10.1037/h0031619
    .. [2] Fleiss JL, Nee JCM, Landis JR. Psychol Bull 1979;86:974-977. doi:10.1037/0033-2909.86.5.974
    """
    if np.any(ratings.codes < 0):
        raise ValueError("the null variance of Fleiss' kappa needs complete ratings; drop incomplete units")
    counts = ratings.counts()
    n, m = ratings.codes.shape
    if n == 0:
        nothing = (math.nan,) * ratings.n_categories
        return FleissNull(math.nan, math.nan, nothing, nothing)
    p = counts.sum(axis=0) / (n * m)
    q = 1 - p
    observed = float((counts * (counts - 1)).sum() / (n * m * (m - 1)))
    expected = float((p**2).sum())
    spread = float((p * q).sum())
    if 1 - expected < 1e-12:
        z = math.nan
    else:
        kappa = (observed - expected) / (1 - expected)
        variance = 2 / (n * m * (m - 1)) * (spread**2 - float((p * q * (q - p)).sum())) / spread**2
        z = kappa / math.sqrt(variance)
    single, single_z = [], []
    for k in range(p.shape[0]):
        if p[k] * q[k] < 1e-12:
            single.append(math.nan)
            single_z.append(math.nan)
            continue
        disagree = float((counts[:, k] * (m - counts[:, k])).sum())
        kappa_k = 1 - disagree / (n * m * (m - 1) * p[k] * q[k])
        single.append(kappa_k)
        single_z.append(kappa_k / math.sqrt(2 / (n * m * (m - 1))))
    return FleissNull(z, t_tail(z, math.inf), tuple(single), tuple(single_z))


def light_kappa(
    ratings: ArrayLike,
    *,
    categories: ArrayLike | None = None,
    weights: str = "identity",
    missing: Missing = "available",
    confidence: float = 0.95,
) -> Estimate:
    """
    Light's kappa: the mean of Cohen's kappa over all pairs of readers, one unit per patient.

    Parameters
    ----------
    ratings, categories, weights, missing
        As in `multireader_agreement`.
    confidence : float
        Coverage of the interval, a delete-one-unit jackknife's.

    Returns
    -------
    Estimate
        Undefined when a pair of readers used one and the same category only.

    References
    ----------
    .. [1] Light RJ. Psychol Bull 1971;76:365-377. doi:10.1037/h0031643
    """
    coded = code_ratings(ratings, categories=categories, missing=missing)
    return light_of_ratings(coded, weights=weights, confidence=confidence)


def light_of_ratings(coded: Ratings, *, weights: str = "identity", confidence: float = 0.95) -> Estimate:
    """Light's kappa of coded ratings; see `light_kappa`."""
    n, r = coded.codes.shape
    q = coded.n_categories
    w = agreement_weights(weights, q, values=coded.values)
    method = f"Light's kappa, {weights} weights; delete-one-unit jackknife, t on {max(n - 1, 0)} df"
    if n == 0:
        why = "no unit was graded by two readers"
        return Estimate.undefined(why, n=0, n_clusters=None, method=method, confidence=confidence)
    total, without = 0.0, np.zeros(n)
    for first in range(r):
        for second in range(first + 1, r):
            table = coded.pair_table(first, second).astype(np.float64).ravel()
            a, b = coded.codes[:, first], coded.codes[:, second]
            both = (a >= 0) & (b >= 0)
            # Leaving a unit out takes one from its cell: one kappa per cell, not one per unit.
            fewer = kappa_of_counts(np.maximum(table - np.eye(q * q), 0), w)
            whole = float(kappa_of_counts(table, w))
            total += whole
            without += np.where(both, fewer[np.where(both, a * q + b, 0)], whole)
    pairs = r * (r - 1) / 2
    value = total / pairs
    if math.isnan(value):
        why = f"{CHANCE_COMPLETE} for a pair of readers"
        return Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=confidence)
    se = math.sqrt(jackknife_variance(without / pairs))
    half = t_quantile(confidence, n - 1) * se
    return Estimate(value, value - half, min(value + half, 1.0), se, n, None, method, confidence)


def krippendorff_alpha(
    ratings: ArrayLike,
    *,
    metric: Metric = "ordinal",
    categories: ArrayLike | None = None,
    missing: Missing = "available",
    confidence: float = 0.95,
) -> Estimate:
    r"""
    Krippendorff's alpha, :math:`1 - D_o / D_e`, with his own differences.

    Parameters
    ----------
    ratings : array_like, shape (n_units, n_readers)
        Numbers or labels; NaN, None or "" where a reader did not grade a unit. One unit per patient.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        Krippendorff's difference function; the ordinal one counts the grades in between that were used.
    categories : array_like, optional
        The scale in order.
    missing : {"available", "complete_cases"}
        Use what is there, or drop units with an empty cell.
    confidence : float
        Coverage of the interval, a delete-one-unit jackknife's.

    Returns
    -------
    Estimate
        `n` units with two grades or more. Undefined when only one category was used.

    References
    ----------
    .. [1] Krippendorff K. Computing Krippendorff's alpha-reliability. 2011.
       https://repository.upenn.edu/asc_papers/43

    Examples
    --------
    >>> round(krippendorff_alpha([[1, 1], [2, 2], [3, 4], [4, 4]], metric="interval").value, 3)
    0.926
    """
    return alpha_of_ratings(
        code_ratings(ratings, categories=categories, missing=missing), metric=metric, confidence=confidence
    )


def alpha_of_ratings(coded: Ratings, *, metric: Metric = "ordinal", confidence: float = 0.95) -> Estimate:
    """Krippendorff's alpha of coded ratings; see `krippendorff_alpha`."""
    if metric not in ("nominal", "ordinal", "interval", "ratio"):
        raise ValueError(f"metric must be one of nominal, ordinal, interval, ratio, got {metric!r}")
    counts = coded.counts()
    counts = counts[counts.sum(axis=1) >= 2]
    n = counts.shape[0]
    method = f"Krippendorff's alpha, {metric}; delete-one-unit jackknife, t on {max(n - 1, 0)} df"
    if n == 0:
        why = "no unit was graded by two readers"
        return Estimate.undefined(why, n=0, n_clusters=None, method=method, confidence=confidence)
    readers = counts.sum(axis=1)
    # The alpha of a set of units depends on the units only through these sums, so units with the same
    # counts are one case of the jackknife.
    kinds, index = _distinct_rows(counts)
    per = kinds.sum(axis=1)
    coincidence_each = (
        kinds[:, :, None] * kinds[:, None, :] - np.eye(kinds.shape[1]) * kinds[:, :, None]
    ) / (per[:, None, None] - 1)
    copies = np.bincount(index.ravel(), minlength=kinds.shape[0])
    coincidence = np.tensordot(copies, coincidence_each, axes=1)
    value = float(_alpha(coincidence[None], coded.values, metric)[0])
    if math.isnan(value):
        why = f"{CHANCE_COMPLETE}: only one category was used"
        return Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=confidence)
    without = _alpha(coincidence[None] - coincidence_each, coded.values, metric)[index.ravel()]
    variance = jackknife_variance(without) if readers.size > 1 else math.nan
    if math.isnan(variance):
        note = "no interval: undefined when one unit is left out"
        nan = math.nan
        return Estimate(value, nan, nan, nan, n, None, method, confidence, note=note)
    se = math.sqrt(variance)
    half = t_quantile(confidence, n - 1) * se
    return Estimate(value, value - half, min(value + half, 1.0), se, n, None, method, confidence)


def _distinct_rows(counts: FloatArray) -> tuple[FloatArray, np.ndarray]:
    """
    Distinct rows of whole counts and each row's place among them, as `numpy.unique` but by one number each.
    """
    base = float(counts.max()) + 1
    if base ** counts.shape[1] >= 2.0**53:
        kinds, index = np.unique(counts, axis=0, return_inverse=True)
        return kinds, index.ravel()
    code = (counts @ base ** np.arange(counts.shape[1])).astype(np.int64)
    _, first, index = np.unique(code, return_index=True, return_inverse=True)
    return counts[first], index


def _alpha(coincidence: FloatArray, values: FloatArray, metric: str) -> FloatArray:
    """Alpha of each coincidence matrix of a stack (s, q, q)."""
    margin = coincidence.sum(axis=2)
    total = margin.sum(axis=1)
    q = values.shape[0]
    if metric == "nominal":
        d2 = np.broadcast_to(1.0 - np.eye(q), coincidence.shape)
    elif metric == "ordinal":
        upto = np.cumsum(margin, axis=1)
        middle = upto - margin / 2
        d2 = (middle[:, :, None] - middle[:, None, :]) ** 2
    elif metric == "interval":
        d2 = np.broadcast_to((values[:, None] - values[None, :]) ** 2, coincidence.shape)
    else:
        together = values[:, None] + values[None, :]
        ratio = np.divide(
            values[:, None] - values[None, :], together, out=np.zeros((q, q)), where=together != 0
        )
        d2 = np.broadcast_to(ratio**2, coincidence.shape)
    seen = (coincidence * d2).sum(axis=(1, 2))
    chance = np.einsum("si,sij,sj->s", margin, d2, margin)
    out = np.full(seen.shape, np.nan)
    np.divide(seen * (total - 1), chance, out=out, where=chance > 1e-12)
    return 1.0 - out


def clustered_agreement(
    ratings: ArrayLike,
    *,
    clusters: ArrayLike,
    kind: Literal["percent", "fleiss", "gwet", "brennan_prediger", "conger", "krippendorff"],
    categories: ArrayLike | None = None,
    weights: str = "identity",
    confidence: float = 0.95,
) -> Estimate:
    """
    Chance-corrected agreement of several readers for items nested in patients.

    Parameters
    ----------
    ratings : array_like, shape (n_items, n_readers)
        Numbers or labels; NaN, None or "" where a reader did not grade an item.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    kind : str
        Coefficient, as in `multireader_agreement`.
    categories, weights
        As in `multireader_agreement`.
    confidence : float
        Coverage of the interval: delete-one-patient jackknife on the arctanh scale, t on (patients - 1) df.

    Returns
    -------
    Estimate
    """
    table = np.asarray(ratings)
    codes, _ = as_clusters(clusters, table.shape[0])
    coded = code_ratings(ratings, categories=categories)
    given = _given_rows(table)
    codes = codes[given]
    patients, codes = np.unique(codes, return_inverse=True)
    m, n = patients.size, coded.codes.shape[0]
    w = agreement_weights(weights, coded.n_categories, values=coded.values)
    method = f"{kind.replace('_', ' ')} agreement, {weights} weights, clustered; delete-one-patient jackknife"

    def value_of(rows: np.ndarray) -> float:
        try:
            parts, _ = _unit_parts(Ratings(coded.codes[rows], coded.values), kind, w)
        except ValueError:
            return math.nan
        if 1 - parts.expected < 1e-12:
            return math.nan
        return (parts.observed - parts.expected) / (1 - parts.expected)

    value = value_of(np.arange(n))
    if math.isnan(value):
        why = f"{CHANCE_COMPLETE}: only one category was used"
        return Estimate.undefined(why, n=n, n_clusters=m, method=method, confidence=confidence)
    without = np.array([value_of(np.flatnonzero(codes != patient)) for patient in range(m)])
    variance = jackknife_variance(without)
    nan = math.nan
    if math.isnan(variance):
        note = "no interval: undefined when one patient is left out, or one patient only"
        return Estimate(value, nan, nan, nan, n, m, method, confidence, note=note)
    se = math.sqrt(variance)
    if se < 1e-12:
        note = "degenerate interval: no variability between patients"
        return Estimate(value, value, value, 0.0, n, m, method, confidence, note=note)
    low, high, note = _scaled_interval(value, without, se, t_quantile(confidence, m - 1), "arctanh")
    return Estimate(value, max(low, -1.0), min(high, 1.0), se, n, m, method, confidence, note=note)


def _given_rows(table: np.ndarray) -> np.ndarray:
    """Items with at least one grade."""
    if table.dtype.kind in "biuf":
        return np.asarray(~np.isnan(table.astype(np.float64)).all(axis=1))
    empty = [[cell is None or cell == "" or cell != cell for cell in row] for row in table.tolist()]
    return np.asarray(~np.all(np.array(empty), axis=1))
