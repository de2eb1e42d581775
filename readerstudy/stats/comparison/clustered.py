r"""
Tests of two paired proportions whose items are nested in patients.

With a patient's counts :math:`b_k` (positive by the first alone) and :math:`c_k` (by the second alone), all
tests refer :math:`(\sum b_k - \sum c_k)^2`, or a weighted form, to a variance that allows for the nesting.

References
----------
.. [1] Obuchowski NA. Stat Med 1998;17:1495-1507.
   doi:10.1002/(SICI)1097-0258(19980715)17:13<1495::AID-SIM863>3.0.CO;2-I
.. [2] Durkalski VL, Palesch YY, Lipsitz SR, Rust PF. Stat Med 2003;22:2417-2428. doi:10.1002/sim.1438
.. [3] Yang Z, Sun X, Hardin JW. Biom J 2010;52:638-652. doi:10.1002/bimj.201000035
.. [4] Eliasziw M, Donner A. Stat Med 1991;10:1981-1991. doi:10.1002/sim.4780101211
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_binary, as_clusters, as_finite, same_length
from readerstudy.stats.distributions import chi2_tail, t_quantile
from readerstudy.stats.estimate import Estimate, HypothesisTest, _Record

ClusteredMcNemar = Literal["obuchowski", "durkalski", "yang", "eliasziw", "mcnemar"]
CLUSTERED_METHODS: tuple[ClusteredMcNemar, ...] = ("obuchowski", "durkalski", "yang", "eliasziw", "mcnemar")
_NAMES = {
    "obuchowski": "clustered McNemar, Obuchowski 1998",
    "durkalski": "clustered McNemar, Durkalski 2003",
    "yang": "clustered McNemar, Yang 2010",
    "eliasziw": "clustered McNemar, Eliasziw-Donner 1991",
    "mcnemar": "McNemar, ignoring the nesting",
}


@dataclass(frozen=True, slots=True)
class PairedCounts(_Record):
    """
    Counts of paired calls per patient.

    Parameters
    ----------
    both, first_only, second_only, neither : ndarray, shape (n_clusters,)
        Items of each patient by the calls of the two readers.
    """

    both: FloatArray
    first_only: FloatArray
    second_only: FloatArray
    neither: FloatArray

    def __post_init__(self) -> None:
        arrays = [as_finite(name, getattr(self, name)) for name in self.__slots__]
        same_length(**dict(zip(self.__slots__, arrays, strict=True)))
        if any(np.any(array < 0) for array in arrays):
            raise ValueError("counts of a patient must not be negative")
        if sum(float(array.sum()) for array in arrays) == 0:
            raise ValueError("all counts are 0")

    @property
    def sizes(self) -> FloatArray:
        """Items of each patient."""
        return np.asarray(self.both + self.first_only + self.second_only + self.neither)


def paired_counts(first: ArrayLike, second: ArrayLike, *, clusters: ArrayLike) -> PairedCounts:
    """
    Count each patient's items by the calls of two readers.

    Parameters
    ----------
    first, second : array_like of bool or 0/1, shape (n_items,)
        Calls of the same items.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.

    Returns
    -------
    PairedCounts
    """
    a, b = as_binary("first", first), as_binary("second", second)
    codes, m = as_clusters(clusters, same_length(first=a, second=b))
    cell = (~a) * 2 + (~b)
    table = np.bincount(codes * 4 + cell, minlength=4 * m).reshape(m, 4).astype(np.float64)
    return PairedCounts(table[:, 0], table[:, 1], table[:, 2], table[:, 3])


def _eliasziw_inflation(counts: PairedCounts) -> float:
    """
    Design effect among discordant items.

    The correlation of all four outcomes is estimated by one-way analysis of variance and carried over to the
    discordant items, whose share it is scaled by.
    """
    sizes = counts.sizes
    used = sizes > 0
    cells = [array[used] for array in (counts.both, counts.first_only, counts.second_only, counts.neither)]
    n = sizes[used]
    k, total = n.shape[0], n.sum()
    mean = total / k
    discordant = cells[1] + cells[2]
    if k < 2 or mean <= 1:
        return 1.0
    n0 = mean - ((n - mean) ** 2).sum() / (k * (k - 1) * mean)
    between = sum(float(((x - n * x.sum() / total) ** 2 / n).sum()) for x in cells) / k
    within = sum(float((x * (n - x) / n).sum()) for x in cells) / (k * (mean - 1))
    bottom = between + (n0 - 1) * within
    rho = (between - within) / bottom if bottom > 0 else 0.0
    if rho == 0.0:
        return 1.0
    share = discordant.sum() / total
    rho_discordant = 1 / (1 + share * (1 - rho) / rho)
    size = (discordant**2).sum() / discordant.sum()
    return float(1 + (size - 1) * rho_discordant)


def clustered_mcnemar_counts(
    counts: PairedCounts, *, method: ClusteredMcNemar = "obuchowski"
) -> HypothesisTest:
    """
    Test two paired proportions from the counts of each patient.

    Parameters
    ----------
    counts : PairedCounts
        Counts of paired calls per patient.
    method : {"obuchowski", "durkalski", "yang", "eliasziw", "mcnemar"}
        obuchowski: ratio estimator under the null hypothesis. durkalski: each patient's difference of
        proportions weighs alike. yang: mean of the variances under and without the null hypothesis.
        eliasziw: McNemar's chi-square over a design effect. mcnemar: ignores the nesting, for comparison.

    Returns
    -------
    HypothesisTest
        Chi-square on 1 df. Without a discordant item p = 1 by convention, with a note.
    """
    if method not in _NAMES:
        raise ValueError(f"method must be one of {', '.join(_NAMES)}, got {method!r}")
    sizes = counts.sizes
    used = sizes > 0
    b, c, n = counts.first_only[used], counts.second_only[used], sizes[used]
    m, items = n.shape[0], round(float(n.sum()))
    name = _NAMES[method]
    d = b - c
    if (b + c).sum() == 0:
        note = "no discordant item: p = 1 by convention"
        return HypothesisTest(0.0, 1, 1.0, items, m, name, note=note)
    if m < 2 and method != "mcnemar":
        return HypothesisTest(
            math.nan, 1, math.nan, items, m, name, undefined_because="fewer than two patients"
        )
    total = float(d.sum())
    if method == "durkalski":
        top, variance = float((d / n).sum()), float(((d / n) ** 2).sum())
    elif method == "mcnemar":
        top, variance = total, float((b + c).sum())
    elif method == "eliasziw":
        top, variance = total, float((b + c).sum()) * _eliasziw_inflation(counts)
    else:
        top = total
        null = m / (m - 1) * float((d**2).sum())
        variance = null
        if method == "yang":
            variance = (null + m / (m - 1) * float(((d - n * total / n.sum()) ** 2).sum())) / 2
    if variance <= 0:
        if abs(top) < 1e-12:
            note = "the readers differ by nothing in any patient: p = 1 by convention"
            return HypothesisTest(0.0, 1, 1.0, items, m, name, note=note)
        return HypothesisTest(
            math.nan, 1, math.nan, items, m, name, undefined_because="the variance is not positive"
        )
    chi2 = top * top / variance
    return HypothesisTest(chi2, 1, chi2_tail(chi2, 1), items, m, name)


def clustered_mcnemar(
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike,
    method: ClusteredMcNemar = "obuchowski",
) -> HypothesisTest:
    """
    Test two readers' paired calls for items nested in patients.

    Parameters
    ----------
    first, second : array_like of bool or 0/1, shape (n_items,)
        Calls of the same items; the diseased ones for sensitivity, the others for specificity.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    method : str
        As in `clustered_mcnemar_counts`.

    Returns
    -------
    HypothesisTest

    Examples
    --------
    >>> test = clustered_mcnemar([1, 1, 0, 1, 1, 0], [1, 0, 0, 0, 1, 1], clusters=list("aabbcc"))
    >>> test.n_clusters, round(test.statistic, 3)
    (3, 0.222)
    """
    return clustered_mcnemar_counts(paired_counts(first, second, clusters=clusters), method=method)


def clustered_paired_difference(
    first: ArrayLike, second: ArrayLike, *, clusters: ArrayLike, confidence: float = 0.95
) -> Estimate:
    r"""
    Difference of two paired proportions with its interval, for items nested in patients.

    .. math:: \hat d = \sum (b_k - c_k)/N, \quad
              \widehat{var} = \frac{m}{(m-1)N^2} \sum (b_k - c_k - n_k \hat d)^2

    Parameters
    ----------
    first, second : array_like of bool or 0/1, shape (n_items,)
        Calls of the same items (or whether each was right).
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        First minus second, t interval on patients - 1 df, cut to [-1, 1].

    References
    ----------
    .. [1] Obuchowski NA. Stat Med 1998;17:1495-1507.
    """
    counts = paired_counts(first, second, clusters=clusters)
    d, n = counts.first_only - counts.second_only, counts.sizes
    m, items = n.shape[0], round(float(n.sum()))
    method = f"paired difference of proportions, clustered (ratio estimator); t on {m - 1} df"
    value = float(d.sum() / n.sum())
    if m < 2:
        nan = math.nan
        note = "no interval: one cluster only"
        return Estimate(value, nan, nan, nan, items, m, method, confidence, note=note)
    se = math.sqrt(m / (m - 1) * float(((d - n * value) ** 2).sum())) / float(n.sum())
    half = t_quantile(confidence, m - 1) * se
    note = "degenerate interval: the readers differ by nothing in any patient" if se == 0 else ""
    return Estimate(
        value, max(value - half, -1.0), min(value + half, 1.0), se, items, m, method, confidence, note=note
    )
