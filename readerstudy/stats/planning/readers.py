"""Power and sample size of multi-reader studies, from a pilot or from published ranges."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from scipy import special

from readerstudy.stats.distributions import f_quantile
from readerstudy.stats.estimate import AnalysisRefused, _Record
from readerstudy.stats.mrmc.endpoints import Endpoint
from readerstudy.stats.mrmc.obuchowski_rockette import obuchowski_rockette

from .areas import _share, case_variance


@dataclass(frozen=True, slots=True)
class MrmcPower(_Record):
    """
    Power of a multi-reader study with random readers and cases.

    Parameters
    ----------
    n_readers, n_cases : int
        Size of the study.
    power : float
        Power of the F test at the effect.
    noncentrality, df2, f_critical : float
        Of the F distribution with 1 and `df2` degrees of freedom.
    """

    n_readers: int
    n_cases: int
    power: float
    noncentrality: float
    df2: float
    f_critical: float


@dataclass(frozen=True, slots=True)
class PilotComponents(_Record):
    """Obuchowski-Rockette components of a pilot and its number of cases."""

    var_tr: float
    var_error: float
    cov1: float
    cov2: float
    cov3: float
    n_cases: int


def pilot_components(data: Any, *, endpoint: Endpoint | None = None) -> PilotComponents:
    """
    Components of a pilot study for planning: jackknife covariance, random readers and cases.

    Parameters
    ----------
    data : Readings or FrocStudy
        The pilot: two treatments or more, two readers or more.
    endpoint : Endpoint, optional
        Figure of merit; the empirical AUC by default.

    Returns
    -------
    PilotComponents
    """
    if len(data.treatments) < 2:
        raise AnalysisRefused("a pilot needs two treatments")
    c = obuchowski_rockette(data, endpoint=endpoint).components
    return PilotComponents(c.var_tr, c.var_error, c.cov1, c.cov2, c.cov3, len(data.cases))


def mrmc_power(
    pilot: PilotComponents, *, n_readers: int, n_cases: int, effect: float, alpha: float = 0.05
) -> MrmcPower:
    r"""
    Power to show a difference of two treatments with random readers and cases.

    .. math:: \lambda = \frac{J d^2 / 2}{\sigma^2_{TR} + \frac{N^*}{N}
              [\sigma^2_\epsilon - Cov_1 + (J-1) \max(Cov_2 - Cov_3, 0)]}

    Parameters
    ----------
    pilot : PilotComponents
        Components and number of cases N* of the pilot; a negative treatment x reader variance counts as 0.
    n_readers, n_cases : int
        Size of the planned study (J, N).
    effect : float
        True difference d of the figure of merit.
    alpha : float
        Two-sided level.

    Returns
    -------
    MrmcPower

    References
    ----------
    .. [1] Hillis SL, Obuchowski NA, Berbaum KS. Acad Radiol 2011;18:129-142. doi:10.1016/j.acra.2010.09.007
    """
    if n_readers < 2:
        raise AnalysisRefused("random readers need at least two")
    if n_cases < 2:
        raise ValueError(f"n_cases must be at least 2, got {n_cases}")
    j, scale = n_readers, pilot.n_cases / n_cases
    between = max(pilot.cov2 - pilot.cov3, 0.0)
    own = max(pilot.var_tr, 0.0) + scale * (pilot.var_error - pilot.cov1 - between)
    total = own + j * scale * between
    if not own > 0:
        raise AnalysisRefused("the pilot's components leave no positive error variance to plan from")
    return _power_of(j, n_cases, effect, total, (total / own) ** 2 * (j - 1), alpha)


def _power_of(j: int, n: int, effect: float, error: float, df2: float, alpha: float) -> MrmcPower:
    noncentrality = j * effect**2 / 2 / error
    critical = f_quantile(1 - _share("alpha", alpha), 1.0, df2)
    power = 1 - float(special.ncfdtr(1.0, df2, noncentrality, critical))
    return MrmcPower(j, n, power, noncentrality, df2, critical)


def mrmc_cases_needed(
    pilot: PilotComponents,
    *,
    n_readers: int,
    effect: float,
    alpha: float = 0.05,
    power: float = 0.8,
    at_most: int = 1_000_000,
) -> MrmcPower:
    """
    Smallest number of cases with which the study reaches a power.

    Parameters
    ----------
    pilot, n_readers, effect, alpha
        As in `mrmc_power`.
    power : float
        Wanted power.
    at_most : int
        Number of cases beyond which the search is given up.

    Returns
    -------
    MrmcPower

    Raises
    ------
    AnalysisRefused
        When these readers cannot reach the power with any number of cases: more readers are needed.
    """
    _share("power", power)

    def at(n: int) -> MrmcPower:
        return mrmc_power(pilot, n_readers=n_readers, n_cases=n, effect=effect, alpha=alpha)

    low, high = 1, 2
    while at(high).power < power:
        low, high = high, high * 2
        if high > at_most:
            raise AnalysisRefused(
                f"{n_readers} readers do not reach a power of {power:g} with any number of cases: add readers"
            )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if at(middle).power < power else (low, middle)
    return at(high)


@lru_cache(maxsize=256)
def normal_range(n: int) -> float:
    """Expected range of n independent standard normal values (3.078 for ten), by quadrature."""
    if n < 2:
        raise ValueError(f"a range needs two values, got {n}")
    x = np.linspace(-12.0, 12.0, 24001)
    tail = special.ndtr(x)
    inside = 1 - (1 - tail) ** n - tail**n
    # The integrand and all its derivatives vanish at the ends: the plain sum is exact to rounding.
    return float(inside.sum() * (x[1] - x[0]))


@dataclass(frozen=True, slots=True)
class NoPilotPlan(_Record):
    """
    Cases of a multi-reader study planned without a pilot.

    Parameters
    ----------
    var_tr, var_r, var_w, var_error, cov1, cov2, cov3 : float
        Assumed components; `var_w` within readers, `var_error` with it included.
    n_diseased, n_non_diseased : int
        Rounded up.
    """

    var_tr: float
    var_r: float
    var_w: float
    var_error: float
    cov1: float
    cov2: float
    cov3: float
    n_diseased: int
    n_non_diseased: int


# Correlation of a reader's accuracy over the two treatments, as Obuchowski assumes it.
_READER_CORRELATION = 0.8


def sample_size_mrmc(
    *,
    n_readers: int,
    difference: float,
    accuracy: float,
    range_between: float,
    range_within: float,
    endpoint: Literal["auc", "sensitivity"] = "auc",
    ratio: float = 1.0,
    r1: float = 0.47,
    r2: float = 0.3,
    r3: float = 0.3,
    alpha: float = 0.05,
    power: float = 0.8,
) -> NoPilotPlan:
    r"""
    Cases needed for a difference of two treatments, from ranges of accuracy instead of a pilot.

    .. math:: \lambda = \frac{J d^2/2}{\sigma^2_{TR} + \sigma^2_w + \sigma^2_c [(1 - r_1) + (J-1)(r_2 - r_3)]}

    Parameters
    ----------
    n_readers : int
        Readers J.
    difference : float
        Difference d to be shown.
    accuracy : float
        Expected mean accuracy.
    range_between, range_within : float
        Expected range of accuracy over these readers, and of one reader over two readings of the same cases;
        turned into standard deviations by the range of n_readers (and of 2) normal values.
    endpoint : {"auc", "sensitivity"}
        Figure of merit.
    ratio : float
        Non-diseased per diseased case.
    r1, r2, r3 : float
        Correlations of errors: same reader, other treatment; other reader, same treatment; both other.
    alpha, power : float
        Two-sided level and power.

    Returns
    -------
    NoPilotPlan

    Raises
    ------
    AnalysisRefused
        When the readers' own variability alone keeps the power from being reached: add readers.

    References
    ----------
    .. [1] Obuchowski NA. Acad Radiol 1995;2(Suppl 1):S22-S29.
    .. [2] Zhou XH, Obuchowski NA, McClish DK. Statistical Methods in Diagnostic Medicine. 2nd ed.
       Wiley, 2011.
    """
    if endpoint not in ("auc", "sensitivity"):
        raise ValueError(f"endpoint must be auc or sensitivity, got {endpoint!r}")
    if n_readers < 2:
        raise AnalysisRefused("random readers need at least two")
    if difference == 0 or not ratio > 0:
        raise ValueError("difference must not be 0 and ratio must be positive")
    var_r = (range_between / normal_range(n_readers)) ** 2
    var_w = (range_within / normal_range(2)) ** 2
    var_tr = var_r * (1 - _READER_CORRELATION)
    df2 = float(n_readers - 1)
    error = (
        n_readers * difference**2 / 2 / _noncentrality(df2, _share("alpha", alpha), _share("power", power))
    )
    shared = (1 - r1) + (n_readers - 1) * (r2 - r3)
    var_cases = (error - var_tr - var_w) / shared
    if not var_cases > 0:
        raise AnalysisRefused("the readers' variability alone exceeds what this power allows: add readers")
    var_error = var_cases + var_w
    n = math.ceil(case_variance(endpoint, accuracy, ratio) / var_cases - 1e-9)
    return NoPilotPlan(
        var_tr, var_r, var_w, var_error, r1 * var_error, r2 * var_error, r3 * var_error, n,
        math.ceil(n * ratio - 1e-9),
    )  # fmt: skip


def _noncentrality(df2: float, alpha: float, power: float) -> float:
    """Noncentrality at which F on 1 and df2 degrees of freedom has the power, by bisection."""
    critical = f_quantile(1 - alpha, 1.0, df2)
    low, high = 0.0, 1.0
    while 1 - float(special.ncfdtr(1.0, df2, high, critical)) < power:
        low, high = high, high * 2
    for _ in range(100):
        middle = (low + high) / 2
        if 1 - float(special.ncfdtr(1.0, df2, middle, critical)) < power:
            low = middle
        else:
            high = middle
    return (low + high) / 2
