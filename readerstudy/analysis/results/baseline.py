"""
What the other findings of a joint alone would tell: the area that a model has to beat to have seen anything.

A logistic regression with a ridge, fitted by Newton's method on counts of equal patterns; the fold of a patient is
never among those that it was fitted on. Findings of one joint go together, so that this area can be high.
"""

from typing import Any

import numpy as np

from readerstudy.analysis.datasets import BoolArray, Dataset, FloatArray
from readerstudy.analysis.results.compute.slices import Slice
from readerstudy.stats import clustered_auc

FOLDS = 5
RIDGE = 1.0
_STEPS = 50
_CLOSE = 1e-10


def fit_logistic(patterns: FloatArray, positive: FloatArray, items: FloatArray) -> FloatArray:
    """
    Fit a logistic regression with a ridge on all but the intercept.

    Parameters
    ----------
    patterns : ndarray, shape (n_patterns, n_columns)
        Columns of each pattern; the first is 1.
    positive, items : ndarray, shape (n_patterns,)
        Positive items and all items of each pattern.

    Returns
    -------
    ndarray, shape (n_columns,)
    """
    penalty = np.full(patterns.shape[1], RIDGE)
    penalty[0] = 0.0
    beta = np.zeros(patterns.shape[1])
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(patterns @ beta, -30, 30)))
        gradient = patterns.T @ (positive - items * p) - penalty * beta
        curvature = (patterns * (items * p * (1 - p))[:, None]).T @ patterns + np.diag(penalty + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        beta = beta + step
        if float(np.abs(step).max()) < _CLOSE:
            break
    return beta


def cooccurrence_scores(dataset: Dataset, finding: str, cut: int) -> tuple[FloatArray, BoolArray]:
    """
    Return the probability of a positive item from the other findings of its structure, and where it is known.

    Both have shape (n_items,): every patient of the study is scored by a fit on the four folds without him.
    """
    others = [name for name in dataset.findings if name != finding]
    reference = dataset.findings[finding].reference
    known = np.ones(reference.shape, dtype=bool)
    columns = [np.ones(reference.size)]
    for name in others:
        data = dataset.findings[name]
        known &= data.reference >= 0
        columns += [(data.reference == grade).astype(np.float64) for grade in range(1, data.n_grades)]
    scores = np.full(reference.size, np.nan)
    if not others or not known.any():
        return scores, np.zeros(reference.shape, dtype=bool)
    patterns, pattern = np.unique(np.stack(columns, axis=1)[known], axis=0, return_inverse=True)
    pattern = pattern.ravel()
    places = np.flatnonzero(known)
    fold = dataset.patient_of[places] % FOLDS
    usable = reference[places] >= 0
    ill = usable & (reference[places] >= cut)
    for k in range(FOLDS):
        fitting = usable & (fold != k)
        items = np.bincount(pattern[fitting], minlength=len(patterns)).astype(np.float64)
        positive = np.bincount(pattern[ill & fitting], minlength=len(patterns)).astype(np.float64)
        beta = fit_logistic(patterns, positive, items)
        here = fold == k
        scores[places[here]] = (patterns @ beta)[pattern[here]]
    return scores, known


def cooccurrence(part: Slice) -> dict[str, Any] | None:
    """Area of the co-occurrence baseline on the items of a state; None where the protocol has one finding."""
    dataset = part.dataset
    if len(dataset.findings) < 2:
        return None
    scores, known = cooccurrence_scores(dataset, part.view.finding, part.cut)
    inside = known[part.graded]
    if not inside.any():
        return None
    return clustered_auc(
        part.reference[inside] >= part.cut,
        scores[part.graded][inside],
        clusters=part.clusters[inside],
        confidence=part.confidence,
    ).as_dict()
