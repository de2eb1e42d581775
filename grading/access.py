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

from grading.models import JointSession, Read
from grading.services.joint import disputed_together, joint_session_of
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
    if found is None or not StudyRole.objects.filter(study=found.study, user=user, **{role: True}).exists():
        return None
    return found


def _access(user: User, assignment: UUID, duty: str, role: str) -> Assignment:
    found = _find(user, assignment, duty, role)
    if found is None:
        raise Http404(_NOTHING)
    return found


def panel_reads(study: ReaderStudy) -> bool:
    """Return whether the panel reads the cases itself, instead of confirming what others settled."""
    return bool(current_protocol(study).document.reference["from"] == "panel-read")


def access_assignment(*, reader: User, assignment: UUID) -> Assignment:
    """
    Return the reader's own open assignment whose turn it is; a panel member's where the panel reads itself.

    Raises
    ------
    Http404
        If it does not exist, is another reader's, its study is not open, or, where the order is
        enforced, an earlier case is not submitted yet. These are indistinguishable on purpose.
    """
    found = _find(reader, assignment, CaseDuty.Duty.READER, "is_reader")
    if found is None:
        found = _access(reader, assignment, CaseDuty.Duty.PANEL, "is_panel")
        if not panel_reads(found.study):
            raise Http404(_NOTHING)
    if not _is_its_turn(found):
        raise Http404(_NOTHING)
    return found


def _own_reads(study: ReaderStudy, reader: User) -> "QuerySet[Assignment]":
    duties = [CaseDuty.Duty.READER, *([CaseDuty.Duty.PANEL] if panel_reads(study) else [])]
    return Assignment.objects.filter(
        study=study,
        user=reader,
        duty__duty__in=duties,
        withdrawn_at__isnull=True,
        case__status="included",
    )


def _next_in_order(study: ReaderStudy, reader: User) -> Assignment | None:
    """Return the reader's first case that is not submitted."""
    submitted = Read.objects.filter(
        assignment=OuterRef("pk"), superseded_at__isnull=True, state=Read.State.SUBMITTED
    )
    return _own_reads(study, reader).filter(~Exists(submitted)).order_by("position").first()


def _order_is_enforced(study: ReaderStudy) -> bool:
    return bool(current_protocol(study).document.reading["order_enforced"])


def _is_its_turn(assignment: Assignment) -> bool:
    """Return whether a reader's case was begun already, is the next one, or may be read in any order."""
    if Read.objects.filter(assignment=assignment, superseded_at__isnull=True).exists():
        return True
    following = _next_in_order(assignment.study, assignment.user)
    if following is not None and following.pk == assignment.pk:
        return True
    return not _order_is_enforced(assignment.study)


def open_to(reader: User, study: ReaderStudy) -> set[UUID]:
    """Return the public ids of the reader's assignments that may be opened now."""
    mine = _own_reads(study, reader)
    if not _order_is_enforced(study):
        return set(mine.values_list("public_id", flat=True))
    begun = Read.objects.filter(assignment=OuterRef("pk"), superseded_at__isnull=True)
    allowed = set(mine.filter(Exists(begun)).values_list("public_id", flat=True))
    following = _next_in_order(study, reader)
    if following is not None:
        allowed.add(following.public_id)
    return allowed


def next_to_fetch_ahead(*, assignment: Assignment, at: datetime) -> Assignment | None:
    """
    Return the case after this one if its images may already be brought near.

    Images only: nothing is opened, no clock starts. None where there is no next case in this session, where
    it has no images, and where its reader has read it before and the protocol's washout has not passed.
    """
    submitted = Read.objects.filter(
        assignment=OuterRef("pk"), superseded_at__isnull=True, state=Read.State.SUBMITTED
    )
    following = (
        _own_reads(assignment.study, assignment.user)
        .filter(~Exists(submitted), session=assignment.session, position__gt=assignment.position)
        .select_related("case__image_set")
        .order_by("position")
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
