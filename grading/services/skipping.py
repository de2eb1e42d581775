"""Putting a case off: it goes to the end of its session; the drawn order stays on record."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from grading.practice import is_practice
from grading.services.reading import ReadRefused
from grading.sessions import own_reads, submitted_read
from readerstudy.core.audit import record
from readerstudy.studies.models import Assignment, ReaderStudy


@transaction.atomic
def put_off(*, assignment: Assignment, reason: str, at: datetime) -> Assignment:
    """
    Put a case off to the end of its session.

    Raises
    ------
    ReadRefused
        If it was submitted, is the only one left, or the study is not open any more.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise ReadRefused(_("The study is not open any more. Your answers are kept as they are."))
    if is_practice(assignment):
        raise ReadRefused(_("Training and calibration cases are read in their order."))
    waiting = own_reads(study, assignment.user).filter(~submitted_read(), session=assignment.session)
    if not waiting.filter(pk=assignment.pk).exists():
        raise ReadRefused(_("This case was submitted already."))
    if waiting.count() == 1:
        raise ReadRefused(_("This is the last case of the session; nothing comes before it."))
    Assignment.objects.filter(pk=assignment.pk).update(skipped_at=at, skip_reason=reason)
    assignment.refresh_from_db()
    record(
        event="grading.read.put_off",
        at=at,
        actor=assignment.user,
        study_id=study.public_id,
        subject_type="assignment",
        subject_id=assignment.public_id,
        number=assignment.running_number,
        reason=reason,
    )
    return assignment
