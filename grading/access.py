"""
The only doors to assignments, for readers, adjudicators and panel members.

Absent, another person's, withdrawn, out of turn and in a study that is not open all give the same
answer, on purpose.
"""

from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.http import Http404
from django.utils import timezone

from grading.models import Read
from grading.sessions import (
    IN_ORDER,
    SessionGate,
    open_sessions,
    own_reads,
    session_gates,
    submitted_read,
    waits_for_its_aid,
)
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import current_protocol

_NOTHING = "There is nothing here for you."


def _access(user: User, assignment: UUID, duty: str, role: str) -> Assignment:
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
        raise Http404(_NOTHING)
    return found


def access_assignment(*, reader: User, assignment: UUID, now: datetime | None = None) -> Assignment:
    """
    Return the reader's own open assignment whose turn it is.

    Raises
    ------
    Http404
        If it does not exist, is another reader's, its study is not open, its session has not begun (an earlier
        one is not finished, or the washout is not over), its aid is not released or, where the order is
        enforced, an earlier case is not submitted yet. These are indistinguishable on purpose.
    """
    found = _access(reader, assignment, CaseDuty.Duty.READER, "is_reader")
    if not _is_its_turn(found, now or timezone.now()):
        raise Http404(_NOTHING)
    return found


def _to_open(
    study: ReaderStudy, reader: User, now: datetime, gates: dict[int, SessionGate] | None = None
) -> "QuerySet[Assignment]":
    """Return what of a reader's unfinished cases may be opened but for the order, in the reader's order."""
    gates = session_gates(study, reader, now=now) if gates is None else gates
    return (
        own_reads(study, reader)
        .filter(~submitted_read(), session__in=open_sessions(gates))
        .exclude(waits_for_its_aid())
        .order_by(*IN_ORDER)
    )


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
    Return the panel member's own assignment in an open study.

    Raises
    ------
    Http404
        In every other case.
    """
    return _access(member, assignment, CaseDuty.Duty.PANEL, "is_panel")


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
