"""Reads that span grading's tables."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Count, Exists, OuterRef, QuerySet

from grading.models import (
    Adjudication,
    CaseComparison,
    CaseConfirmation,
    Discordance,
    MarkDecision,
    MarkDiscordance,
    PanelReview,
    Rating,
    Read,
    ReferenceGrade,
    ReferenceMark,
)
from readerstudy.studies.models import Assignment, Case, ReaderStudy


def case_is_compared(case_id: int) -> bool:
    """Return whether the first reads of a case have been compared."""
    return (
        CaseComparison.objects.filter(case_id=case_id).exists()
        or ReferenceGrade.objects.filter(case_id=case_id).exists()
        or Discordance.objects.filter(case_id=case_id).exists()
    )


def is_open() -> Any:
    """Return the condition of an item that waits for the adjudicator."""
    return ~Exists(Adjudication.objects.filter(discordance=OuterRef("pk"), superseded_at__isnull=True))


def open_discordances(case_ids: Any) -> "QuerySet[Discordance]":
    """Return the items of these cases that wait for the adjudicator, unordered."""
    return Discordance.objects.filter(case_id__in=case_ids).filter(is_open())


def open_mark_items(case_ids: Any) -> "QuerySet[MarkDiscordance]":
    """Return the disputed marks of these cases that wait for a decision, unordered."""
    standing = MarkDecision.objects.filter(discordance=OuterRef("pk"), superseded_at__isnull=True)
    return MarkDiscordance.objects.filter(case_id__in=case_ids).filter(~Exists(standing))


def n_open_items(case_id: int) -> int:
    """Return how many items and marks of a case wait for a decision."""
    return open_discordances([case_id]).count() + open_mark_items([case_id]).count()


def case_is_settled(case_id: int) -> bool:
    """Return whether the case was compared and nothing of it waits for the adjudicator."""
    return case_is_compared(case_id) and not n_open_items(case_id)


def standing_marks(case_id: int) -> "QuerySet[ReferenceMark]":
    """Return the lesions of a case's reference standard."""
    return ReferenceMark.objects.filter(case_id=case_id, superseded_at__isnull=True).order_by("pk")


def standing_reference(case_id: int) -> "QuerySet[ReferenceGrade]":
    """Return the reference grades of a case that stand."""
    return ReferenceGrade.objects.filter(case_id=case_id, superseded_at__isnull=True).order_by(
        "structure", "finding"
    )


def confirmed_cases(case_ids: Any) -> set[int]:
    """
    Return those of the cases whose reference the panel has decided; an item without a majority is decided too.

    Parameters
    ----------
    case_ids : collection of int or QuerySet of one column
    """
    standing = ReferenceGrade.objects.filter(superseded_at__isnull=True)
    rows = (
        # Apart, because each has an index of its own.
        standing.filter(provenance__in=["confirmed", "overruled", "panel_read"]),
        standing.filter(no_majority=True),
        ReferenceMark.objects.filter(provenance="confirmed", superseded_at__isnull=True),
        CaseConfirmation.objects.all(),
    )
    # In one question: lists ask it of thousands of cases.
    first, *others = (
        each.filter(case_id__in=case_ids).order_by().values_list("case_id", flat=True) for each in rows
    )
    return set(first.union(*others))


def read_states(assignments: Iterable[Assignment]) -> dict[int, Read]:
    """Return the standing read of each assignment that has one, with the number of its answers."""
    standing = Read.objects.filter(assignment__in=assignments, superseded_at__isnull=True)
    found = {read.assignment_id: read for read in standing.only("assignment_id", "state", "version")}
    # A closed read has an answer to every item: only open ones are counted.
    begun = [read.pk for read in found.values() if read.state == Read.State.IN_PROGRESS]
    counts = dict(Rating.objects.filter(read__in=begun).values_list("read").annotate(n=Count("pk")))
    for read in found.values():
        read.n_answers = counts.get(read.pk, 0) if read.state == Read.State.IN_PROGRESS else None
    return found


def panel_round(case_id: int) -> int:
    """Return the number of the panel's round on a case: one more than the decisions sent back so far."""
    sent_back = Adjudication.objects.filter(discordance__case_id=case_id, superseded_at__isnull=False)
    lesions = MarkDecision.objects.filter(discordance__case_id=case_id, superseded_at__isnull=False)
    return sent_back.count() + lesions.count() + 1


def reviewed_by(assignment: Assignment) -> bool:
    """Return whether this panel member has voted in the present round."""
    return PanelReview.objects.filter(
        assignment=assignment, round=panel_round(assignment.case_id), submitted_at__isnull=False
    ).exists()


def case_was_compared() -> Any:
    """Return the condition of a case whose first reads have been compared."""
    return (
        Exists(CaseComparison.objects.filter(case=OuterRef("pk")))
        | Exists(ReferenceGrade.objects.filter(case=OuterRef("pk")))
        | Exists(Discordance.objects.filter(case=OuterRef("pk")))
    )


def compared_cases(study: ReaderStudy) -> set[int]:
    """Return the included cases whose first reads have been compared, by one look-up per case."""
    return set(
        Case.objects.filter(
            case_was_compared(),
            study=study,
            status=Case.Status.INCLUDED,
        ).values_list("pk", flat=True)
    )
