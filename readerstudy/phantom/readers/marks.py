"""Simulated readers and detectors that mark lesions: misses, extra marks, displaced boxes, wrong classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from readerstudy.phantom.body.parts import Array, Lesion

MARKS: Final = (
    "case_id", "patient_id", "reader_id", "model", "condition", "mark_id", "shape", "class", "confidence",
    "value", "unit", "frame_of_reference", "x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm", "series",
    "instance", "frame", "points_px", "lesion_id",
)  # fmt: skip


@dataclass(frozen=True)
class MarkModel:
    """
    Habits of someone, or something, that marks.

    Attributes
    ----------
    sensitivity : float
        Probability of finding a lesion of average conspicuity.
    class_sensitivity : mapping of class to float
        Added for that class.
    extra_per_case : float
        Mean number of marks where there is nothing (Poisson).
    shift_mm : float
        Standard deviation of a mark's centre along each axis.
    size_sd : float
        Standard deviation of the logarithm of a box's edges.
    class_error : float
        Probability of naming another class.
    confidence_gap : float
        Distance, in standard deviations, between the confidence of true and of extra marks.
    """

    sensitivity: float = 0.78
    class_sensitivity: Mapping[str, float] = field(default_factory=dict)
    extra_per_case: float = 0.5
    shift_mm: float = 1.5
    size_sd: float = 0.15
    class_error: float = 0.08
    confidence_gap: float = 1.2


@dataclass(frozen=True)
class Mark:
    """
    One mark; ``lesion_id`` is the lesion it was meant for, empty for an extra one.

    ``confidence`` runs from 0 to 100; lengths are millimetres in LPS, box edges are full lengths.
    """

    kind: str
    confidence: float
    centre_mm: Array
    box_mm: Array
    lesion_id: str


def simulate_marks(
    cases: Sequence[Sequence[Lesion]],
    places_mm: Sequence[Array],
    rng: np.random.Generator,
    model: MarkModel,
    *,
    classes: Sequence[str],
) -> list[list[Mark]]:
    """
    Marks of one reader or detector on a sequence of cases.

    Parameters
    ----------
    cases : sequence of sequence of Lesion
        True lesions of each case.
    places_mm : sequence of ndarray, shape (n, 3)
        For each case points where a mistaken mark may be put (disc centres, say).
    rng : numpy.random.Generator
        One per reader.
    model : MarkModel
    classes : sequence of str
        Names to choose from.

    Returns
    -------
    list of list of Mark
    """
    result = []
    for lesions, places in zip(cases, places_mm, strict=True):
        marks = []
        for lesion in lesions:
            chance = model.sensitivity + model.class_sensitivity.get(lesion.kind, 0.0)
            if rng.random() >= chance:
                continue
            others = [name for name in classes if name != lesion.kind]
            wrong = bool(others) and rng.random() < model.class_error
            marks.append(
                Mark(
                    kind=str(rng.choice(others)) if wrong else lesion.kind,
                    confidence=_confidence(rng, model.confidence_gap / 2),
                    centre_mm=lesion.centre_mm + rng.normal(0, model.shift_mm, 3),
                    box_mm=lesion.box_mm * np.exp(rng.normal(0, model.size_sd, 3)),
                    lesion_id=lesion.lesion_id,
                )
            )
        for _ in range(int(rng.poisson(model.extra_per_case))):
            marks.append(
                Mark(
                    kind=str(rng.choice(list(classes))),
                    confidence=_confidence(rng, -model.confidence_gap / 2),
                    centre_mm=places[int(rng.integers(len(places)))] + rng.normal(0, 9.0, 3),
                    box_mm=rng.uniform(5.0, 14.0, 3),
                    lesion_id="",
                )
            )
        result.append(marks)
    return result


def _confidence(rng: np.random.Generator, middle: float) -> float:
    return float(np.round(100 / (1 + np.exp(-(middle + rng.standard_normal()) * 1.5)), 1))


def mark_rows(
    cases: Sequence[Mapping[str, object]],
    marks: Sequence[Sequence[Mark]],
    *,
    reader_id: str = "",
    model: str = "",
) -> list[dict[str, object]]:
    """
    Rows of the marks table.

    Parameters
    ----------
    cases : sequence of mapping
        With case_id, patient_id and frame_of_reference.
    marks : sequence of sequence of Mark
    reader_id, model : str
        Who marked: one of the two.

    Returns
    -------
    list of dict
        Keys as in `MARKS`. ``lesion_id`` stays empty: geometry decides what was hit.
    """
    rows: list[dict[str, object]] = []
    for case, given in zip(cases, marks, strict=True):
        for number, mark in enumerate(given, start=1):
            row: dict[str, object] = dict.fromkeys(MARKS, "")
            row.update(
                case_id=case["case_id"],
                patient_id=case["patient_id"],
                frame_of_reference=case["frame_of_reference"],
                reader_id=reader_id,
                model=model,
                condition="unaided" if reader_id else "",
                mark_id=f"{case['case_id']}-{reader_id or model}-{number}",
                shape="box3d",
                confidence=mark.confidence,
            )
            row["class"] = mark.kind
            for axis, centre, edge in zip("xyz", mark.centre_mm, mark.box_mm, strict=True):
                row[f"{axis}_mm"] = round(float(centre), 3)
                row[f"d{axis}_mm"] = round(float(edge), 3)
            rows.append(row)
    return rows
