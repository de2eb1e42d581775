"""What the coordinator's pages beside cases and assignments show, as frozen values. No grade among them."""

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _

from readerstudy.studies.models import (
    AccidentalUnblinding,
    CharterAcknowledgement,
    Deviation,
    Invitation,
    ReaderQuery,
    ReaderStudy,
    StudyRole,
)
from readerstudy.studies.services.studies import current_protocol


@dataclass(frozen=True)
class QueryRow:
    public_id: str
    kind: str
    person: str
    case: str
    text: str
    circumstances: tuple[tuple[str, str], ...]
    asked_at: datetime
    answer: str
    is_open: bool


def query_rows(study: ReaderStudy) -> list[QueryRow]:
    """Return the queries of a study, open ones first, newest first."""
    words = {
        "question": _("Question"),
        "technical": _("Technical problem"),
        "exclusion": _("Proposal to exclude"),
    }
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = [
        QueryRow(
            public_id=str(each.public_id),
            kind=words[each.kind],
            person=codes.get(each.user_id, ""),
            case=each.assignment.case.pseudonym if each.assignment else "",
            text=each.text,
            circumstances=tuple((str(name), str(value)) for name, value in each.circumstances.items()),
            asked_at=each.asked_at,
            answer=each.answer,
            is_open=each.answered_at is None,
        )
        for each in ReaderQuery.objects.filter(study=study)
        .select_related("assignment__case")
        .order_by("-asked_at", "-pk")[:500]
    ]
    return sorted(rows, key=lambda row: not row.is_open)


@dataclass(frozen=True)
class RecordRow:
    """One deviation or accidental unblinding."""

    when: date
    text: str
    case: str
    person: str
    consequence: str
    noted_by: str


def deviation_rows(study: ReaderStudy) -> list[RecordRow]:
    """Return deviations and accidental unblindings, newest first."""
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    rows = [
        RecordRow(
            each.happened_on_date,
            each.text,
            each.case.pseudonym if each.case else "",
            codes.get(each.user_id, "") if each.user_id else "",
            _("leaves the per-protocol set") if each.leaves_per_protocol_set else "",
            each.noted_by,
        )
        for each in Deviation.objects.filter(study=study).select_related("case")
    ]
    rows += [
        RecordRow(
            each.reported_at.date(),
            each.text,
            each.case.pseudonym if each.case else _("every case"),
            codes.get(each.user_id, ""),
            _("accidental unblinding: leaves the primary set"),
            each.reported_by,
        )
        for each in AccidentalUnblinding.objects.filter(study=study).select_related("case")
    ]
    return sorted(rows, key=lambda row: (row.when, row.text), reverse=True)


@dataclass(frozen=True)
class InvitationRow:
    name: str
    email: str
    roles: str
    sent_at: datetime
    state: str


def invitation_rows(study: ReaderStudy, now: datetime) -> list[InvitationRow]:
    """Return the invitations of a study, newest first."""

    def state(each: Invitation) -> str:
        if each.accepted_at is not None:
            return _("Accepted")
        return _("Expired") if each.expires_at <= now else _("Waits for an answer")

    return [
        InvitationRow(
            each.display_name,
            each.email,
            ", ".join(_(role.removeprefix("is_")) for role in each.roles),
            each.sent_at,
            state(each),
        )
        for each in Invitation.objects.filter(study=study).order_by("-sent_at", "-pk")
    ]


def charter_rows(study: ReaderStudy) -> list[tuple[str, str, datetime | None]]:
    """Return (code, name, when acknowledged) of every blinded person for the present protocol version."""
    told = dict(
        CharterAcknowledgement.objects.filter(protocol=current_protocol(study)).values_list(
            "user_id", "acknowledged_at"
        )
    )
    return [
        (role.code, str(role.user), told.get(role.user_id))
        for role in StudyRole.objects.filter(study=study).select_related("user").order_by("code")
        if role.is_blinded
    ]
