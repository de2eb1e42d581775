"""Lesions and marks: those that were made here and those that came from tables, in one form, and as arrays."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grading.matching import Place
from grading.models import Mark, MarkedPlace, Read, ReferenceMark
from inference.selectors import LesionRow as PredictedLesionRow
from inference.selectors import predicted_lesions_of
from readerstudy.analysis.datasets import MarkData
from readerstudy.analysis.models import ImportedLesion, ImportedMark
from readerstudy.analysis.selectors.hits import LesionFinder
from readerstudy.analysis.selectors.studies import protocol_of
from readerstudy.studies.models import Assignment, Case, ReaderStudy, StudyRole

#: Models see what readers see unaided: their marks stand beside those.
UNAIDED = Assignment.Condition.UNAIDED.value


@dataclass(frozen=True)
class LesionRow:
    """One lesion of the reference standard."""

    case_id: int
    case: str
    patient: str
    lesion: str
    lesion_class: str
    weight: float | None
    place: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MarkRow:
    """One mark of a reader or a model, with the lesion that it hits (empty: none)."""

    case_id: int
    case: str
    patient: str
    by: str
    is_model: bool
    condition: str
    mark: str
    shape: str
    mark_class: str
    confidence: float | None
    value: float | None
    unit: str
    lesion: str
    place: Mapping[str, Any] = field(default_factory=dict)


def _place(mark: MarkedPlace) -> dict[str, Any]:
    """Return the place columns of a mark that was drawn here; what its image does not state is left out."""
    corners: Sequence[Sequence[float]] = (
        [mark.box["min_mm"], mark.box["max_mm"]] if mark.box else mark.points_mm or []
    )
    place: dict[str, Any] = {
        "series": mark.series_uid,
        "instance": mark.sop_uid,
        "frame": str(mark.frame),
        "points_px": json.dumps(mark.points_px),
    }
    if mark.frame_of_reference_uid:
        place["frame_of_reference"] = mark.frame_of_reference_uid
    for name, axis in zip("xyz", zip(*corners, strict=True), strict=False):
        place[f"{name}_mm"] = round((min(axis) + max(axis)) / 2, 3)
        place[f"d{name}_mm"] = round(max(axis) - min(axis), 3)
    return place


def lesions_of(study: ReaderStudy) -> Iterator[LesionRow]:
    """Yield every lesion of the reference standard, by case and name."""
    rows = [
        LesionRow(
            row.case_id, row.case.pseudonym, row.case.patient.pseudonym, row.lesion, row.lesion_class, row.weight,
            row.place,
        )
        for row in ImportedLesion.objects.filter(case__study=study).select_related("case__patient")
    ]  # fmt: skip
    rows += [
        LesionRow(
            row.case_id, row.case.pseudonym, row.case.patient.pseudonym, str(row.lesion_id), row.mark_class, None,
            _place(row),
        )
        for row in ReferenceMark.objects.filter(
            case__study=study, superseded_at__isnull=True
        ).select_related("case__patient")
    ]  # fmt: skip
    yield from sorted(rows, key=lambda row: (row.case, row.lesion))


def marks_of(study: ReaderStudy, *, with_runs: bool = True) -> Iterator[MarkRow]:
    """
    Yield every mark of a first showing that stands, by case, reader before model, condition and name.

    Parameters
    ----------
    with_runs : bool
        Whether what models marked here belongs to it; the lock freezes what people did, and they may run later.
    """
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = [
        MarkRow(
            row.case_id, row.case.pseudonym, row.case.patient.pseudonym, row.by, row.is_model, row.condition,
            row.mark, row.shape, row.mark_class, row.confidence, row.value, row.unit, row.lesion, row.place,
        )
        for row in ImportedMark.objects.filter(case__study=study).select_related("case__patient")
    ]  # fmt: skip
    own = Mark.objects.filter(
        read__case__study=study,
        read__state=Read.State.SUBMITTED,
        read__superseded_at__isnull=True,
        read__assignment__occasion=1,
        read__assignment__withdrawn_at__isnull=True,
    ).select_related("read__case__patient", "read__assignment")
    predicted = predicted_lesions_of(study) if with_runs else []
    if own or predicted:
        finder = _finder_of(study)
        rows += [
            MarkRow(
                row.read.case_id, row.read.case.pseudonym, row.read.case.patient.pseudonym,
                codes.get(row.read.reader_id, "?"), False, Assignment.Condition(row.read.assignment.condition).value,
                str(row.mark_id), row.shape, row.mark_class, row.confidence, None, "", finder.hit_of(row),
                _place(row),
            )
            for row in own
        ]  # fmt: skip
        rows += _marks_of_runs(study, predicted, finder)
    yield from sorted(rows, key=lambda row: (row.case, row.is_model, row.by, row.condition, row.mark))


def _finder_of(study: ReaderStudy) -> LesionFinder:
    standing = ReferenceMark.objects.filter(case__study=study, superseded_at__isnull=True).order_by("pk")
    imported = ImportedLesion.objects.filter(case__study=study).order_by("pk")
    return LesionFinder(protocol_of(study).document, standing, imported)


def _marks_of_runs(
    study: ReaderStudy, predicted: Sequence[PredictedLesionRow], finder: LesionFinder
) -> list[MarkRow]:
    """What models marked here, scored against the reference standard as the readers' marks are."""
    names = {
        case.pk: (case.pseudonym, case.patient.pseudonym)
        for case in Case.objects.filter(study=study).select_related("patient")
    }
    result = []
    for row in predicted:
        centre = [row.box[f"{axis}_mm"] for axis in "xyz"]
        half = [row.box[f"d{axis}_mm"] / 2 for axis in "xyz"]
        place = Place(
            row.number,
            row.lesion_class,
            tuple(c - h for c, h in zip(centre, half, strict=True)),
            tuple(c + h for c, h in zip(centre, half, strict=True)),
            row.frame_of_reference,
        )
        result.append(
            MarkRow(
                row.case_id, *names[row.case_id], row.model, True, UNAIDED, str(row.number), "box3d",
                row.lesion_class, round(100 * row.score, 4), None, "", finder.hit(row.case_id, place),
                {"frame_of_reference": row.frame_of_reference, **row.box},
            )
        )  # fmt: skip
    return result


