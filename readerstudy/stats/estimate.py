"""
What every function of this package returns: frozen results that carry their own provenance.

An `Estimate` is a number with its interval, standard error, numbers of items and clusters, and the
name of its method. A quantity that the data do not define is still an `Estimate`: its value is NaN and
`undefined_because` says why, so that a page prints a reason and never an invented 0. A value that stands
although its interval or test should not be relied upon carries a `note`.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

Alternative = Literal["two-sided", "greater", "less"]


class AnalysisRefused(ValueError):
    """The analysis that was asked for cannot be justified by this design; the message says why."""


def _check_confidence(confidence: float) -> None:
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie between 0 and 1 (exclusive), got {confidence!r}")


def json_safe(value: Any) -> Any:
    """Turn NaN and infinities into None and NumPy values into Python's, all the way down."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): json_safe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(item) for item in value]
    return value


class _Record:
    """Shared by the frozen results: a dictionary for JSON."""

    __slots__ = ()

    def as_dict(self) -> dict[str, Any]:
        """Return all fields, nested ones included, with NaN and infinities as None."""
        safe: dict[str, Any] = json_safe(asdict(self))  # type: ignore[call-overload]
        return safe


@dataclass(frozen=True, slots=True)
class Estimate(_Record):
    """
    A statistic with its interval and where it came from.

    Parameters
    ----------
    value : float
        The point estimate; NaN exactly when `undefined_because` is given.
    low, high : float
        Limits of the two-sided interval; NaN when no interval can be given.
    se : float
        Standard error on the scale of `value`; NaN when it cannot be estimated.
    n : int
        Items (or cases) behind the value: its denominator.
    n_clusters : int or None
        Independent clusters (patients) behind the value; None for a form that assumes one item per patient.
    method : str
        Estimator and interval, in words that can be printed in a report.
    confidence : float
        Coverage of the interval, in (0, 1).
    seed : int or None
        Seed of the random generator, where one was used.
    undefined_because : str
        Why there is no value; empty when there is one.
    note : str
        What a reader of the number must know (a degenerate interval, few readers); empty when nothing.
    """

    value: float
    low: float
    high: float
    se: float
    n: int
    n_clusters: int | None
    method: str
    confidence: float
    seed: int | None = None
    undefined_because: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        _check_confidence(self.confidence)
        if math.isnan(self.value) != bool(self.undefined_because):
            raise ValueError("an Estimate has either a value or undefined_because, not both and not neither")
        if self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")
        if self.n < 0:
            raise ValueError(f"n must not be negative, got {self.n}")

    @classmethod
    def undefined(
        cls,
        because: str,
        *,
        n: int,
        n_clusters: int | None,
        method: str,
        confidence: float,
        seed: int | None = None,
    ) -> Estimate:
        """Return the estimate that says why there is none."""
        nan = math.nan
        return cls(nan, nan, nan, nan, n, n_clusters, method, confidence, seed, because)

    @property
    def defined(self) -> bool:
        """Whether there is a value."""
        return not self.undefined_because

    def __str__(self) -> str:
        if self.undefined_because:
            return f"not estimable ({self.undefined_because})"
        if math.isnan(self.low):
            return f"{self.value:.3f} (no interval)"
        return f"{self.value:.3f} ({self.confidence * 100:g} % CI {self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True, slots=True)
class HypothesisTest(_Record):
    """
    A test statistic, its reference distribution and its p-value.

    Parameters
    ----------
    statistic : float
        t, z, chi-square or F; NaN when undefined.
    df : float
        Degrees of freedom (of the numerator for F); infinite for a normal statistic.
    df2 : float
        Degrees of freedom of F's denominator, else NaN.
    p : float
        p-value under `alternative`; NaN when undefined.
    n, n_clusters, method, undefined_because, note
        As in `Estimate`.
    alternative : {"two-sided", "greater", "less"}
        Direction, of the first minus the second.
    """

    statistic: float
    df: float
    p: float
    n: int
    n_clusters: int | None
    method: str
    alternative: Alternative = "two-sided"
    df2: float = math.nan
    undefined_because: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if math.isnan(self.p) != bool(self.undefined_because):
            raise ValueError("a HypothesisTest has either p or undefined_because, not both and not neither")
        if not (math.isnan(self.p) or 0.0 <= self.p <= 1.0):
            raise ValueError(f"p must lie in 0..1, got {self.p}")

    @property
    def defined(self) -> bool:
        """Whether there is a p-value."""
        return not self.undefined_because

    def __str__(self) -> str:
        if self.undefined_because:
            return f"not estimable ({self.undefined_because})"
        return f"statistic {self.statistic:.3f}, p = {self.p:.3g}"


@dataclass(frozen=True, slots=True)
class Comparison(_Record):
    """
    Two estimates, their difference (first minus second) and the test of no difference.

    Parameters
    ----------
    first, second : Estimate
        The two quantities compared.
    difference : Estimate
        First minus second with its interval (always two-sided).
    test : HypothesisTest
        Test that the difference is 0 (or of the margin that its method names).
    covariance : float
        Estimated covariance of the two, 0 for independent samples.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    test: HypothesisTest
    covariance: float = 0.0

    @property
    def p(self) -> float:
        """p-value of the test."""
        return self.test.p

    @property
    def undefined_because(self) -> str:
        """Why there is no difference; empty when there is one."""
        return self.difference.undefined_because

    @property
    def note(self) -> str:
        """All notes of the parts, each once."""
        parts = (self.first.note, self.second.note, self.difference.note, self.test.note)
        return "; ".join(dict.fromkeys(part for part in parts if part))

    def __str__(self) -> str:
        return f"difference {self.difference}, p = {self.test.p:.3g}"


def field_names(record: type) -> tuple[str, ...]:
    """Names of a result's fields in order, for tables."""
    return tuple(item.name for item in fields(record))
