r"""
The cluster bootstrap as matrix products.

Resampling patients with replacement gives each an integer weight. A statistic of counts then needs of a
resample only ``weights @ counts``, one product for all resamples; an AUC is a quadratic form in the weights,
one product too:

.. math:: \hat A^* = \frac{\sum_{pq} w_p M_{pq} w_q}{(\sum_p w_p n_{1p})(\sum_q w_q n_{0q})}

where :math:`M_{pq}` sums the comparisons of the diseased items of patient p with the others of patient q.
All sums are of whole numbers, so that single precision is exact while they stay below 2**24, which is
checked.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from readerstudy.stats._arrays import BoolArray, FloatArray, IntArray

_EXACT_SINGLE = float(2**24)
# Up to this many distinct scores an area is computed from counts per score.
_FEW_SCORES = 64
# Items of a block in the comparison matrix, and the pairs that are looked at one by one at most.
_BLOCK, _MOST_PAIRS = 64, 20_000_000


def cluster_weights(
    n_clusters: int, n_resamples: int, rng: np.random.Generator, *, strata: ArrayLike | None = None
) -> NDArray[np.float32]:
    """
    Draw how often each cluster occurs in each bootstrap resample.

    Parameters
    ----------
    n_clusters, n_resamples : int
        Sizes.
    rng : numpy.random.Generator
        Source of randomness.
    strata : array_like, shape (n_clusters,), optional
        Stratum of each cluster (centre, disease); each stratum is resampled within itself.

    Returns
    -------
    ndarray of float32, shape (n_resamples, n_clusters)
        Whole numbers; each row sums to n_clusters.
    """
    if n_clusters < 1 or n_resamples < 1:
        raise ValueError("n_clusters and n_resamples must be at least 1")
    if strata is None:
        groups = [np.arange(n_clusters)]
    else:
        codes = np.unique(np.asarray(strata), return_inverse=True)[1]
        if codes.shape[0] != n_clusters:
            raise ValueError(f"strata must name one stratum per cluster, got {codes.shape[0]}")
        groups = [np.flatnonzero(codes == s) for s in range(int(codes.max()) + 1)]
    out = np.zeros((n_resamples, n_clusters), dtype=np.float32)
    for group in groups:
        drawn = rng.integers(0, group.size, (n_resamples, group.size))
        drawn += np.arange(n_resamples)[:, None] * group.size
        flat = np.bincount(drawn.ravel(), minlength=n_resamples * group.size)
        out[:, group] = flat.reshape(n_resamples, group.size)
    return out


def weighted_sums(weights: NDArray[np.float32], counts: FloatArray) -> FloatArray:
    """Product of resampling weights and whole counts per cluster, exact."""
    heaviest = float(weights.max(initial=0.0))
    if heaviest * float(np.abs(counts).sum(axis=0).max(initial=0.0)) < _EXACT_SINGLE:
        single = counts.astype(np.float32)
        if np.array_equal(single, counts):
            return np.asarray(weights @ single, dtype=np.float64)
    return np.asarray(weights.astype(np.float64) @ counts)


def area_of_counts(diseased: FloatArray, healthy: FloatArray) -> FloatArray:
    """
    Empirical area from counts per score.

    Parameters
    ----------
    diseased, healthy : ndarray, shape (..., n_scores)
        Items of each class at each score, ascending.

    Returns
    -------
    ndarray, shape (...)
        NaN where a class is empty.
    """
    below = np.cumsum(healthy, axis=-1) - healthy / 2
    top = np.einsum("...k,...k->...", diseased, below)
    bottom = diseased.sum(axis=-1) * healthy.sum(axis=-1)
    return np.asarray(np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0))


def score_counts(
    truth: BoolArray, scores: FloatArray, codes: IntArray, m: int
) -> tuple[FloatArray, FloatArray]:
    """
    Counts of each cluster per distinct score, of the diseased and of the other items: shapes (m, n_scores).
    """
    place = np.unique(scores, return_inverse=True)[1]
    size = int(place.max()) + 1
    cell = codes * size + place
    tables = [
        np.bincount(cell[mask], minlength=m * size).reshape(m, size).astype(np.float64)
        for mask in (truth, ~truth)
    ]
    return tables[0], tables[1]


def comparison_matrix(truth: BoolArray, scores: FloatArray, codes: IntArray, m: int) -> NDArray[np.float32]:
    """
    Twice the comparisons of each cluster's diseased items with each cluster's other items.

    Parameters
    ----------
    truth, scores, codes : ndarray, shape (n_items,)
        Reference, score, and cluster code in 0 .. m - 1.
    m : int
        Clusters.

    Returns
    -------
    ndarray of float32, shape (m, m)
        Entry (p, q): over pairs of a diseased item of p and another item of q, 2 where the former scores
        higher and 1 where they tie.
    """
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    starts_rank = np.concatenate(([True], ordered[1:] != ordered[:-1]))
    rank = np.cumsum(starts_rank) - 1
    # Blocks of neighbours in score, equal scores together: between blocks counts decide, within them pairs.
    block = (np.flatnonzero(starts_rank) // _BLOCK)[rank]
    block = np.cumsum(np.concatenate(([0], np.diff(block) > 0)))
    n_blocks, widest = int(block[-1]) + 1, int(np.bincount(block).max())
    if n_blocks * widest**2 > _MOST_PAIRS:
        return _comparisons_by_item(truth, scores, codes, m)
    ill, owner = truth[order], codes[order]
    cell = owner * n_blocks + block
    diseased, healthy = (
        np.bincount(cell[mask], minlength=m * n_blocks).reshape(m, n_blocks).astype(np.float32)
        for mask in (ill, ~ill)
    )
    below = np.cumsum(healthy, axis=1) - healthy
    out = np.asarray(2 * (diseased @ below.T), dtype=np.float32)
    first = np.searchsorted(block, np.arange(n_blocks))
    grid = np.full((n_blocks, widest), -1)
    grid[block, np.arange(block.size) - first[block]] = np.arange(block.size)
    x, y = grid[:, :, None], grid[:, None, :]
    there = ((grid >= 0) & ill[grid])[:, :, None] & ((grid >= 0) & ~ill[grid])[:, None, :]
    there &= rank[x] >= rank[y]
    at, one, other = np.nonzero(there)
    p, q = grid[at, one], grid[at, other]
    twice = np.where(rank[p] > rank[q], 2.0, 1.0)
    pairs = np.bincount(owner[p] * m + owner[q], weights=twice, minlength=m * m)
    return np.asarray(out + pairs.reshape(m, m).astype(np.float32))


def _comparisons_by_item(
    truth: BoolArray, scores: FloatArray, codes: IntArray, m: int
) -> NDArray[np.float32]:
    """The same one diseased item after the other, for scores with so many ties that blocks grow large."""
    x, y = scores[truth], scores[~truth]
    order = np.argsort(x, kind="stable")
    x, owner, other = x[order], codes[truth][order], codes[~truth]
    n1 = x.shape[0]
    # An item y counts for all x from its place on; ties get half from the left and half from the right.
    steps = np.zeros((n1 + 1) * m, dtype=np.float32)
    sides: tuple[Literal["left", "right"], ...] = ("left", "right")
    for side in sides:
        at = np.searchsorted(x, y, side=side)
        steps += np.bincount(at * m + other, minlength=(n1 + 1) * m).astype(np.float32)
    upto = np.cumsum(steps.reshape(n1 + 1, m)[:n1], axis=0)
    by_owner = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[by_owner], np.arange(m))
    out = np.zeros((m, m), dtype=np.float32)
    there = np.bincount(owner, minlength=m) > 0
    out[there] = np.add.reduceat(upto[by_owner], starts[there], axis=0)
    return out


def bootstrap_areas(
    truth: BoolArray, scores: FloatArray, codes: IntArray, weights: NDArray[np.float32]
) -> FloatArray:
    """
    Area under the ROC curve of every resample of clusters.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_items,)
        The reference standard.
    scores : ndarray, shape (n_items,)
        Scores; the direction is never flipped.
    codes : ndarray of int, shape (n_items,)
        Cluster of each item, in 0 .. n_clusters - 1.
    weights : ndarray, shape (n_resamples, n_clusters)
        From `cluster_weights`; use the same for all readers to keep them paired.

    Returns
    -------
    ndarray, shape (n_resamples,)
        NaN where a resample lacks a class.
    """
    m = weights.shape[1]
    distinct = np.unique(scores).size
    if distinct <= _FEW_SCORES:
        one, none = score_counts(truth, scores, codes, m)
        sums = weighted_sums(weights, np.concatenate((one, none), axis=1))
        return area_of_counts(sums[:, :distinct], sums[:, distinct:])
    n1 = np.bincount(codes[truth], minlength=m).astype(np.float64)
    n0 = np.bincount(codes[~truth], minlength=m).astype(np.float64)
    matrix = comparison_matrix(truth, scores, codes, m)
    twice = (
        weighted_sums(weights, matrix.astype(np.float64)) if _too_big(matrix, weights) else weights @ matrix
    )
    top = np.einsum("bq,bq->b", twice, weights, dtype=np.float64) / 2
    totals = weighted_sums(weights, np.stack((n1, n0), axis=1))
    bottom = totals[:, 0] * totals[:, 1]
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))


def _too_big(matrix: NDArray[np.float32], weights: NDArray[np.float32]) -> bool:
    """Whether a product could leave the range in which single precision holds whole numbers exactly."""
    return float(matrix.sum(axis=0, dtype=np.float64).max()) * float(weights.max()) >= _EXACT_SINGLE
