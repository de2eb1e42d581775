"""A read: opening, submitting, reopening. Its answers are saved by `saving`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from grading.aids import shown_aid
from grading.answers import GivenAnswer
from grading.models import Rating, Read
from grading.practice import is_practice
from grading.selectors import case_is_compared
from grading.services.panel_reading import decide_from_panel_reads, panel_has_decided
from grading.services.practising import end_practice_read
from grading.services.settlement import compare_first_reads
from grading.services.unseen import (
    NOTHING_SHOWN,
    ImagesNotShown,
    ImagesShown,
    note_unseen,
    unseen_series,
)
from readerstudy.core.audit import Actor, record
from readerstudy.imaging.services.capability import close_presentation
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderQuery, ReaderStudy, ReleasedAid
from readerstudy.studies.services.coordination import ask
from readerstudy.studies.services.studies import current_protocol


class ReadRefused(Exception):
    """An act on a read that its state does not allow. Nothing was changed."""


class ReadAlreadySubmitted(ReadRefused):
    """The read was submitted; its answers stand."""


class ReadIncomplete(ReadRefused):
    """
    Answers that are still missing.

    `missing` lists the items as (structure, finding) in reading order, then marks without a confidence as
    ("@", mark), then the required questions about the case as ("", question).
    """

    def __init__(self, missing: Sequence[tuple[str, str]]) -> None:
        self.missing = tuple(missing)
        places = [structure for structure, _item in self.missing]
        n_questions, n_marks = places.count(""), places.count("@")
        parts = [
            words % {"n": n}
            for n, words in (
                (len(places) - n_questions - n_marks, _("%(n)s items have no answer yet")),
                (n_marks, _("%(n)s marks have no confidence yet")),
                (n_questions, _("%(n)s questions about the case have no answer yet")),
            )
            if n
        ]
        super().__init__("; ".join(parts) + ".")


@transaction.atomic
def open_read(*, assignment: Assignment, at: datetime) -> Read:
    """
    Return the standing read of an assignment, starting it under the current protocol if there is none.

    Opening twice, in two tabs or by two requests at once, gives one read.
    """
    # The lock on the assignment makes the second of two simultaneous openings wait for the first.
    Assignment.objects.select_for_update().get(pk=assignment.pk)
    read = Read.objects.filter(assignment=assignment, superseded_at__isnull=True).first()
    if read is not None:
        return read
    read = Read.objects.create(
        assignment=assignment,
        protocol=current_protocol(assignment.study),
        case=assignment.case,
        reader=assignment.user,
        opened_at=at,
    )
    _begin_from_unaided(read, at)
    record(
        event="grading.read.opened",
        at=at,
        actor=assignment.user,
        study_id=assignment.study.public_id,
        subject_type="read",
        subject_id=read.public_id,
        number=assignment.running_number,
    )
    aid = shown_aid(assignment)
    if aid is not None:
        record(
            event="grading.aid.shown",
            at=at,
            actor=assignment.user,
            study_id=assignment.study.public_id,
            subject_type="read",
            subject_id=read.public_id,
            number=assignment.running_number,
            model=aid.model_digest,
        )
    return read


def _begin_from_unaided(read: Read, at: datetime) -> None:
    """In a sequential design an aided read starts from the answers of the unaided one of the same session."""
    assignment = read.assignment
    if assignment.condition != Assignment.Condition.AIDED:
        return
    before = Read.objects.filter(
        assignment__duty=assignment.duty_id,
        assignment__session=assignment.session,
        assignment__occasion=assignment.occasion,
        assignment__condition=Assignment.Condition.UNAIDED,
        state=Read.State.SUBMITTED,
        superseded_at__isnull=True,
    ).first()
    if before is not None:
        read.case_answers = before.case_answers
        read.save(update_fields=["case_answers"])
        _copy_answers(before, read, at)


def _copy_answers(before: Read, read: Read, at: datetime) -> None:
    """Let a read start from another's ratings and marks."""
    Rating.objects.bulk_create(
        [
            Rating(
                read=read,
                structure=rating.structure,
                finding=rating.finding,
                **GivenAnswer.of(rating).fields(),
                confidence=rating.confidence,
                is_flagged=rating.is_flagged,
                note=rating.note,
                sequence=0,
                saved_at=at,
            )
            for rating in before.ratings.all()
        ]
    )
    for mark in before.marks.order_by("pk"):
        mark.pk, mark.read, mark.sequence, mark.saved_at = None, read, 0, at
        mark._state.adding = True
        mark.save()


def save_place(*, read_id: int, resume: Mapping[str, Any], focused_seconds: int, idle_seconds: int) -> None:
    """Keep where the reader was, and the seconds that the page counted. Says nothing on a closed read."""
    Read.objects.filter(pk=read_id, state=Read.State.IN_PROGRESS).update(
        resume=dict(resume), focused_seconds=focused_seconds, idle_seconds=idle_seconds
    )


def missing_items(read: Read) -> list[tuple[str, str]]:
    """Return what `ReadIncomplete` lists."""
    document = read.protocol.document
    answered = set(read.ratings.values_list("structure", "finding"))
    with_confidence = [kind.id for kind in document.marks if kind.has_confidence]
    unsure = read.marks.filter(kind__in=with_confidence, confidence__isnull=True) if with_confidence else []
    return [
        *(item.key for item in document.items if item.key not in answered),
        *(("@", str(mark.mark_id)) for mark in unsure),
        *(
            ("", question.id)
            for question in document.case_questions
            if question.required and not read.case_answers.get(question.id, "").strip()
        ),
    ]


