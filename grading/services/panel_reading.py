"""The panel's independent reads, and the reference standard that they make."""

from datetime import datetime

from django.db import transaction

from grading.answers import GivenAnswer
from grading.models import Read, ReferenceGrade
from grading.panel_reads import decide
from grading.services.settlement import set_reference
from readerstudy.core.audit import record
from readerstudy.studies.models import Assignment, Case, CaseDuty, StudyRole


def panel_has_decided(case_id: int) -> bool:
    """Return whether the panel's reads have made the reference of a case."""
    return ReferenceGrade.objects.filter(
        case_id=case_id, provenance=ReferenceGrade.Provenance.PANEL_READ
    ).exists()


@transaction.atomic
def decide_from_panel_reads(*, case: Case, at: datetime) -> bool:
    """
    Make the reference of a case once every assigned panel member has submitted their own read.

    Returns whether it was made now; a second call does nothing.
    """
    Case.objects.select_for_update().get(pk=case.pk)
    expected = Assignment.objects.filter(
        case=case, duty__duty=CaseDuty.Duty.PANEL, occasion=1, withdrawn_at__isnull=True
    )
    reads = list(
        Read.objects.filter(assignment__in=expected, state=Read.State.SUBMITTED, superseded_at__isnull=True)
        .select_related("protocol")
        .order_by("pk")
    )
    if len(reads) < expected.count() or not reads or panel_has_decided(case.pk):
        return False
    document = reads[0].protocol.document
    if document.reference["from"] != "panel-read" or len(reads) < int(document.reference.get("quorum", 1)):
        return False
    codes = dict(StudyRole.objects.filter(study=case.study_id).values_list("user_id", "code"))
    answers = {
        codes[read.reader_id]: {(r.structure, r.finding): GivenAnswer.of(r) for r in read.ratings.all()}
        for read in reads
    }
    for item in document.items:
        given = {code: own[item.key] for code, own in answers.items()}
        decision = decide(item.finding, given, document.reference)
        set_reference(
            case=case,
            structure=item.structure.id,
            finding=item.finding.id,
            answer=decision.answer,
            provenance=ReferenceGrade.Provenance.PANEL_READ,
            basis=ReferenceGrade.Provenance.PANEL_READ,
            no_majority=decision.no_majority,
            at=at,
        )
    record(
        event="grading.case.panel_read",
        at=at,
        actor=None,
        study_id=case.study.public_id,
        subject_type="case",
        subject_id=case.public_id,
        case=case.pseudonym,
    )
    return True
