"""Intraclass correlation: the six forms of Shrout and Fleiss, with both conventions for their intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, choice
from readerstudy.stats.distributions import f_quantile, f_tail
from readerstudy.stats.estimate import Estimate, HypothesisTest, _Record


@dataclass(frozen=True, slots=True)
class IccResult(_Record):
    """
    An intraclass correlation and the F test that it is 0.

    Parameters
    ----------
    icc : Estimate
        Value and interval; no standard error is defined.
    test : HypothesisTest
        F on `df` and `df2` degrees of freedom.
    """

    icc: Estimate
    test: HypothesisTest

    def __str__(self) -> str:
        return str(self.icc)


@dataclass(frozen=True, slots=True)
class _MeanSquares:
    rows: float
    columns: float
    error: float
    within: float
    n: int
    k: int


def _mean_squares(x: FloatArray) -> _MeanSquares:
    n, k = x.shape
    grand = x.mean()
    rows = k * float(((x.mean(axis=1) - grand) ** 2).sum())
    columns = n * float(((x.mean(axis=0) - grand) ** 2).sum())
    total = float(((x - grand) ** 2).sum())
    error = max(total - rows - columns, 0.0)
    # Sums of squares of exact constants leave rounding; keep a true 0 a 0.
    tiny = 1e-12 * max(total, 1e-300)
    rows, columns, error = (0.0 if part < tiny else part for part in (rows, columns, error))
    return _MeanSquares(
        rows / (n - 1),
        columns / (k - 1),
        error / ((n - 1) * (k - 1)),
        (columns + error) / (n * (k - 1)),
        n,
        k,
    )


def _satterthwaite(icc: float, ms: _MeanSquares) -> float:
    """Degrees of freedom of the combined error of the two-way agreement forms, at a given ICC."""
    n, k = ms.n, ms.k
    if icc >= 1:
        return math.nan
    a = k * icc / (n * (1 - icc))
    b = 1 + k * icc * (n - 1) / (n * (1 - icc))
    bottom = (a * ms.columns) ** 2 / (k - 1) + (b * ms.error) ** 2 / ((n - 1) * (k - 1))
    return (a * ms.columns + b * ms.error) ** 2 / bottom if bottom > 0 else math.nan


def _ratio(a: float, b: float) -> float:
    return a / b if b != 0 else math.nan


def _spearman_brown(single: float, k: int) -> float:
    return _ratio(k * single, 1 + (k - 1) * single)


def _one_way(
    ms: _MeanSquares, unit: str, confidence: float, *, error: float, df2: float
) -> tuple[float, ...]:
    """ICC and limits from a plain F ratio: one-way forms and two-way consistency."""
    k, df1 = ms.k, ms.n - 1
    value = _ratio(ms.rows - error, ms.rows + (k - 1) * error)
    if error == 0:
        return value, 1.0, 1.0, math.inf, df1, df2
    f = ms.rows / error
    tail = (1 + confidence) / 2
    low_f, high_f = f / f_quantile(tail, df1, df2), f * f_quantile(tail, df2, df1)
    if unit == "single":
        return value, (low_f - 1) / (low_f + k - 1), (high_f - 1) / (high_f + k - 1), f, df1, df2
    if f == 0:
        return -math.inf, -math.inf, -math.inf, f, df1, df2
    return 1 - 1 / f, 1 - 1 / low_f, 1 - 1 / high_f, f, df1, df2


def _agreement(ms: _MeanSquares, unit: str, variant: str, confidence: float) -> tuple[float, ...]:
    """Two-way agreement: the readers' differences count as error (McGraw and Wong's case 2A)."""
    n, k = ms.n, ms.k
    single = _ratio(ms.rows - ms.error, ms.rows + (k - 1) * ms.error + k / n * (ms.columns - ms.error))
    spread = ms.rows + (ms.columns - ms.error) / n
    average = (ms.rows - ms.error) / spread if spread > 0 else math.nan
    own = single if unit == "single" or variant == "shrout_fleiss" else average
    v = _satterthwaite(own, ms)
    tail, df1 = (1 + confidence) / 2, n - 1
    low_f, high_f = f_quantile(tail, df1, v), f_quantile(tail, v, df1)
    if unit == "single" or variant == "shrout_fleiss":
        base = k * ms.columns + (k * n - k - n) * ms.error
        low = _ratio(n * (ms.rows - low_f * ms.error), low_f * base + n * ms.rows)
        high = _ratio(n * (high_f * ms.rows - ms.error), base + n * high_f * ms.rows)
        if unit == "average":
            low, high = _spearman_brown(low, k), _spearman_brown(high, k)
    else:
        gap = ms.columns - ms.error
        low = _ratio(n * (ms.rows - low_f * ms.error), low_f * gap + n * ms.rows)
        high = _ratio(n * (high_f * ms.rows - ms.error), gap + n * high_f * ms.rows)
    f = ms.rows / ms.error if ms.error > 0 else math.inf
    df2 = v if variant == "mcgraw_wong" else (n - 1.0) * (k - 1)
    return single if unit == "single" else average, low, high, f, df1, df2


def icc(
    ratings: ArrayLike,
    *,
    model: Literal["oneway", "twoway"] = "twoway",
    kind: Literal["consistency", "agreement"] = "agreement",
    unit: Literal["single", "average"] = "single",
    variant: Literal["mcgraw_wong", "shrout_fleiss"] = "mcgraw_wong",
    confidence: float = 0.95,
) -> IccResult:
    r"""
    Intraclass correlation of several readers who measured the same units.

    Parameters
    ----------
    ratings : array_like, shape (n_units, n_readers)
        Measurements, or grades taken as numbers. Units with NaN are left out and counted in the note.
    model : {"oneway", "twoway"}
        One-way: each unit has readers of its own. Two-way: the same readers read all units.
    kind : {"consistency", "agreement"}
        Whether systematic differences between readers count as error (two-way only).
    unit : {"single", "average"}
        Reliability of one reader, or of the mean of all.
    variant : {"mcgraw_wong", "shrout_fleiss"}
        Two-way agreement only: the F test and interval on Satterthwaite's degrees of freedom (computed from
        the form's own ICC), or F on (n - 1), (n - 1)(k - 1) with the average's interval by the
        Spearman-Brown formula.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    IccResult
        Undefined when all measurements are alike, when units vary less than chance would have them by so much
        that a form has no variance to refer to, or with fewer than two complete units.

    References
    ----------
    .. [1] Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428. doi:10.1037/0033-2909.86.2.420
    .. [2] McGraw KO, Wong SP. Psychol Methods 1996;1:30-46. doi:10.1037/1082-989X.1.1.30

    Examples
    --------
    >>> judges = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    >>> round(icc(judges).icc.value, 2)
    0.29
    """
    checks: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("model", model, ("oneway", "twoway")),
        ("kind", kind, ("consistency", "agreement")),
        ("unit", unit, ("single", "average")),
        ("variant", variant, ("mcgraw_wong", "shrout_fleiss")),
    )
    for name, given, allowed in checks:
        choice(name, given, allowed)
    x = np.asarray(ratings, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise ValueError(f"ratings must have shape (n_units, n_readers >= 2), got {x.shape}")
    whole = ~np.isnan(x).any(axis=1)
    note = f"{int((~whole).sum())} incomplete units were left out" if not whole.all() else ""
    x = x[whole]
    if np.isinf(x).any():
        raise ValueError("ratings holds an infinite value")
    n, k = x.shape
    form = f"{model} {kind}" if model == "twoway" else "oneway"
    convention = {"mcgraw_wong": "McGraw-Wong", "shrout_fleiss": "Shrout-Fleiss"}[variant]
    method = f"intraclass correlation, {form}, {unit}; F interval ({convention})"

    def gone(why: str) -> IccResult:
        nan = math.nan
        return IccResult(
            Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=confidence),
            HypothesisTest(nan, nan, nan, n, None, method, "greater", undefined_because=why),
        )

    if n < 2:
        return gone("fewer than two complete units")
    width = np.ptp(x)
    if width == 0:
        return gone("all measurements are alike")
    # No form depends on origin and unit: on 0..1 no square leaves the range of numbers.
    ms = _mean_squares((x - x.min()) / width)
    if model == "oneway":
        out = _one_way(ms, unit, confidence, error=ms.within, df2=n * (k - 1.0))
    elif kind == "consistency":
        out = _one_way(ms, unit, confidence, error=ms.error, df2=(n - 1.0) * (k - 1))
    else:
        out = _agreement(ms, unit, variant, confidence)
    value, low, high, f, df1, df2 = out
    if not math.isfinite(value):
        return gone("no variability between units")
    if math.isnan(low) or math.isnan(high):
        low = high = math.nan
    if math.isfinite(f) and not math.isnan(df2):
        test = HypothesisTest(f, df1, f_tail(f, df1, df2), n, None, method, "greater", df2)
    else:
        why = "the degrees of freedom are not defined" if math.isfinite(f) else "the residual variance is 0"
        test = HypothesisTest(math.nan, df1, math.nan, n, None, method, "greater", df2, undefined_because=why)
        note = f"{note}; {why}" if note else why
    if math.isnan(low) and math.isfinite(f):
        note = f"{note}; no interval for these mean squares" if note else "no interval for these mean squares"
    estimate = Estimate(
        value, min(low, value), max(high, value), math.nan, n, None, method, confidence, note=note
    )
    return IccResult(estimate, test)
