r"""
Chance-corrected agreement of several readers: one frame, six coefficients.

All have the form :math:`(p_a - p_e)/(1 - p_e)` and differ in what they call chance. Missing grades are used
as they come. The standard errors are linearised over units (Gwet), or for two readers the large-sample
multinomial ones of Fleiss, Cohen and Everitt and their analogues.

References
----------
.. [1] Gwet KL. Br J Math Stat Psychol 2008;61:29-48. doi:10.1348/000711006X126600
.. [2] Gwet KL. Handbook of Inter-Rater Reliability. 4th ed. Advanced Analytics, 2014.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.distributions import delta_interval, normal_quantile, t_quantile, t_tail
from readerstudy.stats.estimate import Alternative, Estimate, HypothesisTest, _Record

from .ratings import Missing, Ratings, code_ratings
from .weights import agreement_weights

CHANCE_COMPLETE = "chance agreement is already complete"
Variance = Literal["subjects", "multinomial"]


@dataclass(frozen=True, slots=True)
class Agreement(_Record):
    """
    A chance-corrected coefficient.

    Parameters
    ----------
    coefficient : Estimate
        Value, interval and standard error; `n` counts units with at least one grade.
    observed, expected : float
        Weighted observed and chance agreement.
    test : HypothesisTest
        Of a coefficient of 0.
    """

    coefficient: Estimate
    observed: float
    expected: float
    test: HypothesisTest

    def __str__(self) -> str:
        return str(self.coefficient)


@dataclass(frozen=True, slots=True)
class _Parts:
    """Observed and chance agreement with their values per unit, whose means they are."""

    observed: float
    expected: float
    observed_units: FloatArray
    expected_units: FloatArray
    # How strongly chance agreement moves with the units: 2 for products of two estimated shares, 0 for a
    # constant; linearised chance terms are already doubled where they are products of the same shares.
    slope: float


def _observed(counts: FloatArray, w: FloatArray) -> tuple[float, FloatArray]:
    """Weighted agreement per unit with two grades or more, scaled so that its mean over all units is p_a."""
    readers = counts.sum(axis=1)
    paired = readers >= 2
    pairs = np.where(paired, readers * (readers - 1), 1.0)
    agree = (counts * (counts @ w.T - 1.0)).sum(axis=1)
    units = np.where(paired, agree / pairs, 0.0)
    return float(units[paired].mean()) if paired.any() else math.nan, units


def _fleiss(ratings: Ratings, counts: FloatArray, w: FloatArray) -> tuple[float, FloatArray, float]:
    share = counts / counts.sum(axis=1, keepdims=True)
    pi = share.mean(axis=0)
    mean_weight = (w @ pi + w.T @ pi) / 2
    return float(pi @ w @ pi), share @ mean_weight, 2.0


def _gwet(ratings: Ratings, counts: FloatArray, w: FloatArray) -> tuple[float, FloatArray, float]:
    q = w.shape[0]
    share = counts / counts.sum(axis=1, keepdims=True)
    pi = share.mean(axis=0)
    if q < 2:
        return 1.0, np.ones(counts.shape[0]), 2.0
    scale = w.sum() / (q * (q - 1))
    return float(scale * np.sum(pi * (1 - pi))), scale * share @ (1 - pi), 2.0


def _brennan_prediger(ratings: Ratings, counts: FloatArray, w: FloatArray) -> tuple[float, FloatArray, float]:
    chance = float(w.sum() / w.shape[0] ** 2)
    return chance, np.full(counts.shape[0], chance), 0.0


def _conger(ratings: Ratings, counts: FloatArray, w: FloatArray) -> tuple[float, FloatArray, float]:
    """Chance of two different readers with margins of their own, linearised in each reader's margin."""
    n, r = ratings.codes.shape
    q = w.shape[0]
    graded = (ratings.codes >= 0).sum(axis=0)
    if np.any(graded == 0):
        raise ValueError(f"reader {int(np.flatnonzero(graded == 0)[0])} graded no unit")
    onehot = (ratings.codes[:, :, None] == np.arange(q)).astype(np.float64)
    p = onehot.sum(axis=0) / graded[:, None]
    mean = p.mean(axis=0)
    total = r * mean
    chance = (total @ w @ total - np.einsum("gk,kl,gl->", p, w, p)) / (r * (r - 1))
    # Unit i moves reader g's margin by (n/n_g)(delta_igl - epsilon_ig p_gl).
    others = total[None, :] - p
    pull = others @ w  # (reader g, category l): weight of the other readers' margins against l
    present = (ratings.codes >= 0).astype(np.float64)
    own = np.einsum("gl,gl->g", p, pull)
    moved = np.einsum("igl,gl->ig", onehot, pull) - present * own
    units = (own.sum() + (moved * (n / graded)).sum(axis=1)) / (r * (r - 1))
    return float(chance), units, 2.0


