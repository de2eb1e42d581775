"""
Intervals for one proportion, for the difference of two, and for clustered proportions.

The plain forms hold for one item per patient. Joints are nested in patients: `clustered_proportion` is the
form for them.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from readerstudy.stats._arrays import FloatArray, as_finite, same_length
from readerstudy.stats.distributions import clip_interval, delta_interval, normal_quantile, t_quantile
from readerstudy.stats.estimate import Estimate

ProportionMethod = Literal["wilson", "clopper_pearson", "agresti_coull", "jeffreys", "wald"]
PROPORTION_METHODS: tuple[ProportionMethod, ...] = (
    "wilson",
    "clopper_pearson",
    "agresti_coull",
    "jeffreys",
    "wald",
)
_NAMES = {
    "wilson": "Wilson score interval",
    "clopper_pearson": "Clopper-Pearson exact interval",
    "agresti_coull": "Agresti-Coull interval",
    "jeffreys": "Jeffreys interval",
    "wald": "Wald interval",
}


def wilson_limits(p: float, n: float, quantile: float) -> tuple[float, float]:
    """Wilson's score limits for a share p of n (n need not be whole: an effective sample size)."""
    z2 = quantile * quantile
    if math.isinf(quantile):
        return 0.0, 1.0
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = quantile / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    # At p = 0 or 1 the limit is the end of the range exactly; rounding must not move it.
    return (0.0 if p == 0 else max(0.0, centre - half)), (1.0 if p == 1 else min(1.0, centre + half))


def _limits(x: int, n: int, method: str, confidence: float) -> tuple[float, float]:
    z = normal_quantile(confidence)
    alpha = 1.0 - confidence
    p = x / n
    if method == "wilson":
        return wilson_limits(p, n, z)
    if method == "clopper_pearson":
        low = 0.0 if x == 0 else float(special.betaincinv(x, n - x + 1, alpha / 2))
        high = 1.0 if x == n else float(special.betainccinv(x + 1, n - x, alpha / 2))
        return low, high
    if method == "jeffreys":
        low = float(special.betaincinv(x + 0.5, n - x + 0.5, alpha / 2))
        high = float(special.betainccinv(x + 0.5, n - x + 0.5, alpha / 2))
        return low, high
    if method == "agresti_coull":
        n_tilde = n + z * z
        p_tilde = (x + z * z / 2) / n_tilde
        half = z * math.sqrt(p_tilde * (1 - p_tilde) / n_tilde)
        return p_tilde - half, p_tilde + half
    half = z * math.sqrt(p * (1 - p) / n)
    return p - half, p + half


def proportion(
    successes: int,
    n: int,
    *,
    method: ProportionMethod = "wilson",
    confidence: float = 0.95,
    clip: bool = True,
) -> Estimate:
    r"""
    A binomial proportion with its interval, for one item per patient.

    Parameters
    ----------
    successes, n : int
        0 <= successes <= n.
    method : {"wilson", "clopper_pearson", "agresti_coull", "jeffreys", "wald"}
        Wilson's score interval (without continuity correction) by default [1]_ [2]_. Jeffreys' limits are
        the plain beta quantiles, also at 0 and n.
    confidence : float
        Coverage of the interval.
    clip : bool
        Cut the limits to [0, 1]; Agresti-Coull and Wald can exceed them.

    Returns
    -------
    Estimate
        Undefined when n is 0.

    References
    ----------
    .. [1] Wilson EB. J Am Stat Assoc 1927;22:209-212. doi:10.1080/01621459.1927.10502953
    .. [2] Brown LD, Cai TT, DasGupta A. Stat Sci 2001;16:101-133. doi:10.1214/ss/1009213286

    Examples
    --------
    >>> print(proportion(26, 41))
    0.634 (95 % CI 0.481 to 0.764)
    """
    if method not in _NAMES:
        raise ValueError(f"method must be one of {', '.join(_NAMES)}, got {method!r}")
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..n, got {successes} of {n}")
    name = f"proportion; {_NAMES[method]}"
    if n == 0:
        return Estimate.undefined(
            "no item in the denominator", n=0, n_clusters=None, method=name, confidence=confidence
        )
    p = successes / n
    low, high = _limits(int(successes), int(n), method, confidence)
    if clip:
        low, high = clip_interval(low, high, 0.0, 1.0)
    note = "degenerate interval: Wald has no width at 0 and 1" if method == "wald" and p in (0, 1) else ""
    return Estimate(p, low, high, math.sqrt(p * (1 - p) / n), int(n), None, name, confidence, note=note)


