"""McNemar's test of two paired proportions and Cochran's Q of several, one item per patient."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from readerstudy.stats._arrays import as_binary, as_count_table, same_length
from readerstudy.stats.accuracy.proportions import paired_proportion_difference
from readerstudy.stats.distributions import chi2_tail
from readerstudy.stats.estimate import Estimate, HypothesisTest, _Record


@dataclass(frozen=True, slots=True)
class McNemarResult(_Record):
    """
    McNemar's tests of one paired table.

    Parameters
    ----------
    first_only, second_only : int
        Discordant items: positive (or right) by the first alone, by the second alone.
    exact, mid_p : HypothesisTest
        Binomial tests; the statistic is the smaller discordant count. p = 1 without a discordant item.
    asymptotic, corrected : HypothesisTest
        Chi-square on 1 df, without and with Edwards' continuity correction; undefined (0/0) without a
        discordant item.
    difference : Estimate
        Difference of the two proportions, Newcombe's interval.
    """

    first_only: int
    second_only: int
    exact: HypothesisTest
    mid_p: HypothesisTest
    asymptotic: HypothesisTest
    corrected: HypothesisTest
    difference: Estimate


def mcnemar_table(table: ArrayLike, *, confidence: float = 0.95) -> McNemarResult:
    r"""
    McNemar's test of a paired two-by-two table.

    Parameters
    ----------
    table : array_like of int, shape (2, 2)
        Rows: first positive, first negative; columns the same of the second.
    confidence : float
        Coverage of the difference's interval.

    Returns
    -------
    McNemarResult

    References
    ----------
    .. [1] McNemar Q. Psychometrika 1947;12:153-157. doi:10.1007/BF02295996
    .. [2] Fagerland MW, Lydersen S, Laake P. BMC Med Res Methodol 2013;13:91. doi:10.1186/1471-2288-13-91

    Examples
    --------
    >>> round(mcnemar_table([[794, 150], [86, 570]]).asymptotic.statistic, 2)
    17.36
    """
    counts = as_count_table("table", table)
    if counts.shape != (2, 2):
        raise ValueError(f"table must be two by two, got shape {counts.shape}")
    (a, b), (c, d) = counts.tolist()
    n, discordant = a + b + c + d, b + c
    smaller = min(b, c)
    tail = float(special.bdtr(smaller, discordant, 0.5)) if discordant else 1.0
    at = math.exp(
        special.gammaln(discordant + 1) - special.gammaln(b + 1) - special.gammaln(c + 1)
        - discordant * math.log(2)
    )  # fmt: skip
    exact = HypothesisTest(smaller, math.nan, min(1.0, 2 * tail), n, None, "McNemar, exact binomial")
    mid = HypothesisTest(
        smaller, math.nan, min(1.0, 2 * tail - at) if discordant else 1.0, n, None, "McNemar, mid-p"
    )
    if discordant == 0:
        why = "no discordant item"
        gone = [
            HypothesisTest(math.nan, 1, math.nan, n, None, name, undefined_because=why)
            for name in ("McNemar, chi-square", "McNemar, continuity-corrected")
        ]
        plain, corrected = gone
    else:
        chi2 = (b - c) ** 2 / discordant
        # No correction when the counts are equal: the corrected statistic must not exceed 0 there.
        chi2_corrected = (abs(b - c) - 1) ** 2 / discordant if b != c else 0.0
        plain = HypothesisTest(chi2, 1, chi2_tail(chi2, 1), n, None, "McNemar, chi-square")
        corrected = HypothesisTest(
            chi2_corrected, 1, chi2_tail(chi2_corrected, 1), n, None, "McNemar, continuity-corrected"
        )
    difference = paired_proportion_difference(a, b, c, d, confidence=confidence)
    return McNemarResult(b, c, exact, mid, plain, corrected, difference)


def mcnemar(first: ArrayLike, second: ArrayLike, *, confidence: float = 0.95) -> McNemarResult:
    """
    McNemar's test of two readers' calls of the same items.

    Parameters
    ----------
    first, second : array_like of bool or 0/1, shape (n_items,)
        Calls; for sensitivity pass the diseased items only, for specificity the others (negated).
    confidence : float
        Coverage of the difference's interval.

    Returns
    -------
    McNemarResult
    """
    a, b = as_binary("first", first), as_binary("second", second)
    same_length(first=a, second=b)
    cells = np.bincount((~a) * 2 + (~b), minlength=4).reshape(2, 2)
    return mcnemar_table(cells, confidence=confidence)


def cochran_q(calls: ArrayLike) -> HypothesisTest:
    r"""
    Cochran's Q: whether several readers call the same share of items positive.

    .. math:: Q = \frac{(k-1)\,(k \sum_j C_j^2 - T^2)}{k T - \sum_i R_i^2}

    Parameters
    ----------
    calls : array_like of bool or 0/1, shape (n_items, n_readers)
        Calls of each reader.

    Returns
    -------
    HypothesisTest
        Chi-square on readers - 1 df; undefined when every item was called alike by all.

    References
    ----------
    .. [1] Cochran WG. Biometrika 1950;37:256-266. doi:10.1093/biomet/37.3-4.256

    Examples
    --------
    >>> round(cochran_q([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 0], [0, 0, 0]]).statistic, 3)
    4.667
    """
    table = np.asarray(calls, dtype=np.float64)
    if table.ndim != 2 or table.shape[1] < 2 or table.shape[0] == 0:
        raise ValueError(f"calls must have shape (n_items, n_readers >= 2), got {table.shape}")
    as_binary("calls", table.ravel())
    n, k = table.shape
    columns, rows = table.sum(axis=0), table.sum(axis=1)
    total = table.sum()
    bottom = float(k * total - (rows**2).sum())
    if bottom == 0:
        why = "every item was called alike by all readers"
        return HypothesisTest(math.nan, k - 1, math.nan, n, None, "Cochran's Q", undefined_because=why)
    q = float((k - 1) * (k * (columns**2).sum() - total**2) / bottom)
    return HypothesisTest(q, k - 1, chi2_tail(q, k - 1), n, None, "Cochran's Q")
