"""Simulated reads and predictions for a folder of phantom cases."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from readerstudy.phantom.body import Lesion
from readerstudy.phantom.body.parts import Array
from readerstudy.phantom.files.truth import write_table
from readerstudy.phantom.readers import (
    JUNIOR_READERS,
    SENIOR_READERS,
    MarkModel,
    ReaderModel,
    ScoreModel,
    draw_severity,
    simulate_marks,
    simulate_reads,
    simulate_scores,
)
from readerstudy.phantom.readers.marks import MARKS, mark_rows
from readerstudy.phantom.readers.tables import PREDICTIONS, READS, prediction_rows, read_rows

READERS: Final[dict[str, tuple[str, ReaderModel]]] = {
    "reader-1": ("reader", JUNIOR_READERS[0]),
    "reader-2": ("reader", JUNIOR_READERS[1]),
    "senior-1": ("adjudicator", SENIOR_READERS[0]),
    "senior-2": ("panel", SENIOR_READERS[1]),
}
MODEL: Final = "simulated-model"
MARKERS: Final[dict[str, MarkModel]] = {
    "reader-1": MarkModel(sensitivity=0.80, extra_per_case=0.4, class_sensitivity={"fissure": -0.2}),
    "reader-2": MarkModel(sensitivity=0.74, extra_per_case=0.7, class_error=0.12),
    MODEL: MarkModel(sensitivity=0.86, extra_per_case=1.2, shift_mm=2.0, class_sensitivity={"modic": -0.3}),
}


def write_readings(folder: Path, *, seed: int, weak_centres: tuple[str, ...] = ("B",)) -> None:
    """
    Write ``reads.csv``, ``predictions.csv`` and ``marks.csv`` into a phantom folder, as far as they apply.

    Parameters
    ----------
    folder : Path
        As `write_folder` leaves it; cases.csv and reference.csv are read.
    seed : int
    weak_centres : tuple of str
        Centres on whose cases the simulated model fails, as it does on transitional vertebrae.
    """
    cases: list[dict[str, object]] = [dict(row) for row in _table(folder / "cases.csv")]
    graded = _table(folder / "reference.csv") if (folder / "joints.csv").exists() else []
    if graded:
        _write_grades(folder, cases, graded, seed, weak_centres)
    if (folder / "lesions.csv").exists():
        _write_marks(folder, cases, seed)


def _table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write_grades(
    folder: Path,
    cases: list[dict[str, object]],
    graded: list[dict[str, str]],
    seed: int,
    weak_centres: tuple[str, ...],
) -> None:
    places = {str(case["case_id"]): number for number, case in enumerate(cases)}
    truth: list[dict[str, dict[str, int]]] = [{} for _ in cases]
    for row in graded:
        structure = truth[places[row["case_id"]]].setdefault(row["structure"], {})
        structure[row["finding"]] = int(row["grade"])
    severity = draw_severity(truth, np.random.default_rng([seed, 0]))
    reads: list[dict[str, object]] = []
    for number, (reader_id, (role, model)) in enumerate(READERS.items(), start=1):
        answers = simulate_reads(truth, np.random.default_rng([seed, number]), model, severity=severity)
        reads.extend(read_rows(cases, answers, reader_id=reader_id, reader_role=role))
    write_table(folder / "reads.csv", READS, reads)
    weak = [c["centre"] in weak_centres or c["variant"] == "transitional" for c in cases]
    scores = simulate_scores(
        truth, np.random.default_rng([seed, 99]), ScoreModel(), severity=severity, weak=weak
    )
    write_table(
        folder / "predictions.csv", PREDICTIONS, prediction_rows(cases, scores, model=MODEL, version="1")
    )


def _write_marks(folder: Path, cases: list[dict[str, object]], seed: int) -> None:
    lesions = _table(folder / "lesions.csv")
    levels = _table(folder / "levels.csv")
    frames = {row["case_id"]: row["frame_of_reference"] for row in lesions}
    # A case without lesions has no frame of reference here; nobody's mistaken mark there could be placed.
    known = [{**case, "frame_of_reference": frames.get(str(case["case_id"]), "")} for case in cases]
    true: list[list[Lesion]] = []
    places = []
    for case in known:
        own = [row for row in lesions if row["case_id"] == case["case_id"]]
        # Boxes are along the patient's axes, so an upright ellipsoid of the same box stands in.
        true.append(
            [
                Lesion(row["lesion_id"], row["class"], "", _vector(row, ""), np.eye(3), _vector(row, "d") / 2)
                for row in own
            ]
        )
        places.append(np.array([_vector(row, "") for row in levels if row["case_id"] == case["case_id"]]))
    classes = sorted({row["class"] for row in lesions})
    rows: list[dict[str, object]] = []
    for number, (name, model) in enumerate(MARKERS.items(), start=1):
        rng = np.random.default_rng([seed, 200 + number])
        marks = simulate_marks(true, places, rng, model, classes=classes)
        who = {"model": name} if name == MODEL else {"reader_id": name}
        rows.extend(mark_rows(known, marks, **who))
    write_table(folder / "marks.csv", MARKS, [row for row in rows if row["frame_of_reference"]])


def _vector(row: dict[str, str], prefix: str) -> Array:
    return np.array([float(row[f"{prefix}{axis}_mm"]) for axis in "xyz"])
