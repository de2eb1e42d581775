"""Lesions of the reference standard, and the marks of readers and models with the lesion that each hits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.analysis.exchange_columns import LESIONS, MARKS, PLACE
from readerstudy.analysis.models import ImportedLesion, ImportedMark
from readerstudy.analysis.services.imports.recording import note_import
from readerstudy.analysis.services.imports.roster import Roster, writable
from readerstudy.analysis.services.imports.tables import (
    BadCell,
    ImportRefused,
    Row,
    RowProblem,
    checked,
    name_of,
    one_of,
    read_table,
    real_number,
)
from readerstudy.core.audit import Actor
from readerstudy.stats import match_marks
from readerstudy.studies.models import Case, ReaderStudy

SHAPES = ("box3d", "box", "point", "ellipse", "polygon", "line", "angle")
MEASURED = ("line", "angle")  # they carry a value, and no confidence is needed
_CENTRE, _EXTENT = ("x_mm", "y_mm", "z_mm"), ("dx_mm", "dy_mm", "dz_mm")


def place_of(row: Row) -> dict[str, Any]:
    """Return the place columns that a row fills; millimetres as numbers."""
    place: dict[str, Any] = {}
    for column in PLACE:
        if row.get(column):
            place[column] = real_number(row, column) if column.endswith("_mm") else row[column]
    if any(place.get(column, 0.0) < 0 for column in _EXTENT):
        raise BadCell("dx_mm", _("an extent is 0 or more"))
    return place


@transaction.atomic
def import_lesions(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in the lesions of the reference standard. A case without a row has none.

    Parameters
    ----------
    text : str
        CSV with ``case_id, patient_id, lesion_id, class, weight`` and any of the place columns.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`. Weights of a case are all empty or add up to 1.
    """
    study = writable(study)
    roster = Roster(study, at)
    taken = set(ImportedLesion.objects.filter(case__study=study).values_list("case__pseudonym", "lesion"))

    def check(row: Row) -> ImportedLesion:
        case = roster.known_case(row)
        name = name_of(row, "lesion_id")
        if (case.pseudonym, name) in taken:
            raise BadCell(
                "lesion_id",
                _("case %(case)s has a lesion %(lesion)s already") % {"case": case.pseudonym, "lesion": name},
            )
        taken.add((case.pseudonym, name))
        weight = real_number(row, "weight") if row["weight"] else None
        if weight is not None and not 0 < weight <= 1:
            raise BadCell("weight", _("%(value)s lies outside 0 to 1") % {"value": row["weight"]})
        return ImportedLesion(
            case=case, lesion=name, lesion_class=row["class"], weight=weight, place=place_of(row)
        )

    good = checked(read_table(text, LESIONS[:5]), check)
    _check_weights((line, lesion) for line, __, lesion in good)
    ImportedLesion.objects.bulk_create([lesion for __, __, lesion in good], batch_size=1000)
    note_import(study=study, table="lesions", n_rows=len(good), text=text, source=source, actor=actor, at=at)
    return len(good)


def _check_weights(lesions: Iterable[tuple[int, ImportedLesion]]) -> None:
    by_case: dict[str, list[tuple[int, float | None]]] = defaultdict(list)
    for line, lesion in lesions:
        by_case[lesion.case.pseudonym].append((line, lesion.weight))
    problems = []
    for case, given in by_case.items():
        values = [weight for __, weight in given if weight is not None]
        if values and (len(values) < len(given) or abs(sum(values) - 1) > 1e-6):
            said = _("the weights of case %(case)s are %(weights)s; all are empty or they add up to 1") % {
                "case": case,
                "weights": ", ".join(f"{value:g}" for value in values),
            }
            problems.append(RowProblem(given[0][0], "weight", said))
    if problems:
        raise ImportRefused(problems)