def proportion_difference(
    successes1: int, n1: int, successes2: int, n2: int, *, confidence: float = 0.95
) -> Estimate:
    r"""
    Difference of two independent proportions, Newcombe's hybrid score interval (method 10).

    Parameters
    ----------
    successes1, n1, successes2, n2 : int
        The two samples.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        First minus second; undefined when a sample is empty.

    References
    ----------
    .. [1] Newcombe RG. Stat Med 1998;17:873-890.
       doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I

    Examples
    --------
    >>> print(proportion_difference(56, 70, 48, 80))
    0.200 (95 % CI 0.052 to 0.334)
    """
    name = "difference of independent proportions; Newcombe hybrid score interval"
    first = proportion(successes1, n1, confidence=confidence)
    second = proportion(successes2, n2, confidence=confidence)
    if not (first.defined and second.defined):
        return Estimate.undefined(
            "no item in a denominator", n=n1 + n2, n_clusters=None, method=name, confidence=confidence
        )
    d = first.value - second.value
    low = d - math.hypot(first.value - first.low, second.high - second.value)
    high = d + math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(d, low, high, math.hypot(first.se, second.se), n1 + n2, None, name, confidence)


def paired_proportion_difference(
    both: int, first_only: int, second_only: int, neither: int, *, confidence: float = 0.95
) -> Estimate:
    r"""
    Difference of two paired proportions, Newcombe's score interval (method 10 for pairs).

    Parameters
    ----------
    both, first_only, second_only, neither : int
        The paired two-by-two table.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        First minus second; undefined for an empty table.

    References
    ----------
    .. [1] Newcombe RG. Stat Med 1998;17:2635-2650.
       doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C

    Examples
    --------
    >>> print(paired_proportion_difference(36, 12, 2, 0))
    0.200 (95 % CI 0.057 to 0.340)
    """
    a, b, c, d = (int(x) for x in (both, first_only, second_only, neither))
    n = a + b + c + d
    name = "difference of paired proportions; Newcombe score interval"
    if min(a, b, c, d) < 0:
        raise ValueError("the counts of a table must not be negative")
    if n == 0:
        return Estimate.undefined("empty table", n=0, n_clusters=None, method=name, confidence=confidence)
    first = proportion(a + b, n, confidence=confidence)
    second = proportion(a + c, n, confidence=confidence)
    marginal = (a + b) * (c + d) * (a + c) * (b + d)
    phi = 0.0
    if marginal > 0:
        numerator = a * d - b * c
        # Newcombe's continuity-corrected phi: towards 0 by n/2, never across it when positive.
        corrected = max(numerator - n / 2, 0.0) if numerator > 0 else float(numerator)
        phi = corrected / math.sqrt(marginal)
    diff = (b - c) / n
    dl1, du1 = first.value - first.low, first.high - first.value
    dl2, du2 = second.value - second.low, second.high - second.value
    low = diff - math.sqrt(max(dl1**2 - 2 * phi * dl1 * du2 + du2**2, 0.0))
    high = diff + math.sqrt(max(du1**2 - 2 * phi * du1 * dl2 + dl2**2, 0.0))
    se = math.sqrt(max(b + c - (b - c) ** 2 / n, 0.0)) / n
    return Estimate(diff, low, high, se, n, None, name, confidence)


