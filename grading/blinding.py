"""
What a blinded person's page is told: frozen values of primitives, built from an explicit allow-list.

No model instance, no patient's tag, no case id and no other person's answer passes through here. The
keys of the JSON that these classes give are pinned by a test.
"""

import base64
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from django.contrib.staticfiles import finders
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils.translation import get_language

from grading.aids import aid_words
from grading.dry_run import sandbox
from grading.models import CoveredGrade, Discordance, MarkDiscordance, PanelReview, Read
from grading.places import images_of, presentation_alias, shown_mark
from grading.practice import is_practice, place_of
from grading.required_images import required_series
from grading.selectors import (
    open_discordances,
    open_mark_items,
    panel_round,
    standing_marks,
    standing_reference,
)
from grading.services.adjudication import answers_shown, covered_grade
from grading.services.marks import grade_of, marks_shown
from grading.services.saving import MARK, cells_of
from grading.services.unseen import UNSEEN_REASONS
from readerstudy.core.keys import derive_key
from readerstudy.imaging.selectors import SeriesRow, blinded_frame, study_table
from readerstudy.studies.models import Assignment, CaseDuty, Landmark, Protocol
from readerstudy.studies.navigation import protocol_title
from readerstudy.studies.protocols.document import ProtocolDocument, Text


def language() -> str:
    return get_language() or "en"


def words(text: Text | None) -> str:
    return text.in_language(language()) if text is not None else ""


@dataclass(frozen=True)
class PageFrame:
    """The bars of a reading-room page."""

    title: str
    is_demonstration: bool
    protocol_version: int
    protocol_digest: str
    person_code: str


@dataclass(frozen=True)
class BlindedCase:
    """A reading page: its frame, and the JSON of its two independent halves."""

    frame: PageFrame
    running_number: int
    n_cases: int
    n_submitted: int
    condition: str
    # "training" or "calibration" for a case before the study's own, else "".
    practice: str
    levels_numbered: bool
    presentation: str
    grading: dict[str, Any]
    viewer: dict[str, Any]


def page_frame(assignment: Assignment, code: str) -> PageFrame:
    protocol = assignment.study.protocols.order_by("-version").first()
    assert protocol is not None  # noqa: S101  (a study is made with its protocol)
    return PageFrame(
        title=protocol_title(assignment.study),
        is_demonstration=assignment.study.is_demonstration,
        protocol_version=protocol.version,
        protocol_digest=protocol.short_digest,
        person_code=code,
    )


@cache
def atlas_picture(name: str) -> str:
    """Return the address of a grade's picture, or "" where the atlas has none of that name."""
    # Bone shows best on CT; the scale is the same for every modality.
    path = f"img/atlas/ct/{name}.png"
    return static(path) if name and finders.find(path) else ""


def protocol_words(document: ProtocolDocument) -> dict[str, Any]:
    """Return the protocol as the grading panel needs it, in the page's language."""
    return {
        "sided": document.is_sided,
        "structures": [
            {"id": each.id, "label": words(each.label), "group": each.group, "side": each.side}
            for each in document.structures
        ],
        "levels": [
            {"id": group, "label": words(label), "structures": [member.id for member in members]}
            for group, label, members in document.groups()
        ],
        "findings": [
            {
                "id": each.id,
                "label": words(each.label),
                "short": words(each.short),
                "definition": words(each.definition),
                "kind": each.kind,
                "typed": list(each.typed),
                "minimum": each.minimum,
                "maximum": each.maximum,
                "unit": each.unit,
                "at": list(each.at),
                "measure": each.measure,
                "scale": [
                    {
                        "value": grade.value,
                        "label": words(grade.label),
                        "hint": words(grade.hint),
                        "picture": atlas_picture(grade.picture),
                    }
                    for grade in each.scale
                ],
            }
            for each in document.findings
        ],
        "derived": [
            {
                "id": each.id,
                "label": words(each.label),
                "implies": {name: list(implied) for name, implied in each.implies.items()},
            }
            for each in document.derived
        ],
        "not_assessable_reasons": [
            {"id": name, "label": words(label)} for name, label in document.not_assessable_reasons
        ],
        "adjudication_reasons": [
            {"id": name, "label": words(label)} for name, label in document.adjudication_reasons
        ],
        "mark_kinds": [
            {
                "id": each.id,
                "label": words(each.label),
                "shape": each.shape,
                "has_confidence": each.has_confidence,
                "classes": [{"id": name, "label": words(label)} for name, label in each.classes],
            }
            for each in document.marks
        ],
        "case_questions": [
            {
                "id": each.id,
                "label": words(each.label),
                "kind": each.kind,
                "required": each.required,
                "options": [{"id": name, "label": words(label)} for name, label in each.options],
            }
            for each in document.case_questions
        ],
    }