@transaction.atomic
def submit_read(*, read_id: int, at: datetime, images: ImagesShown = NOTHING_SHOWN) -> Read:
    """
    Close a read for good. When it was the last first read of its case, the case is compared.

    Parameters
    ----------
    images : ImagesShown
        Which series were shown at full quality, and why the read is submitted without the others.

    Raises
    ------
    ReadAlreadySubmitted
        If it was submitted before; the first answers stand.
    ReadIncomplete
        If items or required questions have no answer.
    ImagesNotShown
        If images that the protocol requires were not shown at full quality and no reason is given.
    ReadRefused
        If the study is not open any more.
    """
    read = (
        Read.objects.select_for_update(of=("self",))
        .select_related("assignment__study", "assignment__duty", "case__study", "protocol", "reader")
        .get(pk=read_id)
    )
    if read.state == Read.State.SUBMITTED:
        raise ReadAlreadySubmitted
    study = ReaderStudy.objects.select_for_update().get(pk=read.assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise ReadRefused(_("The study is not open any more. Your answers are kept as they are."))
    missing = missing_items(read)
    if missing:
        raise ReadIncomplete(missing)
    unseen = unseen_series(read, images)
    if unseen and not images.says_why:
        raise ImagesNotShown(unseen)
    if unseen:
        note_unseen(read=read, images=images, at=at)
    read.state, read.submitted_at = Read.State.SUBMITTED, at
    read.save(update_fields=["state", "submitted_at"])
    record(
        event="grading.read.submitted",
        at=at,
        actor=read.reader,
        study_id=study.public_id,
        subject_type="read",
        subject_id=read.public_id,
        number=read.assignment.running_number,
        n_answers=read.ratings.count() + read.marks.count(),
    )
    if not is_practice(read.assignment):
        _propose_exclusion(read, at)
    # A submitted case is behind the reader: its images close with it.
    close_presentation(presentation=read.assignment.presentation, at=at)
    if is_practice(read.assignment):
        end_practice_read(read=read, at=at)
    elif read.assignment.duty.duty == CaseDuty.Duty.PANEL:
        decide_from_panel_reads(case=read.case, at=at)
    else:
        compare_first_reads(case=read.case, at=at)
    return read


def _propose_exclusion(read: Read, at: datetime) -> None:
    """Tell the coordinator what the reader proposed; once per showing and criterion, whatever is reopened."""
    for question in read.protocol.document.case_questions:
        chosen = read.case_answers.get(question.id, "") if question.kind == "exclusion" else ""
        if not chosen:
            continue
        criterion = str(dict(question.options)[chosen])
        known = ReaderQuery.objects.filter(
            assignment=read.assignment, kind=ReaderQuery.Kind.EXCLUSION, text=criterion
        )
        if not known.exists():
            ask(
                study=read.assignment.study,
                user=read.reader,
                kind=ReaderQuery.Kind.EXCLUSION,
                text=criterion,
                assignment=read.assignment,
                at=at,
            )


@transaction.atomic
def reopen_read(*, read: Read, reason: str, actor: Actor, at: datetime) -> Read:
    """
    Start a new version of a submitted read from its answers; the submitted one is kept.

    Raises
    ------
    ReadRefused
        If the study is not open, the case has been compared (somebody may have seen its discordances), its
        reader was shown an aid for it, or no reason is given.
    """
    read = (
        Read.objects.select_for_update(of=("self",))
        .select_related("assignment__study", "case")
        .get(pk=read.pk)
    )
    # As submitting does, and in its order: the partner's submission either waits for this one, and then
    # compares nothing, or has compared already.
    study = ReaderStudy.objects.select_for_update().get(pk=read.assignment.study_id)
    Case.objects.select_for_update().get(pk=read.case_id)
    if study.state != ReaderStudy.State.OPEN:
        raise ReadRefused(_("The study is not open any more; the read stands."))
    if read.state != Read.State.SUBMITTED or read.superseded_at is not None:
        raise ReadRefused(_("Only a submitted read can be reopened."))
    if is_practice(read.assignment):
        raise ReadRefused(_("A training or calibration case stands as submitted."))
    if not reason.strip():
        raise ReadRefused(_("Say why the read is reopened."))
    if read.assignment.duty.duty == CaseDuty.Duty.PANEL:
        if panel_has_decided(read.case_id):
            raise ReadRefused(_("The panel's reads have made the reference of this case; this one stands."))
    elif case_is_compared(read.case_id):
        raise ReadRefused(_("The reads of this case have been compared already; this one stands."))
    if ReleasedAid.objects.filter(assignment__case=read.case_id, assignment__user=read.reader_id).exists():
        raise ReadRefused(_("The aid for this case was released; the read before it stands."))
    Read.objects.filter(pk=read.pk).update(superseded_at=at)
    successor = Read.objects.create(
        assignment=read.assignment,
        protocol=read.protocol,
        case=read.case,
        reader=read.reader,
        version=read.version + 1,
        opened_at=at,
        first_answer_at=at,
        case_answers=read.case_answers,
        reopen_reason=reason.strip(),
    )
    _copy_answers(read, successor, at)
    record(
        event="grading.read.reopened",
        at=at,
        actor=actor,
        study_id=read.assignment.study.public_id,
        subject_type="read",
        subject_id=successor.public_id,
        case=read.case.pseudonym,
        reason=reason.strip(),
    )
    return successor