_CHANCE = {
    "fleiss": _fleiss,
    "gwet": _gwet,
    "brennan_prediger": _brennan_prediger,
    "conger": _conger,
}


def _unit_parts(ratings: Ratings, kind: str, w: FloatArray) -> tuple[_Parts, FloatArray]:
    """Parts of a coefficient and its linearised value per unit."""
    counts = ratings.counts()
    n = counts.shape[0]
    readers = counts.sum(axis=1)
    paired = readers >= 2
    if not paired.any():
        raise ValueError("no unit was graded by two readers")
    if kind == "krippendorff":
        return _krippendorff_parts(counts[paired], w)
    observed, units = _observed(counts, w)
    scale = n / paired.sum()
    if kind == "percent":
        zero = np.zeros(n)
        return _Parts(observed, 0.0, units * scale, zero, 0.0), units * scale
    expected, chance_units, slope = _CHANCE[kind](ratings, counts, w)
    if expected >= 1 - 1e-12:
        return _Parts(observed, expected, units, chance_units, slope), np.full(n, np.nan)
    value = (observed - expected) / (1 - expected)
    linear = scale * (units - expected * paired) / (1 - expected)
    linear = linear - slope * (1 - value) * (chance_units - expected) / (1 - expected)
    return _Parts(observed, expected, units, chance_units, slope), linear


def _krippendorff_parts(counts: FloatArray, w: FloatArray) -> tuple[_Parts, FloatArray]:
    """Krippendorff's alpha: units with two grades or more, each grade weighing alike."""
    readers = counts.sum(axis=1)
    n, mean_readers = counts.shape[0], readers.mean()
    agree = (counts * (counts @ w.T - 1.0)).sum(axis=1)
    units = agree / (mean_readers * (readers - 1))
    raw = float(units.mean())
    epsilon = 1.0 / readers.sum()
    observed = (1 - epsilon) * raw + epsilon
    pi = counts.sum(axis=0) / readers.sum()
    expected = float(pi @ w @ pi)
    mean_weight = (w @ pi + w.T @ pi) / 2
    tilt = (readers - mean_readers) / mean_readers
    chance_units = counts @ mean_weight / mean_readers - expected * tilt
    parts = _Parts(observed, expected, units, chance_units, 2.0)
    if expected >= 1 - 1e-12:
        return parts, np.full(n, np.nan)
    # The spread is that of the coefficient before the small-sample term epsilon, as Gwet gives it.
    before = (raw - expected) / (1 - expected)
    linear = (units - raw * tilt - expected) / (1 - expected)
    linear = linear - 2 * (1 - before) * (chance_units - expected) / (1 - expected)
    return parts, linear


def _multinomial_variance(table: FloatArray, kind: str, w: FloatArray, expected: float) -> float:
    """Delta-method variance of a two-reader coefficient from its table of shares, divisor n."""
    n = table.sum()
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    observed = float((w * p).sum())
    value = (observed - expected) / (1 - expected)
    q = w.shape[0]
    pi = (rows + columns) / 2
    if kind in ("fleiss", "krippendorff"):
        toward = (w @ pi + w.T @ pi) / 2
        moved = toward[:, None] + toward[None, :]
    elif kind == "gwet":
        toward = w.sum() / (q * (q - 1)) * (1 - pi)
        moved = toward[:, None] + toward[None, :]
    elif kind == "conger":
        moved = (w @ columns)[:, None] + (w.T @ rows)[None, :]
    else:
        moved = np.zeros_like(w)
    slope = 0.0 if kind in ("percent", "brennan_prediger") else 2.0
    inner = float((p * (w - (1 - value) * moved) ** 2).sum())
    variance = (inner - (observed - slope * (1 - value) * expected) ** 2) / (n * (1 - expected) ** 2)
    return variance if variance > 1e-15 else 0.0


_NAMES = {
    "percent": "percent agreement",
    "fleiss": "Fleiss' kappa",
    "gwet": "Gwet's AC",
    "brennan_prediger": "Brennan-Prediger coefficient",
    "conger": "Conger's kappa",
    "krippendorff": "Krippendorff's alpha",
}


