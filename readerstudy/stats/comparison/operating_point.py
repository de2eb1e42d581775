"""
A model against a reader at operating points: like with like.

A reader's few grades make one point (or few) of a curve; a model's probabilities make a whole curve. Their
areas are not comparable, since coarse grades lower an area. Compared are sensitivity and specificity: the
model's at the plan's threshold against the reader's, or the model's sensitivity where its specificity equals
the reader's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_binary,
    as_clusters,
    as_scores,
    same_length,
)
from readerstudy.stats.accuracy.clustered import clustered_measure_of_counts
from readerstudy.stats.accuracy.counts import counts_by_cluster
from readerstudy.stats.distributions import t_tail
from readerstudy.stats.estimate import Alternative, Comparison, Estimate, HypothesisTest, _Record
from readerstudy.stats.resampling.bootstrap import percentile_limits
from readerstudy.stats.resampling.weights import cluster_weights

from .clustered import clustered_paired_difference, paired_counts


def compare_calls(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    measure: str,
    clusters: ArrayLike,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> Comparison:
    """
    Difference of two readers' (or a reader's and a model's) sensitivity, specificity or accuracy, paired.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard.
    first, second : array_like of bool or 0/1, shape (n_items,)
        Calls of the same items; dichotomise a model's scores at the threshold that the plan names.
    measure : {"sensitivity", "specificity", "accuracy"}
        Among diseased items, the others, or all.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of first minus second.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    Comparison
        Difference with a t interval on patients - 1 df and the test from the same standard error.
    """
    if measure not in ("sensitivity", "specificity", "accuracy"):
        raise ValueError(f"measure must be sensitivity, specificity or accuracy, got {measure!r}")
    truth = as_binary("reference", reference)
    a, b = as_binary("first", first), as_binary("second", second)
    same_length(reference=truth, first=a, second=b)
    codes, m = as_clusters(clusters, truth.shape[0])
    singles = [
        clustered_measure_of_counts(counts_by_cluster(truth, x, codes, m), measure, confidence=confidence)
        for x in (a, b)
    ]
    among = {"sensitivity": truth, "specificity": ~truth}.get(measure, np.ones(truth.shape, dtype=bool))
    method = f"paired difference of {measure}, clustered (ratio estimator)"
    nan = math.nan
    if not among.any():
        why = singles[0].undefined_because
        gone = Estimate.undefined(why, n=0, n_clusters=0, method=method, confidence=confidence)
        test = HypothesisTest(nan, nan, nan, 0, 0, method, alternative, undefined_because=why)
        return Comparison(singles[0], singles[1], gone, test, nan)
    right_a, right_b = (a == truth)[among], (b == truth)[among]
    d = clustered_paired_difference(right_a, right_b, clusters=codes[among], confidence=confidence)
    patients = int(np.unique(codes[among]).size)
    df = float(patients - 1)
    rest = (d.n, patients, method, alternative)
    if d.se > 0:
        test = HypothesisTest(d.value / d.se, df, t_tail(d.value / d.se, df, alternative), *rest)
    elif (
        paired_counts(right_a, right_b, clusters=codes[among]).first_only.sum() == 0 and abs(d.value) < 1e-12
    ):
        test = HypothesisTest(
            0.0, df, 1.0 if alternative == "two-sided" else 0.5, *rest,
            note="both are right on the same items: p = 1 by convention",
        )  # fmt: skip
    else:
        test = HypothesisTest(nan, df, nan, *rest, undefined_because="no variability between patients")
    return Comparison(singles[0], singles[1], d, test)


@dataclass(frozen=True, slots=True)
class MatchedPoint(_Record):
    """
    A model at a reader's operating point.

    Parameters
    ----------
    reader_sensitivity, reader_specificity : float
        The reader's point.
    model_sensitivity : Estimate
        The model's sensitivity at the reader's specificity, interpolated on its curve.
    difference : Estimate
        Model minus reader.
    test : HypothesisTest
        Difference over its bootstrap standard error.
    """

    reader_sensitivity: float
    reader_specificity: float
    model_sensitivity: Estimate
    difference: Estimate
    test: HypothesisTest


def _matched(
    weights: FloatArray, truth: BoolArray, called: BoolArray, order: IntArray, last: IntArray, codes: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Reader's sensitivity and specificity, and the model's interpolated sensitivity, of each resample."""
    w = weights[:, codes]
    positive, negative = w * truth, w * ~truth
    n1, n0 = positive.sum(axis=1), negative.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity = (positive * called).sum(axis=1) / n1
        fpr = (negative * called).sum(axis=1) / n0
        y = np.cumsum(positive[:, order], axis=1)[:, last] / n1[:, None]
        x = np.cumsum(negative[:, order], axis=1)[:, last] / n0[:, None]
    model = np.full(w.shape[0], np.nan)
    for k in range(w.shape[0]):
        if n1[k] > 0 and n0[k] > 0:
            # The last point at this abscissa: at a vertical step the upper end counts.
            xs, ys = np.concatenate(([0.0], x[k])), np.concatenate(([0.0], y[k]))
            at = int(np.searchsorted(xs, fpr[k] + 1e-12, side="right")) - 1
            if at + 1 >= xs.size or xs[at] >= fpr[k] - 1e-12:
                model[k] = ys[at]
            else:
                step = (fpr[k] - xs[at]) / (xs[at + 1] - xs[at])
                model[k] = ys[at] + step * (ys[at + 1] - ys[at])
    return sensitivity, 1 - fpr, model


