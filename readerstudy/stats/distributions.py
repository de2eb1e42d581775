"""
Quantiles, tail probabilities and interval transformations, from `scipy.special` alone.

`scipy.stats` is deliberately not imported: it costs most of a second, which a command or a page that asks
for one kappa would pay.
"""

from __future__ import annotations

import math
from typing import Literal

from scipy import special

from .estimate import Alternative

Transform = Literal["identity", "logit", "arctanh", "log"]


def normal_quantile(confidence: float) -> float:
    """Two-sided normal quantile: 1.96 for a confidence of 0.95."""
    return float(special.ndtri(0.5 + confidence / 2.0))


def t_quantile(confidence: float, df: float) -> float:
    """Two-sided quantile of Student's t; the normal one for infinite df; infinite for df of 0 or less."""
    if math.isnan(df) or df <= 0:
        return math.inf
    if math.isinf(df):
        return normal_quantile(confidence)
    # Through the incomplete beta function: `special.stdtrit` loses digits at fractional df.
    tail = (1.0 - confidence) / 2.0
    if tail >= 0.5:
        return 0.0
    x = float(special.betaincinv(df / 2.0, 0.5, 2.0 * tail))
    return math.sqrt(df * (1.0 - x) / x) if x > 0 else math.inf


def t_tail(t: float, df: float, alternative: Alternative = "two-sided") -> float:
    """p-value of a t statistic; of a normal one when df is infinite."""
    if math.isnan(t):
        return math.nan
    if alternative == "two-sided":
        return min(1.0, 2.0 * _upper_t(abs(t), df))
    return _upper_t(t, df) if alternative == "greater" else _upper_t(-t, df)


def _upper_t(t: float, df: float) -> float:
    if math.isinf(df):
        return float(special.ndtr(-t))
    if math.isinf(t):
        return 0.0 if t > 0 else 1.0
    return float(special.stdtr(df, -t))


def chi2_tail(statistic: float, df: float) -> float:
    """Upper tail of chi-square."""
    return float(special.chdtrc(df, statistic)) if not math.isnan(statistic) else math.nan


def f_tail(statistic: float, df1: float, df2: float) -> float:
    """Upper tail of F; of chi-square over df1 when df2 is infinite."""
    if math.isnan(statistic):
        return math.nan
    if math.isinf(statistic):
        return 0.0
    if math.isinf(df2):
        return chi2_tail(statistic * df1, df1)
    return float(special.fdtrc(df1, df2, statistic))


def f_quantile(probability: float, df1: float, df2: float) -> float:
    """Lower quantile of F."""
    if probability <= 0:
        return 0.0
    # The incomplete beta inverse on the smaller tail keeps full precision for fractional df.
    x = float(special.betainccinv(df1 / 2.0, df2 / 2.0, 1.0 - probability))
    return df2 * x / (df1 * (1.0 - x)) if x < 1 else math.inf


def transform(value: float, scale: Transform) -> float:
    """Carry a value to the scale on which its interval is symmetric; infinite at the end of the range."""
    if scale == "logit":
        return math.inf if value >= 1 else -math.inf if value <= 0 else math.log(value / (1.0 - value))
    if scale == "arctanh":
        return math.inf if value >= 1 else -math.inf if value <= -1 else math.atanh(value)
    if scale == "log":
        return -math.inf if value <= 0 else math.log(value)
    return value


def back(value: float, scale: Transform) -> float:
    """Carry an interval limit back from its scale."""
    if scale == "logit":
        return float(special.expit(value))
    if scale == "arctanh":
        return math.tanh(value)
    if scale == "log":
        return math.exp(value) if value < 700 else math.inf
    return value


def derivative(value: float, scale: Transform) -> float:
    """Derivative of `transform` at a value inside its range, for the delta method."""
    if scale == "logit":
        return 1.0 / (value * (1.0 - value))
    if scale == "arctanh":
        return 1.0 / (1.0 - value * value)
    if scale == "log":
        return 1.0 / value
    return 1.0


def delta_interval(
    value: float, se: float, quantile: float, scale: Transform = "identity"
) -> tuple[float, float]:
    """
    Interval symmetric on `scale`, by the delta method.

    NaN limits when the standard error is unknown; at the end of the range, where the transformation is
    infinite, the limits are the value itself and callers add a note.
    """
    if math.isnan(value) or math.isnan(se):
        return math.nan, math.nan
    if se == 0.0:
        return value, value
    centre = transform(value, scale)
    if math.isinf(centre):
        return math.nan, math.nan
    half = quantile * se * derivative(value, scale)
    return back(centre - half, scale), back(centre + half, scale)


def clip_interval(low: float, high: float, lowest: float, highest: float) -> tuple[float, float]:
    """Cut limits to the range of the quantity, leaving NaN as it is."""
    return (
        low if math.isnan(low) else min(max(low, lowest), highest),
        high if math.isnan(high) else min(max(high, lowest), highest),
    )
