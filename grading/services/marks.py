"""Marks of the first reads: compared one to one, disputed ones settled, lesions of the reference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from grading.answers import BadAnswer
from grading.matching import group_marks, place_of
from grading.models import (
    Adjudication,
    JointSession,
    Mark,
    MarkDecision,
    MarkDiscordance,
    MarkedPlace,
    Read,
    ReferenceGrade,
    ReferenceMark,
)
from grading.places import images_of, read_mark
from grading.services.chance import item_generator
from readerstudy.core.audit import record
from readerstudy.studies.models import Assignment, Case, Protocol, ReaderStudy
from readerstudy.studies.protocols.document import MarkKind, ProtocolDocument
from readerstudy.studies.wording import spoken

Vote = TypeVar("Vote")
PLACE_FIELDS = tuple(field.attname for field in MarkedPlace._meta.fields)


def compare_marks(*, case: Case, protocol: Protocol, reads: Sequence[Read], at: datetime) -> None:
    """
    Match the marks of the first reads of a case, in the order in which they were submitted.

    A mark that every reader made, of one class, is a lesion of the reference; every other one becomes an item
    for the adjudicator, with the readers shuffled for that item alone. Where nobody settles, it is left out.
    """
    document = protocol.document
    ordered = sorted(reads, key=lambda read: (read.submitted_at or at, read.pk))
    for kind in document.marks:
        places = [
            [place_of(mark) for mark in read.marks.filter(kind=kind.id).order_by("pk")] for read in ordered
        ]
        for number, group in enumerate(group_marks(kind, places)):
            marks: list[Mark | None] = [place.key if place else None for place in group]
            found = [mark for mark in marks if mark is not None]
            if len(found) == len(marks) and len({mark.mark_class for mark in found}) == 1:
                if document.makes_reference_from_reads:
                    add_lesion(kind=kind, case=case, marks=found, provenance="agreed", at=at)
            elif document.adjudication["by"] != "none":
                generator = item_generator(case, kind.id, str(number))
                MarkDiscordance.objects.create(
                    case=case,
                    protocol=protocol,
                    kind=kind.id,
                    order=[
                        mark.pk if (mark := marks[int(k)]) is not None else None
                        for k in generator.permutation(len(marks))
                    ],
                    opened_at=at,
                )


def add_lesion(
    *,
    kind: MarkKind,
    case: Case,
    marks: Sequence[Mark],
    provenance: str,
    at: datetime,
    mark_class: str = "",
    place: Mapping[str, Any] | None = None,
) -> ReferenceMark:
    """
    Make a lesion of the reference from one mark or from matched ones, at the place that the protocol keeps.

    Parameters
    ----------
    place : mapping, optional
        The columns of a place that was drawn instead of the marks' own.
    """
    fields = {name: getattr(marks[0], name) for name in PLACE_FIELDS} | dict(place or {})
    if mark_class:
        fields["mark_class"] = mark_class
    if len(marks) > 1 and kind.keep != "first":
        fields |= _kept_place(kind, marks)
    return ReferenceMark.objects.create(
        case=case,
        **fields,
        provenance=provenance,
        basis=provenance,
        sources=[mark.pk for mark in marks],
        is_redrawn=place is not None,
        decided_at=at,
    )


def _kept_place(kind: MarkKind, marks: Sequence[Mark]) -> dict[str, Any]:
    """
    Return the union or the mean of matched places.

    Pixels stay those of the first mark where the marks lie on several images: millimetres are what counts then.
    """
    union = kind.keep == "union"
    kept: dict[str, Any] = {}
    if all(mark.box for mark in marks):
        lows = [mark.box["min_mm"] for mark in marks]
        highs = [mark.box["max_mm"] for mark in marks]
        low, high = (np.min(lows, 0), np.max(highs, 0)) if union else (np.mean(lows, 0), np.mean(highs, 0))
        kept["box"] = {"min_mm": _rounded(low), "max_mm": _rounded(high)}
    if len({(mark.sop_uid, mark.frame) for mark in marks}) > 1:
        if kind.shape == "point" and all(mark.points_mm for mark in marks):
            kept["points_mm"] = [_rounded(np.mean([mark.points_mm[0] for mark in marks], 0))]
        return kept
    for name in ("points_px", "points_mm"):
        points = [getattr(mark, name) for mark in marks]
        if not all(points):
            continue
        if kind.shape in {"point", "line"} or not union:
            kept[name] = [_rounded(point) for point in np.mean(points, axis=0)]
        else:
            flat = np.concatenate([np.asarray(each) for each in points])
            kept[name] = [_rounded(flat.min(axis=0)), _rounded(flat.max(axis=0))]
    return kept


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]


class MarkRefused(Exception):
    """A decision on a mark that cannot be taken. Nothing was changed."""


class MarkAlreadySettled(MarkRefused):
    """The mark has a standing decision."""


LETTERS = "ABCDEFGHIJKL"


def marks_shown(discordance: MarkDiscordance) -> dict[str, Mark | None]:
    """Return what A, B, ... marked there; None where that read has no mark."""
    marks = Mark.objects.in_bulk([pk for pk in discordance.order if pk is not None])
    return {letter: marks.get(pk) for letter, pk in zip(LETTERS, discordance.order, strict=False)}


def grade_of(kind: MarkKind, mark_class: str) -> int:
    """Return a decision as pages show it: 0 no lesion, 1 and more the protocol's classes."""
    return [name for name, _ in kind.classes].index(mark_class) + 1 if mark_class else 0


