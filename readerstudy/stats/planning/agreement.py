"""Sample size of agreement studies and of proportions, and the design effect of items nested in patients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.estimate import AnalysisRefused

from .areas import _share, _z


def design_effect(items_per_patient: float, correlation: float) -> float:
    r"""
    Factor by which nesting inflates a variance, :math:`1 + (m - 1)\rho`.

    Parameters
    ----------
    items_per_patient : float
        Mean number m of items of a patient, at least 1.
    correlation : float
        Intraclass correlation of the outcome within patients, in 0..1.

    Returns
    -------
    float

    References
    ----------
    .. [1] Kish L. Survey Sampling. Wiley, 1965.

    Examples
    --------
    >>> round(design_effect(10, 0.1), 2)
    1.9
    """
    if items_per_patient < 1 or not 0 <= correlation <= 1:
        raise ValueError("items_per_patient must be at least 1 and correlation in 0..1")
    return 1 + (items_per_patient - 1) * correlation


def patients_for_proportion(
    share: float,
    half_width: float,
    *,
    items_per_patient: float = 1.0,
    correlation: float = 0.0,
    confidence: float = 0.95,
) -> int:
    """
    Patients needed to estimate a share (sensitivity, agreement) with a given half-width of its interval.

    Parameters
    ----------
    share : float
        Expected share.
    half_width : float
        Half-width of the interval.
    items_per_patient : float
        Items of a patient that are in the denominator (diseased joints, for sensitivity).
    correlation : float
        Intraclass correlation of the outcome within patients.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    int

    Examples
    --------
    >>> patients_for_proportion(0.9, 0.05)
    139
    >>> patients_for_proportion(0.9, 0.05, items_per_patient=10, correlation=0.1)
    27
    """
    if not half_width > 0:
        raise ValueError(f"half_width must be positive, got {half_width!r}")
    z = _z(0.5 + _share("confidence", confidence) / 2)
    items = z * z * _share("share", share) * (1 - share) / half_width**2
    return math.ceil(items * design_effect(items_per_patient, correlation) / items_per_patient - 1e-9)


def patients_for_paired_proportions(
    first_only: float,
    second_only: float,
    *,
    items_per_patient: float = 1.0,
    correlation: float = 0.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """
    Patients needed to show the difference of two paired shares (McNemar).

    Parameters
    ----------
    first_only, second_only : float
        Expected shares of discordant items.
    items_per_patient, correlation
        Nesting, as in `patients_for_proportion`.
    alpha, power : float
        Two-sided level and power.

    Returns
    -------
    int

    References
    ----------
    .. [1] Connor RJ. Biometrics 1987;43:207-211. doi:10.2307/2531961

    Examples
    --------
    >>> patients_for_paired_proportions(0.10, 0.05)
    469
    """
    discordant, d = first_only + second_only, first_only - second_only
    if min(first_only, second_only) < 0 or discordant > 1 or d == 0:
        raise ValueError("first_only and second_only must be different shares that sum to at most 1")
    size = _z(1 - _share("alpha", alpha) / 2) * math.sqrt(discordant) + _z(
        _share("power", power)
    ) * math.sqrt(discordant - d * d)
    items = size**2 / d**2
    return math.ceil(items * design_effect(items_per_patient, correlation) / items_per_patient - 1e-9)


def _cells(kappa: float, shares: FloatArray, raters: int) -> FloatArray:
    """
    Probabilities of the outcomes that a kappa implies for several raters.

    Two categories: the number of raters who say the first, under the common-correlation model (with
    probability kappa all say the same, else each for himself). More: each full agreement and the rest
    pooled, under the Dirichlet-multinomial distribution with that intraclass correlation.
    """
    if shares.size == 2:
        p = float(shares[0])
        counts = np.arange(raters + 1)
        alone = special.comb(raters, counts) * p**counts * (1 - p) ** (raters - counts)
        together = np.where(counts == raters, p, np.where(counts == 0, 1 - p, 0.0))
        return np.asarray(kappa * together + (1 - kappa) * alone)
    if kappa == 0:
        full = shares**raters
    else:
        size = (1 - kappa) / kappa
        steps = np.arange(raters)
        full = np.prod((shares[:, None] * size + steps) / (size + steps), axis=1)
    return np.append(full, 1 - full.sum())


def _checked(kappas: Sequence[float], proportions: Sequence[float], raters: int) -> FloatArray:
    shares = np.asarray(proportions, dtype=np.float64)
    if shares.size < 2 or np.any(shares <= 0) or abs(shares.sum() - 1) > 1e-6:
        raise ValueError("proportions must be two or more positive shares that sum to 1")
    if raters < 2:
        raise ValueError(f"raters must be at least 2, got {raters}")
    for kappa in kappas:
        if not 0 <= kappa < 1:
            raise ValueError(f"kappa must lie in 0..1 (1 excluded), got {kappa!r}")
    return shares


def _distance(null: FloatArray, other: FloatArray) -> float:
    return float(((other - null) ** 2 / null).sum())


def sample_size_kappa_test(
    kappa0: float,
    kappa1: float,
    *,
    proportions: Sequence[float],
    raters: int = 2,
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    r"""
    Items needed to tell a kappa from another by a goodness-of-fit test on 1 df.

    .. math:: n = \frac{(z_{1-\alpha/2} + z_{power})^2}
              {\sum_c (\pi_c(\kappa_1) - \pi_c(\kappa_0))^2 / \pi_c(\kappa_0)}

    Parameters
    ----------
    kappa0, kappa1 : float
        Kappa under the null hypothesis and the true one.
    proportions : sequence of float
        Share of each category.
    raters : int
        Readers who each grade every item.
    alpha, power : float
        Two-sided level and power.

    Returns
    -------
    float
        Not rounded; multiply by `design_effect` for items nested in patients.

    References
    ----------
    .. [1] Donner A, Eliasziw M. Stat Med 1992;11:1511-1519. doi:10.1002/sim.4780111109
    .. [2] Altaye M, Donner A, Klar N. Biometrics 2001;57:584-588. doi:10.1111/j.0006-341X.2001.00584.x

    Examples
    --------
    >>> round(sample_size_kappa_test(0.4, 0.6, proportions=[0.3, 0.7]), 1)
    190.5
    """
    shares = _checked((kappa0, kappa1), proportions, raters)
    if kappa0 == kappa1:
        raise ValueError("kappa0 and kappa1 must differ")
    z = _z(1 - _share("alpha", alpha) / 2) + _z(_share("power", power))
    return z * z / _distance(_cells(kappa0, shares, raters), _cells(kappa1, shares, raters))


def sample_size_kappa_interval(
    kappa0: float,
    *,
    kappa_lower: float | None = None,
    kappa_upper: float | None = None,
    proportions: Sequence[float],
    raters: int = 2,
    alpha: float = 0.05,
) -> int:
    """
    Items needed for an interval of kappa to stay within given limits.

    Parameters
    ----------
    kappa0 : float
        Expected kappa.
    kappa_lower, kappa_upper : float, optional
        Limits that the interval is not to pass; with one only the interval is one-sided.
    proportions, raters, alpha
        As in `sample_size_kappa_test`.

    Returns
    -------
    int

    References
    ----------
    .. [1] Rotondi MA, Donner A. J Clin Epidemiol 2012;65:778-784. doi:10.1016/j.jclinepi.2012.01.019

    Examples
    --------
    >>> sample_size_kappa_interval(0.6, kappa_lower=0.4, proportions=[0.3, 0.7])
    66
    """
    limits = [k for k in (kappa_lower, kappa_upper) if k is not None]
    if not limits:
        raise ValueError("give kappa_lower, kappa_upper, or both")
    if (kappa_lower is not None and kappa_lower >= kappa0) or (
        kappa_upper is not None and kappa_upper <= kappa0
    ):
        raise AnalysisRefused("kappa0 must lie inside the limits")
    shares = _checked((kappa0, *limits), proportions, raters)
    _share("alpha", alpha)
    tail = alpha if len(limits) == 2 else 2 * alpha
    critical = float(special.chdtri(1, tail))
    at = _cells(kappa0, shares, raters)
    return max(math.ceil(critical / _distance(_cells(limit, shares, raters), at) - 1e-9) for limit in limits)
