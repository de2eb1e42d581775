"""
The only doors to assignments, for readers, adjudicators and panel members.

Absent, another person's, withdrawn, out of turn and in a study that is not open all give the same
answer, on purpose.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.utils import timezone

from grading.models import JointSession, Read
from grading.practice import practice_door, practice_state
from grading.services.joint import disputed_together, joint_session_of
from grading.sessions import (
    IN_ORDER,
    SessionGate,
    open_sessions,
    own_reads,
    panel_reads,
    session_gates,
    submitted_read,
    waits_for_its_aid,
)
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import current_protocol


@dataclass(frozen=True)
class JointCase:
    """A case in front of two readers."""

    assignment: Assignment
    joint: JointSession


_NOTHING = "There is nothing here for you."


def _find(user: User, assignment: UUID, duty: str, role: str) -> Assignment | None:
    found = (
        Assignment.objects.select_related("study", "case", "case__image_set", "duty")
        .filter(
            public_id=assignment,
            user=user,
            duty__duty=duty,
            withdrawn_at__isnull=True,
            study__state=ReaderStudy.State.OPEN,
            case__status="included",
        )
        .first()
    )
    active = {role: True, "paused_at": None, "left_at": None}
    if found is None or not StudyRole.objects.filter(study=found.study, user=user, **active).exists():
        return None
    return found


def _access(user: User, assignment: UUID, duty: str, role: str) -> Assignment:
    found = _find(user, assignment, duty, role)
    if found is None:
        raise Http404(_NOTHING)
    return found


def access_assignment(*, reader: User, assignment: UUID, now: datetime | None = None) -> Assignment:
    """
    Return the reader's own open assignment whose turn it is; a panel member's where the panel reads itself.

    Raises
    ------
    Http404
        If it does not exist, is another reader's, its study is not open, its session has not begun (an earlier
        one is not finished, or the washout is not over), its aid is not released or, where the order is
        enforced, an earlier case is not submitted yet. These are indistinguishable on purpose.
    """
    found = _find(reader, assignment, CaseDuty.Duty.READER, "is_reader")
    if found is None:
        practised = practice_door(reader=reader, assignment=assignment)
        if practised is not None:
            return practised
        found = _access(reader, assignment, CaseDuty.Duty.PANEL, "is_panel")
        if not panel_reads(found.study):
            raise Http404(_NOTHING)
    if not _is_its_turn(found, now or timezone.now()):
        raise Http404(_NOTHING)
    return found


def _to_open(
    study: ReaderStudy, reader: User, now: datetime, gates: dict[int, SessionGate] | None = None
) -> "QuerySet[Assignment]":
    """
    Return what of a reader's unfinished cases may be opened but for the order, in the reader's order.

    Nothing before the reader has trained and passed what the protocol asks.
    """
    gates = session_gates(study, reader, now=now) if gates is None else gates
    waiting = (
        own_reads(study, reader)
        .filter(~submitted_read(), session__in=open_sessions(gates))
        .exclude(waits_for_its_aid())
        .order_by(*IN_ORDER)
    )
    if not practice_state(study, reader).may_start:
        return waiting.exclude(duty__duty=CaseDuty.Duty.READER)
    return waiting


def _order_is_enforced(study: ReaderStudy) -> bool:
    return bool(current_protocol(study).document.reading["order_enforced"])


def _is_its_turn(assignment: Assignment, now: datetime) -> bool:
    """Return whether a reader's case was begun already, is the next one, or may be read in any order."""
    if Read.objects.filter(assignment=assignment, superseded_at__isnull=True).exists():
        return True
    waiting = _to_open(assignment.study, assignment.user, now)
    if not _order_is_enforced(assignment.study):
        return waiting.filter(pk=assignment.pk).exists()
    following = waiting.first()
    return following is not None and following.pk == assignment.pk


