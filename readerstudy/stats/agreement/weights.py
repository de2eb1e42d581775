"""Agreement weights: how much two grades count as agreeing, from 1 (the same) to 0 (farthest apart)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray

Weights = Literal["identity", "linear", "quadratic", "ordinal", "ratio"]
WEIGHTS: tuple[Weights, ...] = ("identity", "linear", "quadratic", "ordinal", "ratio")


def agreement_weights(weights: str, n_grades: int, *, values: ArrayLike | None = None) -> FloatArray:
    r"""
    Matrix of agreement weights.

    Parameters
    ----------
    weights : {"identity", "linear", "quadratic", "ordinal", "ratio"}
        identity: only the same grade agrees. linear: :math:`1 - |x_i - x_j| / \max`. quadratic:
        :math:`1 - (x_i - x_j)^2 / \max`. ordinal: :math:`1 - \binom{|i-j|+1}{2} / \max`, on positions.
        ratio: :math:`1 - ((x_i - x_j)/(x_i + x_j))^2 / \max`.
    n_grades : int
        Number of grades of the scale, used or not.
    values : array_like, optional
        Value x of each grade; positions 1 .. n_grades by default.

    Returns
    -------
    ndarray, shape (n_grades, n_grades)
        Symmetric, 1 on the diagonal.

    Raises
    ------
    ValueError
        For ratio weights on values of which two sum to 0.

    References
    ----------
    .. [1] Gwet KL. Handbook of Inter-Rater Reliability. 4th ed. Advanced Analytics, 2014.
    """
    if n_grades < 1:
        raise ValueError(f"n_grades must be at least 1, got {n_grades}")
    x = np.arange(1.0, n_grades + 1) if values is None else np.asarray(values, dtype=np.float64)
    if x.shape != (n_grades,):
        raise ValueError(f"values must hold one number per grade, got {x.shape[0]} for {n_grades}")
    if weights == "identity" or n_grades == 1:
        if weights not in WEIGHTS:
            raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {weights!r}")
        return np.eye(n_grades)
    gap = x[:, None] - x[None, :]
    if weights == "linear":
        distance = np.abs(gap)
    elif weights == "quadratic":
        distance = gap**2
    elif weights == "ordinal":
        steps = np.abs(np.subtract.outer(np.arange(n_grades), np.arange(n_grades))) + 1.0
        distance = steps * (steps - 1) / 2
    elif weights == "ratio":
        total = x[:, None] + x[None, :]
        off = ~np.eye(n_grades, dtype=bool)
        if np.any(total[off] == 0):
            raise ValueError("ratio weights need grade values of which no two sum to 0")
        distance = np.divide(gap, total, out=np.zeros_like(gap), where=off) ** 2
    else:
        raise ValueError(f"weights must be one of {', '.join(WEIGHTS)}, got {weights!r}")
    highest = distance.max()
    if highest == 0:
        raise ValueError("the grades of the scale must have different values")
    return np.asarray(1.0 - distance / highest)


def within_weights(n_grades: int, within: int) -> FloatArray:
    """Weights 1 for grades at most `within` apart, else 0: for "within one grade" agreement."""
    steps = np.abs(np.subtract.outer(np.arange(n_grades), np.arange(n_grades)))
    return (steps <= within).astype(np.float64)
