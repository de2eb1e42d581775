"""
Saving the answers of a read, each at once: cells, marks, and the questions about the whole case.

A save names what it is about as (structure, finding). A question about the case has no structure; a mark has
the structure ``@`` and its own id as finding. Every save has a key that the browser made and says on which
change it was made, whatever it is about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from grading.aids import shown_aid
from grading.answers import BadAnswer, read_answer, read_question
from grading.models import Mark, Rating, RatingEntry, Read
from grading.places import images_of, is_mark_id, read_mark, shown_mark
from grading.services.reading import ReadAlreadySubmitted, ReadRefused
from readerstudy.imaging.selectors import ShownInstances
from readerstudy.studies.models import ReaderStudy, ReleasedAid
from readerstudy.studies.protocols.document import CaseQuestion


@dataclass(frozen=True)
class Saved:
    """What became of one save: ``saved``, ``conflict`` (another window was faster) or ``refused``."""

    key: str
    status: str
    structure: str
    finding: str
    cell: Mapping[str, Any] | None
    message: str = ""


_EMPTY: Mapping[str, Any] = {"kind": None}
NOTE_LENGTH = 500
# The structure of a save about the whole case, and of one about a mark.
CASE, MARK = "", "@"
MOST_MARKS = 200
# Longer than a page stays open.
MOST_MS = 31 * 24 * 3600 * 1000


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


def question_cell(text: str) -> dict[str, Any]:
    """Return the answer to a question about the case as the page holds it."""
    return {"kind": "text", "text": text}


def mark_cell(images: ShownInstances, mark: Mark) -> dict[str, Any]:
    """Return a mark as the page holds it."""
    return {
        "kind": "mark",
        "mark": shown_mark(images, mark, str(mark.mark_id)),
        "confidence": mark.confidence,
    }


def cells_of(read: Read) -> dict[str, dict[str, Any]]:
    """
    Return the cells of a read by ``structure|finding``, cleared ones included.

    Each names the change that made it: what a browser says it changed must be this very state.
    """
    cells: dict[str, dict[str, Any]] = {}
    for entry in read.entries.order_by("sequence", "pk"):
        cells[f"{entry.structure}|{entry.finding}"] = {"kind": None, "change": str(entry.client_key)}

    def put(structure: str, finding: str, cell: dict[str, Any]) -> None:
        key = f"{structure}|{finding}"
        cells[key] = {**cell, "change": cells.get(key, {}).get("change", "")}

    for rating in read.ratings.all():
        put(rating.structure, rating.finding, cell_of(rating))
    for name, text in read.case_answers.items():
        put(CASE, name, question_cell(text))
    marks = list(read.marks.order_by("pk"))
    images = images_of(read.assignment) if marks else None
    for mark in marks:
        assert images is not None  # noqa: S101
        put(MARK, str(mark.mark_id), mark_cell(images, mark))
    return cells


@transaction.atomic
def save_answers(*, read_id: int, answers: Sequence[Mapping[str, Any]], at: datetime) -> list[Saved]:
    """
    Save answers as the browser sent them.

    Parameters
    ----------
    answers : sequence of mapping
        Each with ``key`` (made by the browser, unique per change), ``structure``, ``finding``,
        ``base`` (the key of the change that made the cell as it was seen; "" for one never touched), and
        the answer; ``clear: true`` empties the cell. A count would not do as ``base``: two windows that
        each changed a cell twice would count alike and one would silently overwrite the other. A question
        about the case has the structure "", its id as finding, and ``text``; a mark the structure "@", its
        id as finding, ``mark`` (see `places.read_mark`) and ``confidence``.

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
    aid = shown_aid(read.assignment)
    results = [_save_one(read, given, at, aid) for given in answers]
    if read.first_answer_at is None and any(result.status == "saved" for result in results):
        Read.objects.filter(pk=read.pk).update(first_answer_at=at)
    return results


def _locked_for_answers(read_id: int) -> Read:
    """Return a read that takes answers, locked; the lock is on its row alone, not on the protocol's."""
    read = (
        Read.objects.select_for_update(of=("self",))
        .select_related("protocol", "assignment__study", "assignment__case__image_set")
        .get(pk=read_id)
    )
    if read.state == Read.State.SUBMITTED:
        raise ReadAlreadySubmitted
    if read.assignment.study.state != ReaderStudy.State.OPEN:
        raise ReadRefused(_("The study is not open any more. Your answers are kept as they are."))
    return read


