"""What of a study is analysed: its protocol and plan, its assignments and its finished cases."""

from typing import Any

from django.db.models import Count

from grading.models import CaseComparison, ReferenceGrade
from grading.selectors import open_mark_items
from readerstudy.analysis.models import ImportedReference
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.studies.models import Assignment, Case, CaseDuty, Protocol, ReaderStudy


def protocol_of(study: ReaderStudy) -> Protocol:
    """Return the protocol version under which the study is analysed: the newest."""
    return Protocol.objects.filter(study=study).order_by("-version")[0]


def plan_of(study: ReaderStudy) -> AnalysisPlan:
    """Return the study's analysis plan."""
    return AnalysisPlan.of(protocol_of(study).document)


def first_read_assignments(study: ReaderStudy) -> "Any":
    """Return the assignments whose reads are primary data: unaided, first occasion, not withdrawn."""
    return Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        condition=Assignment.Condition.UNAIDED,
        occasion=1,
        withdrawn_at__isnull=True,
        case__status=Case.Status.INCLUDED,
    )


def aided_assignments(study: ReaderStudy) -> "Any":
    """Return the assignments read with the model's aid, first occasion, not withdrawn."""
    return Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        condition=Assignment.Condition.AIDED,
        occasion=1,
        withdrawn_at__isnull=True,
        case__status=Case.Status.INCLUDED,
    )


def repeat_assignments(study: ReaderStudy) -> "Any":
    """Return the assignments of second readings without aid, not withdrawn."""
    return Assignment.objects.filter(
        study=study,
        duty__duty=CaseDuty.Duty.READER,
        condition=Assignment.Condition.UNAIDED,
        occasion=2,
        withdrawn_at__isnull=True,
        case__status=Case.Status.INCLUDED,
    )


def finished_cases(study: ReaderStudy) -> "list[Case]":
    """
    Return the included cases whose reference stands for every item, in the order of their pseudonyms.

    Others leave the analysis; `readiness` counts them.
    """
    return list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED, pk__in=cases_with_reference(study))
        .select_related("patient__centre")
        .order_by("pseudonym")
    )


def cases_with_reference(study: ReaderStudy) -> set[int]:
    """
    Cases whose reference is complete.

    A reference that was imported, or that comes from outside by the protocol, says itself which items it
    covers; one that is made here covers every item.
    """
    document = protocol_of(study).document
    imported = set(
        ImportedReference.objects.filter(case__study=study).values_list("case_id", flat=True).distinct()
    )
    standing = (
        ReferenceGrade.objects.filter(case__study=study, superseded_at__isnull=True)
        .values("case_id")
        .annotate(n=Count("pk"))
    )
    if not document.items:
        # Marks alone: a case without a lesion has no row, and is finished when nothing of it is disputed.
        compared = CaseComparison.objects.filter(case__study=study).values_list("case_id", flat=True)
        return set(compared) - set(open_mark_items(list(compared)).values_list("case_id", flat=True))
    needed = 1 if document.reference["from"] == "external" else len(document.items)
    return {row["case_id"] for row in standing if row["n"] >= needed or row["case_id"] in imported}


def first_showing(case: Case) -> Assignment | None:
    """Return a first showing of a case, by which its images are opened; None where nobody was to read it."""
    return (
        Assignment.objects.select_related("case", "user").filter(case=case, occasion=1).order_by("pk").first()
    )