@transaction.atomic
def settle_mark(
    *,
    assignment: Assignment,
    item: str,
    choice: str,
    given: Mapping[str, Any] | None,
    reason_code: str,
    at: datetime,
    joint: JointSession | None = None,
) -> MarkDecision:
    """
    Settle one disputed mark.

    Parameters
    ----------
    item : str
        Public id of the item.
    choice : str
        A letter (keep what that read says: its mark, or none), or ``"own"``.
    given : mapping, optional
        ``grade``: 0 for no lesion, else the place of the class in the protocol, from 1. ``mark``: where the lesion
        lies instead of where a reader marked it, as the presentation of this assignment shows it.

    Raises
    ------
    MarkAlreadySettled
        If it has a standing decision.
    MarkRefused
        If there is no such open item in this case, or the choice is not allowed.
    BadAnswer
        If an own answer does not fit the protocol.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise MarkRefused(_("The study is not open any more."))
    try:
        public_id = UUID(item)
    except ValueError:
        raise MarkRefused(_("There is no such mark to settle.")) from None
    discordance = (
        MarkDiscordance.objects.select_for_update(of=("self",))
        .select_related("protocol", "case__study")
        .filter(case_id=assignment.case_id, public_id=public_id)
        .first()
    )
    if discordance is None:
        raise MarkRefused(_("There is no such mark to settle."))
    if discordance.decisions.filter(superseded_at__isnull=True).exists():
        raise MarkAlreadySettled
    document = discordance.protocol.document
    kind = document.mark_kind(discordance.kind)
    assert kind is not None  # noqa: S101  (the protocol that made the item has it)
    shown = marks_shown(discordance)
    found = [mark for mark in shown.values() if mark is not None]
    place: dict[str, Any] | None = None
    if choice in shown:
        kept = shown[choice]
        mark_class, reason = (kept.mark_class if kept else ""), ""
    elif choice == "own":
        mark_class = _own_class(kind, given or {})
        said = {mark.mark_class if mark else "" for mark in shown.values()}
        known = [name for name, _ in document.adjudication_reasons]
        place = _drawn_place(assignment, document, kind, mark_class, given or {})
        is_third = mark_class not in said or place is not None
        if document.adjudication["may_choose"] == "a-or-b" and is_third:
            raise BadAnswer(_("The protocol allows A or B only."))
        if is_third and reason_code not in known:
            raise BadAnswer(_("A third answer needs a reason: %(known)s.") % {"known": ", ".join(known)})
        kept = (
            next((mark for mark in found if mark.mark_class == mark_class), found[0]) if mark_class else None
        )
        reason = reason_code if reason_code in known else ""
    else:
        raise MarkRefused(_("Choose %(shown)s or an answer of your own.") % {"shown": ", ".join(shown)})
    decision = MarkDecision.objects.create(
        discordance=discordance,
        assignment=assignment,
        joint=joint,
        choice=Adjudication.Choice.OWN if choice == "own" else Adjudication.Choice.KEPT,
        mark_class=mark_class,
        kept_mark=kept,
        place=place,
        reason_code=reason,
        settled_at=at,
    )
    if mark_class and kept is not None and document.makes_reference_from_reads:
        provenance = ReferenceGrade.Provenance.JOINT if joint else ReferenceGrade.Provenance.ADJUDICATED
        # Where the readers differ on the class alone, the place is that of the one whose class was kept.
        add_lesion(
            kind=kind,
            case=discordance.case,
            marks=[kept],
            provenance=provenance,
            mark_class=mark_class,
            place=place,
            at=at,
        )
    record(
        event="grading.mark.adjudicated",
        at=at,
        actor=assignment.user,
        study_id=study.public_id,
        subject_type="case",
        subject_id=discordance.case.public_id,
        case=discordance.case.pseudonym,
        kind=kind.id,
    )
    return decision


def _drawn_place(
    assignment: Assignment,
    document: ProtocolDocument,
    kind: MarkKind,
    mark_class: str,
    given: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Return the place that was drawn for a decision, None where a reader's own is kept."""
    drawn = given.get("mark")
    if drawn is None:
        return None
    if not mark_class:
        raise BadAnswer(_("Where there is no lesion there is no place to draw."))
    if not isinstance(drawn, Mapping):
        raise BadAnswer(_("A mark names its kind, its class and its place."))
    return read_mark(document, images_of(assignment), {**drawn, "kind": kind.id, "class": mark_class})


