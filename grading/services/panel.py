"""Panel confirmation: votes recorded singly, a majority decides, the rest stands and is marked."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from grading.answers import BadAnswer, GivenAnswer, read_answer
from grading.models import (
    Adjudication,
    CaseConfirmation,
    Discordance,
    PanelReview,
    PanelVote,
    ReferenceGrade,
    SentBack,
)
from grading.selectors import case_is_settled, confirmed_cases, panel_round, standing_reference
from grading.services.marks import (
    MarkRefused,
    confirm_lesions,
    overruling_class,
    panel_majority,
    send_back_lesion,
)
from grading.services.saving import MARK
from grading.services.settlement import set_reference
from readerstudy.core.audit import record
from readerstudy.studies.models import Assignment, Case, ReaderStudy
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.studies import current_protocol

LONGEST_REASON = 200


class PanelRefused(Exception):
    """A vote that cannot be taken. Nothing was changed."""


def _open_round(assignment: Assignment, at: datetime) -> PanelReview:
    number = panel_round(assignment.case_id)
    review = PanelReview.objects.filter(assignment=assignment, round=number).first()
    if review is not None and review.submitted_at is not None:
        raise PanelRefused(_("You have given your vote on this case; it stands."))
    return review or PanelReview.objects.create(
        case=assignment.case, assignment=assignment, round=number, opened_at=at
    )


def _not_decided(case: Case) -> None:
    if confirmed_cases([case.pk]):
        raise PanelRefused(_("The panel has decided this case already; its decision stands."))


@transaction.atomic
def review_case(
    *, assignment: Assignment, overruled: Sequence[Mapping[str, Any]], at: datetime
) -> PanelReview:
    """
    Record one member's vote on a settled case: all items confirmed but those overruled.

    Parameters
    ----------
    overruled : sequence of mapping
        ``structure``, ``finding``, the answer, and ``reason_code``. Under the structure "@", `finding` is the id of a
        lesion and the answer a ``grade``: 0 for no lesion, else the place of its class, from 1.

    Raises
    ------
    PanelRefused
        If the case is not settled yet, the panel has decided it, or the member has voted.
    BadAnswer
        If an overruling answer does not fit the protocol, says what stands, or is given twice for an item.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise PanelRefused(_("The study is not open any more."))
    case = Case.objects.select_for_update().get(pk=assignment.case_id)
    _not_decided(case)
    if not case_is_settled(case.pk):
        raise PanelRefused(_("Items of this case are still to be settled."))
    review = _open_round(assignment, at)
    document = current_protocol(study).document
    known = [name for name, _ in document.adjudication_reasons]
    standing = {(row.structure, row.finding): GivenAnswer.of(row) for row in standing_reference(case.pk)}
    seen: set[tuple[str, str]] = set()
    for each in overruled:
        structure, finding = str(each.get("structure", "")), str(each.get("finding", ""))
        named = finding
        if structure == MARK:
            grade = overruling_class(case, document, finding, each)
            answer, named = GivenAnswer(kind="grade", grade=grade), "lesion"
        else:
            answer = read_answer(document, structure, finding, each)
        reason = str(each.get("reason_code", ""))
        if reason not in known:
            raise BadAnswer(_("Overruling needs a reason: %(known)s.") % {"known": ", ".join(known)})
        if (structure, finding) in seen:
            raise BadAnswer(_("One vote per item: an item is overruled twice."))
        seen.add((structure, finding))
        if structure != MARK and (
            (structure, finding) not in standing or answer.same_as(standing[structure, finding])
        ):
            raise BadAnswer(_("That is the grade as it stands; confirm it instead."))
        PanelVote.objects.create(
            review=review,
            structure=structure,
            finding=finding,
            **answer.fields(),
            reason_code=reason,
            voted_at=at,
        )
        record(
            event="grading.item.overruled",
            at=at,
            actor=assignment.user,
            study_id=study.public_id,
            subject_type="case",
            subject_id=case.public_id,
            case=case.pseudonym,
            structure=structure,
            finding=named,
        )
    review.submitted_at = at
    review.save(update_fields=["submitted_at"])
    record(
        event="grading.case.reviewed",
        at=at,
        actor=assignment.user,
        study_id=study.public_id,
        subject_type="case",
        subject_id=case.public_id,
        case=case.pseudonym,
    )
    _confirm_when_quorate(case, document, at)
    return review


