"""Sample size of studies of one AUC, of two AUCs on the same cases, and of a stand-alone model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from numpy.typing import ArrayLike
from scipy import special

from readerstudy.stats.estimate import AnalysisRefused, _Record
from readerstudy.stats.roc.delong import auc_difference


@dataclass(frozen=True, slots=True)
class SampleSize(_Record):
    """
    Cases that a study needs, or the power that it has.

    Parameters
    ----------
    n_diseased, n_non_diseased : float
        Cases of each class; not rounded unless the function says so.
    power : float
        Power at these numbers.
    method : str
        Formula in words.
    """

    n_diseased: float
    n_non_diseased: float
    power: float
    method: str


def _z(probability: float) -> float:
    return float(special.ndtri(probability))


def _share(name: str, value: float) -> float:
    if not 0 < value < 1:
        raise ValueError(f"{name} must lie between 0 and 1 (exclusive), got {value!r}")
    return value


def binormal_auc_variance(auc: float, ratio: float) -> float:
    r"""
    Obuchowski's variance function of an AUC, times the number of diseased cases.

    .. math:: V = 0.0099\, e^{-A^2/2} \left( (5A^2 + 8) + \frac{A^2 + 8}{\kappa} \right), \quad
              A = 1.414\, \Phi^{-1}(AUC)

    Parameters
    ----------
    auc : float
        Expected area, in (0, 1).
    ratio : float
        Non-diseased cases per diseased one.

    References
    ----------
    .. [1] Obuchowski NA, McClish DK. Stat Med 1997;16:1529-1542.
       doi:10.1002/(SICI)1097-0258(19970715)16:13<1529::AID-SIM565>3.0.CO;2-H
    """
    a = 1.414 * _z(_share("auc", auc))
    return 0.0099 * math.exp(-a * a / 2) * ((5 * a * a + 8) + (a * a + 8) / ratio)


def sample_size_auc(
    auc: float,
    *,
    n_diseased: float | None = None,
    n_non_diseased: float | None = None,
    power: float | None = None,
    ratio: float | None = None,
    alpha: float = 0.05,
) -> SampleSize:
    """
    Test of one AUC against 1/2: the number of cases, or the power.

    Parameters
    ----------
    auc : float
        Expected area, in (0, 1) and not 1/2.
    n_diseased, n_non_diseased : float, optional
        Numbers of cases; what is None is computed.
    power : float, optional
        Wanted power; computed when None.
    ratio : float, optional
        Non-diseased per diseased case; from the numbers when both are given, else 1.
    alpha : float
        Two-sided level.

    Returns
    -------
    SampleSize
        Not rounded.

    References
    ----------
    .. [1] Obuchowski NA, Lieber ML, Wians FH. Clin Chem 2004;50:1118-1125. doi:10.1373/clinchem.2004.031823

    Examples
    --------
    >>> round(sample_size_auc(0.8, power=0.95, ratio=1).n_diseased, 2)
    20.21
    """
    _share("auc", auc)
    _share("alpha", alpha)
    effect = abs(auc - 0.5)
    if effect == 0:
        raise ValueError("auc must differ from 0.5: no number of cases can show no effect")
    method = "one AUC against 0.5, Obuchowski 2004"
    if n_diseased is not None and n_non_diseased is not None:
        ratio = n_non_diseased / n_diseased
    kappa = 1.0 if ratio is None else float(ratio)
    if not kappa > 0:
        raise ValueError(f"ratio must be positive, got {kappa}")
    null, other = math.sqrt(0.0792 * (1 + 1 / kappa)), math.sqrt(binormal_auc_variance(auc, kappa))
    if power is None:
        if n_diseased is None and n_non_diseased is None:
            raise ValueError("give a number of cases or a power")
        n = n_diseased if n_diseased is not None else float(n_non_diseased or 0) / kappa
        power = float(special.ndtr((math.sqrt(n) * effect - _z(1 - alpha / 2) * null) / other))
        return SampleSize(n, n * kappa, power, method)
    n = (_z(1 - alpha / 2) * null + _z(_share("power", power)) * other) ** 2 / effect**2
    if n_diseased is not None or n_non_diseased is not None:
        raise ValueError("give the numbers of cases or the power, not both")
    return SampleSize(n, n * kappa, power, method)


def sample_size_auc_difference(
    reference: ArrayLike, first: ArrayLike, second: ArrayLike, *, power: float = 0.8, alpha: float = 0.05
) -> SampleSize:
    """
    Cases needed to show the difference of two AUCs seen in a paired pilot.

    Parameters
    ----------
    reference, first, second : array_like, shape (n_cases,)
        Pilot: reference standard and two scores of the same cases.
    power : float
        Wanted power.
    alpha : float
        Two-sided level.

    Returns
    -------
    SampleSize
        Not rounded, at the pilot's ratio of classes. Under the null hypothesis both areas are given the first
        one's variance and the pilot's covariance.

    Raises
    ------
    AnalysisRefused
        When the pilot's areas are alike or their variance is unknown.

    References
    ----------
    .. [1] Obuchowski NA, McClish DK. Stat Med 1997;16:1529-1542.
    """
    pilot = auc_difference(reference, first, second, interval="wald")
    if not pilot.difference.se > 0 or pilot.difference.value == 0:
        raise AnalysisRefused("the pilot shows no difference of the areas, or no variance to plan from")
    n1 = sum(bool(x) for x in list(reference))  # type: ignore[arg-type]
    n0 = pilot.difference.n - n1
    null = 2 * pilot.first.se**2 - 2 * pilot.covariance
    if null <= 0:
        raise AnalysisRefused("the pilot's variance under the null hypothesis is not positive")
    size = (
        _z(1 - _share("alpha", alpha) / 2) * math.sqrt(null)
        + _z(_share("power", power)) * pilot.difference.se
    )
    n = n1 * size**2 / pilot.difference.value**2
    return SampleSize(n, n * n0 / n1, power, "two paired AUCs from a pilot, DeLong variances")


def sample_size_standalone(
    *,
    endpoint: Literal["auc", "sensitivity"] = "auc",
    accuracy: float,
    precision: float,
    ratio: float = 1.0,
    alpha: float = 0.05,
    power: float = 0.8,
) -> SampleSize:
    """
    Cases needed to estimate a model's AUC or sensitivity with a given precision.

    Parameters
    ----------
    endpoint : {"auc", "sensitivity"}
        What is estimated.
    accuracy : float
        Expected value.
    precision : float
        Half-width to be reached with the power.
    ratio : float
        Non-diseased per diseased case.
    alpha, power : float
        Two-sided level and power.

    Returns
    -------
    SampleSize
        Rounded up.
    """
    if endpoint not in ("auc", "sensitivity"):
        raise ValueError(f"endpoint must be auc or sensitivity, got {endpoint!r}")
    if not precision > 0 or not ratio > 0:
        raise ValueError("precision and ratio must be positive")
    spread = case_variance(endpoint, accuracy, ratio)
    z = _z(1 - _share("alpha", alpha) / 2) + _z(_share("power", power))
    n = math.ceil(z * z * spread / precision**2 - 1e-9)
    return SampleSize(
        n, math.ceil(n * ratio - 1e-9), power, f"stand-alone {endpoint}, half-width {precision:g}"
    )


def case_variance(endpoint: str, accuracy: float, ratio: float) -> float:
    """Variance of the figure times the number of diseased cases."""
    _share("accuracy", accuracy)
    return binormal_auc_variance(accuracy, ratio) if endpoint == "auc" else accuracy * (1 - accuracy)