def agreement_coefficient(
    ratings: Ratings,
    kind: str,
    *,
    weights: str = "identity",
    variance: Variance = "subjects",
    interval: Literal["t", "normal"] = "t",
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> Agreement:
    r"""
    One of the coefficients of this module from coded ratings.

    Parameters
    ----------
    ratings : Ratings
        From `code_ratings` or `ratings_of_table`.
    kind : {"percent", "fleiss", "gwet", "brennan_prediger", "conger", "krippendorff"}
        Which coefficient. Two readers: fleiss is Scott's pi and conger is Cohen's kappa.
    weights : {"identity", "linear", "quadratic", "ordinal", "ratio"}
        Agreement weights on the values of the categories.
    variance : {"subjects", "multinomial"}
        Linearised over units with divisor n (n - 1), or for two readers the delta method on their table.
    interval : {"t", "normal"}
        t on (units - 1) df, upper limit cut to 1, or normal.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of 0; the interval is two-sided always.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Agreement
        Undefined when chance agreement is complete (one category in use; for Gwet and Brennan-Prediger one
        category on the scale).
    """
    if kind not in _NAMES:
        raise ValueError(f"kind must be one of {', '.join(_NAMES)}, got {kind!r}")
    if variance not in ("subjects", "multinomial"):
        raise ValueError(f"variance must be subjects or multinomial, got {variance!r}")
    q = ratings.n_categories
    w = agreement_weights(weights, q, values=ratings.values)
    n = ratings.codes.shape[0]
    spread = "linearised over units" if variance == "subjects" else "multinomial"
    method = f"{_NAMES[kind]}, {weights} weights; {spread} variance, {interval} interval"
    if variance == "multinomial" and ratings.n_readers != 2:
        raise ValueError(f"the multinomial variance is for two readers, got {ratings.n_readers}")
    nan = math.nan
    if not ((ratings.codes >= 0).sum(axis=1) >= 2).any():
        why = "no unit was graded by two readers"
        gone = Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=confidence)
        lost = HypothesisTest(nan, nan, nan, n, None, method, alternative, undefined_because=why)
        return Agreement(gone, nan, nan, lost)
    parts, linear = _unit_parts(ratings, kind, w)
    if 1 - parts.expected < 1e-12:
        why = f"{CHANCE_COMPLETE}: only one category was used"
        gone = Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=confidence)
        return Agreement(
            gone, parts.observed, parts.expected,
            HypothesisTest(nan, nan, nan, n, None, method, alternative, undefined_because=why),
        )  # fmt: skip
    value = (parts.observed - parts.expected) / (1 - parts.expected)
    if variance == "multinomial":
        table = ratings.pair_table().astype(np.float64)
        spread_value = _multinomial_variance(table, kind, w, parts.expected)
    elif linear.shape[0] < 2:
        spread_value = nan
    else:
        m = linear.shape[0]
        spread_value = float(np.sum((linear - linear.mean()) ** 2) / (m * (m - 1)))
    se = math.sqrt(spread_value) if spread_value > 1e-20 else spread_value * 0.0
    df = n - 1 if interval == "t" else math.inf
    quantile = t_quantile(confidence, df) if interval == "t" else normal_quantile(confidence)
    low, high = delta_interval(value, se, quantile)
    if interval == "t":
        high = min(high, 1.0)
    note = "degenerate interval: the estimated variance is 0" if se == 0 else ""
    if math.isnan(se):
        note = "no interval: one unit only"
    if ratings.n_dropped:
        dropped = f"{ratings.n_dropped} units without the grades that are needed were left out"
        note = f"{note}; {dropped}" if note else dropped
    estimate = Estimate(value, low, max(low, high), se, n, None, method, confidence, note=note)
    if se > 0:
        statistic = value / se
        test = HypothesisTest(statistic, df, t_tail(statistic, df, alternative), n, None, method, alternative)
    else:
        test = HypothesisTest(
            nan,
            df,
            nan,
            n,
            None,
            method,
            alternative,
            undefined_because="the estimated variance is not positive",
        )
    return Agreement(estimate, parts.observed, parts.expected, test)


def multireader_agreement(
    ratings: ArrayLike,
    *,
    kind: Literal["percent", "fleiss", "gwet", "brennan_prediger", "conger", "krippendorff"],
    categories: ArrayLike | None = None,
    weights: str = "identity",
    missing: Missing = "available",
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> Agreement:
    """
    Chance-corrected agreement of several readers, one unit per patient.

    Parameters
    ----------
    ratings : array_like, shape (n_units, n_readers)
        Numbers or labels; NaN, None or "" where a reader did not grade a unit.
    kind : str
        Coefficient, as in `agreement_coefficient`.
    categories : array_like, optional
        The scale in order; the values in use by default.
    weights : {"identity", "linear", "quadratic", "ordinal", "ratio"}
        Agreement weights.
    missing : {"available", "complete_cases"}
        Use what is there, or drop units with an empty cell.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Agreement

    Examples
    --------
    >>> grades = [[1, 1, 1], [2, 2, 2], [3, 2, 3], [None, 3, 3], [2, 2, None], [1, 1, 1]]
    >>> print(multireader_agreement(grades, kind="krippendorff", categories=[1, 2, 3]))
    0.821 (95 % CI 0.361 to 1.000)
    """
    coded = code_ratings(ratings, categories=categories, missing=missing)
    return agreement_coefficient(coded, kind, weights=weights, alternative=alternative, confidence=confidence)