def _confirm_when_quorate(case: Case, document: ProtocolDocument, at: datetime) -> None:
    """Write the panel's decision once the quorum has voted in this round."""
    reviews = list(
        PanelReview.objects.filter(
            case=case, round=panel_round(case.pk), submitted_at__isnull=False
        ).order_by("submitted_at", "pk")
    )
    quorum = int(document.reference.get("quorum", 1))
    if len(reviews) < quorum:
        return
    counted = reviews[:quorum]
    votes: dict[tuple[str, str], list[GivenAnswer]] = {}
    for vote in PanelVote.objects.filter(review__in=counted):
        votes.setdefault((vote.structure, vote.finding), []).append(GivenAnswer.of(vote))
    for reference in standing_reference(case.pk):
        key = reference.structure, reference.finding
        against = votes.get(key, [])
        stands = GivenAnswer.of(reference)
        decision, provenance = stands, ReferenceGrade.Provenance.CONFIRMED
        overruling, no_majority = panel_majority(
            [(each.kind, each.grade, each.value) for each in against], quorum
        )
        if overruling is not None:
            kind, grade, value = overruling
            reason = next(each.reason for each in against if each.kind == kind)
            decision = GivenAnswer(kind=kind, grade=grade, value=value, reason=reason)
            provenance = ReferenceGrade.Provenance.OVERRULED
        elif no_majority:
            provenance = ReferenceGrade.Provenance(reference.basis)
        set_reference(
            case=case,
            structure=key[0],
            finding=key[1],
            answer=decision,
            provenance=provenance,
            basis=reference.basis,
            no_majority=no_majority,
            at=at,
        )
    lesions = {
        finding: [answer.grade or 0 for answer in given]
        for (structure, finding), given in votes.items()
        if structure == MARK
    }
    confirm_lesions(case=case, document=document, against=lesions, quorum=quorum, at=at)
    CaseConfirmation.objects.create(case=case, confirmed_at=at)
    record(
        event="grading.case.confirmed",
        at=at,
        actor=None,
        study_id=case.study.public_id,
        subject_type="case",
        subject_id=case.public_id,
        case=case.pseudonym,
    )


@transaction.atomic
def send_back(
    *,
    assignment: Assignment,
    structure: str,
    finding: str,
    at: datetime,
    reason_code: str = "",
    reason_text: str = "",
) -> None:
    """
    Send an adjudicated item back to the adjudicator; the earlier decision is kept and superseded.

    Parameters
    ----------
    structure, finding : str
        The item. Under the structure "@", `finding` is the id of a lesion of the reference.
    reason_code : str
        One of the protocol's reasons.
    reason_text : str
        The reason in words, where the protocol has no codes.

    Raises
    ------
    PanelRefused
        If the item was not adjudicated, or the panel has confirmed the case already.
    BadAnswer
        If no reason is given, or none that the protocol knows.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=assignment.study_id)
    if study.state != ReaderStudy.State.OPEN:
        raise PanelRefused(_("The study is not open any more."))
    _not_decided(Case.objects.select_for_update().get(pk=assignment.case_id))
    reason = _reason_to_send_back(current_protocol(study).document, reason_code, reason_text)
    if structure == MARK:
        try:
            decision = send_back_lesion(case=assignment.case, lesion=finding, at=at)
        except MarkRefused as error:
            raise PanelRefused(str(error)) from None
        SentBack.objects.create(mark_decision=decision, assignment=assignment, sent_at=at, **reason)
        _record_sent_back(assignment, structure, decision.discordance.kind, reason, at)
        return
    discordance = (
        Discordance.objects.select_for_update()
        .filter(case_id=assignment.case_id, structure=structure, finding=finding, is_audit=False)
        .first()
    )
    reference = standing_reference(assignment.case_id).filter(structure=structure, finding=finding).first()
    if (
        discordance is None
        or reference is None
        or reference.provenance != ReferenceGrade.Provenance.ADJUDICATED
    ):
        raise PanelRefused(_("Only an adjudicated item that is not confirmed can be sent back."))
    adjudication = Adjudication.objects.get(discordance=discordance, superseded_at__isnull=True)
    Adjudication.objects.filter(pk=adjudication.pk).update(superseded_at=at)
    SentBack.objects.create(adjudication=adjudication, assignment=assignment, sent_at=at, **reason)
    ReferenceGrade.objects.filter(pk=reference.pk).update(superseded_at=at)
    discordance.sent_back_at = at
    discordance.save(update_fields=["sent_back_at"])
    _record_sent_back(assignment, structure, finding, reason, at)


def _reason_to_send_back(document: ProtocolDocument, code: str, text: str) -> dict[str, str]:
    """Return the fields of a reason: a code where the protocol has any, else words. Raises BadAnswer."""
    text = " ".join(text.split())
    known = [name for name, _label in document.adjudication_reasons]
    if known and (code not in known or text):
        raise BadAnswer(_("Sending back needs a reason: %(known)s.") % {"known": ", ".join(known)})
    if not known and (code or not text):
        raise BadAnswer(_("Sending back needs a reason in words about the image."))
    if len(text) > LONGEST_REASON:
        raise BadAnswer(_("The reason is longer than %(most)d characters.") % {"most": LONGEST_REASON})
    return {"reason_code": code, "reason_text": text}


def _record_sent_back(
    assignment: Assignment, structure: str, finding: str, reason: Mapping[str, str], at: datetime
) -> None:
    record(
        event="grading.item.sent_back",
        at=at,
        actor=assignment.user,
        study_id=assignment.study.public_id,
        subject_type="case",
        subject_id=assignment.case.public_id,
        case=assignment.case.pseudonym,
        structure=structure,
        finding=finding,
        reason=reason["reason_code"] or reason["reason_text"],
    )
