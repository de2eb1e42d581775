"""Simulated reads and predictions for a folder of phantom cases."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Final

import numpy as np

from readerstudy.phantom.files.truth import write_table
from readerstudy.phantom.readers import (
    JUNIOR_READERS,
    SENIOR_READERS,
    ReaderModel,
    ScoreModel,
    draw_severity,
    simulate_reads,
    simulate_scores,
)
from readerstudy.phantom.readers.tables import PREDICTIONS, READS, prediction_rows, read_rows

READERS: Final[dict[str, tuple[str, ReaderModel]]] = {
    "reader-1": ("reader", JUNIOR_READERS[0]),
    "reader-2": ("reader", JUNIOR_READERS[1]),
    "senior-1": ("adjudicator", SENIOR_READERS[0]),
    "senior-2": ("panel", SENIOR_READERS[1]),
}
MODEL: Final = "simulated-model"


def write_readings(folder: Path, *, seed: int, weak_centres: tuple[str, ...] = ("B",)) -> None:
    """
    Write ``reads.csv`` and ``predictions.csv`` beside the truth tables of a phantom folder.

    Parameters
    ----------
    folder : Path
        As `write_folder` leaves it; cases.csv and reference.csv are read.
    seed : int
    weak_centres : tuple of str
        Centres on whose cases the simulated model fails, as it does on transitional vertebrae.
    """
    cases: list[dict[str, object]] = []
    truth: list[dict[str, dict[str, int]]] = []
    with (folder / "cases.csv").open(encoding="utf-8") as file:
        cases.extend(dict(row) for row in csv.DictReader(file))
    places = {str(case["case_id"]): number for number, case in enumerate(cases)}
    truth.extend({} for _ in cases)
    with (folder / "reference.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
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
