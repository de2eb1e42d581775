r"""
U-statistics of several readers and cases (Gallas), for any pattern of missing readings.

A comparison of one diseased with one non-diseased case by one reader is the unit. The variance of their mean
is a sum of eight moments, one per way in which two comparisons can share reader and cases, weighted by how
often each way occurs in the design.

References
----------
.. [1] Gallas BD. Acad Radiol 2006;13:353-362. doi:10.1016/j.acra.2005.11.030
.. [2] Gallas BD, Bandos A, Samuelson FW, Wagner RF. Commun Stat Theory Methods 2009;38:2586-2603.
   doi:10.1080/03610920802610084
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from readerstudy.stats._arrays import BoolArray, FloatArray
from readerstudy.stats.distributions import t_quantile, t_tail
from readerstudy.stats.estimate import AnalysisRefused, Estimate, HypothesisTest, _Record

from .endpoints import Auc, CallRate
from .readings import Readings

# What two comparisons share, as bits: 1 the non-diseased case, 2 the diseased case, 4 the reader.
_SHARED = range(8)
_NON_DISEASED, _DISEASED, _READER, _NOTHING = 1, 2, 4, 0
NORMAL_FROM_DF = 50
"""Degrees of freedom from which the normal quantile is used, as in iMRMC."""


@dataclass(frozen=True, slots=True)
class UStatistic(_Record):
    """
    One treatment (tested against 1/2) or a pair of treatments (difference tested against 0).

    Parameters
    ----------
    first : str
    second : str or None
        Treatments; None for one alone.
    estimate_first, estimate_second : float
        Figures of merit, each pair of cases of each reader weighing alike.
    variance_first, variance_second : float
        Their variances; an unbiased estimate may be negative.
    variance : float
        Variance of the figure, or of the difference.
    normal, bdg : Estimate
        The figure, or the first minus the second, with a normal interval and with one on the degrees of
        freedom of the decomposition.
    test_normal, test_bdg : HypothesisTest
        The two tests.
    df : float
        Degrees of freedom of `bdg`; NaN when the variance is negative.
    n_readers, n_non_diseased, n_diseased : int
        Readers and cases read under one of the treatments.
    """

    first: str
    second: str | None
    estimate_first: float
    estimate_second: float
    variance_first: float
    variance_second: float
    variance: float
    normal: Estimate
    bdg: Estimate
    test_normal: HypothesisTest
    test_bdg: HypothesisTest
    df: float
    n_readers: int
    n_non_diseased: int
    n_diseased: int


@dataclass(frozen=True, slots=True)
class _Sums:
    """Inclusive sums of products of two arrays of comparisons, by what the two share (at least)."""

    products: FloatArray
    counts: FloatArray

    def exclusive(self, inclusive: FloatArray) -> FloatArray:
        """Sums over comparisons that share exactly what is named, by inclusion and exclusion."""
        out = np.zeros(8)
        for shared in _SHARED:
            for more in _SHARED:
                if more & shared == shared:
                    out[shared] += (-1) ** bin(more & ~shared).count("1") * inclusive[more]
        return out


def _kernels(data: Readings, t: int, endpoint: Auc | CallRate) -> list[tuple[FloatArray, FloatArray]]:
    """Comparisons (n0, n1) of each reader under a treatment and whether they were made; 0 where not."""
    out = []
    for r in range(len(data.readers)):
        x = data.ratings[t, r, data.diseased]
        y = data.ratings[t, r, ~data.diseased]
        made = (~np.isnan(y)[:, None] & ~np.isnan(x)[None, :]).astype(np.float64)
        with np.errstate(invalid="ignore"):
            if isinstance(endpoint, Auc):
                psi = (x[None, :] > y[:, None]) + 0.5 * (x[None, :] == y[:, None])
            elif endpoint.measure == "sensitivity":
                psi = np.broadcast_to((x >= endpoint.threshold)[None, :], made.shape)
            else:
                psi = np.broadcast_to((y < endpoint.threshold)[:, None], made.shape)
        out.append((np.where(made > 0, psi, 0.0), made))
    return out


def _inclusive(a: list[FloatArray], b: list[FloatArray]) -> FloatArray:
    """Sums of products a x b over pairs of comparisons that share at least what each index names."""
    out = np.zeros(8)
    total_a, total_b = np.zeros_like(a[0]), np.zeros_like(b[0])
    for x, y in zip(a, b, strict=True):
        total_a += x
        total_b += y
        out[4] += x.sum() * y.sum()
        out[5] += x.sum(axis=1) @ y.sum(axis=1)
        out[6] += x.sum(axis=0) @ y.sum(axis=0)
        out[7] += float((x * y).sum())
    out[0] = total_a.sum() * total_b.sum()
    out[1] = total_a.sum(axis=1) @ total_b.sum(axis=1)
    out[2] = total_a.sum(axis=0) @ total_b.sum(axis=0)
    out[3] = float((total_a * total_b).sum())
    return out


@dataclass(frozen=True, slots=True)
class _Covariance:
    """Covariance of two figures by its moments: coefficients, unbiased and inclusive (mle) moments."""

    coefficients: FloatArray
    unbiased: FloatArray
    mle: FloatArray
    # What estimates the product of the two expectations: comparisons that share nothing; with one reader
    # only,
    # who is then taken as given, those that share no case.
    apart: int = _NOTHING

    def value(self, estimator: str) -> float:
        moments = self.unbiased if estimator == "unbiased" else self.mle
        return float(self.coefficients @ moments - moments[self.apart])


def _covariance(
    a: list[tuple[FloatArray, FloatArray]], b: list[tuple[FloatArray, FloatArray]]
) -> _Covariance:
    products = _inclusive([x for x, _ in a], [y for y, _ in b])
    counts = _inclusive([x for _, x in a], [y for _, y in b])
    sums = _Sums(products, counts)
    own, n = sums.exclusive(products), sums.exclusive(counts)
    # Counts are whole: rounding of their differences must not invent a comparison.
    n = np.round(n)
    unbiased = np.divide(own, n, out=np.zeros(8), where=n > 0)
    one_reader = counts[_READER] > 0 and counts[_READER] == counts[_NOTHING]
    apart = _READER if one_reader else _NOTHING
    if n[apart] == 0:
        unbiased[apart] = math.nan
    mle = np.divide(products, counts, out=np.zeros(8), where=counts > 0)
    return _Covariance(n / counts[0], unbiased, mle, apart)


def _degrees_of_freedom(variance: float, parts: list[tuple[float, _Covariance]]) -> float:
    """
    Degrees of freedom of the sum of three components, as iMRMC gives them.

    The components are those of non-diseased cases, diseased cases and readers alone; each has the degrees of
    freedom that its share of coefficients implies.
    """
    if not variance > 0:
        return math.nan
    bottom, least = 0.0, math.inf
    one_reader = all(c.apart == _READER for _, c in parts)
    for kind in (_NON_DISEASED, _DISEASED) if one_reader else (_NON_DISEASED, _DISEASED, _READER):
        size = sum(sign * (c.mle[kind] - c.mle[_NOTHING]) for sign, c in parts)
        share = max(float(sum(c.coefficients[s] for s in _SHARED if s & kind)) for _, c in parts)
        df = round(1 / share - 1)
        least = min(least, df)
        if df > 0:
            bottom += size**2 / df**3
    return max(variance**2 / bottom if bottom > 0 else math.inf, float(least))


def _row(
    data: Readings,
    chosen: list[int],
    value: float,
    values: tuple[float, float],
    variances: tuple[float, float],
    variance: float,
    df: float,
    confidence: float,
    method: str,
) -> UStatistic:
    read: BoolArray = np.any(data.read[chosen], axis=0)
    cases: BoolArray = np.any(read, axis=0)
    n1, n0 = int((cases & data.diseased).sum()), int((cases & ~data.diseased).sum())
    null = 0.5 if len(chosen) == 1 else 0.0
    n = n1 + n0
    given = (
        "one reader, taken as given: the variance is over cases alone" if read.any(axis=1).sum() == 1 else ""
    )

    def result(own_df: float, words: str) -> tuple[Estimate, HypothesisTest]:
        name = f"{method}; {words}"
        if not variance > 0:
            if len(chosen) == 2 and abs(value) < 1e-12 and abs(variance) < 1e-14:
                note = "the treatments are identical: p = 1 by convention"
                return (
                    Estimate(0.0, 0.0, 0.0, 0.0, n, data.n_clusters, name, confidence, note=note),
                    HypothesisTest(0.0, math.inf, 1.0, n, data.n_clusters, name, note=note),
                )
            why = "the estimated variance is not positive"
            nan = math.nan
            return (
                Estimate(value, nan, nan, nan, n, data.n_clusters, name, confidence, note=why),
                HypothesisTest(nan, own_df, nan, n, data.n_clusters, name, undefined_because=why),
            )
        se = math.sqrt(variance)
        used = math.inf if own_df >= NORMAL_FROM_DF else float(math.floor(own_df))
        half = t_quantile(confidence, used) * se
        z = (value - null) / se
        return (
            Estimate(value, value - half, value + half, se, n, data.n_clusters, name, confidence, note=given),
            HypothesisTest(z, own_df, t_tail(z, used), n, data.n_clusters, name),
        )

    normal, test_normal = result(math.inf, "normal interval")
    bdg, test_bdg = result(df, "t interval on the degrees of freedom of the components")
    return UStatistic(
        data.treatments[chosen[0]], data.treatments[chosen[1]] if len(chosen) == 2 else None,
        *values, *variances, variance, normal, bdg, test_normal, test_bdg, df,
        int(read.any(axis=1).sum()), n0, n1,
    )  # fmt: skip


def u_statistics(
    data: Readings,
    *,
    endpoint: Auc | CallRate | None = None,
    estimator: Literal["unbiased", "mle"] = "unbiased",
    confidence: float = 0.95,
) -> tuple[UStatistic, ...]:
    """
    Analyse a study of any design, with any readings missing.

    Parameters
    ----------
    data : Readings
        The readings.
    endpoint : Auc or CallRate, optional
        Figure of merit. The call of a case counts once per pair of a diseased and a non-diseased case that
        the reader read.
    estimator : {"unbiased", "mle"}
        Moments over different cases and readers only, or with equal indices left in (never negative for one
        treatment, too large in small studies).
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    tuple of UStatistic
        Each treatment alone, then each pair in order.

    Raises
    ------
    AnalysisRefused
        If no reader read a diseased and a non-diseased case under a treatment.

    Notes
    -----
    Negative unbiased variances are reported as such, with no interval.
    """
    if estimator not in ("unbiased", "mle"):
        raise ValueError(f"estimator must be unbiased or mle, got {estimator!r}")
    figure = Auc() if endpoint is None else endpoint
    if not isinstance(figure, Auc | CallRate):
        raise AnalysisRefused(
            f"U-statistics are defined for AUC, sensitivity and specificity, not for {figure.name}"
        )
    count = len(data.treatments)
    kernels = [_kernels(data, t, figure) for t in range(count)]
    for t, kernel in enumerate(kernels):
        if sum(made.sum() for _, made in kernel) == 0:
            raise AnalysisRefused(
                f"no reader read a diseased and a non-diseased case under {data.treatments[t]}"
            )
    own = [_covariance(k, k) for k in kernels]
    values = [float(sum(x.sum() for x, _ in k) / sum(made.sum() for _, made in k)) for k in kernels]
    variances = [c.value(estimator) for c in own]
    method = f"U-statistics (Gallas), {figure.name}, {estimator}"
    nan, out = math.nan, []
    for t in range(count):
        df = _degrees_of_freedom(variances[t], [(1.0, own[t])])
        out.append(
            _row(
                data, [t], values[t], (values[t], nan), (variances[t], nan), variances[t], df,
                confidence, method,
            )
        )  # fmt: skip
    for a in range(count):
        for b in range(a + 1, count):
            both = _covariance(kernels[a], kernels[b])
            variance = variances[a] + variances[b] - 2 * both.value(estimator)
            df = _degrees_of_freedom(variance, [(1.0, own[a]), (1.0, own[b]), (-2.0, both)])
            out.append(
                _row(
                    data, [a, b], values[a] - values[b], (values[a], values[b]), (variances[a], variances[b]),
                    variance, df, confidence, method,
                )
            )  # fmt: skip
    return tuple(out)
