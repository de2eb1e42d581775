"""
Simulated doctors who grade.

An ordinal latent-trait model. Each item has a severity on a standard normal line, cut into the grades of its
scale at the points that give the drawn prevalence (`findings.thresholds`). Where an item lies inside its true
grade is drawn once and is the same for all readers: a borderline item is borderline for everyone. A reader sees
the severity with a bias of his own and fresh noise, and reports the grade in whose interval it falls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from scipy.special import ndtr, ndtri

from readerstudy.phantom.findings import LEVELS, thresholds

Grades = Mapping[str, Mapping[str, int]]
Severity = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class ReaderModel:
    """
    Habits of one simulated reader; amounts are standard deviations of severity between items.

    Attributes
    ----------
    bias : float
        Added to every severity; positive reads too much disease.
    noise : float
        Standard deviation of the fresh error of each item.
    case_noise : float
        Standard deviation of an error shared by all items of a case.
    finding_bias : mapping of finding to float
        Added to ``bias`` for that finding.
    drift : float
        Change of the bias from the first case to the last.
    learning : float
        Share by which the noise has shrunk at the last case, 0 to 1.
    not_assessable : float
        Probability of refusing an item.
    level_slip : float
        Probability that a case is numbered one level off (up or down), all its joints alike.
    """

    bias: float = 0.0
    noise: float = 0.72
    case_noise: float = 0.15
    finding_bias: Mapping[str, float] = field(default_factory=dict)
    drift: float = 0.0
    learning: float = 0.0
    not_assessable: float = 0.0
    level_slip: float = 0.0


#: Two doctors of ordinary experience and two seniors, with habits that differ as people's do.
JUNIOR_READERS: Final = (
    ReaderModel(bias=0.10, noise=0.62, learning=0.10, not_assessable=0.004, level_slip=0.02),
    ReaderModel(
        bias=-0.08,
        noise=0.66,
        drift=0.10,
        finding_bias={"erosion": 0.12, "osteophytes": -0.08},
        not_assessable=0.006,
        level_slip=0.02,
    ),
)
SENIOR_READERS: Final = (
    ReaderModel(bias=0.02, noise=0.36, case_noise=0.08, not_assessable=0.003),
    ReaderModel(bias=-0.03, noise=0.38, case_noise=0.08, not_assessable=0.003, level_slip=0.005),
)


@dataclass(frozen=True)
class Answer:
    """One simulated rating; ``grade`` is None where the kind is "not_assessable"."""

    structure: str
    finding: str
    kind: Literal["grade", "not_assessable"]
    grade: int | None


def draw_severity(truth: Sequence[Grades], rng: np.random.Generator) -> list[Severity]:
    """
    Where each item lies inside its true grade, the same for all readers of a study.

    Parameters
    ----------
    truth : sequence of grades
        For each case ``grades[structure][finding]``.
    rng : numpy.random.Generator

    Returns
    -------
    list of dict
        For each case ``severity[structure, finding]`` on the standard normal line.
    """
    result: list[Severity] = []
    for grades in truth:
        case = {}
        for structure, findings in grades.items():
            for finding, grade in findings.items():
                limits = np.concatenate([[0.0], ndtr(thresholds(finding)), [1.0]])
                share = limits[grade] + rng.random() * (limits[grade + 1] - limits[grade])
                case[structure, finding] = float(ndtri(np.clip(share, 1e-4, 1 - 1e-4)))
        result.append(case)
    return result


def simulate_reads(
    truth: Sequence[Grades],
    rng: np.random.Generator,
    reader: ReaderModel,
    *,
    severity: Sequence[Severity] | None = None,
) -> list[list[Answer]]:
    """
    Answers of one reader to a sequence of cases.

    Parameters
    ----------
    truth : sequence of grades
        For each case in reading order ``grades[structure][finding]``.
    rng : numpy.random.Generator
        One per reader, so that readers err independently.
    reader : ReaderModel
    severity : sequence of dict, optional
        From `draw_severity`; give the same one to all readers of a study. Drawn from ``rng`` when absent.

    Returns
    -------
    list of list of Answer
        One list per case, structures and findings in the order of the truth.
    """
    severity = severity or draw_severity(truth, rng)
    answers = []
    for number, (grades, levels) in enumerate(zip(truth, severity, strict=True)):
        progress = number / max(1, len(truth) - 1)
        bias = reader.bias + reader.drift * progress
        noise = reader.noise * (1 - reader.learning * progress)
        shared = rng.normal(0, reader.case_noise) if reader.case_noise else 0.0
        slip = int(rng.choice([-1, 1])) if rng.random() < reader.level_slip else 0
        case = []
        for structure, findings in grades.items():
            seen = _slipped(structure, slip, grades)
            for finding in findings:
                error = bias + reader.finding_bias.get(finding, 0.0) + shared + rng.normal(0, noise)
                refused = rng.random() < reader.not_assessable
                value = int(np.searchsorted(thresholds(finding), levels[seen, finding] + error))
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
