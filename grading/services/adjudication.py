"""The adjudicator's decision on one item."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from grading.answers import BadAnswer, GivenAnswer, read_answer
from grading.models import Adjudication, Discordance, Rating, ReferenceGrade
from grading.services.settlement import set_reference
from readerstudy.core.audit import record
from readerstudy.studies.models import Assignment, ReaderStudy


class AdjudicationRefused(Exception):
    """A decision that cannot be taken. Nothing was changed."""


class AlreadySettled(AdjudicationRefused):
    """The item has a standing decision."""


class OwnGradeFirst(AdjudicationRefused):
    """A and B stay covered until the adjudicator has given a grade of his own."""


LETTERS = "ABCDEFGHIJKL"


def answers_shown(discordance: Discordance) -> dict[str, tuple[int, GivenAnswer]]:
    """Return what A, B, ... answered: letter -> (primary key of the read, answer)."""
    ratings = {
        rating.read_id: GivenAnswer.of(rating)
        for rating in Rating.objects.filter(
            read_id__in=discordance.order, structure=discordance.structure, finding=discordance.finding
        )
    }
    return {
        letter: (read_id, ratings[read_id])
        for letter, read_id in zip(LETTERS, discordance.order, strict=False)
    }


@transaction.atomic
def settle_item(
    *,
    assignment: Assignment,
    structure: str,
    finding: str,
    choice: str,
    given: Mapping[str, Any] | None,
    reason_code: str,
    at: datetime,
    covered: Mapping[str, Any] | None = None,
) -> Adjudication:
    """
    Settle one discordant item.

    Parameters
    ----------
    choice : str
        A letter (keep that read's answer) or ``"own"``.
    given : mapping, optional
        The adjudicator's own answer where `choice` is ``"own"``.
    covered : mapping, optional
        The own answer given while A and B were covered; required where the protocol asks for it.

    Raises
    ------
    AlreadySettled
        If the item has a standing decision.
    AdjudicationRefused
        If there is no such open item for this adjudicator, or the choice is not allowed.
    BadAnswer
        If an own answer does not fit the protocol.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise AdjudicationRefused("The study is not open any more.")
    discordance = (
        Discordance.objects.select_for_update(of=("self",))
        .select_related("protocol", "case")
        .filter(case_id=assignment.case_id, structure=structure, finding=finding)
        .first()
    )
    if discordance is None:
        raise AdjudicationRefused("There is no such item to settle.")
    if discordance.adjudications.filter(superseded_at__isnull=True).exists():
        raise AlreadySettled
    document = discordance.protocol.document
    rules = document.adjudication
    if rules["third_read_first"] and not covered:
        raise OwnGradeFirst
    covered_answer = read_answer(document, structure, finding, covered).fields() if covered else {}
    shown = answers_shown(discordance)
    if choice in shown:
        kept_read_id, answer = shown[choice]
    elif choice == "own":
        kept_read_id, answer = None, read_answer(document, structure, finding, given or {})
        allowed = [shown_answer for _, shown_answer in shown.values()]
        if rules["may_choose"] == "a-or-b" and not any(answer.same_as(each) for each in allowed):
            raise BadAnswer("The protocol allows A or B only.")
        known = [name for name, _ in document.adjudication_reasons]
        if not any(answer.same_as(each) for each in allowed) and reason_code not in known:
            raise BadAnswer(f"A third answer needs a reason: {', '.join(known)}.")
    else:
        raise AdjudicationRefused(f"Choose {', '.join(shown)} or an answer of your own.")
    adjudication = Adjudication.objects.create(
        discordance=discordance,
        assignment=assignment,
        structure=structure,
        finding=finding,
        **answer.fields(),
        choice=Adjudication.Choice.OWN if kept_read_id is None else Adjudication.Choice.KEPT,
        kept_read_id=kept_read_id,
        reason_code=reason_code if kept_read_id is None else "",
        covered_answer=covered_answer,
        settled_at=at,
    )
    if discordance.is_audit:
        # Both grades of an audited item are kept; its reference stays what the readers agreed on.
        pass
    else:
        set_reference(
            case=discordance.case,
            structure=structure,
            finding=finding,
            answer=answer,
            provenance=ReferenceGrade.Provenance.ADJUDICATED,
            basis=ReferenceGrade.Provenance.ADJUDICATED,
            at=at,
        )
    record(
        event="grading.item.adjudicated",
        at=at,
        actor=assignment.user,
        study_id=study.public_id,
        subject_type="case",
        subject_id=discordance.case.public_id,
        case=discordance.case.pseudonym,
        structure=structure,
        finding=finding,
    )
    return adjudication
