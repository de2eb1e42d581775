"""
The five findings, their scales, and how often each grade is drawn.

The scales are those of the shipped facet-joint protocols: 4 / 4 / 4 / 3 / 2 grades. The frequencies are
inventions for a demonstration (a clinic for low back pain, more disease at the lower levels), not
epidemiology.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

LEVELS: Final = ("L1-2", "L2-3", "L3-4", "L4-5", "L5-S1")
SIDES: Final = ("right", "left")
STRUCTURES: Final = tuple(f"{level}-{side}" for level in LEVELS for side in SIDES)

#: Number of grades of each finding, grade 0 = none.
N_GRADES: Final[Mapping[str, int]] = {
    "narrowing": 4,
    "hypertrophy": 4,
    "osteophytes": 4,
    "erosion": 3,
    "cyst": 2,
}
FINDINGS: Final = tuple(N_GRADES)

#: Where the shipped protocol asks for a grade; radiographs show the outline of a joint, not its surfaces.
ASSESSABLE_ON: Final[Mapping[str, tuple[str, ...]]] = {
    "narrowing": ("CT", "MR"),
    "hypertrophy": ("CT", "MR", "XR"),
    "osteophytes": ("CT", "MR", "XR"),
    "erosion": ("CT", "MR"),
    "cyst": ("CT", "MR"),
}

#: Range of the joint gap in mm for each narrowing grade: >= 2, < 2, < 1, none left. The ranges keep a
#: distance of 0.2 mm or more from each threshold, so that the grade of a joint is never a matter of rounding.
GAP_MM: Final = ((2.3, 3.2), (1.2, 1.7), (0.45, 0.75), (0.0, 0.0))

Correlation = Literal["independent", "correlated"]

_PREVALENCE: Final[Mapping[str, tuple[float, ...]]] = {
    "narrowing": (0.38, 0.30, 0.20, 0.12),
    "hypertrophy": (0.42, 0.30, 0.18, 0.10),
    "osteophytes": (0.40, 0.30, 0.19, 0.11),
    "erosion": (0.68, 0.21, 0.11),
    "cyst": (0.78, 0.22),
}

# Shares of the latent variance in "correlated" bodies; the rest is each finding's own.
_PATIENT_SHARE, _JOINT_SHARE = 0.30, 0.30
# Shift of the latent variable per level, in standard deviations, zero on average.
_LEVEL_SHIFT: Final = {"L1-2": -0.45, "L2-3": -0.30, "L3-4": 0.0, "L4-5": 0.40, "L5-S1": 0.35}


def draw_grades(rng: np.random.Generator, correlation: Correlation) -> dict[str, dict[str, int]]:
    """
    Grades of one body.

    Parameters
    ----------
    rng : numpy.random.Generator
    correlation : {"independent", "correlated"}
        "independent": every item of every joint is drawn by itself, so that no finding tells anything about
        another. "correlated": one latent severity per patient and one per joint are shared by the five
        findings, and lower levels are worse.

    Returns
    -------
    dict
        ``grades[structure][finding]``.
    """
    grades: dict[str, dict[str, int]] = {}
    patient = rng.standard_normal()
    for structure in STRUCTURES:
        joint = rng.standard_normal()
        own = rng.standard_normal(len(FINDINGS))
        if correlation == "independent":
            latent = own
        else:
            shared = np.sqrt(_PATIENT_SHARE) * patient + np.sqrt(_JOINT_SHARE) * joint
            latent = shared + np.sqrt(1 - _PATIENT_SHARE - _JOINT_SHARE) * own
            latent = latent + _LEVEL_SHIFT[structure.rsplit("-", 1)[0]]
        grades[structure] = {
            finding: int(np.searchsorted(thresholds(finding), value))
            for finding, value in zip(FINDINGS, latent, strict=True)
        }
    return grades


def thresholds(finding: str) -> NDArray[np.float64]:
    """
    Cut points of the standard normal latent variable between the grades of a finding.

    Parameters
    ----------
    finding : str

    Returns
    -------
    ndarray, shape (n_grades - 1,)
        Increasing.
    """
    cumulative = np.cumsum(_PREVALENCE[finding])[:-1]
    cuts: NDArray[np.float64] = ndtri(cumulative)
    return cuts


def check_grades(grades: Mapping[str, int]) -> dict[str, int]:
    """
    A complete set of grades of one joint, missing findings at grade 0.

    Parameters
    ----------
    grades : mapping of finding to grade

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If a finding is unknown or a grade lies outside its scale.
    """
    complete = dict.fromkeys(FINDINGS, 0)
    for finding, grade in grades.items():
        if finding not in N_GRADES:
            raise ValueError(f"unknown finding {finding!r}; expected one of {', '.join(FINDINGS)}")
        if not 0 <= grade < N_GRADES[finding]:
            raise ValueError(f"{finding} holds grade {grade}, outside 0..{N_GRADES[finding] - 1}")
        complete[finding] = int(grade)
    return complete
