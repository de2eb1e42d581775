"""A read: opening, saving each cell at once, submitting, reopening."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from grading.answers import BadAnswer, GivenAnswer, read_answer
from grading.models import Rating, RatingEntry, Read
from grading.selectors import case_is_compared
from grading.services.settlement import compare_first_reads
from readerstudy.core.audit import Actor, record
from readerstudy.imaging.services.capability import close_presentation
from readerstudy.studies.models import Assignment, Case, ReaderStudy, ReleasedAid
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.studies import current_protocol


class ReadRefused(Exception):
    """An act on a read that its state does not allow. Nothing was changed."""


class ReadAlreadySubmitted(ReadRefused):
    """The read was submitted; its answers stand."""


class ReadIncomplete(ReadRefused):
    """Items without an answer; `missing` lists them as (structure, finding) in reading order."""

    def __init__(self, missing: Sequence[tuple[str, str]]) -> None:
        self.missing = tuple(missing)
        super().__init__(f"{len(self.missing)} items have no answer yet.")


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
        _copy_ratings(before, read, at)


def _copy_ratings(before: Read, read: Read, at: datetime) -> None:
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


@dataclass(frozen=True)
class Saved:
    """What became of one save: ``saved``, ``conflict`` (another window was faster) or ``refused``."""

    key: str
    status: str
    structure: str
    finding: str
    cell: Mapping[str, Any] | None
    message: str = ""


def cell_of(rating: Rating) -> dict[str, Any]:
    """Return a rating as the page holds it, but for the change that made it."""
    return {
        "kind": rating.kind,
        "grade": rating.grade,
        "value": rating.value,
        "reason": rating.reason,
        "flag": rating.is_flagged,
        "note": rating.note,
        "confidence": rating.confidence,
    }


def cells_of(read: Read) -> dict[str, dict[str, Any]]:
    """
    Return the cells of a read by ``structure|finding``, cleared ones included.

    Each names the change that made it: what a browser says it changed must be this very state.
    """
    cells: dict[str, dict[str, Any]] = {}
    for entry in read.entries.order_by("sequence", "pk"):
        cells[f"{entry.structure}|{entry.finding}"] = {"kind": None, "change": str(entry.client_key)}
    for rating in read.ratings.all():
        key = f"{rating.structure}|{rating.finding}"
        cells[key] = {**cell_of(rating), "change": cells.get(key, {}).get("change", "")}
    return cells


@transaction.atomic
def save_answers(*, read_id: int, answers: Sequence[Mapping[str, Any]], at: datetime) -> list[Saved]:
    """
    Save cells as the browser sent them.

    Parameters
    ----------
    answers : sequence of mapping
        Each with ``key`` (made by the browser, unique per change), ``structure``, ``finding``,
        ``base`` (the key of the change that made the cell as it was seen; "" for one never touched), and
        the answer; ``clear: true`` empties the cell. A count would not do as ``base``: two windows that
        each changed a cell twice would count alike and one would silently overwrite the other.

    Returns
    -------
    list of Saved
        One per answer, in order. The same key sent again gives the result of its first time. A change
        made on an older state of the cell is a conflict and changes nothing.

    Raises
    ------
    ReadAlreadySubmitted
        If the read is closed.
    ReadRefused
        If the study is not open any more.
    """
    read = _locked_for_answers(read_id)
    document = read.protocol.document
    results = [_save_one(read, document, given, at) for given in answers]
    if read.first_answer_at is None and any(result.status == "saved" for result in results):
        Read.objects.filter(pk=read.pk).update(first_answer_at=at)
    return results


def _locked_for_answers(read_id: int) -> Read:
    """Return a read that takes answers, locked; the lock is on its row alone, not on the protocol's."""
    read = (
        Read.objects.select_for_update(of=("self",))
        .select_related("protocol", "assignment__study")
        .get(pk=read_id)
    )
    if read.state == Read.State.SUBMITTED:
        raise ReadAlreadySubmitted
    if read.assignment.study.state != ReaderStudy.State.OPEN:
        raise ReadRefused("The study is not open any more. Your answers are kept as they are.")
    return read


