"""A simulated model: a probability for every grade, good on most cases and poor on some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from readerstudy.phantom.findings import thresholds
from readerstudy.phantom.readers.grades import Grades, Severity

Array = NDArray[Any]


@dataclass(frozen=True)
class ScoreModel:
    """
    Habits of a simulated model; amounts in standard deviations of severity.

    Attributes
    ----------
    noise : float
        Standard deviation of its error on ordinary cases.
    bias : float
    weak_noise, weak_bias : float
        The same in the subgroup where it fails.
    sharpness : float
        1 = probabilities as wide as its errors are on ordinary cases (calibrated there); above 1 it is
        more certain than it should be.
    """

    noise: float = 0.45
    bias: float = 0.0
    weak_noise: float = 1.3
    weak_bias: float = -0.5
    sharpness: float = 1.0


def simulate_scores(
    truth: Sequence[Grades],
    rng: np.random.Generator,
    model: ScoreModel,
    *,
    severity: Sequence[Severity],
    weak: Sequence[bool] | None = None,
) -> list[dict[tuple[str, str], Array]]:
    """
    Probabilities of each grade for each item.

    Parameters
    ----------
    truth : sequence of grades
    rng : numpy.random.Generator
    model : ScoreModel
    severity : sequence of dict
        From `readers.draw_severity`.
    weak : sequence of bool, optional
        Cases of the subgroup in which the model fails (another centre, a transitional vertebra); none when
        absent.

    Returns
    -------
    list of dict
        For each case ``p[structure, finding]``, shape (n_grades,), adding up to 1.
    """
    weak = weak if weak is not None else [False] * len(truth)
    result = []
    for levels, fails in zip(severity, weak, strict=True):
        noise = model.weak_noise if fails else model.noise
        bias = model.bias + (model.weak_bias if fails else 0.0)
        case = {}
        for item, level in levels.items():
            seen = level + bias + rng.normal(0, noise)
            # It does not know that it fails: its certainty is that of ordinary cases. The prior is N(0, 1).
            spread = model.noise / model.sharpness
            middle, width = seen / (1 + spread**2), spread / np.sqrt(1 + spread**2)
            cuts = (thresholds(item[1]) - middle) / width
            below = np.concatenate([[0.0], ndtr(cuts), [1.0]])
            case[item] = np.diff(below)
        result.append(case)
    return result