def mark_data(study: ReaderStudy, place_of_case: Mapping[int, int]) -> MarkData | None:
    """
    Return the lesions and marks of the analysed cases; None where the study has neither.

    Parameters
    ----------
    place_of_case : mapping of int to int
        Primary key of each analysed case -> its place in the data set.
    """
    lesions = sorted(
        (place_of_case[row.case_id], row.lesion, row.weight)
        for row in lesions_of(study)
        if row.case_id in place_of_case
    )
    marks = sorted(
        (
            (row.case_id, row.by, row.is_model, row.condition, row.confidence, row.lesion)
            for row in marks_of(study)
            if row.case_id in place_of_case and row.confidence is not None
        ),
        key=lambda row: (row[2], row[1], row[3]),
    )
    if not lesions and not marks:
        return None
    number: dict[tuple[int, str], int] = {}
    count: dict[int, int] = {}
    for case, lesion, _ in lesions:
        number[case, lesion] = count[case] = count.get(case, 0) + 1
    people = sorted({(is_model, by) for _, by, is_model, *_ in marks})
    conditions = sorted({row[3] for row in marks})
    return MarkData(
        conditions=tuple(conditions),
        people=tuple(by for _, by in people),
        is_model=tuple(is_model for is_model, _ in people),
        lesion_case=np.array([case for case, *_ in lesions], dtype=np.int64),
        weights=np.array([np.nan if w is None else w for *_, w in lesions], dtype=np.float64),
        mark_case=np.array([place_of_case[row[0]] for row in marks], dtype=np.int64),
        mark_by=np.array([people.index((row[2], row[1])) for row in marks], dtype=np.int64),
        mark_condition=np.array([conditions.index(row[3]) for row in marks], dtype=np.int64),
        rating=np.array([row[4] for row in marks], dtype=np.float64),
        hit=np.array(
            [number[place_of_case[row[0]], row[5]] if row[5] else 0 for row in marks], dtype=np.int64
        ),
    )
