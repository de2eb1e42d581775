"""
Model against the mean of several readers, on the items that each pair has in common.

Readers are fixed: the interval speaks of these readers on other patients. Each patient gives a row of counts;
the difference is a function of the sums, so the delete-one-patient jackknife of `stats` gives its interval.
"""

from collections.abc import Callable, Sequence

import numpy as np

from readerstudy.analysis.datasets import FloatArray, GradeArray, IntArray
from readerstudy.stats import Estimate, jackknife_counts

MEASURES = ("sensitivity", "specificity", "auc")
_UNDEFINED = {
    "sensitivity": "no positive items",
    "specificity": "no negative items",
    "auc": "no positive or no negative items",
}


def _class_tables(
    reference: GradeArray, grades: GradeArray, codes: IntArray, m: int, n_grades: int, cut: int
) -> FloatArray:
    """Items of each patient by class (non-diseased, diseased) and grade: shape (m, 2 * n_grades)."""
    diseased = (reference >= cut).astype(np.int64)
    cell = diseased * n_grades + grades
    flat = np.bincount(codes * (2 * n_grades) + cell, minlength=m * 2 * n_grades)
    return flat.reshape(m, 2 * n_grades).astype(np.float64)


def _measure(counts: FloatArray, measure: str, n_grades: int, cut: int) -> FloatArray:
    """Sensitivity, specificity or the area of tables (..., 2 * n_grades); NaN where a class is absent."""
    healthy, diseased = counts[..., :n_grades], counts[..., n_grades:]
    n0, n1 = healthy.sum(axis=-1), diseased.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        if measure == "sensitivity":
            return np.asarray(diseased[..., cut:].sum(axis=-1) / n1)
        if measure == "specificity":
            return np.asarray(healthy[..., :cut].sum(axis=-1) / n0)
        below = np.cumsum(healthy, axis=-1) - healthy
        return np.asarray((diseased * (below + healthy / 2)).sum(axis=-1) / (n0 * n1))


def _mean_of(
    tables: Sequence[FloatArray], measure: str, n_grades: int, cut: int
) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
    width = 2 * n_grades
    counts = np.concatenate(tables, axis=1)

    def statistic(total: FloatArray) -> FloatArray:
        parts = [
            _measure(total[..., k * width : (k + 1) * width], measure, n_grades, cut)
            for k in range(len(tables))
        ]
        return np.asarray(np.mean(parts, axis=0))

    return counts, statistic


def mean_reader(
    reference: GradeArray,
    reads: Sequence[GradeArray],
    *,
    clusters: IntArray,
    measure: str,
    n_grades: int,
    cut: int,
    confidence: float,
) -> Estimate:
    """
    Mean of the readers' sensitivities, specificities or areas, each on the items that the reader graded.

    Parameters
    ----------
    reference : ndarray of int8, shape (n_items,)
        Reference grades; all at least 0.
    reads : sequence of ndarray of int8, shape (n_items,)
        Grades of each reader; codes below 0 leave the item out for that reader.
    clusters : ndarray of int, shape (n_items,)
        Patient of each item.
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    m = int(codes.max()) + 1 if codes.size else 0
    tables = [
        _class_tables(reference[read >= 0], read[read >= 0], codes[read >= 0], m, n_grades, cut)
        for read in reads
    ]
    n = sum(int((read >= 0).sum()) for read in reads)
    name = f"mean {measure} of {len(reads)} fixed readers"
    if not tables or m == 0 or n == 0:
        return Estimate.undefined("no item was graded", n=0, n_clusters=m, method=name, confidence=confidence)
    counts, statistic = _mean_of(tables, measure, n_grades, cut)
    return jackknife_counts(
        counts,
        statistic,
        scale="logit",
        method=name,
        undefined_because=_UNDEFINED[measure],
        confidence=confidence,
        limits=(0.0, 1.0),
        n=n,
    )


def model_minus_readers(
    reference: GradeArray,
    model: GradeArray,
    reads: Sequence[GradeArray],
    *,
    clusters: IntArray,
    measure: str,
    n_grades: int,
    cut: int,
    confidence: float,
    name: str = "",
) -> Estimate:
    """
    Mean over the readers of (model minus reader), each on the items that both graded.

    Parameters
    ----------
    model : ndarray of int8, shape (n_items,)
        The model's grade: for areas too, so that both have the same scale (like with like).
    name : str
        Words for what is subtracted from what, where it is not a model from readers.

    Returns
    -------
    Estimate
        In -1..1. `n` counts the items of all pairs.
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    m = int(codes.max()) + 1 if codes.size else 0
    width = 2 * n_grades
    tables, n = [], 0
    for read in reads:
        both = (read >= 0) & (model >= 0)
        n += int(both.sum())
        for grades in (model, read):
            tables.append(_class_tables(reference[both], grades[both], codes[both], m, n_grades, cut))
    name = name or f"model minus the mean of {len(reads)} fixed readers"
    name = f"{name}, {measure} on the same items and scale"
    if n == 0:
        return Estimate.undefined(
            "no item was graded by both", n=0, n_clusters=m, method=name, confidence=confidence
        )
    counts = np.concatenate(tables, axis=1)

    def statistic(total: FloatArray) -> FloatArray:
        values = [
            _measure(total[..., k * width : (k + 1) * width], measure, n_grades, cut)
            for k in range(len(tables))
        ]
        return np.asarray(np.mean([values[k] - values[k + 1] for k in range(0, len(values), 2)], axis=0))

    return jackknife_counts(
        counts,
        statistic,
        scale="identity",
        method=name,
        undefined_because=_UNDEFINED[measure],
        confidence=confidence,
        limits=(-1.0, 1.0),
        n=n,
    )
