"""What changes after the draw: pause, due dates, another reader for cases not yet read, a reader who leaves."""

from collections.abc import Collection
from datetime import date, datetime

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import Read
from grading.services.handover import handover_of
from grading.services.settlement import compare_first_reads
from grading.sessions import submitted_read
from readerstudy.accounts.models import User
from readerstudy.core.audit import Actor, record
from readerstudy.imaging.services.capability import close_presentation
from readerstudy.studies.models import Assignment, CaseDuty, Draw, ReaderStudy, StudyRole
from readerstudy.studies.services.assignment.writing import last_place, open_for_assignment
from readerstudy.studies.services.errors import StudyRefused


def is_submitted(assignment: Assignment) -> bool:
    """Return whether the read of an assignment is closed."""
    return Read.objects.filter(
        assignment=assignment, state=Read.State.SUBMITTED, superseded_at__isnull=True
    ).exists()


def _with_reason(reason: str) -> str:
    if not reason.strip():
        raise StudyRefused(_("Say why. Nothing was changed."))
    return reason.strip()[:300]


def _role(study: ReaderStudy, user: User) -> StudyRole:
    role = StudyRole.objects.select_for_update().filter(study=study, user=user).first()
    if role is None:
        raise StudyRefused(_("%(user)s has no role in this study. Nothing was changed.") % {"user": user})
    return role


def _withdraw(assignment: Assignment, reason: str, at: datetime) -> None:
    assignment.withdrawn_at, assignment.withdrawal_reason = at, reason
    assignment.save(update_fields=["withdrawn_at", "withdrawal_reason"])
    close_presentation(presentation=assignment.presentation, at=at)


@transaction.atomic
def withdraw_assignment(
    *, assignment: Assignment, reason: str, actor: Actor | None, at: datetime
) -> Assignment:
    """
    Take an assignment back; answers given so far are kept and count nowhere.

    Where the case waited for this read alone, it is compared by those that are left.

    Raises
    ------
    StudyRefused
        If no reason is given, or the read was submitted: submitted reads stay.
    WrongState
        If the study is not open.
    """
    reason = _with_reason(reason)
    open_for_assignment(assignment.study)
    assignment = Assignment.objects.select_for_update().select_related("study").get(pk=assignment.pk)
    if assignment.withdrawn_at is not None:
        return assignment
    if is_submitted(assignment):
        raise StudyRefused(_("This read was submitted; it stands. Nothing was changed."))
    _withdraw(assignment, reason, at)
    role = _role(assignment.study, assignment.user)
    record(
        event="studies.assignment.withdrawn",
        at=at,
        actor=actor,
        study_id=assignment.study.public_id,
        subject_type="assignment",
        subject_id=assignment.public_id,
        person=role.code,
        reason=reason,
    )
    if assignment.duty.duty == CaseDuty.Duty.READER and assignment.session > 0:
        compare_first_reads(case=assignment.case, at=at)
    return assignment


def later_showings(assignment: Assignment) -> list[Assignment]:
    """Return the reader's open showings of the same case that come after one: repeats, aided reads."""
    later = (
        Assignment.objects.filter(duty=assignment.duty_id, withdrawn_at__isnull=True)
        .select_related("case", "user", "study")
        .order_by("session", "position")
    )
    place = (assignment.session, assignment.position)
    return [each for each in later if (each.session, each.position) > place and not is_submitted(each)]


@transaction.atomic
def withdraw_reads(
    *, assignment: Assignment, reason: str, actor: Actor | None, at: datetime
) -> list[Assignment]:
    """
    Take a reader's showing of a case back, and the later ones, which would mean nothing without it.

    Raises
    ------
    StudyRefused, WrongState
        As `withdraw_assignment`; nothing is changed then.
    """
    # The last first: the case is compared when the first read goes.
    return [
        withdraw_assignment(assignment=each, reason=reason, actor=actor, at=at)
        for each in (*reversed(later_showings(assignment)), assignment)
    ]


