"""Percent agreement of two readers: exact, and within one grade."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import BoolArray, as_clusters, as_grades, same_length
from readerstudy.stats.accuracy.proportions import ProportionMethod, clustered_proportion, proportion
from readerstudy.stats.estimate import Estimate


def _agree(first: ArrayLike, second: ArrayLike, n_grades: int | None, within: int) -> BoolArray:
    if within < 0:
        raise ValueError(f"within must be 0 or more grades, got {within}")
    a, b = as_grades("first", first, n_grades), as_grades("second", second, n_grades)
    same_length(first=a, second=b)
    return np.asarray(np.abs(a - b) <= within)


def _name(within: int) -> str:
    return "exact agreement" if within == 0 else f"agreement within {within} grade" + "s" * (within > 1)


def percent_agreement(
    first: ArrayLike,
    second: ArrayLike,
    *,
    n_grades: int | None = None,
    within: int = 0,
    method: ProportionMethod = "wilson",
    confidence: float = 0.95,
) -> Estimate:
    """
    Share of items that two readers graded alike, one item per patient.

    Parameters
    ----------
    first, second : array_like of int, shape (n_items,)
        Grade index per item.
    n_grades : int, optional
        Number of grades of the scale, to check the indices against.
    within : int
        Grades that may lie between the two: 0 exact, 1 "within one grade".
    method : str
        Interval, as in `proportion`.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        A share in 0..1.

    Examples
    --------
    >>> percent_agreement([0, 1, 2, 3], [0, 1, 3, 1], within=1).value
    0.75
    """
    same = _agree(first, second, n_grades, within)
    share = proportion(int(same.sum()), same.shape[0], method=method, confidence=confidence)
    name = share.method.replace("proportion", _name(within), 1)
    return Estimate(share.value, share.low, share.high, share.se, share.n, None, name, confidence)


def clustered_percent_agreement(
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike,
    n_grades: int | None = None,
    within: int = 0,
    interval: Literal["wilson", "logit", "wald"] = "wilson",
    confidence: float = 0.95,
) -> Estimate:
    """
    Share of items that two readers graded alike, items nested in patients.

    Parameters
    ----------
    first, second : array_like of int, shape (n_items,)
        Grade index per item.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    n_grades : int, optional
        Number of grades of the scale, to check the indices against.
    within : int
        Grades that may lie between the two: 0 exact, 1 "within one grade".
    interval : {"wilson", "logit", "wald"}
        Interval, as in `clustered_proportion`.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        A share in 0..1.
    """
    same = _agree(first, second, n_grades, within)
    codes, m = as_clusters(clusters, same.shape[0])
    return clustered_proportion(
        np.bincount(codes, weights=same, minlength=m),
        np.bincount(codes, minlength=m),
        interval=interval,
        confidence=confidence,
        what=_name(within),
    )
