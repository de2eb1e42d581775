"""Truth tables of phantoms, in the CSV forms the product imports."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from readerstudy.phantom.body import Body

CASES: Final = (
    "case_id", "patient_id", "centre", "laterality", "folder", "dicom_patient_id", "study_date", "sex", "age",
    "variant", "lumbar_type_vertebrae", "synthetic",
)  # fmt: skip
REFERENCE: Final = (
    "case_id", "patient_id", "structure", "finding", "kind", "grade", "value", "provenance",
    "decided_by_roles", "reader_contributed",
)  # fmt: skip
JOINTS: Final = (
    "case_id", "patient_id", "structure", "level", "side", "level_from_above", "frame_of_reference",
    "x_mm", "y_mm", "z_mm", "gap_mm",
)  # fmt: skip
LANDMARKS: Final = (
    "case_id", "patient_id", "structure", "view", "series", "instance", "column_px", "row_px",
)  # fmt: skip


def reference_rows(body: Body, case_id: str, patient_id: str) -> list[dict[str, object]]:
    """
    The true grade of each item, as an external reference standard.

    Parameters
    ----------
    body : Body
    case_id, patient_id : str

    Returns
    -------
    list of dict
        Keys as in `REFERENCE`.
    """
    return [
        {
            "case_id": case_id,
            "patient_id": patient_id,
            "structure": structure,
            "finding": finding,
            "kind": "grade",
            "grade": grade,
            "value": "",
            "provenance": "external",
            "decided_by_roles": "phantom",
            "reader_contributed": 0,
        }
        for structure, joint in body.joints.items()
        for finding, grade in joint.grades.items()
    ]


def joint_rows(body: Body, case_id: str, patient_id: str, frame_of_reference: str) -> list[dict[str, object]]:
    """
    Place and gap of each joint.

    Parameters
    ----------
    body : Body
    case_id, patient_id, frame_of_reference : str

    Returns
    -------
    list of dict
        Keys as in `JOINTS`; millimetres in LPS.
    """
    rows: list[dict[str, object]] = []
    for structure, joint in body.joints.items():
        x, y, z = (round(float(v), 3) for v in joint.centre_mm)
        index = next(i for i, disc in enumerate(body.discs) if disc.level == joint.level)
        above, below = body.vertebrae[index].name, body.vertebrae[index + 1].name
        rows.append(
            {
                "case_id": case_id,
                "patient_id": patient_id,
                "structure": structure,
                "level": joint.level,
                "side": joint.side,
                "level_from_above": f"{above}-{below if above[0] != below[0] else below[1:]}",
                "frame_of_reference": frame_of_reference,
                "x_mm": x,
                "y_mm": y,
                "z_mm": z,
                "gap_mm": round(joint.gap_mm, 3),
            }
        )
    return rows


def write_table(path: Path, columns: tuple[str, ...], rows: Iterable[Mapping[str, object]]) -> None:
    """Write rows as CSV (UTF-8, one header line, ``\\n``)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
