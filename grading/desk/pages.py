"""What the desk shows, as frozen values: own rows only."""

import hashlib
import statistics
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, Min
from django.urls import reverse
from django.utils.translation import gettext as _

from grading.desk.forms import PUT_OFF_REASONS
from grading.dry_run import sandbox
from grading.models import Read
from grading.sessions import (
    SessionGate,
    current_reading,
    open_sessions,
    own_reads,
    session_gates,
    submitted_read,
)
from readerstudy.accounts.models import User
from readerstudy.accounts.returning import return_ticket
from readerstudy.studies.models import (
    Assignment,
    CharterAcknowledgement,
    ReaderQuery,
    ReaderStudy,
    ReadingSession,
)
from readerstudy.studies.services.studies import current_protocol

AIDED = Assignment.Condition.AIDED


def session_hash(session_key: str | None) -> str:
    """Return the hash under which a browser session is kept."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()


def waits_for(*, study: ReaderStudy, user: User, session_key: str | None) -> str:
    """Return the URL name of what comes before reading: the charter, the viewing conditions, or ""."""
    if not study.asks_before_reading:
        return ""
    if not CharterAcknowledgement.objects.filter(protocol=current_protocol(study), user=user).exists():
        return "grading:charter"
    if not ReadingSession.objects.filter(
        study=study, user=user, session_hash=session_hash(session_key)
    ).exists():
        return "grading:session_start"
    return ""


@dataclass(frozen=True)
class DeskCard:
    """How much is left, roughly how long it takes by one's own pace, and until when."""

    n_left: int
    minutes_left: int | None
    due_date: date | None
    opens_at: datetime | None
    # The session that is open has aided cases whose aid was not released yet, and nothing else to read.
    waits_for_aid: bool
    n_unread_answers: int


def desk_card(
    *, study: ReaderStudy, reader: User, now: datetime, gates: dict[int, SessionGate] | None = None
) -> DeskCard:
    """Return the card; the pace is the median of the focused minutes of one's own last twenty cases."""
    mine = own_reads(study, reader)
    left = mine.filter(~submitted_read())
    gates = session_gates(study, reader, now=now) if gates is None else gates
    closed = [gate.opens_at for gate in gates.values() if not gate.is_open and gate.opens_at is not None]
    paces = list(
        Read.objects.filter(
            assignment__in=mine, state=Read.State.SUBMITTED, superseded_at__isnull=True, focused_seconds__gt=0
        )
        .order_by("-submitted_at", "-pk")
        .values_list("focused_seconds", flat=True)[:20]
    )
    rest = left.aggregate(n=Count("pk"), due=Min("due_date"))
    n_left, due = rest["n"], rest["due"]
    minutes = round(n_left * statistics.median(paces) / 60) if len(paces) >= 3 else None
    answers = ReaderQuery.objects.filter(study=study, user=reader, answered_at__isnull=False).count()
    waits = False
    if AIDED in current_reading(study)["conditions"]:
        here = left.filter(session__in=open_sessions(gates))
        waits = here.exists() and not here.exclude(condition=AIDED, released_aid__isnull=True).exists()
    return DeskCard(n_left, minutes, due, min(closed, default=None), waits, answers)


@dataclass(frozen=True)
class MessageRow:
    """One message of one's own with its answer."""

    kind: str
    case: str
    text: str
    asked_at: datetime
    answer: str
    answered_at: datetime | None


def message_rows(*, study: ReaderStudy, user: User) -> list[MessageRow]:
    """Return what a person asked and what was answered, newest first."""
    words = {
        "question": _("Question"),
        "technical": _("Technical problem"),
        "exclusion": _("Proposal to exclude"),
    }
    return [
        MessageRow(
            words[each.kind],
            str(each.assignment.running_number) if each.assignment else "",
            each.text,
            each.asked_at,
            each.answer,
            each.answered_at,
        )
        for each in ReaderQuery.objects.filter(study=study, user=user)
        .select_related("assignment")
        .order_by("-asked_at", "-pk")
    ]


def desk_config(
    *, user: User, assignment: Assignment | None = None, may_put_off: bool = False, after: str = ""
) -> dict[str, Any]:
    """
    Return what the page needs to lock itself, to propose a break, and to report or put off its case.

    Parameters
    ----------
    assignment : Assignment, optional
        The case of the page, about which the person may report.
    may_put_off : bool
        Whether the case may be put off from here.
    after : str, optional
        Where one goes on after a lock, if not on the same page.
    """
    config: dict[str, Any] = {
        # A test person of a dry run has no session of their own to lock.
        "idle_minutes": 0 if sandbox.is_active() else settings.READERSTUDY_IDLE_LOCK_MINUTES,
        "break_minutes": settings.READERSTUDY_BREAK_MINUTES,
        "name": user.username,
        "ticket": return_ticket(user),
        "addresses": {"lock": reverse("accounts:lock"), "return": reverse("accounts:return")},
    }
    if after:
        config["addresses"]["after"] = after
    if assignment is not None:
        place = {"assignment": assignment.public_id}
        config["addresses"]["report"] = reverse("grading:report", kwargs=place)
        if may_put_off:
            config["put_off_reasons"] = [{"id": name, "label": str(label)} for name, label in PUT_OFF_REASONS]
            config["addresses"]["put_off"] = reverse("grading:put_off", kwargs=place)
    return config
