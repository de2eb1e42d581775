"""The panel member's page of a case: the reference as it stands, other votes covered."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from grading.blinding.frame import PageFrame, page_frame
from grading.blinding.images import viewer_words
from grading.blinding.protocol import protocol_words
from grading.blinding.reading import offline_key
from grading.blinding.settling import answer_words, shown_answers
from grading.models import Discordance, PanelReview
from grading.places import images_of, shown_mark
from grading.selectors import panel_round, standing_marks, standing_reference
from readerstudy.studies.models import Assignment


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
            **answer_words(each.kind, each.grade, each.value),
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
        frame=page_frame(assignment, code, document),
        running_number=assignment.running_number,
        presentation=str(assignment.presentation),
        n_agreed=len(cells) - n_adjudicated,
        n_adjudicated=n_adjudicated,
        votes_given=votes.count(),
        quorum=int(document.reference.get("quorum", 1)),
        panel={
            **protocol_words(document),
            "cells": cells,
            "assignment": str(assignment.public_id),
            "offline_key": offline_key(assignment),
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