def viewer_words(
    assignment: Assignment,
    document: ProtocolDocument,
    resume: dict[str, Any],
    marks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return what the viewer needs: series by neutral labels, hanging protocols, places, marks to draw."""
    case = assignment.case
    alias = presentation_alias(assignment)
    series: Sequence[SeriesRow] = study_table(case.image_set, alias=alias) if case.image_set else ()
    established = all(each.laterality == "established" for each in series)
    laterality = (
        "established"
        if established
        else ("by-convention" if case.sides_accepted_by_convention else "unknown")
    )
    landmarks = Landmark.objects.filter(case=case).order_by("structure", "frame_of_reference_uid")
    return {
        **display_words(document),
        "laterality": laterality,
        "series": [asdict(each) for each in series],
        "required": [each.series_uid for each in required_series(document, series)],
        "landmarks": [
            {
                "structure": each.structure,
                "frame_of_reference": blinded_frame(each.frame_of_reference_uid, alias=alias),
                "point_mm": [each.x_mm, each.y_mm, each.z_mm],
            }
            for each in landmarks
        ],
        "marks": list(marks),
        "resume": resume,
        "keymap": assignment.user.key_map.get("viewer", {}),
        "panel_keymap": assignment.user.key_map.get("panel", {}),
        "language": language(),
    }


def display_words(document: ProtocolDocument) -> dict[str, Any]:
    """Return what of the viewer's page the protocol alone decides."""
    display = document.display
    return {
        "sided": document.is_sided,
        "hanging": [
            {
                "name": each["name"],
                "label": _label(each.get("label", each["name"])),
                "viewports": each["viewports"],
            }
            for each in display["hanging"]
        ],
        "presets": {
            modality: [{**preset, "name": _label(preset["name"])} for preset in presets]
            for modality, presets in display.get("presets", {}).items()
        },
        "structures": [
            {"id": each.id, "label": words(each.label), "group": words(each.group_label), "side": each.side}
            for each in document.structures
        ],
        "mark_kinds": [
            {
                "id": each.id,
                "shape": each.shape,
                "classes": [{"id": name, "label": words(label)} for name, label in each.classes],
            }
            for each in document.marks
        ],
    }


def _label(given: Any) -> str:
    if isinstance(given, str):
        return given
    return given.get(language()) or given["en"]


def worklist_address(assignment: Assignment) -> str:
    """Return where one goes from a case: the worklist of a reader, or of a panel member who reads, or practice."""
    if is_practice(assignment):
        return reverse("grading:practice", kwargs={"slug": assignment.study.slug})
    name = "panel_list" if assignment.duty.duty == CaseDuty.Duty.PANEL else "worklist"
    return reverse(f"grading:{name}", kwargs={"slug": assignment.study.slug})


def offline_key(assignment: Assignment) -> str:
    """
    Return the key of the browser's queue: one per account, so that nobody else on this computer reads it.

    None in a dry run: nothing of it is kept on the computer.
    """
    if sandbox.is_active():
        return ""
    return base64.b64encode(derive_key("grading.offline", str(assignment.user.public_id))).decode()


def blinded_case(
    *,
    assignment: Assignment,
    read: Read,
    code: str,
    n_cases: int,
    n_submitted: int,
    upcoming: Assignment | None = None,
) -> BlindedCase:
    """
    Build the reading page of an assignment that `access_assignment` has let through.

    `upcoming` is the next case as `next_to_fetch_ahead` gives it: addresses of its images, nothing else.
    """
    protocol: Protocol = read.protocol
    document = protocol.document
    place = {"assignment": assignment.public_id}
    cells = cells_of(read)
    practice, number = "", assignment.running_number
    if is_practice(assignment):
        here = place_of(assignment)
        practice, number, n_cases, n_submitted = here.use, here.number, here.n_cases, here.n_submitted
    return BlindedCase(
        frame=page_frame(assignment, code),
        running_number=number,
        n_cases=n_cases,
        n_submitted=n_submitted,
        condition=assignment.condition,
        practice=practice,
        levels_numbered=bool(assignment.case.numbering),
        presentation=str(assignment.presentation),
        grading={
            **protocol_words(document),
            "read": str(read.public_id),
            "running_number": number,
            "cells": cells,
            "resume": read.resume.get("grid", {}),
            "focused_seconds": read.focused_seconds,
            "idle_seconds": read.idle_seconds,
            "offline_key": offline_key(assignment),
            **aid_words(assignment),
            "unseen_reasons": [{"id": name, "label": str(label)} for name, label in UNSEEN_REASONS],
            "addresses": {
                "answers": reverse("api:read-answers", kwargs=place),
                "place": reverse("api:read-place", kwargs=place),
                "submit": reverse("api:read-submit", kwargs=place),
                "worklist": worklist_address(assignment),
            },
        },
        viewer={
            **viewer_words(
                assignment,
                document,
                read.resume.get("viewer", {}),
                [cell["mark"] for cell in cells.values() if cell["kind"] == "mark"],
            ),
            "prefetch": images_ahead(upcoming),
        },
    )


def images_ahead(upcoming: Assignment | None) -> dict[str, Any] | None:
    """Return where the images of the reader's next case are."""
    if upcoming is None or upcoming.case.image_set is None:
        return None
    series = study_table(upcoming.case.image_set, alias=presentation_alias(upcoming))
    return {
        "dicomweb": f"{get_script_prefix()}dicomweb/{upcoming.presentation}",
        "series": [{"study_uid": each.study_uid, "series_uid": each.series_uid} for each in series],
    }


def _answer(kind: str, grade: int | None, value: float | None) -> dict[str, Any]:
    return {"kind": kind, "grade": grade, "value": value}


@dataclass(frozen=True)
class BlindedItems:
    """The adjudicator's page of one case."""

    frame: PageFrame
    running_number: int
    presentation: str
    adjudication: dict[str, Any]
    viewer: dict[str, Any]


def blinded_items(
    *, assignment: Assignment, code: str, next_address: str, settle: str = "api:item-settle"
) -> BlindedItems:
    """
    Build the adjudicator's page of a case: its open items with A and B, structure by structure.

    Two readers who settle together see the same page; `settle` names the call that takes their decisions.

    Where the protocol wants a third read first, A and B are not in the page at all; they arrive with
    the answer to the adjudicator's own first grade.
    """
    discordances = list(open_discordances([assignment.case_id]).select_related("protocol"))
    disputed_marks = list(open_mark_items([assignment.case_id]).select_related("protocol").order_by("pk"))
    disputed = [*discordances, *disputed_marks]
    protocol = disputed[0].protocol if disputed else assignment.study.protocols.order_by("-version")[0]
    document = protocol.document
    place_of = {item.key: place for place, item in enumerate(document.items)}
    covered = bool(document.adjudication["third_read_first"])
    items = []
    for each in sorted(discordances, key=lambda row: place_of[row.structure, row.finding]):
        own = covered_grade(each, assignment) if covered else None
        told = uncovered(own) if own else {"own": None, "shown": [] if covered else shown_answers(each)}
        items.append({"structure": each.structure, "finding": each.finding, **told})
    mark_items, marks = _mark_items(assignment, disputed_marks)
    items += mark_items
    place = {"assignment": assignment.public_id}
    return BlindedItems(
        frame=page_frame(assignment, code),
        running_number=assignment.running_number,
        presentation=str(assignment.presentation),
        adjudication={
            **protocol_words(document),
            "items": items,
            "covered": covered,
            "may_choose": document.adjudication["may_choose"],
            "addresses": {
                "settle": reverse(settle, kwargs=place),
                "first_grade": reverse("api:item-first-grade", kwargs=place),
                "next": next_address,
            },
        },
        viewer=viewer_words(assignment, document, {}, marks),
    )


def _mark_items(
    assignment: Assignment, disputed: Sequence[MarkDiscordance]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """
    Return the disputed marks as items, and what the viewer draws of them.

    A and B say a class as a grade: 0 no mark there, else its place in the protocol. A mark on the image is called
    by the item and its letter.
    """
    items: list[dict[str, Any]] = []
    drawn: list[dict[str, Any]] = []
    images = images_of(assignment) if disputed else None
    for each in disputed:
        kind = each.protocol.document.mark_kind(each.kind)
        assert kind is not None  # noqa: S101
        assert images is not None  # noqa: S101
        shown = marks_shown(each)
        item = str(each.public_id)
        items.append(
            {
                "structure": MARK,
                "finding": item,
                "mark_kind": each.kind,
                "own": None,
                "shown": [
                    {
                        "letter": letter,
                        **_answer("grade", grade_of(kind, mark.mark_class if mark else ""), None),
                        "confidence": mark.confidence if mark else None,
                    }
                    for letter, mark in shown.items()
                ],
            }
        )
        drawn += [
            {**shown_mark(images, mark, f"{item}-{letter}"), "text": letter, "fixed": True}
            for letter, mark in shown.items()
            if mark is not None
        ]
    return items, drawn


def shown_answers(discordance: Discordance) -> list[dict[str, Any]]:
    """Return A, B, ... of an item without saying whose they are."""
    return [
        {"letter": letter, **_answer(answer.kind, answer.grade, answer.value)}
        for letter, (_, answer) in answers_shown(discordance).items()
    ]


def uncovered(own: CoveredGrade) -> dict[str, Any]:
    """Return what an adjudicator is told of an item once he has graded it himself: that grade, A and B."""
    return {
        "own": {**_answer(own.kind, own.grade, own.value), "reason": own.reason},
        "shown": shown_answers(own.discordance),
    }


@dataclass(frozen=True)
class PanelCase:
    """The panel member's page of one case."""

    frame: PageFrame
    running_number: int
    presentation: str
    n_agreed: int
    n_adjudicated: int
    votes_given: int
    quorum: int
    panel: dict[str, Any]
    viewer: dict[str, Any]


def panel_case(*, assignment: Assignment, code: str, next_address: str) -> PanelCase:
    """
    Build the panel's page: the reference as it stands, with the history of adjudicated items.

    Other members' votes stay covered; only their number is told.
    """
    document = assignment.study.protocols.order_by("-version")[0].document
    references = list(standing_reference(assignment.case_id))
    discordances: Iterable[Discordance] = Discordance.objects.filter(
        case_id=assignment.case_id, is_audit=False
    )
    history = {f"{each.structure}|{each.finding}": shown_answers(each) for each in discordances}
    reasons = {
        f"{row.structure}|{row.finding}": row.reason_code
        for each in discordances
        for row in each.adjudications.filter(superseded_at__isnull=True)
    }
    place = {"assignment": assignment.public_id}
    cells = {
        f"{each.structure}|{each.finding}": {
            **_answer(each.kind, each.grade, each.value),
            "reason": each.reason,
            "adjudicated": f"{each.structure}|{each.finding}" in history,
            "shown": history.get(f"{each.structure}|{each.finding}", []),
            "reason_code": reasons.get(f"{each.structure}|{each.finding}", ""),
        }
        for each in references
    }
    n_adjudicated = sum(each["adjudicated"] for each in cells.values())
    lesions = list(standing_marks(assignment.case_id))
    images = images_of(assignment) if lesions else None
    drawn = [
        {**shown_mark(images, each, f"lesion-{number}"), "text": str(number), "fixed": True}
        for number, each in enumerate(lesions, start=1)
        if images is not None
    ]
    votes = PanelReview.objects.filter(
        case_id=assignment.case_id, round=panel_round(assignment.case_id), submitted_at__isnull=False
    ).exclude(assignment=assignment)
    return PanelCase(
        frame=page_frame(assignment, code),
        running_number=assignment.running_number,
        presentation=str(assignment.presentation),
        n_agreed=len(cells) - n_adjudicated,
        n_adjudicated=n_adjudicated,
        votes_given=votes.count(),
        quorum=int(document.reference.get("quorum", 1)),
        panel={
            **protocol_words(document),
            "cells": cells,
            "lesions": [
                {
                    "id": mark["id"],
                    "lesion": str(each.lesion_id),
                    "kind": each.kind,
                    "class": each.mark_class,
                    "adjudicated": each.basis != "agreed",
                    "redrawn": each.is_redrawn,
                }
                for each, mark in zip(lesions, drawn, strict=True)
            ],
            "addresses": {
                "confirm": reverse("api:panel-confirm", kwargs=place),
                "send_back": reverse("api:panel-send-back", kwargs=place),
                "next": next_address,
            },
        },
        viewer=viewer_words(assignment, document, {}, drawn),
    )


@dataclass(frozen=True)
class WorklistRow:
    """One case of a worklist, by the reader's own running number."""

    running_number: int
    state: str
    n_answers: int
    address: str
    modalities: str