def _own_class(kind: MarkKind, given: Mapping[str, Any]) -> str:
    grade = given.get("grade")
    if isinstance(grade, bool) or not isinstance(grade, int) or not 0 <= grade <= len(kind.classes):
        raise BadAnswer(
            _("%(label)s: 0 for none, or a class from 1 to %(classes)s.")
            % {"label": spoken(kind.label), "classes": len(kind.classes)}
        )
    return kind.classes[grade - 1][0] if grade else ""


def overruling_class(case: Case, document: ProtocolDocument, lesion: str, given: Mapping[str, Any]) -> int:
    """
    Return what a vote makes of a lesion: 0 for none, else the place of the class in the protocol, from 1.

    Raises
    ------
    BadAnswer
        If the case has no such lesion, the protocol no such class, or that is what stands.
    """
    found = next(
        (
            each
            for each in ReferenceMark.objects.filter(case=case, superseded_at__isnull=True)
            if str(each.lesion_id) == lesion
        ),
        None,
    )
    kind = document.mark_kind(found.kind) if found is not None else None
    if found is None or kind is None:
        raise BadAnswer(_("There is no such lesion."))
    name = _own_class(kind, given)
    if name == found.mark_class:
        raise BadAnswer(_("That is the lesion as it stands; confirm it instead."))
    return grade_of(kind, name)


def confirm_lesions(
    *,
    case: Case,
    document: ProtocolDocument,
    against: Mapping[str, Sequence[int]],
    quorum: int,
    at: datetime,
) -> None:
    """
    Write what the panel decided on the lesions of a case; the earlier rows are superseded and stay.

    Parameters
    ----------
    against : mapping of lesion id to int
        The votes that overrule it: 0 for no lesion, else a class. Who does not overrule confirms.
    """
    for lesion in ReferenceMark.objects.filter(case=case, superseded_at__isnull=True).order_by("pk"):
        grade, no_majority = panel_majority(against.get(str(lesion.lesion_id), ()), quorum)
        ReferenceMark.objects.filter(pk=lesion.pk).update(superseded_at=at)
        if grade is not None:
            _record_overruled(case, document, lesion, grade, at)
        if grade == 0:
            continue
        provenance = ReferenceGrade.Provenance.CONFIRMED
        if grade is not None:
            kind = document.mark_kind(lesion.kind)
            assert kind is not None  # noqa: S101  (items and scales outlive amendments)
            lesion.mark_class = kind.classes[grade - 1][0]
            provenance = ReferenceGrade.Provenance.OVERRULED
        elif no_majority:
            provenance = ReferenceGrade.Provenance(lesion.basis)
        lesion.pk, lesion.provenance, lesion.decided_at = None, provenance, at
        lesion.no_majority = no_majority
        lesion._state.adding = True
        lesion.save()


def panel_majority(against: Sequence[Vote], quorum: int) -> tuple[Vote | None, bool]:
    """Return the answer by which a majority of the quorum overrules, or None, and whether no answer has one."""
    if (quorum - len(against)) * 2 > quorum or not against:
        return None, False
    vote, most = Counter(against).most_common(1)[0]
    return (vote, False) if most * 2 > quorum else (None, True)


def _record_overruled(
    case: Case, document: ProtocolDocument, lesion: ReferenceMark, grade: int, at: datetime
) -> None:
    kind = document.mark_kind(lesion.kind)
    record(
        event="grading.lesion.overruled",
        at=at,
        actor=None,
        study_id=case.study.public_id,
        subject_type="case",
        subject_id=case.public_id,
        case=case.pseudonym,
        kind=lesion.kind,
        lesion=str(lesion.lesion_id),
        decision=kind.classes[grade - 1][0] if kind is not None and grade else "no lesion",
    )


def send_back_lesion(*, case: Case, lesion: str, at: datetime) -> MarkDecision:
    """
    Open the item of an adjudicated lesion again; decision and lesion are superseded and stay.

    Returns
    -------
    MarkDecision
        The decision that is open again.

    Raises
    ------
    MarkRefused
        If the case has no such lesion, or it was not adjudicated or is confirmed already.
    """
    try:
        lesion_id = UUID(lesion)
    except ValueError:
        raise MarkRefused(_("There is no such lesion.")) from None
    found = (
        ReferenceMark.objects.select_for_update()
        .filter(case=case, lesion_id=lesion_id, superseded_at__isnull=True)
        .first()
    )
    if found is None or found.provenance != ReferenceGrade.Provenance.ADJUDICATED:
        raise MarkRefused(_("Only an adjudicated lesion that is not confirmed can be sent back."))
    item = next(
        each
        for each in MarkDiscordance.objects.select_for_update()
        .filter(case=case, kind=found.kind)
        .order_by("pk")
        if set(found.sources) & {pk for pk in each.order if pk is not None}
    )
    decision = MarkDecision.objects.get(discordance=item, superseded_at__isnull=True)
    MarkDecision.objects.filter(pk=decision.pk).update(superseded_at=at)
    ReferenceMark.objects.filter(pk=found.pk).update(superseded_at=at)
    return decision