def model_at_reader_point(
    reference: ArrayLike,
    reader_calls: ArrayLike,
    model_scores: ArrayLike,
    *,
    clusters: ArrayLike,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    seed: int | None = None,
) -> MatchedPoint:
    """
    Compare a model's sensitivity with a reader's at the reader's own specificity.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard; undefined when a class is absent.
    reader_calls : array_like of bool or 0/1, shape (n_items,)
        The reader's calls at the cut that the plan names.
    model_scores : array_like, shape (n_items,)
        The model's scores of the same items.
    clusters : array_like of int or str, shape (n_items,)
        Patient of each item.
    rng : numpy.random.Generator
        Source of randomness. Patients are resampled, and the model's threshold is matched anew in each
        resample: its uncertainty is part of the interval.
    n_resamples : int
        Resamples.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of model minus reader.
    confidence : float
        Coverage of the percentile intervals.
    seed : int, optional
        Seed of the generator, to be kept with the result.

    Returns
    -------
    MatchedPoint
    """
    truth, called = as_binary("reference", reference), as_binary("reader_calls", reader_calls)
    scores = as_scores("model_scores", model_scores)
    n = same_length(reference=truth, reader_calls=called, model_scores=scores)
    codes, m = as_clusters(clusters, n)
    if truth.all() or not truth.any():
        why = "no negative items" if truth.all() else "no positive items"
        name = "model at the reader's specificity"
        gone = Estimate.undefined(why, n=n, n_clusters=m, method=name, confidence=confidence, seed=seed)
        nan = math.nan
        lost = HypothesisTest(nan, nan, nan, n, m, name, alternative, undefined_because=why)
        return MatchedPoint(nan, nan, gone, gone, lost)
    order = np.argsort(-scores, kind="stable").astype(np.int64)
    ordered = scores[order]
    last = np.flatnonzero(np.concatenate((ordered[1:] != ordered[:-1], [True]))).astype(np.int64)
    weights = cluster_weights(m, n_resamples, rng)
    everything = np.ones((1, m))
    (s0,), (c0,), (m0,) = _matched(everything, truth, called, order, last, codes)
    parts = []
    step = max(1, 4_000_000 // n)
    for start in range(0, n_resamples, step):
        chunk = weights[start : start + step].astype(np.float64)
        s, _, model = _matched(chunk, truth, called, order, last, codes)
        parts.append(np.stack((model, model - s)))
    both = np.concatenate(parts, axis=1)
    both = both[:, np.isfinite(both).all(axis=0)]
    method = f"model at the reader's specificity; percentile bootstrap over patients, {n_resamples} resamples"

    def estimate(value: float, values: FloatArray) -> Estimate:
        if values.size < 2:
            nan = math.nan
            note = "no interval: undefined in nearly all resamples"
            return Estimate(value, nan, nan, nan, n, m, method, confidence, seed, note=note)
        low, high = percentile_limits(values, confidence)
        return Estimate(value, low, high, float(values.std(ddof=1)), n, m, method, confidence, seed)

    d = estimate(float(m0 - s0), both[1])
    rest = (n, m, method, alternative)
    if d.se > 0:
        z = d.value / d.se
        test = HypothesisTest(z, math.inf, t_tail(z, math.inf, alternative), *rest)
    elif abs(d.value) < 1e-12:
        test = HypothesisTest(0.0, math.inf, 1.0, *rest, note="no difference in any resample: p = 1")
    else:
        test = HypothesisTest(
            math.nan, math.inf, math.nan, *rest, undefined_because="every resample gives the same difference"
        )
    return MatchedPoint(float(s0), float(c0), estimate(float(m0), both[0]), d, test)
