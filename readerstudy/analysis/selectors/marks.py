"""Lesions and marks: those that were made here and those that came from tables, in one form, and as arrays."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from grading.models import Mark, MarkedPlace, Read, ReferenceMark
from inference.selectors import predicted_lesions_of
from readerstudy.analysis.datasets import MarkData
from readerstudy.analysis.models import ImportedLesion, ImportedMark
from readerstudy.stats import match_marks
from readerstudy.studies.models import Assignment, Case, ReaderStudy, StudyRole

#: Models see what readers see unaided: their marks stand beside those.
UNAIDED = Assignment.Condition.UNAIDED.value
_AXES = ("x", "y", "z", "dx", "dy", "dz")


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
    lesion_of = {
        source: str(lesion.lesion_id)
        for lesion in ReferenceMark.objects.filter(case__study=study, superseded_at__isnull=True)
        for source in lesion.sources
    }
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
    rows += [
        MarkRow(
            row.read.case_id, row.read.case.pseudonym, row.read.case.patient.pseudonym,
            codes.get(row.read.reader_id, "?"), False, Assignment.Condition(row.read.assignment.condition).value,
            str(row.mark_id), row.shape, row.mark_class, row.confidence, None, "", lesion_of.get(row.pk, ""),
            _place(row),
        )
        for row in own
    ]  # fmt: skip
    if with_runs:
        rows += _marks_of_runs(study)
    yield from sorted(rows, key=lambda row: (row.case, row.is_model, row.by, row.condition, row.mark))


def _marks_of_runs(study: ReaderStudy) -> list[MarkRow]:
    """What models marked here, each with the lesion whose box holds its centre; classes must agree."""
    names = {
        case.pk: (case.pseudonym, case.patient.pseudonym)
        for case in Case.objects.filter(study=study).select_related("patient")
    }
    lesions: dict[int, list[LesionRow]] = defaultdict(list)
    for lesion in lesions_of(study):
        if all(f"{axis}_mm" in lesion.place for axis in _AXES):
            lesions[lesion.case_id].append(lesion)
    found: dict[tuple[int, str, str], list[Any]] = defaultdict(list)
    for row in predicted_lesions_of(study):
        found[row.case_id, row.model, row.frame_of_reference].append(row)
    result = []
    for (case_id, model, frame), own in found.items():
        # Marks and lesions in different frames of reference have no common millimetres.
        here = [each for each in lesions[case_id] if each.place.get("frame_of_reference", "") in ("", frame)]
        hit = [-1] * len(own)
        if here:
            hit = match_marks(
                np.array([[each.box[f"{axis}_mm"] for axis in "xyz"] for each in own]),
                np.array([_corners(each.place) for each in here]),
                np.array([each.score for each in own]),
                rule="centre_in_box",
                mark_class=[each.lesion_class for each in own],
                lesion_class=[each.lesion_class for each in here],
            ).lesion.tolist()
        result += [
            MarkRow(
                case_id, *names[case_id], model, True, UNAIDED, str(each.number), "box3d", each.lesion_class,
                round(100 * each.score, 4), None, "", here[place].lesion if place >= 0 else "",
                {"frame_of_reference": frame, **each.box},
            )
            for each, place in zip(own, hit, strict=True)
        ]  # fmt: skip
    return result


def _corners(place: Mapping[str, float]) -> list[list[float]]:
    return [[place[f"{axis}_mm"] + side * place[f"d{axis}_mm"] / 2 for axis in "xyz"] for side in (-1, 1)]


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
