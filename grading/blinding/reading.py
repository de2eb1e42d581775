"""The reading page of a case."""

import base64
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from grading.aids import aid_words
from grading.blinding.frame import PageFrame, page_frame, worklist_address
from grading.blinding.images import images_ahead, viewer_words
from grading.blinding.protocol import protocol_words
from grading.dry_run import sandbox
from grading.models import Read
from grading.practice import is_practice, place_of
from grading.services.saving import cells_of
from grading.services.unseen import UNSEEN_REASONS
from readerstudy.core.keys import derive_key
from readerstudy.studies.models import Assignment, Protocol


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
        frame=page_frame(assignment, code, document),
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
