"""From first reads to discordances and reference grades."""

from datetime import datetime

from django.db import transaction

from grading.acceptance import accept
from grading.answers import GivenAnswer
from grading.models import CaseComparison, Discordance, Read, ReferenceGrade
from grading.selectors import case_is_compared
from grading.services.chance import item_generator
from grading.services.marks import compare_marks
from readerstudy.core.audit import record
from readerstudy.studies.models import Assignment, Case, CaseDuty, StudyRole


@transaction.atomic
def compare_first_reads(*, case: Case, at: datetime) -> bool:
    """
    Compare the first reads of a case once every independent one is submitted.

    Each item is accepted by its finding's rule or becomes a discordance; a random, unmarked share of
    agreed items goes to the adjudicator as well where the protocol says so. Repeats, aided reads and
    readers who are compared only (`StudyRole.is_truther` off) make no reference. Returns whether the
    case was compared now; a second call does nothing.
    """
    Case.objects.select_for_update().get(pk=case.pk)
    expected = list(
        Assignment.objects.filter(
            case=case,
            duty__duty=CaseDuty.Duty.READER,
            condition=Assignment.Condition.UNAIDED,
            occasion=1,
            withdrawn_at__isnull=True,
        )
        .exclude(user__in=StudyRole.objects.filter(study=case.study_id, is_truther=False).values("user"))
        .order_by("pk")
    )
    reads = list(
        Read.objects.filter(assignment__in=expected, state=Read.State.SUBMITTED, superseded_at__isnull=True)
        .select_related("protocol")
        .order_by("pk")
    )
    if len(reads) < len(expected) or len(reads) < 2 or case_is_compared(case.pk):
        return False
    protocol = reads[0].protocol
    document = protocol.document
    answers = {
        read.pk: {(r.structure, r.finding): GivenAnswer.of(r) for r in read.ratings.all()} for read in reads
    }
    audit_fraction = float(document.adjudication["audit_fraction"])
    discordances, references = [], []
    for item in document.items:
        given = [answers[read.pk][item.key] for read in reads]
        accepted = accept(item.finding, given)
        generator = item_generator(case, *item.key)
        order = [reads[int(k)].pk for k in generator.permutation(len(reads))]
        is_audit = accepted is not None and generator.random() < audit_fraction
        if accepted is None or is_audit:
            discordances.append(
                Discordance(
                    case=case,
                    protocol=protocol,
                    structure=item.structure.id,
                    finding=item.finding.id,
                    order=order,
                    is_audit=is_audit,
                    opened_at=at,
                )
            )
        if accepted is not None:
            references.append(
                ReferenceGrade(
                    case=case,
                    structure=item.structure.id,
                    finding=item.finding.id,
                    **accepted.answer.fields(),
                    provenance=accepted.provenance,
                    basis=accepted.provenance,
                    decided_at=at,
                )
            )
    CaseComparison.objects.create(case=case, compared_at=at)
    if document.adjudication["by"] != "none":
        Discordance.objects.bulk_create(discordances)
    # Where the reference comes from elsewhere, readers never enter it, agreed or not.
    if document.makes_reference_from_reads:
        ReferenceGrade.objects.bulk_create(references)
    compare_marks(case=case, protocol=protocol, reads=reads, at=at)
    record(
        event="grading.case.compared",
        at=at,
        actor=None,
        study_id=case.study.public_id,
        subject_type="case",
        subject_id=case.public_id,
        case=case.pseudonym,
    )
    return True


def set_reference(
    *,
    case: Case,
    structure: str,
    finding: str,
    answer: GivenAnswer,
    provenance: str,
    basis: str,
    at: datetime,
    no_majority: bool = False,
) -> ReferenceGrade:
    """Give an item its reference grade; an earlier one is superseded and stays."""
    ReferenceGrade.objects.filter(
        case=case, structure=structure, finding=finding, superseded_at__isnull=True
    ).update(superseded_at=at)
    return ReferenceGrade.objects.create(
        case=case,
        structure=structure,
        finding=finding,
        **answer.fields(),
        provenance=provenance,
        basis=basis,
        no_majority=no_majority,
        decided_at=at,
    )
