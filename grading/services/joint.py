"""
Joint settlement: two readers in one session settle together what they dispute.

It opens for a batch of cases only when both have submitted every independent read of that batch, repeats
included: nobody can learn from the partner's answers for a read that is still to come. A batch is a block of the
assignment (`Case.block`); cases that came later form a block of their own.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext_noop as N_

from grading.models import JointSession, Read
from grading.selectors import open_discordances, open_mark_items
from readerstudy.accounts.models import User
from readerstudy.core.audit import record
from readerstudy.imaging.services.capability import hashed
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.services.studies import current_protocol

LASTS = timedelta(hours=8)


class JointRefused(Exception):
    """A joint session that cannot be opened. Nothing was changed."""


def settles_jointly(study: ReaderStudy) -> bool:
    """Return whether the study's protocol lets the two readers settle together."""
    return bool(current_protocol(study).document.adjudication["by"] == "joint")


def _independent(study: ReaderStudy, user: User) -> "list[Assignment]":
    return list(
        Assignment.objects.filter(
            study=study,
            user=user,
            duty__duty=CaseDuty.Duty.READER,
            condition=Assignment.Condition.UNAIDED,
            withdrawn_at__isnull=True,
            case__status="included",
        )
        .annotate(
            is_submitted=Exists(
                Read.objects.filter(
                    assignment=OuterRef("pk"), superseded_at__isnull=True, state=Read.State.SUBMITTED
                )
            )
        )
        .select_related("case__image_set", "case__study", "study", "user")
        .order_by("position")
    )


def _finished_blocks(assignments: Collection[Assignment]) -> set[int]:
    every = {each.case.block for each in assignments}
    return every - {each.case.block for each in assignments if not each.is_submitted}  # type: ignore[attr-defined]


def disputed_together(*, study: ReaderStudy, first: User, second: User) -> list[Assignment]:
    """
    Return the first person's showings of the cases that the two may settle together now, in the stored order.

    Empty while either of them has an independent read of the batch to submit.
    """
    mine, theirs = _independent(study, first), _independent(study, second)
    blocks = _finished_blocks(mine) & _finished_blocks(theirs)
    shared = {each.case_id for each in theirs if each.case.block in blocks}
    showings = [
        each for each in mine if each.case_id in shared and each.occasion == 1 and each.case.block in blocks
    ]
    case_ids = [each.case_id for each in showings]
    waiting = {
        *open_discordances(case_ids).values_list("case_id", flat=True),
        *open_mark_items(case_ids).values_list("case_id", flat=True),
    }
    return [each for each in showings if each.case_id in waiting]


@transaction.atomic
def open_joint_session(
    *, study: ReaderStudy, first: User, second: User, session_key: str, at: datetime
) -> JointSession:
    """
    Open a joint session in the browser session of the first person; the second has just given the password.

    Raises
    ------
    JointRefused
        If they are not two readers of the study, or nothing of theirs is ready to be settled together.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise JointRefused(N_("The study is not open any more."))
    if first.pk == second.pk:
        raise JointRefused(N_("The second person must be the other reader."))
    readers = set(
        StudyRole.objects.filter(study=study, is_reader=True, user__in=[first, second]).values_list(
            "user_id", flat=True
        )
    )
    if readers != {first.pk, second.pk} or not settles_jointly(study):
        raise JointRefused(N_("The second person is not the other reader of your cases."))
    if not disputed_together(study=study, first=first, second=second):
        raise JointRefused(
            N_(
                "Nothing is ready to be settled together. It opens when both of you have submitted all your reads."
            )
        )
    JointSession.objects.filter(study=study, session_hash=hashed(session_key), ended_at__isnull=True).update(
        ended_at=at
    )
    made = JointSession.objects.create(
        study=study, first=first, second=second, session_hash=hashed(session_key), opened_at=at
    )
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    record(
        event="grading.joint.opened",
        at=at,
        actor=first,
        study_id=study.public_id,
        subject_type="joint session",
        subject_id=made.public_id,
        second=codes[second.pk],
    )
    return made


def joint_session_of(
    *, study: ReaderStudy, user: User, session_key: str, at: datetime
) -> JointSession | None:
    """Return the joint session that stands in this person's browser session."""
    return (
        JointSession.objects.select_related("first", "second")
        .filter(
            study=study,
            first=user,
            session_hash=hashed(session_key),
            ended_at__isnull=True,
            opened_at__gt=at - LASTS,
        )
        .first()
    )


@transaction.atomic
def end_joint_session(*, joint: JointSession, at: datetime) -> None:
    """End a joint session: the second person leaves."""
    if not JointSession.objects.filter(pk=joint.pk, ended_at__isnull=True).update(ended_at=at):
        return
    record(
        event="grading.joint.ended",
        at=at,
        actor=joint.first,
        study_id=joint.study.public_id,
        subject_type="joint session",
        subject_id=joint.public_id,
    )