@transaction.atomic
def reassign_reads(
    *,
    study: ReaderStudy,
    leaver: User,
    successor: User,
    seed: int,
    reason: str,
    actor: Actor | None,
    at: datetime,
    cases: Collection[int] | None = None,
    digest: str = "",
) -> Draw:
    """
    Give the cases that a reader has not submitted to another reader, as a new block in an order of its own.

    Parameters
    ----------
    cases : collection of int, optional
        Primary keys; every unfinished case by default.
    digest : str, optional
        Of the `handover_of` that was shown; nothing is done where another one would be.

    Raises
    ------
    StudyRefused
        As `handover_of`, or if no reason is given.
    """
    reason = _with_reason(reason)
    study = open_for_assignment(study)
    role, next_role = _role(study, leaver), _role(study, successor)
    plan = handover_of(study=study, leaver=leaver, successor=successor, cases=cases, for_update=True)
    if digest and digest != plan.digest:
        raise StudyRefused(
            _("Reads went on since this was shown. Nothing was changed; look at what would change hands now.")
        )
    given = plan.given
    wanted = sorted({each.case_id for each in given})
    for each in (*given, *plan.lost):
        _withdraw(each, reason, at)
    generator = np.random.default_rng(seed)
    draw = Draw.objects.create(
        study=study,
        purpose=Draw.Purpose.ASSIGNMENT,
        number=study.draws.filter(purpose=Draw.Purpose.ASSIGNMENT).count() + 1,
        seed=seed,
        rule={"reassigned_from": role.code, "to": next_role.code},
        result_digest=f"{len(given):064d}",
        reason=reason,
        drawn_at=at,
    )
    duties = {
        each.case_id: each
        for each in CaseDuty.objects.bulk_create(
            [CaseDuty(case_id=case, user=successor, duty=CaseDuty.Duty.READER) for case in wanted]
        )
    }
    place = last_place(study, successor.pk)
    for session in sorted({each.session for each in given}):
        here = [each for each in given if each.session == session]
        by_case: dict[int, list[Assignment]] = {}
        for each in here:
            by_case.setdefault(each.case_id, []).append(each)
        order = sorted(by_case)
        for index in generator.permutation(len(order)):
            for each in by_case[order[int(index)]]:
                place += 1
                Assignment.objects.create(
                    duty=duties[each.case_id],
                    case_id=each.case_id,
                    user=successor,
                    study=study,
                    draw=draw,
                    condition=each.condition,
                    session=each.session,
                    occasion=each.occasion,
                    washout_days=each.washout_days,
                    due_date=each.due_date,
                    position=place,
                    running_number=place,
                )
    record(
        event="studies.assignment.reassigned",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="draw",
        subject_id=f"assignment {draw.number}",
        person=role.code,
        successor=next_role.code,
        n=len(given),
        seed=seed,
        reason=reason,
    )
    return draw


@transaction.atomic
def replace_reader(
    *,
    study: ReaderStudy,
    leaver: User,
    successor: User,
    seed: int,
    reason: str,
    actor: Actor | None,
    at: datetime,
    digest: str = "",
) -> Draw | None:
    """
    Let a reader leave for good: unfinished cases go to the successor, submitted reads stay under the old code.

    The two are never pooled: each has a code of their own in every table.
    """
    reason = _with_reason(reason)
    study = open_for_assignment(study)
    role = _role(study, leaver)
    if role.left_at is not None:
        raise StudyRefused(
            _("%(leaver)s has left this study already. Nothing was changed.") % {"leaver": leaver}
        )
    waiting = Assignment.objects.filter(
        ~submitted_read(),
        study=study,
        user=leaver,
        duty__duty=CaseDuty.Duty.READER,
        withdrawn_at__isnull=True,
        session__gt=0,
    )
    draw = None
    if waiting.exists():
        draw = reassign_reads(
            study=study,
            leaver=leaver,
            successor=successor,
            seed=seed,
            reason=reason,
            actor=actor,
            at=at,
            digest=digest,
        )
    role.left_at = at
    role.save(update_fields=["left_at"])
    record(
        event="studies.role.left",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="user",
        subject_id=leaver.public_id,
        person=role.code,
        successor=_role(study, successor).code,
        reason=reason,
    )
    return draw


@transaction.atomic
def pause_person(*, study: ReaderStudy, user: User, reason: str, actor: Actor | None, at: datetime) -> None:
    """Open no case for a person until further notice; what was begun stays as it is."""
    reason = _with_reason(reason)
    open_for_assignment(study)
    role = _role(study, user)
    if role.paused_at is None:
        role.paused_at = at
        role.save(update_fields=["paused_at"])
        _record_role("studies.role.paused", study, user, role, actor, at, reason=reason)


@transaction.atomic
def resume_person(*, study: ReaderStudy, user: User, actor: Actor | None, at: datetime) -> None:
    """End a pause."""
    open_for_assignment(study)
    role = _role(study, user)
    if role.paused_at is not None:
        role.paused_at = None
        role.save(update_fields=["paused_at"])
        _record_role("studies.role.resumed", study, user, role, actor, at)


@transaction.atomic
def set_due_date(
    *, study: ReaderStudy, user: User, due_date: date | None, actor: Actor | None, at: datetime
) -> int:
    """Give the unfinished reads of a person a date; returns how many."""
    open_for_assignment(study)
    role = _role(study, user)
    waiting = [
        each.pk
        for each in Assignment.objects.filter(
            study=study, user=user, duty__duty=CaseDuty.Duty.READER, withdrawn_at__isnull=True
        )
        if not is_submitted(each)
    ]
    Assignment.objects.filter(pk__in=waiting).update(due_date=due_date)
    _record_role(
        "studies.assignment.due", study, user, role, actor, at, date=str(due_date or "none"), n=len(waiting)
    )
    return len(waiting)


def _record_role(
    event: str,
    study: ReaderStudy,
    user: User,
    role: StudyRole,
    actor: Actor | None,
    at: datetime,
    **detail: object,
) -> None:
    record(
        event=event,
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="user",
        subject_id=user.public_id,
        person=role.code,
        **detail,
    )