def _save_one(read: Read, document: ProtocolDocument, given: Mapping[str, Any], at: datetime) -> Saved:
    try:
        key = UUID(str(given.get("key")))
    except ValueError:
        return Saved(str(given.get("key")), "refused", "", "", None, "The key of a save must be a UUID.")
    structure, finding = str(given.get("structure", "")), str(given.get("finding", ""))
    if not document.has_item(structure, finding):
        return Saved(str(key), "refused", structure, finding, None, "The protocol has no such item.")
    current = Rating.objects.filter(read=read, structure=structure, finding=finding).first()
    last = (
        RatingEntry.objects.filter(read=read, structure=structure, finding=finding)
        .order_by("-sequence")
        .first()
    )
    stands = str(last.client_key) if last else ""
    cell = {**(cell_of(current) if current else _EMPTY), "change": stands}
    if RatingEntry.objects.filter(read=read, client_key=key).exists():
        return Saved(str(key), "saved", structure, finding, cell)
    # Nothing, null and 0 all mean a cell that was never touched.
    if str(given.get("base") or "") != stands:
        return Saved(str(key), "conflict", structure, finding, cell)
    sequence = last.sequence + 1 if last else 1
    try:
        fields: dict[str, Any] = {}
        if not given.get("clear"):
            fields = {
                **read_answer(document, structure, finding, given).fields(),
                "is_flagged": bool(given.get("flag", False)),
                "note": _note(given.get("note")),
                "confidence": _confidence(given.get("confidence")),
            }
    except BadAnswer as error:
        return Saved(str(key), "refused", structure, finding, cell, str(error))
    RatingEntry.objects.create(
        read=read,
        client_key=key,
        sequence=sequence,
        structure=structure,
        finding=finding,
        answer=fields,
        saved_at=at,
    )
    if not fields:
        if current is not None:
            current.delete()
        return Saved(str(key), "saved", structure, finding, {**_EMPTY, "change": str(key)})
    rating, _ = Rating.objects.update_or_create(
        read=read,
        structure=structure,
        finding=finding,
        defaults={**fields, "sequence": sequence, "saved_at": at},
    )
    return Saved(str(key), "saved", structure, finding, {**cell_of(rating), "change": str(key)})


_EMPTY: Mapping[str, Any] = {"kind": None}
NOTE_LENGTH = 500


def _note(given: Any) -> str:
    """Return a note, or refuse it whole: a note cut short would say what nobody wrote."""
    note = str(given or "")
    if len(note) > NOTE_LENGTH or "\x00" in note:
        raise BadAnswer(f"A note has at most {NOTE_LENGTH} characters of text.")
    return note


def _confidence(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 100:
        raise BadAnswer("Confidence runs from 0 to 100.")
    return given


@transaction.atomic
def save_case_answers(*, read_id: int, answers: Mapping[str, Any], at: datetime) -> None:
    """
    Save the answers to the questions about the whole case.

    Raises
    ------
    ReadAlreadySubmitted
        If the read is closed.
    BadAnswer
        If a question or an option does not exist.
    ReadRefused
        If the study is not open any more.
    """
    read = _locked_for_answers(read_id)
    questions = {question.id: question for question in read.protocol.document.case_questions}
    for name, value in answers.items():
        question = questions.get(name)
        if question is None:
            raise BadAnswer(f"The protocol has no question {name}.")
        if question.kind == "choice" and value not in {"", *(option for option, _ in question.options)}:
            raise BadAnswer(f"{question.label} does not take {value!r}.")
        read.case_answers[name] = str(value)[:2000]
    read.save(update_fields=["case_answers"])


def save_place(*, read_id: int, resume: Mapping[str, Any], focused_seconds: int, idle_seconds: int) -> None:
    """Keep where the reader was, and the seconds that the page counted. Says nothing on a closed read."""
    Read.objects.filter(pk=read_id, state=Read.State.IN_PROGRESS).update(
        resume=dict(resume), focused_seconds=focused_seconds, idle_seconds=idle_seconds
    )


def missing_items(read: Read) -> list[tuple[str, str]]:
    """Return the items without an answer, in reading order."""
    answered = set(read.ratings.values_list("structure", "finding"))
    return [item.key for item in read.protocol.document.items if item.key not in answered]


@transaction.atomic
def submit_read(*, read_id: int, at: datetime) -> Read:
    """
    Close a read for good. When it was the last first read of its case, the case is compared.

    Raises
    ------
    ReadAlreadySubmitted
        If it was submitted before; the first answers stand.
    ReadIncomplete
        If items have no answer.
    ReadRefused
        If the study is not open any more.
    """
    read = (
        Read.objects.select_for_update(of=("self",))
        .select_related("assignment__study", "case__study", "protocol", "reader")
        .get(pk=read_id)
    )
    if read.state == Read.State.SUBMITTED:
        raise ReadAlreadySubmitted
    study = ReaderStudy.objects.select_for_update().get(pk=read.assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise ReadRefused("The study is not open any more. Your answers are kept as they are.")
    missing = missing_items(read)
    if missing:
        raise ReadIncomplete(missing)
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
        n_answers=read.ratings.count(),
    )
    # A submitted case is behind the reader: its images close with it.
    close_presentation(presentation=read.assignment.presentation, at=at)
    compare_first_reads(case=read.case, at=at)
    return read


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
        raise ReadRefused("The study is not open any more; the read stands.")
    if read.state != Read.State.SUBMITTED or read.superseded_at is not None:
        raise ReadRefused("Only a submitted read can be reopened.")
    if not reason.strip():
        raise ReadRefused("Say why the read is reopened.")
    if case_is_compared(read.case_id):
        raise ReadRefused("The reads of this case have been compared already; this one stands.")
    if ReleasedAid.objects.filter(assignment__case=read.case_id, assignment__user=read.reader_id).exists():
        raise ReadRefused("The aid for this case was released; the read before it stands.")
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
    _copy_ratings(read, successor, at)
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