def open_to(
    reader: User,
    study: ReaderStudy,
    now: datetime | None = None,
    gates: dict[int, SessionGate] | None = None,
) -> set[UUID]:
    """Return the public ids of the reader's assignments that may be opened now."""
    waiting = _to_open(study, reader, now or timezone.now(), gates)
    begun = Read.objects.filter(assignment=OuterRef("pk"), superseded_at__isnull=True)
    allowed = set(own_reads(study, reader).filter(Exists(begun)).values_list("public_id", flat=True))
    if not _order_is_enforced(study):
        return allowed | set(waiting.values_list("public_id", flat=True))
    following = waiting.first()
    return allowed | ({following.public_id} if following is not None else set())


def next_to_fetch_ahead(*, assignment: Assignment, at: datetime) -> Assignment | None:
    """
    Return the case after this one if its images may already be brought near.

    Images only: nothing is opened, no clock starts. None where there is no next case in this session, where
    it has no images, and where its reader has read it before and the protocol's washout has not passed.
    """
    following = (
        _to_open(assignment.study, assignment.user, at)
        .filter(session=assignment.session)
        .exclude(pk=assignment.pk)
        .select_related("case__image_set")
        .first()
    )
    if following is None or following.case.image_set is None or following.case.image_set.withdrawn_at:
        return None
    washout = timedelta(days=current_protocol(assignment.study).document.reading["washout_days"])
    earlier = Read.objects.filter(reader=assignment.user, case=following.case, superseded_at__isnull=True)
    if any(read.submitted_at is None or read.submitted_at + washout > at for read in earlier):
        return None
    return following


def access_adjudication(*, adjudicator: User, assignment: UUID) -> Assignment:
    """
    Return the adjudicator's own assignment in an open study.

    Raises
    ------
    Http404
        In every other case.
    """
    return _access(adjudicator, assignment, CaseDuty.Duty.ADJUDICATOR, "is_adjudicator")


def access_panel_case(*, member: User, assignment: UUID) -> Assignment:
    """
    Return the panel member's own assignment in an open study whose panel confirms.

    Raises
    ------
    Http404
        In every other case.
    """
    found = _access(member, assignment, CaseDuty.Duty.PANEL, "is_panel")
    if panel_reads(found.study):
        raise Http404(_NOTHING)
    return found


def access_own_case(*, user: User, assignment: UUID) -> Assignment:
    """
    Return an assignment whose page the person may open, whatever the duty: to say something about its case.

    Raises
    ------
    Http404
        In every other case.
    """
    try:
        return access_assignment(reader=user, assignment=assignment)
    except Http404:
        pass
    try:
        return access_adjudication(adjudicator=user, assignment=assignment)
    except Http404:
        return access_panel_case(member=user, assignment=assignment)


def access_joint_case(*, reader: User, assignment: UUID, session_key: str, at: datetime) -> JointCase:
    """
    Return a case that the reader may settle together with the partner who has signed in beside them.

    Raises
    ------
    Http404
        In every other case: no joint session in this browser, or reads of the batch are still to be submitted.
    """
    found = _access(reader, assignment, CaseDuty.Duty.READER, "is_reader")
    joint = joint_session_of(study=found.study, user=reader, session_key=session_key, at=at)
    if joint is None:
        raise Http404(_NOTHING)
    ready = disputed_together(study=found.study, first=joint.first, second=joint.second)
    if found.pk not in {each.pk for each in ready}:
        raise Http404(_NOTHING)
    return JointCase(found, joint)


def access_study(*, user: User, slug: str, role: str) -> ReaderStudy:
    """
    Return a study in which the user holds a blinded role.

    Parameters
    ----------
    role : str
        ``"is_reader"``, ``"is_adjudicator"`` or ``"is_panel"``.

    Raises
    ------
    Http404
        If there is no such study, the user has no such role in it, or it has not been opened.
    """
    found = (
        StudyRole.objects.select_related("study")
        .filter(study__slug=slug, user=user, **{role: True})
        .exclude(study__state=ReaderStudy.State.DRAFT)
        .first()
    )
    if found is None:
        raise Http404(_NOTHING)
    return found.study
