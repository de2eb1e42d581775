"""One facet joint: from five grades to a gap, processes, spurs, pits and cysts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from readerstudy.phantom.body.parts import Array, Joint
from readerstudy.phantom.findings import GAP_MM, check_grades

# Growth of thickness and extent of both processes per hypertrophy grade.
_THICKER = (1.0, 1.28, 1.62, 2.05)
_WIDER = (1.0, 1.05, 1.12, 1.20)
# Osteophytes per grade: how many at the front and back margins, at the tips, and how long.
_SPURS = ((0, 0, (0.0, 0.0)), (2, 1, (2.0, 2.7)), (3, 2, (3.6, 4.6)), (4, 2, (5.6, 7.2)))
# Number and radius of surface erosions per grade.
_PITS = ((0, 0, (0.0, 0.0)), (2, 3, (1.0, 1.4)), (7, 9, (1.4, 2.1)))


def make_joint(
    rng: np.random.Generator,
    *,
    structure: str,
    level: str,
    side: Literal["right", "left"],
    centre_mm: Array,
    axes: Array,
    scale: float,
    grades: Mapping[str, int],
) -> Joint:
    """
    Build a joint that shows the given grades.

    Parameters
    ----------
    rng : numpy.random.Generator
        Draws what a grade leaves open. The number of draws depends on the grades, so give each joint its own
        generator where joints must not disturb one another.
    structure, level, side : str
    centre_mm : ndarray, shape (3,)
    axes : ndarray, shape (3, 3)
        Columns u, v, w as `Joint` states.
    scale : float
        Size of the person, 1 = average.
    grades : mapping of finding to grade
        Missing findings are 0.

    Returns
    -------
    Joint
    """
    grades = check_grades(grades)
    vary = rng.uniform(0.94, 1.06, size=5)
    grown = grades["hypertrophy"]
    half_width = 8.2 * scale * vary[0] * _WIDER[grown]
    half_height = 8.6 * scale * vary[1] * _WIDER[grown]
    # Mostly outward growth: the inferior process thickens towards the lamina, the superior to the front.
    thickness = (
        6.2 * scale * vary[2] * _THICKER[grown],
        5.4 * scale * vary[3] * _THICKER[grown],
    )
    low, high = GAP_MM[grades["narrowing"]]
    gap = float(rng.uniform(low, high))
    return Joint(
        structure=structure,
        level=level,
        side=side,
        centre_mm=centre_mm,
        axes=axes,
        radius=15.0 * scale * vary[4],
        gap_mm=gap,
        half_width=half_width,
        half_height=half_height,
        thickness=thickness,
        grades=grades,
        spurs=_spurs(rng, grades["osteophytes"], half_height),
        pits=_pits(rng, grades["erosion"], half_width, half_height),
        cysts=_cysts(rng, grades["cyst"], half_width, half_height, thickness),
    )


def _spurs(rng: np.random.Generator, grade: int, half_height: float) -> Array:
    sideways, upright, (low, high) = _SPURS[grade]
    # Front and back margins of the superior process first: where spurs are seen most in life.
    corners = [(1, -1), (1, 1), (-1, 1), (-1, -1)][:sideways]
    # The tip of the superior process points up, that of the inferior one down.
    tips = [(1, 2), (-1, -2)][:upright]
    rows = [
        (process, end, rng.uniform(-0.35, 0.35) * half_height, rng.uniform(low, high), rng.uniform(1.7, 2.1))
        for process, end in corners + tips
    ]
    return np.array(rows, dtype=float).reshape(-1, 5)


def _pits(rng: np.random.Generator, grade: int, half_width: float, half_height: float) -> Array:
    least, most, (low, high) = _PITS[grade]
    number = int(rng.integers(least, most + 1))
    rows = [
        (
            1 if index % 2 else -1,
            rng.uniform(-0.7, 0.7) * half_width,
            rng.uniform(-0.55, 0.55) * half_height,
            rng.uniform(low, high),
        )
        for index in range(number)
    ]
    return np.array(rows, dtype=float).reshape(-1, 4)


def _cysts(
    rng: np.random.Generator,
    grade: int,
    half_width: float,
    half_height: float,
    thickness: tuple[float, float],
) -> Array:
    number = int(rng.integers(1, 3)) if grade else 0
    rows = []
    for index in range(number):
        process = 1 if (index + int(rng.integers(0, 2))) % 2 else -1
        room = thickness[0] if process < 0 else thickness[1]
        radius = min(rng.uniform(1.2, 2.1), 0.36 * room)
        rows.append(
            (
                process,
                rng.uniform(-0.45, 0.45) * half_width,
                rng.uniform(-0.4, 0.4) * half_height,
                radius + 0.9,
                radius,
            )
        )
    return np.array(rows, dtype=float).reshape(-1, 5)
