"""The page of items to settle: A and B, without whose they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse

from grading.blinding.frame import PageFrame, page_frame
from grading.blinding.images import viewer_words
from grading.blinding.protocol import protocol_words, words
from grading.blinding.reading import offline_key
from grading.models import CoveredGrade, Discordance, MarkDiscordance, SentBack
from grading.places import images_of, shown_mark
from grading.selectors import open_discordances, open_mark_items
from grading.services.adjudication import answers_shown, covered_grade
from grading.services.marks import grade_of, marks_shown
from grading.services.saving import MARK
from readerstudy.studies.models import Assignment
from readerstudy.studies.protocols.document import ProtocolDocument


def answer_words(kind: str, grade: int | None, value: float | None) -> dict[str, Any]:
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
    sent_back = sent_back_words(document, SentBack.objects.filter(adjudication__discordance__in=discordances))
    for each in sorted(discordances, key=lambda row: place_of[row.structure, row.finding]):
        own = covered_grade(each, assignment) if covered else None
        told = uncovered(own) if own else {"own": None, "shown": [] if covered else shown_answers(each)}
        items.append(
            {"structure": each.structure, "finding": each.finding, **told, **sent_back.get(each.pk, {})}
        )
    mark_items, marks = _mark_items(assignment, disputed_marks)
    items += mark_items
    place = {"assignment": assignment.public_id}
    return BlindedItems(
        frame=page_frame(assignment, code, document),
        running_number=assignment.running_number,
        presentation=str(assignment.presentation),
        adjudication={
            **protocol_words(document),
            "items": items,
            "covered": covered,
            "assignment": str(assignment.public_id),
            "offline_key": offline_key(assignment),
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
    document = disputed[0].protocol.document if disputed else None
    sent_back = (
        sent_back_words(document, SentBack.objects.filter(mark_decision__discordance__in=disputed))
        if document
        else {}
    )
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
                **sent_back.get(each.pk, {}),
                "shown": [
                    {
                        "letter": letter,
                        **answer_words("grade", grade_of(kind, mark.mark_class if mark else ""), None),
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


def sent_back_words(document: ProtocolDocument, rows: QuerySet[SentBack]) -> dict[int, dict[str, str]]:
    """
    Return why the panel sent items back, the last time that it did: primary key of the item to what the page says.

    Who sent it back, and how often, is not told.
    """
    labels = dict(document.adjudication_reasons)
    return {
        (row.adjudication or row.mark_decision).discordance_id: {  # type: ignore[union-attr]
            "sent_back": words(labels.get(row.reason_code)) or row.reason_code or row.reason_text
        }
        for row in rows.select_related("adjudication", "mark_decision").order_by("sent_at", "pk")
    }


def shown_answers(discordance: Discordance) -> list[dict[str, Any]]:
    """Return A, B, ... of an item without saying whose they are."""
    return [
        {"letter": letter, **answer_words(answer.kind, answer.grade, answer.value)}
        for letter, (_, answer) in answers_shown(discordance).items()
    ]


def uncovered(own: CoveredGrade) -> dict[str, Any]:
    """Return what an adjudicator is told of an item once he has graded it himself: that grade, A and B."""
    return {
        "own": {**answer_words(own.kind, own.grade, own.value), "reason": own.reason},
        "shown": shown_answers(own.discordance),
    }
