"""
Simulated doctors.

A reader sees the true grade through an ordinal latent-trait model: the truth stands at the middle of its
grade on a line on which each grade is one unit wide, the reader adds a personal bias and fresh noise, and
reports the grade in whose interval the sum falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from readerstudy.phantom.findings import LEVELS, N_GRADES

Grades = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class ReaderModel:
    """
    Habits of one simulated reader.

    Attributes
    ----------
    bias : float
        Added on the latent line, in grades; positive reads too much disease.
    noise : float
        Standard deviation of the fresh error of each item, in grades.
    case_noise : float
        Standard deviation of an error shared by all items of a case.
    finding_bias : mapping of finding to float
        Added to ``bias`` for that finding.
    drift : float
        Change of the bias from the first case to the last, in grades.
    learning : float
        Share by which the noise has shrunk at the last case, 0 to 1.
    not_assessable : float
        Probability of refusing an item.
    level_slip : float
        Probability that a case is numbered one level off (up or down), all its joints alike.
    """

    bias: float = 0.0
    noise: float = 0.75
    case_noise: float = 0.15
    finding_bias: Mapping[str, float] = field(default_factory=dict)
    drift: float = 0.0
    learning: float = 0.0
    not_assessable: float = 0.0
    level_slip: float = 0.0


@dataclass(frozen=True)
class Answer:
    """One simulated rating; ``grade`` is None where the kind is "not_assessable"."""

    structure: str
    finding: str
    kind: Literal["grade", "not_assessable"]
    grade: int | None


def simulate_reads(
    truth: Iterable[Grades],
    rng: np.random.Generator,
    reader: ReaderModel,
    *,
    n_grades: Mapping[str, int] = N_GRADES,
) -> list[list[Answer]]:
    """
    Answers of one reader to a sequence of cases.

    Parameters
    ----------
    truth : iterable of grades
        For each case in reading order ``grades[structure][finding]``.
    rng : numpy.random.Generator
        One per reader, so that readers err independently.
    reader : ReaderModel
    n_grades : mapping of finding to int
        Length of each scale.

    Returns
    -------
    list of list of Answer
        One list per case, structures and findings in the order of the truth.
    """
    cases = list(truth)
    answers = []
    for number, grades in enumerate(cases):
        progress = number / max(1, len(cases) - 1)
        bias = reader.bias + reader.drift * progress
        noise = reader.noise * (1 - reader.learning * progress)
        shared = rng.normal(0, reader.case_noise) if reader.case_noise else 0.0
        slip = int(rng.choice([-1, 1])) if rng.random() < reader.level_slip else 0
        case = []
        for structure in grades:
            seen = grades[_slipped(structure, slip, grades)]
            for finding, grade in seen.items():
                latent = grade + bias + reader.finding_bias.get(finding, 0.0) + shared + rng.normal(0, noise)
                refused = rng.random() < reader.not_assessable
                value = int(np.clip(np.rint(latent), 0, n_grades[finding] - 1))
                case.append(
                    Answer(structure, finding, "not_assessable", None)
                    if refused
                    else Answer(structure, finding, "grade", value)
                )
        answers.append(case)
    return answers


def _slipped(structure: str, slip: int, grades: Grades) -> str:
    """The structure whose picture is graded under this name when the levels are miscounted."""
    level, side = structure.rsplit("-", 1)
    if level not in LEVELS:
        return structure
    index = min(max(LEVELS.index(level) + slip, 0), len(LEVELS) - 1)
    other = f"{LEVELS[index]}-{side}"
    return other if other in grades else structure
