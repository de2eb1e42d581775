"""
Permutation tests of two readers: under the null hypothesis their answers may be exchanged, patient by
patient.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, as_binary, as_clusters, as_scores, same_length
from readerstudy.stats.estimate import Alternative, HypothesisTest
from readerstudy.stats.roc.placements import placements


def permutation_test(
    first: ArrayLike,
    second: ArrayLike,
    statistic: Callable[[FloatArray, FloatArray], float],
    *,
    clusters: ArrayLike,
    rng: np.random.Generator,
    n_permutations: int = 2000,
    alternative: Alternative = "two-sided",
    name: str = "difference",
) -> HypothesisTest:
    """
    Test that two readers are exchangeable, by exchanging their answers within whole patients.

    Parameters
    ----------
    first, second : array_like, shape (n_items,)
        Answers of the two readers to the same items.
    statistic : callable
        Maps the two answers to a difference, 0 under the null hypothesis in the mean.
    clusters : array_like, shape (n_items,)
        Patient of each item: all items of a patient are exchanged together. Item numbers for one item each.
    rng : numpy.random.Generator
        Source of randomness.
    n_permutations : int
        Random exchanges; the observed arrangement counts as one more, so p is never 0.
    alternative : {"two-sided", "greater", "less"}
        Direction.
    name : str
        Name of the statistic.

    Returns
    -------
    HypothesisTest
        The statistic on the data and p = (1 + as extreme) / (1 + n_permutations). Identical readers: p = 1.

    References
    ----------
    .. [1] Venkatraman ES, Begg CB. Biometrika 1996;83:835-848. doi:10.1093/biomet/83.4.835
    .. [2] Phipson B, Smyth GK. Stat Appl Genet Mol Biol 2010;9:39. doi:10.2202/1544-6115.1585
    """
    a, b = as_scores("first", first), as_scores("second", second)
    n = same_length(first=a, second=b)
    codes, m = as_clusters(clusters, n)
    method = f"{name}; permutation test over patients, {n_permutations} exchanges"
    observed = float(statistic(a, b))
    if math.isnan(observed):
        return HypothesisTest(
            observed, math.nan, math.nan, n, m, method, alternative, undefined_because="undefined on the data"
        )
    extreme = 1
    # Rounding must not turn an equal value into a smaller one.
    slack = 1e-12 * max(1.0, abs(observed))
    for _ in range(n_permutations):
        swap = rng.integers(0, 2, m).astype(bool)[codes]
        value = float(statistic(np.where(swap, b, a), np.where(swap, a, b)))
        if alternative == "two-sided":
            extreme += abs(value) >= abs(observed) - slack
        elif alternative == "greater":
            extreme += value >= observed - slack
        else:
            extreme += value <= observed + slack
    return HypothesisTest(observed, math.nan, extreme / (1 + n_permutations), n, m, method, alternative)


def permutation_auc_difference(
    reference: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    *,
    clusters: ArrayLike,
    rng: np.random.Generator,
    n_permutations: int = 2000,
    alternative: Alternative = "two-sided",
) -> HypothesisTest:
    """
    Permutation test of two readers' AUCs for items nested in patients.

    Parameters
    ----------
    reference : array_like of bool or 0/1, shape (n_items,)
        The reference standard; undefined when a class is absent.
    first, second : array_like, shape (n_items,)
        Scores on one scale (exchanging scores of different scales would be meaningless).
    clusters, rng, n_permutations, alternative
        As in `permutation_test`.

    Returns
    -------
    HypothesisTest
    """
    truth = as_binary("reference", reference)
    if truth.all() or not truth.any():
        codes, m = as_clusters(clusters, truth.shape[0])
        reason = "no negative items" if truth.all() else "no positive items"
        return HypothesisTest(
            math.nan, math.nan, math.nan, codes.shape[0], m, "difference of AUCs; permutation test",
            alternative, undefined_because=reason,
        )  # fmt: skip

    def difference(a: FloatArray, b: FloatArray) -> float:
        areas = placements(np.stack((a, b))[:, truth], np.stack((a, b))[:, ~truth])[0].mean(axis=1)
        return float(areas[0] - areas[1])

    return permutation_test(
        first, second, difference, clusters=clusters, rng=rng, n_permutations=n_permutations,
        alternative=alternative, name="difference of AUCs",
    )  # fmt: skip
