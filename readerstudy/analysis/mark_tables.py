"""Marks and lesions as long tables, in the form in which they enter and leave."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from grading.models import Mark, MarkedPlace, Read, ReferenceMark
from readerstudy.studies.models import ReaderStudy, StudyRole

_PLACE = (
    "frame_of_reference", "x_mm", "y_mm", "z_mm", "dx_mm", "dy_mm", "dz_mm", "series", "instance", "frame",
    "points_px",
)  # fmt: skip
MARKS = (
    "case_id", "patient_id", "reader_id", "model", "condition", "session", "occasion", "read_version", "mark_id",
    "kind", "shape", "class", "confidence", *_PLACE, "lesion_id",
)  # fmt: skip
LESIONS = (
    "case_id", "patient_id", "lesion_id", "kind", "class", "weight", "provenance", "basis", *_PLACE,
)  # fmt: skip
MEANING: Mapping[str, str] = {
    "mark_id": "id of the mark within its read",
    "shape": "how it was drawn",
    "class": "class of the mark or lesion, by the protocol's codes",
    "weight": "share of the lesion in weighted figures; 1 unless said otherwise",
    "basis": "how it arose before the panel confirmed it",
    "frame_of_reference": "blinded UID; millimetres compare within one",
    "x_mm": "centre, patient coordinates (LPS), mm; y_mm and z_mm alike",
    "dx_mm": "full length along x, mm; dy_mm and dz_mm alike",
    "series": "blinded UID of the series on which it was drawn",
    "instance": "blinded UID of the image",
    "frame": "frame of the image, from 1",
    "points_px": "points as drawn, [column, row] in pixels from the centre of the first",
    "lesion_id": "in marks: the lesion that the mark became part of, empty for none",
}


def _place(mark: MarkedPlace) -> tuple[Any, ...]:
    corners: Sequence[Sequence[float]] = (
        [mark.box["min_mm"], mark.box["max_mm"]] if mark.box else mark.points_mm or []
    )
    axes = list(zip(*corners, strict=True)) if corners else []
    centre = [round((min(axis) + max(axis)) / 2, 3) for axis in axes] or [None] * 3
    size = [round(max(axis) - min(axis), 3) for axis in axes] or [None] * 3
    return (
        mark.frame_of_reference_uid, *centre, *size, mark.series_uid, mark.sop_uid, mark.frame,
        json.dumps(mark.points_px),
    )  # fmt: skip


def mark_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every mark of a submitted read in the order of `MARKS`."""
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    lesion_of = {
        source: str(lesion.lesion_id)
        for lesion in ReferenceMark.objects.filter(case__study=study, superseded_at__isnull=True)
        for source in lesion.sources
    }
    rows = (
        Mark.objects.filter(read__case__study=study, read__state=Read.State.SUBMITTED)
        .select_related("read__case__patient", "read__assignment")
        .order_by("read__case__pseudonym", "read__assignment_id", "read__version", "mark_id")
    )
    for row in rows.iterator(5000):
        read, assignment = row.read, row.read.assignment
        yield (
            read.case.pseudonym, read.case.patient.pseudonym, codes.get(read.reader_id, "?"), "",
            assignment.condition, assignment.session, assignment.occasion, read.version, str(row.mark_id),
            row.kind, row.shape, row.mark_class, row.confidence, *_place(row), lesion_of.get(row.pk, ""),
        )  # fmt: skip


def lesion_rows(study: ReaderStudy) -> Iterator[tuple[Any, ...]]:
    """Yield every lesion of the reference standard in the order of `LESIONS`."""
    rows = (
        ReferenceMark.objects.filter(case__study=study, superseded_at__isnull=True)
        .select_related("case__patient")
        .order_by("case__pseudonym", "lesion_id")
    )
    for row in rows.iterator(5000):
        yield (
            row.case.pseudonym, row.case.patient.pseudonym, str(row.lesion_id), row.kind, row.mark_class, 1,
            row.provenance, row.basis, *_place(row),
        )  # fmt: skip