@transaction.atomic
def import_marks(*, study: ReaderStudy, text: str, actor: Actor | None, at: datetime, source: str) -> int:
    """
    Take in marks of readers and models. A case without a row was looked at and not marked.

    Parameters
    ----------
    text : str
        CSV with the columns of `exchange_columns.MARKS`; the place columns, and one of ``reader_id`` and
        ``model``, may be absent. Where ``lesion_id`` is absent, the lesion that a mark hits is found from
        millimetres: its centre lies in the lesion's box. Lesions are imported before marks.

    Raises
    ------
    ImportRefused, WrongState
        As `import_reads`.
    """
    study = writable(study)
    roster = Roster(study, at)
    lesions: dict[int, dict[str, ImportedLesion]] = defaultdict(dict)
    for lesion in ImportedLesion.objects.filter(case__study=study).order_by("pk"):
        lesions[lesion.case_id][lesion.lesion] = lesion
    rows = read_table(
        text, [name for name in MARKS if name not in {*PLACE, "reader_id", "model", "lesion_id"}]
    )
    is_scored = "lesion_id" in rows[0][1]
    seen: set[tuple[Any, ...]] = set(
        ImportedMark.objects.filter(case__study=study).values_list(
            "case_id", "by", "is_model", "condition", "mark"
        )
    )

    def check(row: Row) -> ImportedMark:
        case = roster.known_case(row)
        by, is_model = _author(row, roster)
        mark = _mark_of(row, case, by, is_model)
        hit = row.get("lesion_id", "")
        if hit and hit not in lesions[case.pk]:
            raise BadCell(
                "lesion_id",
                _("case %(case)s has no lesion %(lesion)s; import lesions first")
                % {"case": case.pseudonym, "lesion": hit},
            )
        mark.lesion = hit
        key = (case.pk, by, is_model, mark.condition, mark.mark)
        if key in seen:
            raise BadCell("mark_id", _("stands twice: the same person, case, condition and mark"))
        seen.add(key)
        return mark

    good = checked(rows, check)
    if not is_scored:
        _score([(line, mark) for line, __, mark in good], lesions)
    ImportedMark.objects.bulk_create([mark for __, __, mark in good], batch_size=1000)
    note_import(study=study, table="marks", n_rows=len(good), text=text, source=source, actor=actor, at=at)
    return len(good)


def _author(row: Row, roster: Roster) -> tuple[str, bool]:
    reader, model = row.get("reader_id", ""), row.get("model", "")
    if bool(reader) == bool(model):
        raise BadCell("reader_id, model", _("exactly one of the two says whose mark it is"))
    if model:
        return name_of(row, "model", 80), True
    return roster.marker(row).code, False


def _mark_of(row: Row, case: Case, by: str, is_model: bool) -> ImportedMark:
    shape = one_of(row, "shape", SHAPES)
    value = real_number(row, "value") if row["value"] else None
    if shape in MEASURED and value is None:
        raise BadCell("value", _("is empty; a mark of the form %(form)s is measured") % {"form": shape})
    if not row["confidence"] and shape not in MEASURED:
        raise BadCell("confidence", _("is empty; a mark that may hit or miss needs one"))
    return ImportedMark(
        case=case,
        by=by,
        is_model=is_model,
        condition=name_of(row, "condition"),
        mark=name_of(row, "mark_id"),
        shape=shape,
        mark_class=row["class"][:40],
        confidence=real_number(row, "confidence") if row["confidence"] else None,
        value=value,
        unit=row["unit"][:20],
        place=place_of(row),
    )


def _score(
    marks: list[tuple[int, ImportedMark]], lesions: Mapping[int, Mapping[str, ImportedLesion]]
) -> None:
    """Find the lesion that each mark hits: its centre lies in the box, the classes agree where both say one."""
    grouped: dict[tuple[Any, ...], list[ImportedMark]] = defaultdict(list)
    problems = []
    for line, mark in marks:
        if mark.shape in MEASURED:
            continue
        here = list(lesions.get(mark.case_id, {}).values())
        frames = {lesion.place.get("frame_of_reference") for lesion in here}
        if any(name not in mark.place for name in _CENTRE):
            problems.append(
                RowProblem(line, "x_mm", _("is empty; without lesion_id a mark needs its place in mm"))
            )
        elif frames - {mark.place.get("frame_of_reference")}:
            problems.append(
                RowProblem(line, "frame_of_reference", _("is not the frame of the case's lesions"))
            )
        elif any(name not in lesion.place for lesion in here for name in (*_CENTRE, *_EXTENT)):
            problems.append(
                RowProblem(
                    line,
                    "lesion_id",
                    _("missing, and a lesion of case %(case)s has no box in mm") % {"case": mark.case},
                )
            )
        grouped[mark.case_id, mark.by, mark.is_model, mark.condition].append(mark)
    if problems:
        raise ImportRefused(problems)
    for key, own in grouped.items():
        here = list(lesions.get(key[0], {}).values())
        if not here:
            continue
        has_classes = all(each.lesion_class for each in here) and all(each.mark_class for each in own)
        hits = match_marks(
            np.array([[each.place[name] for name in _CENTRE] for each in own]),
            np.array([_corners(each.place) for each in here]),
            np.array([each.confidence for each in own]),
            rule="centre_in_box",
            mark_class=[each.mark_class for each in own] if has_classes else None,
            lesion_class=[each.lesion_class for each in here] if has_classes else None,
        )
        for mark, place in zip(own, hits.lesion, strict=True):
            mark.lesion = here[place].lesion if place >= 0 else ""


def _corners(place: Mapping[str, float]) -> list[list[float]]:
    centre = [place[name] for name in _CENTRE]
    half = [place[name] / 2 for name in _EXTENT]
    return [
        [c - h for c, h in zip(centre, half, strict=True)],
        [c + h for c, h in zip(centre, half, strict=True)],
    ]
