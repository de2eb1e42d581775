"""What stands between a study and its lock, and the counts of the flow diagram."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from grading.models import Read, ReferenceGrade
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.selectors.studies import cases_with_reference, first_read_assignments, protocol_of
from readerstudy.studies.models import Case, ReaderStudy, StudyRole


@dataclass(frozen=True)
class Readiness:
    """What stands between a study and its lock."""

    n_cases: int
    n_finished: int
    open_reads: tuple[tuple[str, int], ...]  # (reader's code, reads not submitted)
    open_items: int  # discordances that wait for the adjudicator
    cases_without_reference: int
    cases_without_panel: int

    @property
    def is_complete(self) -> bool:
        return (
            not self.open_reads
            and self.open_items == 0
            and self.cases_without_reference == 0
            and self.cases_without_panel == 0
        )

    @property
    def n_unfinished(self) -> int:
        return self.n_cases - self.n_finished


def readiness(study: ReaderStudy) -> Readiness:
    """Return what is missing before a study can be locked."""
    from grading.selectors import open_discordances

    document = protocol_of(study).document
    included = list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED).values_list("pk", flat=True)
    )
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    submitted = Read.objects.filter(
        case__study=study, state=Read.State.SUBMITTED, superseded_at__isnull=True
    ).values("assignment_id")
    waiting = Counter(
        first_read_assignments(study).exclude(pk__in=submitted).values_list("user_id", flat=True)
    )
    standing = (
        ReferenceGrade.objects.filter(case_id__in=included, superseded_at__isnull=True)
        .values("case_id")
        .annotate(n=Count("pk"), panel=Count("pk", filter=Q(provenance__in=["confirmed", "overruled"])))
    )
    grades = {row["case_id"]: (row["n"], row["panel"]) for row in standing}
    complete = cases_with_reference(study) & set(included)
    wants_panel = document.reference["from"] == "adjudicated+panel"
    imported = set(
        ImportedReference.objects.filter(case__study=study).values_list("case_id", flat=True).distinct()
    )
    return Readiness(
        n_cases=len(included),
        n_finished=len(complete),
        open_reads=tuple(sorted((codes.get(user, "?"), n) for user, n in waiting.items())),
        open_items=open_discordances(included).count(),
        cases_without_reference=len(included) - len(complete),
        cases_without_panel=sum(
            1 for pk in complete - imported if wants_panel and grades.get(pk, (0, 0))[1] == 0
        ),
    )


def flow(study: ReaderStudy) -> dict[str, Any]:
    """Return the counts of the flow diagram: enrolled, excluded by reason, partitioned, read, settled."""
    cases = Case.objects.filter(study=study).exclude(status=Case.Status.PRACTICE)
    excluded = Counter(cases.filter(status=Case.Status.EXCLUDED).values_list("exclusion_reason", flat=True))
    included = cases.filter(status=Case.Status.INCLUDED)
    partition = Counter(included.values_list("patient__partition", flat=True))
    standing = ReferenceGrade.objects.filter(case__in=included, superseded_at__isnull=True)
    reads = Read.objects.filter(
        assignment__in=first_read_assignments(study),
        state=Read.State.SUBMITTED,
        superseded_at__isnull=True,
    )
    return {
        "cases": cases.count(),
        "patients": cases.values("patient").distinct().count(),
        "excluded": dict(sorted(excluded.items())),
        "withdrawn": cases.filter(status=Case.Status.WITHDRAWN).count(),
        "included": included.count(),
        "included_lacking": included.filter(included_lacking__isnull=False).count(),
        "included_patients": included.values("patient").distinct().count(),
        "partition_cases": dict(sorted(partition.items())),
        "reads_submitted": reads.count(),
        "items": standing.count(),
        "basis": dict(sorted(Counter(standing.values_list("basis", flat=True)).items())),
        "provenance": dict(sorted(Counter(standing.values_list("provenance", flat=True)).items())),
    }
