"""Simulated reads and scores as the CSV tables that the product imports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from readerstudy.phantom.readers.grades import Answer
from readerstudy.phantom.readers.model import Array

READS: Final = (
    "case_id", "patient_id", "centre", "partition", "presentation", "structure", "finding", "reader_id",
    "reader_role", "condition", "session", "occasion", "read_version", "protocol_version", "kind", "grade",
    "value", "unit", "reason", "confidence", "status", "submitted_at",
)  # fmt: skip
PREDICTIONS: Final = (
    "case_id", "patient_id", "structure", "finding", "model", "version", "input_points", "p_0", "p_1", "p_2",
    "p_3",
)  # fmt: skip

_FIRST_DAY = datetime(2022, 3, 1, 9, 0, tzinfo=UTC)


def read_rows(
    cases: Sequence[dict[str, object]],
    answers: Sequence[Sequence[Answer]],
    *,
    reader_id: str,
    reader_role: str,
    occasion: int = 1,
) -> Iterator[dict[str, object]]:
    """
    One row per answer, in reading order.

    Parameters
    ----------
    cases : sequence of dict
        Rows of ``cases.csv``: case_id, patient_id, centre.
    answers : sequence of sequence of Answer
        For each case.
    reader_id, reader_role : str
    occasion : int
        2 for a repeat.

    Yields
    ------
    dict
        Keys as in `READS`; times are invented, four minutes to a case.
    """
    for number, (case, given) in enumerate(zip(cases, answers, strict=True)):
        at = _FIRST_DAY + timedelta(minutes=4 * number, days=30 * (occasion - 1))
        for answer in given:
            refused = answer.kind == "not_assessable"
            yield {
                "case_id": case["case_id"],
                "patient_id": case["patient_id"],
                "centre": case["centre"],
                "partition": "",
                "presentation": "together",
                "structure": answer.structure,
                "finding": answer.finding,
                "reader_id": reader_id,
                "reader_role": reader_role,
                "condition": "unaided",
                "session": 1,
                "occasion": occasion,
                "read_version": 1,
                "protocol_version": 1,
                "kind": answer.kind,
                "grade": "" if refused else answer.grade,
                "value": "",
                "unit": "",
                "reason": "resolution" if refused else "",
                "confidence": "",
                "status": "submitted",
                "submitted_at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }


def prediction_rows(
    cases: Sequence[dict[str, object]],
    scores: Sequence[dict[tuple[str, str], Array]],
    *,
    model: str,
    version: str,
) -> Iterator[dict[str, object]]:
    """
    One row per item with the probability of each grade.

    Parameters
    ----------
    cases : sequence of dict
    scores : sequence of dict
        From `model.simulate_scores`.
    model, version : str

    Yields
    ------
    dict
        Keys as in `PREDICTIONS`; grades the scale does not have stay empty.
    """
    for case, items in zip(cases, scores, strict=True):
        for (structure, finding), probabilities in items.items():
            row: dict[str, object] = {
                "case_id": case["case_id"],
                "patient_id": case["patient_id"],
                "structure": structure,
                "finding": finding,
                "model": model,
                "version": version,
                "input_points": "automatic",
            }
            for grade in range(4):
                known = grade < len(probabilities)
                row[f"p_{grade}"] = f"{probabilities[grade]:.6f}" if known else ""
            yield row
