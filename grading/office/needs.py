"""What waits for the coordinator of a study: sentences with one action each."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from grading.progress import StudyProgress
from grading.sessions import submitted_read
from readerstudy.studies.models import Assignment, CaseDuty, ReaderQuery, ReaderStudy


@dataclass(frozen=True)
class Need:
    """One thing that nobody else does."""

    sentence: str
    action: str
    address: str


def needs_of(study: ReaderStudy, progress: StudyProgress, *, now: datetime) -> list[Need]:
    """Return what waits for the coordinator, the most pressing first; nothing of it depends on a grade."""
    found: list[Need] = []

    def need(sentence: str, action: str, name: str) -> None:
        found.append(Need(sentence, action, reverse(name, kwargs={"slug": study.slug})))

    if study.state == ReaderStudy.State.DRAFT:
        need(_("The study is a draft."), _("Open the study"), "studies:open")
    if study.state in {ReaderStudy.State.DRAFT, ReaderStudy.State.OPEN} and progress.waiting:
        need(
            ngettext("%(n)d case waits for screening.", "%(n)d cases wait for screening.", progress.waiting)
            % {"n": progress.waiting},
            _("To the cases"),
            "studies:cases",
        )
    n = ReaderQuery.objects.filter(study=study, answered_at__isnull=True).count()
    if n:
        need(
            ngettext("%(n)d query has no answer.", "%(n)d queries have no answer.", n) % {"n": n},
            _("To the queries"),
            "studies:queries",
        )
    if study.state != ReaderStudy.State.OPEN:
        return found
    if progress.included and not any(each.total for each in progress.readers):
        need(_("No case is assigned yet."), _("To the assignments"), "studies:assignments")
    n = _overdue(study, now)
    if n:
        need(
            ngettext("%(n)d read is overdue.", "%(n)d reads are overdue.", n) % {"n": n},
            _("To the readers"),
            "grading:monitor",
        )
    return found


def _overdue(study: ReaderStudy, now: datetime) -> int:
    late = Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        withdrawn_at__isnull=True,
        case__status="included",
        due_date__lt=timezone.localtime(now).date(),
    )
    return late.filter(~submitted_read()).count()