class _Slot(Protocol):
    """One thing that can be answered, in one read."""

    def cell(self) -> dict[str, Any] | None:
        """Return the answer as the page holds it; None where there is none."""

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields to keep. Raises BadAnswer."""

    def put(self, fields: Mapping[str, Any], sequence: int, at: datetime) -> None:
        """Keep the answer; no fields clear it."""


@dataclass(frozen=True)
class _ItemSlot:
    """A finding at a structure."""

    read: Read
    structure: str
    finding: str

    def _current(self) -> Rating | None:
        return Rating.objects.filter(read=self.read, structure=self.structure, finding=self.finding).first()

    def cell(self) -> dict[str, Any] | None:
        current = self._current()
        return cell_of(current) if current else None

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **read_answer(self.read.protocol.document, self.structure, self.finding, given).fields(),
            "is_flagged": bool(given.get("flag", False)),
            "note": _note(given.get("note")),
            "confidence": read_confidence(given.get("confidence")),
        }

    def put(self, fields: Mapping[str, Any], sequence: int, at: datetime) -> None:
        if fields:
            Rating.objects.update_or_create(
                read=self.read,
                structure=self.structure,
                finding=self.finding,
                defaults={**fields, "sequence": sequence, "saved_at": at},
            )
        elif current := self._current():
            current.delete()


@dataclass(frozen=True)
class _QuestionSlot:
    """A question about the whole case; the answers stand in the read itself, which is locked."""

    read: Read
    question: CaseQuestion

    def cell(self) -> dict[str, Any] | None:
        text = self.read.case_answers.get(self.question.id)
        return question_cell(text) if text is not None else None

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return question_cell(read_question(self.question, given.get("text")))

    def put(self, fields: Mapping[str, Any], sequence: int, at: datetime) -> None:
        if fields:
            self.read.case_answers[self.question.id] = fields["text"]
        else:
            self.read.case_answers.pop(self.question.id, None)
        self.read.save(update_fields=["case_answers"])


class _MarkSlot:
    """One mark, by the id that the browser gave it."""

    def __init__(self, read: Read, mark_id: str) -> None:
        self.read, self.mark_id = read, mark_id

    @cached_property
    def _images(self) -> ShownInstances:
        return images_of(self.read.assignment)

    def _current(self) -> Mark | None:
        return Mark.objects.filter(read=self.read, mark_id=self.mark_id).first()

    def cell(self) -> dict[str, Any] | None:
        current = self._current()
        return mark_cell(self._images, current) if current else None

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        document = self.read.protocol.document
        place = read_mark(document, self._images, given.get("mark"))
        confidence = read_confidence(given.get("confidence"))
        kind = document.mark_kind(place["kind"])
        if confidence is not None and kind is not None and not kind.has_confidence:
            raise BadAnswer(_("The protocol asks for no confidence here."))
        if self._current() is None and self.read.marks.count() >= MOST_MARKS:
            raise BadAnswer(_("A case takes at most %(most_marks)s marks.") % {"most_marks": MOST_MARKS})
        return {**place, "confidence": confidence}

    def put(self, fields: Mapping[str, Any], sequence: int, at: datetime) -> None:
        if fields:
            Mark.objects.update_or_create(
                read=self.read,
                mark_id=self.mark_id,
                defaults={**fields, "sequence": sequence, "saved_at": at},
            )
        elif current := self._current():
            current.delete()


def _slot(read: Read, structure: str, finding: str) -> _Slot:
    document = read.protocol.document
    if structure == CASE:
        question = next((each for each in document.case_questions if each.id == finding), None)
        if question is None:
            raise BadAnswer(_("The protocol has no such question."))
        return _QuestionSlot(read, question)
    if structure == MARK:
        if not read.protocol.document.marks or not is_mark_id(finding):
            raise BadAnswer(_("The protocol has no such mark."))
        return _MarkSlot(read, finding)
    if not document.has_item(structure, finding):
        raise BadAnswer(_("The protocol has no such item."))
    return _ItemSlot(read, structure, finding)


def _save_one(read: Read, given: Mapping[str, Any], at: datetime, aid: ReleasedAid | None = None) -> Saved:
    try:
        key = UUID(str(given.get("key")))
    except ValueError:
        return Saved(str(given.get("key")), "refused", "", "", None, _("The key of a save must be a UUID."))
    structure, finding = str(given.get("structure", "")), str(given.get("finding", ""))
    try:
        slot = _slot(read, structure, finding)
    except BadAnswer as error:
        return Saved(str(key), "refused", structure, finding, None, str(error))
    last = (
        RatingEntry.objects.filter(read=read, structure=structure, finding=finding)
        .order_by("-sequence")
        .first()
    )
    stands = str(last.client_key) if last else ""
    cell = {**(slot.cell() or _EMPTY), "change": stands}
    if RatingEntry.objects.filter(read=read, client_key=key).exists():
        return Saved(str(key), "saved", structure, finding, cell)
    # Nothing, null and 0 all mean a cell that was never touched.
    if str(given.get("base") or "") != stands:
        return Saved(str(key), "conflict", structure, finding, cell)
    sequence = last.sequence + 1 if last else 1
    try:
        fields = {} if given.get("clear") else slot.checked(given)
    except BadAnswer as error:
        return Saved(str(key), "refused", structure, finding, cell, str(error))
    RatingEntry.objects.create(
        read=read,
        client_key=key,
        sequence=sequence,
        structure=structure,
        finding=finding,
        answer=fields,
        aid=_aid_on_record(aid, structure, finding, given) if aid else None,
        saved_at=at,
    )
    slot.put(fields, sequence, at)
    return Saved(str(key), "saved", structure, finding, {**(slot.cell() or _EMPTY), "change": str(key)})


def _aid_on_record(
    aid: ReleasedAid, structure: str, finding: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """
    Return what stood beside an item when it was answered.

    What the aid said is the released row's, whatever the browser tells; how long it had been shown is the
    browser's, or None where it says nothing that could be.
    """
    times = given.get("aid_ms")
    times = times if isinstance(times, dict) else {}
    return {
        "shown": aid.payload.get(f"{structure}|{finding}"),
        "model_digest": aid.model_digest,
        **{name: _milliseconds(times.get(name)) for name in ("page", "item")},
    }


def _milliseconds(given: Any) -> int | None:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= MOST_MS:
        return None
    return given


def _note(given: Any) -> str:
    """Return a note, or refuse it whole: a note cut short would say what nobody wrote."""
    note = str(given or "")
    if len(note) > NOTE_LENGTH or "\x00" in note:
        raise BadAnswer(
            _("A note has at most %(note_length)s characters of text.") % {"note_length": NOTE_LENGTH}
        )
    return note


def read_confidence(given: Any) -> int | None:
    """
    Check a confidence that came from outside; None is none.

    Raises
    ------
    BadAnswer
        If it is no whole number of 0..100.
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= 100:
        raise BadAnswer(_("Confidence runs from 0 to 100."))
    return given
