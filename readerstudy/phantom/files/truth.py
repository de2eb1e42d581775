"""Truth tables of phantoms, in the CSV forms the product imports."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import numpy as np

from readerstudy.phantom.body import Body, CervicalBody
from readerstudy.phantom.body.cervical import TUMOUR_CLASSES
from readerstudy.phantom.body.parts import Array

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
LEVELS: Final = ("case_id", "patient_id", "level", "level_from_above", "x_mm", "y_mm", "z_mm")
LESIONS: Final = (
    "case_id", "patient_id", "lesion_id", "class", "weight", "frame_of_reference", "x_mm", "y_mm", "z_mm",
    "dx_mm", "dy_mm", "dz_mm", "series", "instance", "frame", "points_px",
)  # fmt: skip
REGIONS: Final = ("case_id", "patient_id", "region", "level", "value", "unit")
LANDMARKS: Final = (
    "case_id", "patient_id", "structure", "view", "series", "instance", "column_px", "row_px",
)  # fmt: skip


def reference_rows(body: Body | CervicalBody, case_id: str, patient_id: str) -> list[dict[str, object]]:
    """
    The true grade of each item, as an external reference standard.

    Parameters
    ----------
    body : Body or CervicalBody
    case_id, patient_id : str

    Returns
    -------
    list of dict
        Keys as in `REFERENCE`. A neck has one item, structure "case", finding "tumour": 0 none, 1 benign,
        2 borderline, 3 malignant, as a pathology report would say.
    """

    def row(structure: str, finding: str, grade: int, value: str = "") -> dict[str, object]:
        return {
            "case_id": case_id,
            "patient_id": patient_id,
            "structure": structure,
            "finding": finding,
            "kind": "grade",
            "grade": grade,
            "value": value,
            "provenance": "external",
            "decided_by_roles": "phantom",
            "reader_contributed": 0,
        }

    if isinstance(body, CervicalBody):
        name = body.lesions[0].kind if body.lesions else "none"
        return [row("case", "tumour", ("none", *TUMOUR_CLASSES).index(name), name)]
    return [
        row(structure, finding, grade)
        for structure, joint in body.joints.items()
        for finding, grade in joint.grades.items()
    ]


def level_rows(body: Body | CervicalBody, case_id: str, patient_id: str) -> list[dict[str, object]]:
    """
    Centre of each disc, under its name counted from below (from C2 in a neck) and from above.

    Parameters
    ----------
    body : Body or CervicalBody
    case_id, patient_id : str

    Returns
    -------
    list of dict
        Keys as in `LEVELS`; millimetres in LPS.
    """
    return [
        {
            "case_id": case_id,
            "patient_id": patient_id,
            "level": disc.level,
            "level_from_above": level_from_above(body, disc.level),
            **_place(disc.centre_mm),
        }
        for disc in body.discs
    ]


def level_from_above(body: Body | CervicalBody, level: str) -> str:
    """Name of a level by its neighbours as counted from above."""
    index = next(i for i, disc in enumerate(body.discs) if disc.level == level)
    above, below = body.vertebrae[index].name, body.vertebrae[index + 1].name
    return f"{above}-{below if above[0] != below[0] else below[1:]}"


def lesion_rows(
    body: Body | CervicalBody, case_id: str, patient_id: str, frame_of_reference: str
) -> list[dict[str, object]]:
    """
    Box of each lesion in the patient; edges are full lengths.

    Parameters
    ----------
    body : Body or CervicalBody
    case_id, patient_id, frame_of_reference : str

    Returns
    -------
    list of dict
        Keys as in `LESIONS`.
    """
    rows: list[dict[str, object]] = []
    for lesion in body.lesions:
        dx, dy, dz = (round(float(v), 3) for v in lesion.box_mm)
        rows.append(
            {
                "case_id": case_id,
                "patient_id": patient_id,
                "lesion_id": lesion.lesion_id,
                "class": lesion.kind,
                "weight": 1,
                "frame_of_reference": frame_of_reference,
                **_place(lesion.centre_mm),
                "dx_mm": dx,
                "dy_mm": dy,
                "dz_mm": dz,
            }
        )
    return rows


def region_rows(body: CervicalBody, case_id: str, patient_id: str) -> list[dict[str, object]]:
    """
    The six regions of a neck in numbers: cord, alignment, discs, canal, Cobb angle, ossification.

    Parameters
    ----------
    body : CervicalBody
    case_id, patient_id : str

    Returns
    -------
    list of dict
        Keys as in `REGIONS`.
    """
    ossified = body.ossification
    depth = ossified.thickness_mm if ossified else 0.0
    measures: list[tuple[str, str, float, str]] = [
        ("cobb", "C2-7", body.cobb_deg, "deg"),
        ("alignment", "C4-5", body.slip_mm, "mm"),
        ("ossification", "", depth, "mm"),
    ]
    for index, disc in enumerate(body.discs):
        area = body.canal_area_mm2(index)
        full = float(np.pi * body.cord_mm[0] * body.cord_mm[1])
        measures.append(("disc", disc.level, disc.bulge_mm, "mm"))
        measures.append(("canal", disc.level, area, "mm2"))
        measures.append(("cord", disc.level, body.cord_area_mm2(index) / full, "share of the free area"))
    return [
        {
            "case_id": case_id,
            "patient_id": patient_id,
            "region": region,
            "level": level,
            "value": round(value, 3),
            "unit": unit,
        }
        for region, level, value, unit in measures
    ]


def _place(point_mm: Array) -> dict[str, object]:
    x, y, z = (round(float(v), 3) for v in point_mm)
    return {"x_mm": x, "y_mm": y, "z_mm": z}


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
        rows.append(
            {
                "case_id": case_id,
                "patient_id": patient_id,
                "structure": structure,
                "level": joint.level,
                "side": joint.side,
                "level_from_above": level_from_above(body, joint.level),
                "frame_of_reference": frame_of_reference,
                **_place(joint.centre_mm),
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
