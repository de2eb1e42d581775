"""
Which reads belong to which analysis set: full, primary, per protocol.

A report of accidental unblinding takes the reads it touches out of the primary set; a deviation marked so
takes them out of the per-protocol set. Nothing is deleted, and every exclusion says why.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q

from readerstudy.studies.models import AccidentalUnblinding, Assignment, CaseDuty, Deviation, ReaderStudy


@dataclass(frozen=True)
class AnalysisSets:
    """
    Primary keys of reading assignments.

    Parameters
    ----------
    full : frozenset of int
        Every standing reading assignment of an included case.
    primary : frozenset of int
        The full set without reads touched by an accidental unblinding.
    per_protocol : frozenset of int
        The primary set without what a deviation took out.
    """

    full: frozenset[int]
    primary: frozenset[int]
    per_protocol: frozenset[int]

    def counts(self) -> dict[str, int]:
        return {"full": len(self.full), "primary": len(self.primary), "per protocol": len(self.per_protocol)}


def _touched(study: ReaderStudy, rows: Iterable[tuple[int | None, int | None]]) -> set[int]:
    """Return the assignments that any (case, person) touches; None stands for all of them."""
    condition = Q(pk__in=[])
    for case, user in rows:
        here = Q()
        if case is not None:
            here &= Q(case=case)
        if user is not None:
            here &= Q(user=user)
        condition |= here
    return set(Assignment.objects.filter(condition, study=study).values_list("pk", flat=True))


def analysis_sets(study: ReaderStudy) -> AnalysisSets:
    """Return the analysis sets of a study as they stand."""
    full = frozenset(
        Assignment.objects.filter(
            study=study, duty__duty=CaseDuty.Duty.READER, withdrawn_at__isnull=True, case__status="included"
        ).values_list("pk", flat=True)
    )
    unblinded = _touched(study, AccidentalUnblinding.objects.filter(study=study).values_list("case", "user"))
    deviating = _touched(
        study,
        Deviation.objects.filter(study=study, leaves_per_protocol_set=True).values_list("case", "user"),
    )
    primary = full - unblinded
    return AnalysisSets(full, frozenset(primary), frozenset(primary - deviating))
