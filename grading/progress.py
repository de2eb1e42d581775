"""How far a study is, in counts that give nobody a grade: the coordinator's overview."""

from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from grading.models import Discordance, MarkDiscordance, Read, ReferenceMark
from grading.selectors import compared_cases, confirmed_cases, is_open, open_mark_items
from readerstudy.studies.models import Assignment, Case, CaseDuty, Patient, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import partition_words


@dataclass(frozen=True)
class Share:
    """A count of a total, with its words."""

    label: str
    done: int
    total: int

    @property
    def percent(self) -> int:
        return round(100 * self.done / self.total) if self.total else 0


@dataclass(frozen=True)
class StudyProgress:
    """The flow from patient to reference standard."""

    screened: int
    waiting: int
    included: int
    # Of the included ones: those that lack a kind of image which the protocol requires.
    lacking: int
    excluded: tuple[tuple[str, int], ...]
    partitions: tuple[tuple[str, int], ...]
    read_completely: int
    items_compared: int
    agreed: int
    disputed: int
    settled: int
    confirmed: int
    readers: tuple[Share, ...]
    adjudication: Share
    panel: Share
    disputes: tuple[Share, ...]

    @property
    def n_excluded(self) -> int:
        return sum(n for _, n in self.excluded)


@dataclass(frozen=True)
class _Marked:
    """Marks of the compared cases: lesions that the readers agree on, and what they dispute."""

    compared: int = 0
    disputed: int = 0
    waiting: int = 0
    rows: tuple[Share, ...] = ()


def _marked(document: ProtocolDocument, cases: "QuerySet", language: str) -> _Marked:
    agreed = dict(
        ReferenceMark.objects.filter(case__in=cases, basis="agreed", superseded_at__isnull=True)
        .values_list("kind")
        .annotate(n=Count("pk"))
    )
    disputed = dict(
        MarkDiscordance.objects.filter(case__in=cases).values_list("kind").annotate(n=Count("pk"))
    )
    rows = tuple(
        Share(
            kind.label.in_language(language),
            disputed.get(kind.id, 0),
            disputed.get(kind.id, 0) + agreed.get(kind.id, 0),
        )
        for kind in document.marks
    )
    n_disputed = sum(disputed.values())
    return _Marked(
        compared=n_disputed + sum(agreed.values()),
        disputed=n_disputed,
        waiting=open_mark_items(cases).count(),
        rows=rows,
    )


def _by_finding(disputed: "QuerySet[Discordance]") -> tuple[dict[str, int], int]:
    """Return how many items of each finding are disputed, and how many of all wait, in one walk over them."""
    rows = disputed.order_by().values("finding").annotate(n=Count("pk"), n_open=Count("pk", filter=is_open()))
    counted = list(rows)
    return {each["finding"]: each["n"] for each in counted}, sum(each["n_open"] for each in counted)


def study_progress(study: ReaderStudy, language: str) -> StudyProgress:
    """Return the counts of a study; nothing in it depends on any grade but through agreement."""
    document = current_protocol(study).document
    by_status = Case.objects.filter(study=study).values_list("status")
    counted = by_status.annotate(n=Count("pk"), lacking=Count("pk", filter=Q(included_lacking__isnull=False)))
    status = {name: n for name, n, _lacking in counted}
    lacking = {name: n for name, _all, n in counted}
    included_ids = Case.objects.filter(study=study, status="included").values("pk")
    n_included = status.get("included", 0)
    reasons = {name: label.in_language(language) for name, label in document.exclusion_criteria}
    excluded = tuple(
        (reasons.get(reason, reason), n)
        for reason, n in Case.objects.filter(study=study, status="excluded")
        .values_list("exclusion_reason")
        .annotate(n=Count("pk"))
        .order_by("-n", "exclusion_reason")
    )
    partitions = tuple(
        (partition_words(name), n)
        for name, n in Patient.objects.filter(study=study, cases__status="included")
        .exclude(partition="")
        .values_list("partition")
        .annotate(n=Count("pk", distinct=True))
        .order_by("partition")
    )
    compared = compared_cases(study)
    # Audited agreed items are counted among the agreed: nobody sees which they are.
    disputed = Discordance.objects.filter(case_id__in=included_ids, is_audit=False)
    per_finding, waiting = _by_finding(disputed)
    n_disputed = sum(per_finding.values())
    n_items = len(compared) * len(document.items)
    submitted = dict(
        Read.objects.filter(case_id__in=included_ids, state="submitted", superseded_at__isnull=True)
        .values_list("reader_id")
        .annotate(n=Count("pk"))
    )
    assigned = dict(
        Assignment.objects.filter(
            study=study, duty__duty=CaseDuty.Duty.READER, withdrawn_at__isnull=True, session__gt=0
        )
        .values_list("user_id")
        .annotate(n=Count("pk"))
    )
    codes = dict(
        StudyRole.objects.filter(study=study, is_reader=True).order_by("code").values_list("user_id", "code")
    )
    marked = _marked(document, included_ids, language) if document.marks else _Marked()
    n_items += marked.compared
    n_disputed += marked.disputed
    waiting += marked.waiting
    confirmed = confirmed_cases(included_ids)
    per_finding_total = len(compared) * len(document.structures)
    return StudyProgress(
        screened=sum(n for name, n in status.items() if name != "practice"),
        waiting=status.get("imported", 0),
        included=n_included,
        lacking=lacking.get("included", 0),
        excluded=excluded,
        partitions=partitions,
        read_completely=len(compared),
        items_compared=n_items,
        agreed=n_items - n_disputed,
        disputed=n_disputed,
        settled=n_disputed - waiting,
        confirmed=len(confirmed),
        readers=tuple(
            Share(code, submitted.get(user, 0), assigned.get(user, 0)) for user, code in codes.items()
        ),
        adjudication=Share("", n_disputed - waiting, n_disputed),
        panel=Share("", len(confirmed), n_included),
        disputes=tuple(
            Share(each.label.in_language(language), per_finding.get(each.id, 0), per_finding_total)
            for each in document.findings
        )
        + marked.rows,
    )
