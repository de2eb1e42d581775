"""
Reading while blinded, in counts: per reader, per centre, per day. Never a grade, and never which way two differ.

Every number comes from one query over the whole study; nothing is asked per reader or per case.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import numpy as np
from django.core.cache import cache
from django.db import connection
from django.db.models import Avg, Count, Exists, Max, OuterRef, Q
from django.utils import timezone

from grading.models import Adjudication, Discordance, Read, ReferenceGrade
from grading.selectors import case_was_compared
from grading.sessions import submitted_read
from readerstudy.stats import Estimate, reader_disagreement_index
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderQuery, ReaderStudy, StudyRole


@dataclass(frozen=True)
class ReaderRow:
    """One reader's progress."""

    code: str
    name: str
    assigned: int
    submitted: int
    overdue: int
    minutes_per_case: float | None
    disagreement: Estimate | None
    open_queries: int
    is_paused: bool
    has_left: bool

    @property
    def percent(self) -> int:
        return round(100 * self.submitted / self.assigned) if self.assigned else 0


@dataclass(frozen=True)
class CentreRow:
    """One centre's progress and how often its items are disputed."""

    code: str
    included: int
    compared: int
    items: int
    disputed: int

    @property
    def adjudication_rate(self) -> float | None:
        return self.disputed / self.items if self.items else None


@dataclass(frozen=True)
class Monitor:
    """The page of the readers."""

    readers: tuple[ReaderRow, ...]
    centres: tuple[CentreRow, ...]
    days: tuple[tuple[date, int], ...]


# A reader is overruled at an item where the adjudicator's standing answer is not the reader's own; items that
# both agreed on and that were sent along unmarked do not count.
_OVERRULED = """
    SELECT DISTINCT r.reader_id, r.case_id
    FROM grading_discordance d
    JOIN studies_case c ON c.id = d.case_id
    JOIN grading_adjudication a ON a.discordance_id = d.id AND a.superseded_at IS NULL
    JOIN grading_read r ON r.case_id = d.case_id AND r.superseded_at IS NULL AND r.state = 'submitted'
    JOIN grading_rating g ON g.read_id = r.id AND g.structure = d.structure AND g.finding = d.finding
    WHERE c.study_id = %s AND NOT d.is_audit
      AND (g.kind <> a.kind OR COALESCE(g.grade, -1) <> COALESCE(a.grade, -1)
           OR COALESCE(g.value, 0) <> COALESCE(a.value, 0))
"""


def _overruled(study: ReaderStudy) -> dict[int, int]:
    """Return in how many cases each reader was overruled; computed again when a decision was added."""
    newest = Adjudication.objects.aggregate(newest=Max("pk"), gone=Max("superseded_at"))
    key = f"grading.overruled.{study.public_id}.{newest['newest']}.{newest['gone']}".replace(" ", "-")
    kept = cache.get(key)
    if kept is None:
        kept = {}
        with connection.cursor() as cursor:
            cursor.execute(_OVERRULED, [study.pk])
            for reader, _ in cursor.fetchall():
                kept[reader] = kept.get(reader, 0) + 1
        cache.set(key, kept, 24 * 3600)
    return kept


def _disagreement(study: ReaderStudy, read: dict[int, int]) -> dict[int, Estimate]:
    """Return the Reader Disagreement Index by reader; `read` counts the compared cases that each has read."""
    overruled = _overruled(study)
    found = {}
    for reader, n_cases in read.items():
        flags = np.zeros(n_cases, dtype=int)
        flags[: overruled.get(reader, 0)] = 1
        found[reader] = reader_disagreement_index(flags, cases=np.arange(n_cases))
    return found


def monitor_of(study: ReaderStudy, *, now: datetime, n_days: int = 14) -> Monitor:
    """Return how reading goes on."""
    today = timezone.localtime(now).date()
    reading = Assignment.objects.filter(
        study=study, duty__duty=CaseDuty.Duty.READER, withdrawn_at__isnull=True, case__status="included"
    )
    assigned = dict(reading.values_list("user").annotate(n=Count("pk")).values_list("user", "n"))
    late = dict(
        reading.filter(~submitted_read(), due_date__lt=today)
        .values_list("user")
        .annotate(n=Count("pk"))
        .values_list("user", "n")
    )
    reads = Read.objects.filter(
        assignment__study=study,
        assignment__session__gt=0,
        state=Read.State.SUBMITTED,
        superseded_at__isnull=True,
    )
    since = today - timedelta(days=n_days - 1)
    # By moments, not by dates: SQLite would call Python for every read of the study.
    midnights = [
        timezone.make_aware(datetime.combine(since + timedelta(days=k), time.min)) for k in range(n_days + 1)
    ]
    per_day = {
        f"day_{k}": Count("pk", filter=Q(submitted_at__gte=begin, submitted_at__lt=end))
        for k, (begin, end) in enumerate(pairwise(midnights))
    }
    is_compared = Exists(Discordance.objects.filter(case=OuterRef("case"))) | Exists(
        ReferenceGrade.objects.filter(case=OuterRef("case"))
    )
    # One walk over the reads for everything that is counted of them.
    by_reader = {
        each["reader"]: each
        for each in reads.order_by()
        .values("reader")
        .annotate(
            done=Count("pk", filter=Q(assignment__withdrawn_at__isnull=True, case__status="included")),
            active=Avg("focused_seconds", filter=Q(focused_seconds__gt=0)),
            compared=Count("case", distinct=True, filter=Q(assignment__occasion=1) & is_compared),
            **per_day,
        )
    }
    read_cases = {reader: each["compared"] for reader, each in by_reader.items() if each["compared"]}
    disagreement = _disagreement(study, read_cases)
    queries = dict(
        ReaderQuery.objects.filter(study=study, answered_at__isnull=True)
        .values_list("user")
        .annotate(n=Count("pk"))
        .values_list("user", "n")
    )
    rows = []
    for role in StudyRole.objects.filter(study=study, is_reader=True).select_related("user").order_by("code"):
        counted = by_reader.get(role.user_id, {})
        seconds = counted.get("active")
        rows.append(
            ReaderRow(
                code=role.code,
                name=str(role.user),
                assigned=assigned.get(role.user_id, 0),
                submitted=counted.get("done", 0),
                overdue=late.get(role.user_id, 0),
                minutes_per_case=seconds / 60 if seconds else None,
                disagreement=disagreement.get(role.user_id),
                open_queries=queries.get(role.user_id, 0),
                is_paused=role.paused_at is not None,
                has_left=role.left_at is not None,
            )
        )
    days = tuple(
        (since + timedelta(days=k), sum(each[f"day_{k}"] for each in by_reader.values()))
        for k in range(n_days)
    )
    return Monitor(tuple(rows), _centres(study), days)


def _centres(study: ReaderStudy) -> tuple[CentreRow, ...]:
    n_items = len(study.protocols.order_by("-version")[0].document.items)
    cases = (
        Case.objects.filter(study=study, status="included")
        .order_by()
        .values("patient__centre__code")
        .annotate(included=Count("pk"), compared=Count("pk", filter=case_was_compared()))
    )
    counted = {each["patient__centre__code"]: each for each in cases}
    disputed = dict(
        Discordance.objects.filter(case__study=study, case__status="included", is_audit=False)
        .values_list("case__patient__centre__code")
        .annotate(n=Count("pk"))
        .values_list("case__patient__centre__code", "n")
    )
    return tuple(
        CentreRow(
            code=centre,
            included=each["included"],
            compared=each["compared"],
            items=each["compared"] * n_items,
            disputed=disputed.get(centre, 0),
        )
        for centre, each in sorted(counted.items())
    )
