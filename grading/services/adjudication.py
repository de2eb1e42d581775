"""The adjudicator's decision on one item."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from grading.answers import BadAnswer, GivenAnswer, read_answer
from grading.models import Adjudication, CoveredGrade, Discordance, JointSession, Rating, ReferenceGrade
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


def _open_item(assignment: Assignment, structure: str, finding: str) -> Discordance:
    """Return an item that waits for this adjudicator, locked."""
    study = ReaderStudy.objects.select_for_update().get(pk=assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise AdjudicationRefused(_("The study is not open any more."))
    discordance = (
        Discordance.objects.select_for_update(of=("self",))
        .select_related("protocol", "case__study")
        .filter(case_id=assignment.case_id, structure=structure, finding=finding)
        .first()
    )
    if discordance is None:
        raise AdjudicationRefused(_("There is no such item to settle."))
    if discordance.adjudications.filter(superseded_at__isnull=True).exists():
        raise AlreadySettled
    return discordance


def is_covered(discordance: Discordance) -> bool:
    """Return whether the protocol covers A and B until the adjudicator has graded the item himself."""
    return bool(discordance.protocol.document.adjudication["third_read_first"])


def covered_grade(discordance: Discordance, assignment: Assignment) -> CoveredGrade | None:
    """Return the own grade that this adjudicator gave while A and B were covered."""
    return discordance.covered_grades.filter(assignment=assignment).first()


@transaction.atomic
def give_covered_grade(
    *, assignment: Assignment, structure: str, finding: str, given: Mapping[str, Any], at: datetime
) -> CoveredGrade:
    """
    Keep the adjudicator's own answer to an item whose A and B are covered; from now on they are shown.

    Given again, by a lost connection or in a second window, the first one stands and is returned.

    Raises
    ------
    AlreadySettled
        If the item has a standing decision.
    AdjudicationRefused
        If there is no such open item for this adjudicator, or the protocol covers nothing.
    BadAnswer
        If the answer does not fit the protocol.
    """
    discordance = _open_item(assignment, structure, finding)
    if not is_covered(discordance):
        raise AdjudicationRefused(_("Nothing is covered in this study."))
    answer = read_answer(discordance.protocol.document, structure, finding, given)
    earlier = covered_grade(discordance, assignment)
    if earlier is not None:
        return earlier
    made = CoveredGrade.objects.create(
        discordance=discordance,
        assignment=assignment,
        structure=structure,
        finding=finding,
        **answer.fields(),
        given_at=at,
    )
    _record("grading.item.graded_covered", discordance, assignment, at)
    return made


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
    joint: JointSession | None = None,
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
        The own answer given while A and B were covered, for callers that give both at once; else
        `give_covered_grade` comes first where the protocol asks for it.
    joint : JointSession, optional
        The session in which the two readers settle it together.

    Raises
    ------
    AlreadySettled
        If the item has a standing decision.
    OwnGradeFirst
        If A and B are covered still.
    AdjudicationRefused
        If there is no such open item for this adjudicator, or the choice is not allowed.
    BadAnswer
        If an own answer does not fit the protocol.
    """
    discordance = _open_item(assignment, structure, finding)
    document = discordance.protocol.document
    rules = document.adjudication
    first: CoveredGrade | None = None
    if is_covered(discordance):
        if covered:
            first = give_covered_grade(
                assignment=assignment, structure=structure, finding=finding, given=covered, at=at
            )
        first = first or covered_grade(discordance, assignment)
        if first is None:
            raise OwnGradeFirst(_("Give your own grade first; A and B are shown after it."))
    shown = answers_shown(discordance)
    if choice in shown:
        kept_read_id, answer = shown[choice]
    elif choice == "own":
        kept_read_id, answer = None, read_answer(document, structure, finding, given or {})
        allowed = [shown_answer for _, shown_answer in shown.values()]
        if rules["may_choose"] == "a-or-b" and not any(answer.same_as(each) for each in allowed):
            raise BadAnswer(_("The protocol allows A or B only."))
        known = [name for name, _ in document.adjudication_reasons]
        if not any(answer.same_as(each) for each in allowed) and reason_code not in known:
            raise BadAnswer(_("A third answer needs a reason: %(known)s.") % {"known": ", ".join(known)})
        if reason_code and reason_code not in known:
            raise BadAnswer(
                _("The protocol has no such reason; there are %(known)s.") % {"known": ", ".join(known)}
            )
    else:
        raise AdjudicationRefused(
            _("Choose %(shown)s or an answer of your own.") % {"shown": ", ".join(shown)}
        )
    adjudication = Adjudication.objects.create(
        discordance=discordance,
        assignment=assignment,
        joint=joint,
        structure=structure,
        finding=finding,
        **answer.fields(),
        choice=Adjudication.Choice.OWN if kept_read_id is None else Adjudication.Choice.KEPT,
        kept_read_id=kept_read_id,
        reason_code=reason_code if kept_read_id is None else "",
        covered_answer=GivenAnswer.of(first).fields() if first else {},
        settled_at=at,
    )
    # Both grades of an audited item are kept; its reference stays what the readers agreed on.
    if not discordance.is_audit and document.makes_reference_from_reads:
        provenance = ReferenceGrade.Provenance.JOINT if joint else ReferenceGrade.Provenance.ADJUDICATED
        set_reference(
            case=discordance.case,
            structure=structure,
            finding=finding,
            answer=answer,
            provenance=provenance,
            basis=provenance,
            at=at,
        )
    _record("grading.item.adjudicated", discordance, assignment, at)
    return adjudication


def _record(event: str, discordance: Discordance, assignment: Assignment, at: datetime) -> None:
    record(
        event=event,
        at=at,
        actor=assignment.user,
        study_id=discordance.case.study.public_id,
        subject_type="case",
        subject_id=discordance.case.public_id,
        case=discordance.case.pseudonym,
        structure=discordance.structure,
        finding=discordance.finding,
    )
