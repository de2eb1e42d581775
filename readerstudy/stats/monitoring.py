"""
Monitoring of a running study: adjudication, disagreement, drift, and agreed-and-wrong items from an audit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ._arrays import FloatArray, as_binary, as_clusters, as_finite, same_length
from .accuracy.proportions import clustered_proportion
from .distributions import t_quantile, t_tail
from .estimate import Estimate, HypothesisTest, _Record


def adjudication_rate(disputed: ArrayLike, *, clusters: ArrayLike, confidence: float = 0.95) -> Estimate:
    """
    Share of items that go to the adjudicator.

    Parameters
    ----------
    disputed : array_like of bool or 0/1, shape (n_items,)
        Whether the first reads of the item were not accepted by the protocol's rule.
    clusters : array_like of int or str, shape (n_items,)
        Patient (or case) of each item.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
        A share in 0..1.

    Examples
    --------
    >>> adjudication_rate([1, 0, 0, 1], clusters=[1, 1, 2, 2]).value
    0.5
    """
    x = as_binary("disputed", disputed)
    codes, m = as_clusters(clusters, x.shape[0])
    return clustered_proportion(
        np.bincount(codes, weights=x, minlength=m), np.bincount(codes, minlength=m),
        confidence=confidence, what="adjudication rate",
    )  # fmt: skip


def reader_disagreement_index(
    overruled: ArrayLike, *, cases: ArrayLike, confidence: float = 0.95
) -> Estimate:
    """
    Reader Disagreement Index: share of a reader's cases in which the adjudicator decided against him.

    Parameters
    ----------
    overruled : array_like of bool or 0/1, shape (n_items,)
        For each item that the reader read: whether it was adjudicated and the adjudicator's grade differs
        from the reader's.
    cases : array_like of int or str, shape (n_items,)
        Case of each item; a case counts once, when any of its items was overruled.
    confidence : float
        Coverage of the score interval.

    Returns
    -------
    Estimate
        A share of all cases that the reader read, adjudicated or not; `n` counts cases.

    References
    ----------
    .. [1] Sharma M, O'Connor JM, Singareddy A. Reader disagreement index. Proc SPIE 2019;10952.
    """
    x = as_binary("overruled", overruled)
    codes, m = as_clusters(cases, x.shape[0])
    any_item = np.bincount(codes, weights=x, minlength=m) > 0
    return clustered_proportion(
        any_item.astype(float), np.ones(m), confidence=confidence, what="reader disagreement index (cases)"
    )


def item_overruling_rate(overruled: ArrayLike, *, clusters: ArrayLike, confidence: float = 0.95) -> Estimate:
    """
    Share of a reader's items in which the adjudicator decided against him.

    The item-level counterpart of `reader_disagreement_index`, under a name of its own because the two are not
    the same number: a case of fifty items has fifty chances to count once.

    Parameters
    ----------
    overruled : array_like of bool or 0/1, shape (n_items,)
        As in `reader_disagreement_index`.
    clusters : array_like of int or str, shape (n_items,)
        Patient (or case) of each item.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Estimate
    """
    x = as_binary("overruled", overruled)
    codes, m = as_clusters(clusters, x.shape[0])
    return clustered_proportion(
        np.bincount(codes, weights=x, minlength=m), np.bincount(codes, minlength=m),
        confidence=confidence, what="item overruling rate",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Drift(_Record):
    """
    Trend of a reader's values over his reading order.

    Parameters
    ----------
    slope : Estimate
        Change per position (per case read), with a cluster-robust interval.
    test : HypothesisTest
        Of no trend.
    """

    slope: Estimate
    test: HypothesisTest


def drift(values: ArrayLike, order: ArrayLike, *, clusters: ArrayLike, confidence: float = 0.95) -> Drift:
    r"""
    Linear trend of a reader's grades (or agreement, or times) over the order of reading.

    Parameters
    ----------
    values : array_like, shape (n_items,)
        Value of each item: a grade, whether it agreed, a time.
    order : array_like, shape (n_items,)
        Position of the item's case in the reader's order.
    clusters : array_like of int or str, shape (n_items,)
        Patient (or case) of each item.
    confidence : float
        Coverage of the interval.

    Returns
    -------
    Drift
        Least-squares slope with the cluster-robust (sandwich) variance times m / (m - 1), t on m - 1 df.
        Undefined when all items have one position.

    References
    ----------
    .. [1] Liang KY, Zeger SL. Biometrika 1986;73:13-22. doi:10.1093/biomet/73.1.13
    """
    y, x = as_finite("values", values), as_finite("order", order)
    codes, m = as_clusters(clusters, same_length(values=y, order=x))
    n = y.shape[0]
    method = f"least-squares trend, cluster-robust variance; t on {m - 1} df"
    nan = math.nan
    centred = x - x.mean()
    spread = float((centred**2).sum())
    if spread == 0 or m < 3:
        why = "all items have one position in the order" if spread == 0 else "fewer than three patients"
        gone = Estimate.undefined(why, n=n, n_clusters=m, method=method, confidence=confidence)
        return Drift(gone, HypothesisTest(nan, nan, nan, n, m, method, undefined_because=why))
    slope = float((centred * y).sum() / spread)
    residual: FloatArray = y - y.mean() - slope * centred
    scores = np.bincount(codes, weights=centred * residual, minlength=m)
    se = math.sqrt(m / (m - 1) * float((scores**2).sum())) / spread
    half = t_quantile(confidence, m - 1) * se
    estimate = Estimate(slope, slope - half, slope + half, se, n, m, method, confidence)
    if se > 0:
        test = HypothesisTest(slope / se, m - 1, t_tail(slope / se, m - 1), n, m, method)
    elif slope == 0:
        test = HypothesisTest(0.0, m - 1, 1.0, n, m, method, note="the values never change: p = 1")
    else:
        test = HypothesisTest(nan, m - 1, nan, n, m, method, undefined_because="the trend fits exactly")
    return Drift(estimate, test)


@dataclass(frozen=True, slots=True)
class AgreedAndWrong(_Record):
    """
    What an audit of agreed items says of the whole.

    Parameters
    ----------
    rate : Estimate
        Share of agreed items that the senior graded otherwise.
    share_of_all : Estimate
        Share of all items that are agreed and wrong: the rate times the share of agreed items.
    expected_items : float
        Agreed-and-wrong items to be expected among those not audited.
    """

    rate: Estimate
    share_of_all: Estimate
    expected_items: float


def agreed_and_wrong(
    wrong: ArrayLike,
    *,
    clusters: ArrayLike,
    n_agreed: int,
    n_items: int,
    confidence: float = 0.95,
) -> AgreedAndWrong:
    """
    Rate of items on which both readers agreed and were wrong, from a random audit of agreed items.

    Parameters
    ----------
    wrong : array_like of bool or 0/1, shape (n_audited,)
        Whether the senior's own first grade of the audited item differs from the agreed one.
    clusters : array_like of int or str, shape (n_audited,)
        Patient of each audited item.
    n_agreed : int
        Agreed items in the study, audited ones included.
    n_items : int
        All items of the study.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    AgreedAndWrong
    """
    x = as_binary("wrong", wrong)
    if not x.shape[0] <= n_agreed <= n_items:
        raise ValueError(
            f"n_agreed must lie between the {x.shape[0]} audited and the {n_items} items, got {n_agreed}"
        )
    codes, m = as_clusters(clusters, x.shape[0])
    rate = clustered_proportion(
        np.bincount(codes, weights=x, minlength=m), np.bincount(codes, minlength=m),
        confidence=confidence, what="agreed-and-wrong rate of audited items",
    )  # fmt: skip
    f = n_agreed / n_items
    whole = Estimate(
        rate.value * f, rate.low * f, rate.high * f, rate.se * f, rate.n, rate.n_clusters,
        f"{rate.method}; times the share of agreed items", confidence, note=rate.note,
    )  # fmt: skip
    return AgreedAndWrong(rate, whole, rate.value * (n_agreed - x.shape[0]))
