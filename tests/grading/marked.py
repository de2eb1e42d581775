"""A case of two slices whose lesions are marked, and how a browser sends a mark."""

import uuid
from typing import Any

from django.utils import timezone

from grading.models import Read
from grading.services.reading import open_read, submit_read
from grading.services.saving import save_answers
from grading.services.unseen import ImagesShown
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.services import receive
from readerstudy.studies.models import Assignment, Case
from tests.blinding.planting import write_series
from tests.factories.protocols import LESION, small_source
from tests.grading.conftest import AT, LATER, Desk, make_desk

ADJUDICATION = {"audit_fraction": 0, "third_read_first": False}


def marked_desk(
    files: Any, *, members: int = 1, quorum: int = 1, may_choose: str = "any", pixels: int = 16
) -> Desk:
    """Make a case with two sagittal slices of `pixels` squared, 1 mm each, 4 mm apart."""
    made = make_desk(
        members=members,
        source=small_source(
            findings=(),
            marks=[LESION],
            adjudication={**ADJUDICATION, "may_choose": may_choose},
            case_questions=None,
            reference={"quorum": quorum},
        ),
    )
    write_series(files, patient="marked", pixels=pixels)
    receive(scope=made.study.public_id, source=files, at=timezone.now(), laterality="established")
    Case.objects.filter(pk=made.case.pk).update(image_set=ImageSet.objects.get())
    for assignment in (made.first, made.second, made.adjudicator, *made.panel):
        assignment.case.refresh_from_db()
    return made


def slice_uid(index: int) -> str:
    return Instance.objects.get(index=index).blinded_uid


def drawn(
    *corners: Any, index: int = 0, cls: str = "bulge", to: int | None = None, **more: Any
) -> dict[str, Any]:
    """Return a box as the viewer tells it; `to` is the last slice."""
    own = slice_uid(index)
    given = {"kind": "lesion", "class": cls, "shape": "box3d", "sop_uid": own, "frame": 1}
    given["points_px"] = [list(corner) for corner in corners]
    if to is not None:
        given |= {"slice_sops": [own, slice_uid(to)], "slice_frames": [1, 1]}
    return {**given, **more}


def marking(
    mark: Any, confidence: int | None = 80, *, mark_id: str = "", base: str = "", **more: Any
) -> dict[str, Any]:
    return {
        "key": str(uuid.uuid4()),
        "structure": "@",
        "finding": mark_id or str(uuid.uuid4()),
        "base": base,
        "mark": mark,
        "confidence": confidence,
        **more,
    }


def save(read: Read, *given: Any) -> Any:
    return save_answers(read_id=read.pk, answers=given, at=LATER)


def submitted(assignment: Assignment, *marks: Any) -> Read:
    read = open_read(assignment=assignment, at=AT)
    results = save(read, *[marking(mark) for mark in marks])
    assert {each.status for each in results} <= {"saved"}, results
    return submit_read(read_id=read.pk, at=LATER, images=ImagesShown.all_of(read))
