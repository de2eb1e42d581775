"""Kendall's W for rankings, and Bland and Altman's limits of agreement for continuous findings."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_clusters, as_finite, same_length
from readerstudy.stats.distributions import chi2_tail, normal_quantile, t_quantile
from readerstudy.stats.estimate import Estimate, HypothesisTest, _Record
from readerstudy.stats.resampling.jackknife import jackknife_counts


def mid_ranks(values: FloatArray) -> FloatArray:
    """Ranks 1 .. n of a vector, ties sharing their mean rank."""
    _, index, copies = np.unique(values, return_inverse=True, return_counts=True)
    upto = np.cumsum(copies)
    return np.asarray((upto - (copies - 1) / 2)[index])


def kendall_w(ratings: ArrayLike, *, tie_corrected: bool = True) -> tuple[Estimate, HypothesisTest]:
    r"""
    Kendall's coefficient of concordance of several readers.

    .. math:: W = \frac{12 \sum_i (R_i - \bar R)^2}{m^2 (n^3 - n) - m T}

    Parameters
    ----------
    ratings : array_like, shape (n_units, n_readers)
        Grades or measurements; units with NaN are left out and counted in the note.
    tie_corrected : bool
        Whether to subtract the ties' :math:`T = \sum (t^3 - t)`.

    Returns
    -------
    w : Estimate
        Without interval; undefined when every reader gave one grade to all.
    test : HypothesisTest
        Chi-square m (n - 1) W on n - 1 df.

    References
    ----------
    .. [1] Kendall MG, Babington Smith B. Ann Math Stat 1939;10:275-287. doi:10.1214/aoms/1177732186

    Examples
    --------
    >>> kendall_w([[1, 1], [2, 2], [3, 3]])[0].value
    1.0
    """
    x = np.asarray(ratings, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"ratings must have shape (n_units, n_readers >= 2), got {x.shape}")
    whole = ~np.isnan(x).any(axis=1)
    note = f"{int((~whole).sum())} incomplete units were left out" if not whole.all() else ""
    x = x[whole]
    n, m = x.shape
    method = "Kendall's W" + (", tie-corrected" if tie_corrected else "")
    ranks = np.column_stack([mid_ranks(column) for column in x.T]) if n else x
    ties = 0.0
    if tie_corrected:
        for column in x.T:
            copies = np.unique(column, return_counts=True)[1].astype(np.float64)
            ties += float((copies**3 - copies).sum())
    bottom = m * m * (n**3 - n) - m * ties
    nan = math.nan
    if bottom <= 0:
        why = "every reader gave one grade to all units" if n > 1 else "fewer than two complete units"
        return (
            Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=0.95),
            HypothesisTest(nan, n - 1, nan, n, None, method, undefined_because=why),
        )
    totals = ranks.sum(axis=1)
    w = 12 * float(((totals - totals.mean()) ** 2).sum()) / bottom
    chi2 = m * (n - 1) * w
    return (
        Estimate(w, nan, nan, nan, n, None, method, 0.95, note=note),
        HypothesisTest(chi2, n - 1, chi2_tail(chi2, n - 1), n, None, method, "greater", note=note),
    )


@dataclass(frozen=True, slots=True)
class LimitsOfAgreement(_Record):
    """
    Bland and Altman's analysis of differences, first minus second, in the unit of the measurement.

    Parameters
    ----------
    bias : Estimate
        Mean difference.
    lower, upper : Estimate
        Limits between which 95 % (`share`) of differences are expected, each with its own interval.
    sd : float
        Standard deviation of a single difference.
    share : float
        Share of differences that the limits are to hold.
    """

    bias: Estimate
    lower: Estimate
    upper: Estimate
    sd: float
    share: float


def bland_altman(
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    share: float = 0.95,
    confidence: float = 0.95,
) -> LimitsOfAgreement:
    r"""
    Bias and limits of agreement of two readers' measurements (a Cobb angle in degrees, a gap in mm).

    Parameters
    ----------
    first, second : array_like, shape (n_items,)
        Measurements of the same items in the same unit.
    clusters : array_like of int or str, shape (n_items,), optional
        Patient of each item. With it the variance of a difference is the sum of its components between and
        within patients [2]_, and the intervals are the delete-one-patient jackknife's.
    share : float
        Share of differences between the limits.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    LimitsOfAgreement
        Undefined with fewer than two items (or patients).

    References
    ----------
    .. [1] Bland JM, Altman DG. Lancet 1986;327:307-310. doi:10.1016/S0140-6736(86)90837-8
    .. [2] Bland JM, Altman DG. J Biopharm Stat 2007;17:571-582. doi:10.1080/10543400701329422

    Examples
    --------
    >>> limits = bland_altman([10.0, 22.0, 31.0, 41.0], [11.0, 20.0, 31.0, 40.0])
    >>> limits.bias.value
    0.5
    """
    a, b = as_finite("first", first), as_finite("second", second)
    n = same_length(first=a, second=b)
    d = a - b
    z = normal_quantile(share)
    if clusters is not None:
        return _clustered_limits(d, *as_clusters(clusters, n), z, share, confidence)
    method = "Bland-Altman, one item per patient; t intervals"
    if n < 2:
        gone = Estimate.undefined(
            "fewer than two items", n=n, n_clusters=None, method=method, confidence=confidence
        )
        return LimitsOfAgreement(gone, gone, gone, math.nan, share)
    bias, sd = float(d.mean()), float(d.std(ddof=1))
    t = t_quantile(confidence, n - 1)

    def around(value: float, se: float) -> Estimate:
        return Estimate(value, value - t * se, value + t * se, se, n, None, method, confidence)

    # Variance of a limit: of the mean plus z^2 of the SD's, s^2 / (2 (n - 1)).
    se_limit = sd * math.sqrt(1 / n + z * z / (2 * (n - 1)))
    return LimitsOfAgreement(
        around(bias, sd / math.sqrt(n)),
        around(bias - z * sd, se_limit),
        around(bias + z * sd, se_limit),
        sd,
        share,
    )


def _clustered_limits(
    d: FloatArray, codes: np.ndarray, m: int, z: float, share: float, confidence: float
) -> LimitsOfAgreement:
    per = np.bincount(codes, minlength=m).astype(np.float64)
    sums = np.bincount(codes, weights=d, minlength=m)
    squares = np.bincount(codes, weights=d * d, minlength=m)
    # Everything that the variance components need is additive over patients, as counts are.
    parts = (per, sums, squares, sums**2 / per, per**2, np.ones(m))
    table: FloatArray = np.stack(parts, axis=1).astype(np.float64)

    def variance(t: FloatArray) -> FloatArray:
        n, total, square, within_part, sizes, patients = (t[..., k] for k in range(6))
        within = (square - within_part) / np.maximum(n - patients, 1)
        between_ms = (within_part - total**2 / n) / np.maximum(patients - 1, 1)
        size = (n - sizes / n) / np.maximum(patients - 1, 1)
        between = np.maximum((between_ms - within) / np.where(size > 0, size, 1.0), 0.0)
        return np.asarray(np.maximum(between + within, 0.0))

    def statistic(sign: float) -> Estimate:
        return jackknife_counts(
            table,
            lambda t: (t[..., 1] / t[..., 0] + sign * z * np.sqrt(variance(t))).astype(np.float64),
            scale="identity",
            method="Bland-Altman, items nested in patients",
            undefined_because="no items",
            confidence=confidence,
            n=int(per.sum()),
        )

    return LimitsOfAgreement(
        statistic(0.0), statistic(-1.0), statistic(1.0), float(np.sqrt(variance(table.sum(axis=0)))), share
    )