def ratio_variance(successes: FloatArray, totals: FloatArray) -> float:
    r"""
    Variance of the ratio :math:`\sum x_i / \sum n_i` over clusters.

    .. math:: \frac{m}{(m-1) N^2} \sum_i (x_i - \hat p n_i)^2, \quad N = \sum_i n_i

    Parameters
    ----------
    successes, totals : ndarray, shape (n_clusters,)
        Per cluster; clusters with an empty total carry no information and are not counted in m.

    Returns
    -------
    float
        NaN for fewer than two clusters.
    """
    used = totals > 0
    x, t = successes[used], totals[used]
    m = x.shape[0]
    if m < 2:
        return math.nan
    p = x.sum() / t.sum()
    return float(m / (m - 1) * np.sum((x - p * t) ** 2) / t.sum() ** 2)


def clustered_proportion(
    successes: ArrayLike,
    totals: ArrayLike,
    *,
    interval: Literal["wilson", "logit", "wald"] = "wilson",
    confidence: float = 0.95,
    what: str = "proportion",
) -> Estimate:
    r"""
    A share of items that are nested in patients (Rao-Scott ratio estimator).

    Parameters
    ----------
    successes, totals : array_like, shape (n_clusters,)
        Per patient, successes and items; patients with no item in the denominator may be present and are
        left out.
    interval : {"wilson", "logit", "wald"}
        Wilson's score interval on the effective sample size :math:`p(1-p)/\widehat{var}` by default, all with
        a t quantile on (patients - 1) degrees of freedom.
    confidence : float
        Coverage of the interval.
    what : str
        Name of the share, for `method`.

    Returns
    -------
    Estimate
        `n` items of the denominator, `n_clusters` patients that have one. Undefined when the denominator is
        empty. When every item is a success, or none is, the data say nothing about clustering: the
        interval then counts patients, not items, and carries a note.

    Notes
    -----
    The variance is the ratio estimator's (`ratio_variance`) [1]_; the score interval on the effective sample
    size keeps its coverage where the symmetric one fails, close to 0 and 1 [2]_.

    References
    ----------
    .. [1] Rao JNK, Scott AJ. Biometrics 1992;48:577-585. doi:10.2307/2532311
    .. [2] Saha KK, Miller D, Wang S. Int J Biostat 2016;12:20150024. doi:10.1515/ijb-2015-0024

    Examples
    --------
    >>> clustered_proportion([9, 10, 4, 8], [10, 10, 10, 10]).n_clusters
    4
    """
    if interval not in ("wilson", "logit", "wald"):
        raise ValueError(f"interval must be one of wilson, logit, wald, got {interval!r}")
    x = as_finite("successes", successes)
    t = as_finite("totals", totals)
    same_length(successes=x, totals=t)
    if np.any(x < 0) or np.any(x > t):
        raise ValueError("successes must lie in 0..totals in every cluster")
    used = t > 0
    m, n = int(used.sum()), round(float(t.sum()))
    words = {"wilson": "Wilson score on the effective sample size", "logit": "logit", "wald": "Wald"}[
        interval
    ]
    name = f"{what}, clustered (Rao-Scott ratio estimator); {words}, t on {max(m - 1, 0)} df"
    if n == 0:
        return Estimate.undefined(
            "no item in the denominator", n=0, n_clusters=0, method=name, confidence=confidence
        )
    p = float(x.sum() / t.sum())
    variance = ratio_variance(x, t)
    if math.isnan(variance):
        return Estimate(
            p, math.nan, math.nan, math.nan, n, m, name, confidence, note="no interval: one cluster only"
        )
    se = math.sqrt(variance)
    quantile = t_quantile(confidence, m - 1)
    if p in (0.0, 1.0):
        low, high = wilson_limits(p, m, quantile)
        note = "all items alike: the interval counts patients, not items"
        return Estimate(p, low, high, 0.0, n, m, name, confidence, note=note)
    note = ""
    if variance <= 1e-15:
        note = "no variability between patients: the interval assumes independent items"
        variance = p * (1 - p) / n
    if interval == "wilson":
        low, high = wilson_limits(p, p * (1 - p) / variance, quantile)
    else:
        low, high = delta_interval(
            p, math.sqrt(variance), quantile, "logit" if interval == "logit" else "identity"
        )
    low, high = clip_interval(low, high, 0.0, 1.0)
    return Estimate(p, low, high, se, n, m, name, confidence, note=note)
