"""The model's grade from its probabilities, by the rule of the plan."""

import numpy as np

from readerstudy.analysis.datasets import NO_READ, FloatArray, GradeArray
from readerstudy.analysis.plan import ModelGrade
from readerstudy.stats import youden_points


def predicted(probabilities: FloatArray) -> "np.ndarray":
    """Return which items have a prediction, shape (n_items,)."""
    return ~np.isnan(probabilities).any(axis=1)


def score_at(probabilities: FloatArray, cut: int) -> FloatArray:
    """Return the model's probability of a grade at or above the cut, shape (n_items,)."""
    return np.asarray(probabilities[:, cut:].sum(axis=1))


def thresholds_from(probabilities: FloatArray, reference: GradeArray, fitting: "np.ndarray") -> list[float]:
    """
    Fix one threshold per cut where sensitivity + specificity is highest on the fitting items.

    Parameters
    ----------
    fitting : ndarray of bool, shape (n_items,)
        Items of the validation partition. Where these hold one class only, the threshold is 1/2.
    """
    usable = fitting & (reference >= 0) & predicted(probabilities)
    fixed = []
    for cut in range(1, probabilities.shape[1]):
        points = (
            youden_points(reference[usable] >= cut, score_at(probabilities[usable], cut))
            if usable.any()
            else ()
        )
        finite = [point.threshold for point in points if np.isfinite(point.threshold)]
        fixed.append(float(finite[0]) if finite else 0.5)
    return fixed


def model_grades(
    probabilities: FloatArray, rule: ModelGrade, thresholds: list[float] | None = None
) -> GradeArray:
    """
    Return the model's grade of each item, `NO_READ` where it made no prediction.

    Parameters
    ----------
    probabilities : ndarray, shape (n_items, n_grades)
    rule : {"argmax", "median", "thresholds"}
        The most probable grade (the lower one of a tie); the median of the distribution; or the
        highest grade whose threshold, and every lower one, is passed.
    thresholds : list of float, optional
        One per cut 1 .. n_grades - 1, for ``"thresholds"``.
    """
    there = predicted(probabilities)
    grades = np.full(probabilities.shape[0], NO_READ, dtype=np.int8)
    given = probabilities[there]
    if rule == "argmax":
        chosen = np.argmax(given, axis=1)
    elif rule == "median":
        # Rounding can leave the last sum just below 1; the highest grade then is the median's bound.
        reached = np.cumsum(given, axis=1) >= 0.5 - 1e-12
        chosen = np.where(reached.any(axis=1), np.argmax(reached, axis=1), given.shape[1] - 1)
    else:
        if thresholds is None:
            raise ValueError("thresholds must be given for the rule 'thresholds'")
        passed = np.stack(
            [score_at(given, cut) >= threshold for cut, threshold in enumerate(thresholds, start=1)], axis=1
        )
        chosen = np.cumprod(passed, axis=1).sum(axis=1)
    grades[there] = chosen
    return grades
