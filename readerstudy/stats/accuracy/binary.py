"""
Accuracy of calls at a cut, for one item per patient.

Undefined scores stay undefined: no positive item means that sensitivity is "not estimable", not 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.estimate import Estimate, _Record

from .counts import BinaryCounts, binary_counts
from .proportions import ProportionMethod, proportion

MEASURES = (
    "accuracy",
    "sensitivity",
    "specificity",
    "ppv",
    "npv",
    "f1",
    "mcc",
    "balanced_accuracy",
    "positive_likelihood_ratio",
    "negative_likelihood_ratio",
)
SHARES = ("accuracy", "sensitivity", "specificity", "ppv", "npv")

WHY_UNDEFINED = {
    "accuracy": "no items",
    "sensitivity": "no positive items",
    "specificity": "no negative items",
    "ppv": "no positive calls",
    "npv": "no negative calls",
    "f1": "no positive items and no positive calls",
    "mcc": "reference or calls are all alike",
    "balanced_accuracy": "one class of the reference is absent",
    "positive_likelihood_ratio": "no false positive call, or one class of the reference is absent",
    "negative_likelihood_ratio": "no true negative call, or one class of the reference is absent",
}

# Range and scale of the symmetric interval of each measure.
SCALES: dict[str, tuple[Any, tuple[float, float]]] = {
    "accuracy": ("logit", (0.0, 1.0)),
    "sensitivity": ("logit", (0.0, 1.0)),
    "specificity": ("logit", (0.0, 1.0)),
    "ppv": ("logit", (0.0, 1.0)),
    "npv": ("logit", (0.0, 1.0)),
    "f1": ("logit", (0.0, 1.0)),
    "mcc": ("arctanh", (-1.0, 1.0)),
    "balanced_accuracy": ("logit", (0.0, 1.0)),
    "positive_likelihood_ratio": ("log", (0.0, math.inf)),
    "negative_likelihood_ratio": ("log", (0.0, math.inf)),
}


def _ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    out = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    np.divide(numerator, denominator, out=out, where=denominator > 0)
    return out


def measure_of_counts(counts: FloatArray, measure: str) -> FloatArray:
    r"""
    A measure of accuracy from counts tp, fp, fn, tn.

    Parameters
    ----------
    counts : ndarray, shape (..., 4)
        tp, fp, fn, tn along the last axis; weights of a resample may make them fractional.
    measure : str
        One of `MEASURES`.

    Returns
    -------
    ndarray, shape (...)
        NaN where undefined.
    """
    tp, fp, fn, tn = (counts[..., k] for k in range(4))
    if measure == "accuracy":
        return _ratio(tp + tn, tp + fp + fn + tn)
    if measure == "sensitivity":
        return _ratio(tp, tp + fn)
    if measure == "specificity":
        return _ratio(tn, tn + fp)
    if measure == "ppv":
        return _ratio(tp, tp + fp)
    if measure == "npv":
        return _ratio(tn, tn + fn)
    if measure == "f1":
        return _ratio(2 * tp, 2 * tp + fp + fn)
    if measure == "mcc":
        # The product of four counts overflows no float64 at any real study size.
        return _ratio(tp * tn - fp * fn, np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)))
    sensitivity, specificity = _ratio(tp, tp + fn), _ratio(tn, tn + fp)
    if measure == "balanced_accuracy":
        return np.asarray((sensitivity + specificity) / 2)
    if measure == "positive_likelihood_ratio":
        return _ratio(sensitivity, 1 - specificity)
    if measure == "negative_likelihood_ratio":
        return _ratio(1 - sensitivity, specificity)
    raise ValueError(f"measure must be one of {', '.join(MEASURES)}, got {measure!r}")


def as_vector(counts: BinaryCounts) -> FloatArray:
    """Counts in the order tp, fp, fn, tn."""
    return np.array([counts.tp, counts.fp, counts.fn, counts.tn], dtype=np.float64)


def share_of_counts(
    counts: BinaryCounts,
    measure: str,
    *,
    method: ProportionMethod = "wilson",
    confidence: float = 0.95,
    clip: bool = True,
) -> Estimate:
    """
    Sensitivity, specificity, PPV, NPV or accuracy from the four counts, as a binomial proportion.

    Parameters
    ----------
    counts : BinaryCounts
        The four counts at the cut.
    measure : {"accuracy", "sensitivity", "specificity", "ppv", "npv"}
        Which share.
    method, confidence, clip
        As in `proportion`.

    Returns
    -------
    Estimate
        Undefined, with its own reason, when its denominator is 0.
    """
    parts = {
        "accuracy": (counts.tp + counts.tn, counts.n),
        "sensitivity": (counts.tp, counts.diseased),
        "specificity": (counts.tn, counts.non_diseased),
        "ppv": (counts.tp, counts.tp + counts.fp),
        "npv": (counts.tn, counts.tn + counts.fn),
    }
    if measure not in parts:
        raise ValueError(f"measure must be one of {', '.join(parts)}, got {measure!r}")
    x, n = parts[measure]
    share = proportion(x, n, method=method, confidence=confidence, clip=clip)
    name = share.method.replace("proportion", measure, 1)
    if not share.defined:
        return Estimate.undefined(
            WHY_UNDEFINED[measure], n=0, n_clusters=None, method=name, confidence=confidence
        )
    return Estimate(share.value, share.low, share.high, share.se, n, None, name, confidence, note=share.note)


@dataclass(frozen=True, slots=True)
class BinarySummary(_Record):
    """The measures of accuracy at one cut; each is an `Estimate` and may be undefined on its own."""

    counts: BinaryCounts
    accuracy: Estimate
    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    f1: Estimate
    mcc: Estimate
    balanced_accuracy: Estimate
    positive_likelihood_ratio: Estimate
    negative_likelihood_ratio: Estimate

    @property
    def note(self) -> str:
        """What cannot be estimated, and why; empty when all can."""
        undefined = [
            f"{name} not estimable ({getattr(self, name).undefined_because})"
            for name in MEASURES
            if not getattr(self, name).defined
        ]
        return "; ".join(undefined)


def likelihood_ratio_of_counts(counts: BinaryCounts, *, positive: bool, confidence: float = 0.95) -> Estimate:
    r"""
    Positive or negative likelihood ratio with the log interval of Simel and others.

    .. math:: LR_+ = \frac{sens}{1 - spec}, \quad LR_- = \frac{1 - sens}{spec}

    Parameters
    ----------
    counts : BinaryCounts
        The four counts at the cut.
    positive : bool
        LR+ when true, LR- otherwise.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        Undefined when the denominator is 0; at a ratio of 0 there is no log interval.

    References
    ----------
    .. [1] Simel DL, Samsa GP, Matchar DB. J Clin Epidemiol 1991;44:763-770. doi:10.1016/0895-4356(91)90128-V
    """
    measure = "positive_likelihood_ratio" if positive else "negative_likelihood_ratio"
    name = f"{measure.replace('_', ' ')}; log interval (Simel)"
    value = float(measure_of_counts(as_vector(counts), measure))
    if math.isnan(value):
        return Estimate.undefined(
            WHY_UNDEFINED[measure], n=counts.n, n_clusters=None, method=name, confidence=confidence
        )
    x1, x0 = (counts.tp, counts.fp) if positive else (counts.fn, counts.tn)
    if x1 == 0 or x0 == 0:
        return Estimate(
            value, math.nan, math.nan, math.nan, counts.n, None, name, confidence,
            note="no interval: a ratio of 0 has no logarithm",
        )  # fmt: skip
    from readerstudy.stats.distributions import delta_interval, normal_quantile

    se_log = math.sqrt(1 / x1 - 1 / counts.diseased + 1 / x0 - 1 / counts.non_diseased)
    low, high = delta_interval(value, value * se_log, normal_quantile(confidence), "log")
    return Estimate(value, low, high, value * se_log, counts.n, None, name, confidence)


def binary_summary(
    reference: ArrayLike,
    given: ArrayLike,
    *,
    cut: float = 1,
    reference_cut: float | None = None,
    method: ProportionMethod = "wilson",
    confidence: float = 0.95,
) -> BinarySummary:
    """
    All measures of accuracy at a cut, for one item per patient.

    Parameters
    ----------
    reference, given : array_like, shape (n_items,)
        Grades, 0/1 calls, or scores; positive at or above the cut.
    cut : float
        Cut of `given` (and of `reference` unless `reference_cut` is given).
    reference_cut : float, optional
        Cut of the reference where it differs.
    method : str
        Interval of the shares, as in `proportion`; F1, MCC and balanced accuracy have delta-method intervals
        on the logit (arctanh for MCC) scale, from the multinomial distribution of the four counts.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    BinarySummary

    Notes
    -----
    Several items per patient need `clustered_binary_summary`.

    Examples
    --------
    >>> binary_summary([0, 0, 0], [0, 0, 0], cut=1).f1.undefined_because
    'no positive items and no positive calls'
    """
    counts = binary_counts(reference, given, cut=cut, reference_cut=reference_cut)
    return summary_of_counts(counts, method=method, confidence=confidence)


def summary_of_counts(
    counts: BinaryCounts, *, method: ProportionMethod = "wilson", confidence: float = 0.95
) -> BinarySummary:
    """All measures from the four counts; see `binary_summary`."""
    shares = {
        measure: share_of_counts(counts, measure, method=method, confidence=confidence) for measure in SHARES
    }
    smooth = {
        measure: multinomial_measure(counts, measure, confidence=confidence)
        for measure in ("f1", "mcc", "balanced_accuracy")
    }
    return BinarySummary(
        counts=counts,
        **shares,
        **smooth,
        positive_likelihood_ratio=likelihood_ratio_of_counts(counts, positive=True, confidence=confidence),
        negative_likelihood_ratio=likelihood_ratio_of_counts(counts, positive=False, confidence=confidence),
    )


def multinomial_measure(counts: BinaryCounts, measure: str, *, confidence: float = 0.95) -> Estimate:
    r"""
    F1, MCC or balanced accuracy with a delta-method interval from the multinomial distribution.

    .. math:: \widehat{var} = \frac{1}{n}\Big(\sum_k g_k^2 p_k - (\sum_k g_k p_k)^2\Big),
              \quad g_k = \partial f / \partial p_k

    Parameters
    ----------
    counts : BinaryCounts
        The four counts at the cut.
    measure : {"f1", "mcc", "balanced_accuracy"}
        Which measure.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
    """
    from readerstudy.stats.distributions import delta_interval, normal_quantile

    scale, limits = SCALES[measure]
    name = f"{measure.replace('_', ' ')}; multinomial delta method, {scale} scale"
    x = as_vector(counts)
    value = float(measure_of_counts(x, measure))
    n = counts.n
    if math.isnan(value):
        return Estimate.undefined(
            WHY_UNDEFINED[measure], n=n, n_clusters=None, method=name, confidence=confidence
        )
    # The measures are homogeneous of degree 0 in the counts: a central difference in the shares is exact
    # to rounding and spares ten hand-written gradients.
    p, step = x / n, 1e-6
    up = measure_of_counts(p + step * np.eye(4), measure)
    down = measure_of_counts(np.maximum(p - step * np.eye(4), 0.0), measure)
    width = step + np.minimum(p, step)
    gradient = (up - down) / width
    used = p > 0
    variance = float(np.sum(gradient[used] ** 2 * p[used]) - np.sum(gradient[used] * p[used]) ** 2) / n
    if not np.all(np.isfinite(gradient[used])):
        return Estimate(
            value, math.nan, math.nan, math.nan, n, None, name, confidence,
            note="no interval: undefined when one count changes",
        )  # fmt: skip
    se = math.sqrt(max(variance, 0.0))
    if transformed_is_infinite(value, limits):
        return Estimate(
            value, math.nan, math.nan, se, n, None, name, confidence,
            note="no interval: the value lies at the end of its range",
        )  # fmt: skip
    low, high = delta_interval(value, se, normal_quantile(confidence), scale)
    return Estimate(value, low, high, se, n, None, name, confidence)


def transformed_is_infinite(value: float, limits: tuple[float, float]) -> bool:
    """Whether a value lies at an end of its range, where logit and arctanh are infinite."""
    return value <= limits[0] or value >= limits[1]
