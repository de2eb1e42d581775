"""Acts beside reading: viewing conditions, charter, queries, deviations, accidental unblinding."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import (
    AccidentalUnblinding,
    Assignment,
    Case,
    CharterAcknowledgement,
    Deviation,
    ReaderQuery,
    ReaderStudy,
    ReadingSession,
    StudyRole,
)
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol


def _code(study: ReaderStudy, user: User) -> str:
    role = StudyRole.objects.filter(study=study, user=user).first()
    return role.code if role else ""


def _text(given: str, *, of: str, longest: int) -> str:
    text = given.strip()
    if not text:
        raise StudyRefused(_("%(of)s is empty. Nothing was changed.") % {"of": of})
    if len(text) > longest or "\x00" in text:
        raise StudyRefused(
            _("%(of)s has at most %(longest)s characters of text. Nothing was changed.")
            % {"of": of, "longest": longest}
        )
    return text


@transaction.atomic
def acknowledge_viewing_conditions(
    *,
    study: ReaderStudy,
    user: User,
    session_hash: str,
    screen: Mapping[str, Any],
    at: datetime,
) -> ReadingSession:
    """
    Keep what the screen was and that the person acknowledged it; once per browser session.

    Parameters
    ----------
    screen : mapping
        ``width``, ``height``, ``pixel_ratio``, ``darkest`` and ``brightest``: the outermost steps of the test
        pattern that the person could tell from their neighbours.
    """
    made, is_new = ReadingSession.objects.get_or_create(
        study=study,
        user=user,
        session_hash=session_hash,
        defaults={
            "screen_width": screen["width"],
            "screen_height": screen["height"],
            "pixel_ratio": screen["pixel_ratio"],
            "darkest_step_seen": screen["darkest"],
            "brightest_step_seen": screen["brightest"],
            "acknowledged_at": at,
        },
    )
    if is_new:
        record(
            event="studies.session.begun",
            at=at,
            actor=user,
            study_id=study.public_id,
            subject_type="user",
            subject_id=user.public_id,
            screen=f"{screen['width']} x {screen['height']} at {screen['pixel_ratio']:g}",
            steps=f"{screen['darkest']} and {screen['brightest']}",
        )
    return made


@transaction.atomic
def acknowledge_charter(*, study: ReaderStudy, user: User, at: datetime) -> CharterAcknowledgement:
    """Record that a person has read the charter of the present protocol version."""
    protocol = current_protocol(study)
    made, is_new = CharterAcknowledgement.objects.get_or_create(
        protocol=protocol, user=user, defaults={"acknowledged_at": at}
    )
    if is_new:
        record(
            event="studies.charter.acknowledged",
            at=at,
            actor=user,
            study_id=study.public_id,
            subject_type="user",
            subject_id=user.public_id,
            version=protocol.version,
            digest=protocol.digest,
        )
    return made


@transaction.atomic
def ask(
    *,
    study: ReaderStudy,
    user: User,
    kind: str,
    text: str,
    at: datetime,
    assignment: Assignment | None = None,
    circumstances: Mapping[str, Any] | None = None,
) -> ReaderQuery:
    """
    Ask the coordinator, report a technical problem, or propose to exclude a case.

    A report of a technical problem needs no words: what the browser knows goes with it.

    Raises
    ------
    StudyRefused
        If there is no text where one is needed, or no case to exclude.
    """
    if kind not in ReaderQuery.Kind.values:
        raise StudyRefused(_("There is no query of the kind %(kind)s.") % {"kind": repr(kind)})
    if kind != ReaderQuery.Kind.TECHNICAL or text.strip():
        text = _text(text, of=_("The message"), longest=2000)
    if kind == ReaderQuery.Kind.EXCLUSION and assignment is None:
        raise StudyRefused(_("Say which case is to be excluded. Nothing was changed."))
    query = ReaderQuery.objects.create(
        study=study,
        user=user,
        assignment=assignment,
        kind=kind,
        text=text.strip(),
        circumstances=dict(circumstances or {}),
        asked_at=at,
    )
    record(
        event="studies.query.asked",
        at=at,
        actor=user,
        study_id=study.public_id,
        subject_type="query",
        subject_id=query.public_id,
        person=_code(study, user),
        kind=kind,
    )
    return query


@transaction.atomic
def answer_query(*, query: ReaderQuery, answer: str, actor: Actor, at: datetime) -> ReaderQuery:
    """
    Answer a query; only the one who asked sees it.

    Raises
    ------
    StudyRefused
        If the answer is empty or the query was answered before.
    """
    query = (
        ReaderQuery.objects.select_for_update(of=("self",)).select_related("study", "user").get(pk=query.pk)
    )
    if query.answered_at is not None:
        raise StudyRefused(_("This query was answered already; the first answer stands."))
    query.answer, query.answered_at = _text(answer, of=_("The answer"), longest=2000), at
    query.save(update_fields=["answer", "answered_at"])
    record(
        event="studies.query.answered",
        at=at,
        actor=actor,
        study_id=query.study.public_id,
        subject_type="query",
        subject_id=query.public_id,
        person=_code(query.study, query.user),
    )
    return query


@transaction.atomic
def note_deviation(
    *,
    study: ReaderStudy,
    text: str,
    happened_on: date,
    actor: Actor,
    at: datetime,
    case: Case | None = None,
    user: User | None = None,
    leaves_per_protocol_set: bool = False,
) -> Deviation:
    """
    Write a departure from the protocol down, and whether what it touches leaves the per-protocol set.

    Raises
    ------
    StudyRefused
        If the text is empty, the date lies ahead, or something is to leave a set and is not named.
    """
    text = _text(text, of=_("The description"), longest=1000)
    if happened_on > at.date():
        raise StudyRefused(_("The deviation lies in the future. Nothing was changed."))
    if leaves_per_protocol_set and case is None and user is None:
        raise StudyRefused(
            _("Name the case or the reader that leaves the per-protocol set. Nothing was changed.")
        )
    made = Deviation.objects.create(
        study=study,
        case=case,
        user=user,
        text=text,
        leaves_per_protocol_set=leaves_per_protocol_set,
        happened_on_date=happened_on,
        noted_at=at,
        noted_by=actor.display_name,
    )
    record(
        event="studies.deviation.noted",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="deviation",
        subject_id=made.pk,
        touches=", ".join(filter(None, [case.pseudonym if case else "", _code(study, user) if user else ""])),
        leaves="yes" if leaves_per_protocol_set else "no",
    )
    return made


@transaction.atomic
def report_accidental_unblinding(
    *,
    study: ReaderStudy,
    user: User,
    text: str,
    actor: Actor,
    at: datetime,
    case: Case | None = None,
) -> AccidentalUnblinding:
    """
    Report that a blinded person learnt what he must not know; anybody can. Affected reads leave the primary set.

    Parameters
    ----------
    user : User
        Who learnt it.
    case : Case, optional
        Of which case; of every case where None.

    Raises
    ------
    StudyRefused
        If the person has no blinded duty in the study, or nothing is said.
    """
    role = StudyRole.objects.filter(study=study, user=user).first()
    if role is None or not role.is_blinded:
        raise StudyRefused(_("This person has no blinded duty in the study. Nothing was changed."))
    made = AccidentalUnblinding.objects.create(
        study=study,
        user=user,
        case=case,
        text=_text(text, of=_("What happened"), longest=1000),
        reported_at=at,
        reported_by=actor.display_name,
    )
    record(
        event="studies.unblinding.reported",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="user",
        subject_id=user.public_id,
        person=role.code,
        what=case.pseudonym if case else "every case",
    )
    return made
