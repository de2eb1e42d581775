"""When a session of a reader opens: after what came before it, and after the washout, by the server's clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet

from grading.models import Read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy
from readerstudy.studies.services.studies import current_protocol


@dataclass(frozen=True)
class SessionGate:
    """
    Whether a reader's session is open.

    Parameters
    ----------
    is_open : bool
        Whether its cases may be opened now.
    opens_at : datetime or None
        When the washout ends; None while an earlier session is not finished.
    """

    session: int
    is_open: bool
    opens_at: datetime | None = None


def current_reading(study: ReaderStudy) -> Mapping[str, Any]:
    """Return the section `reading` of the study's protocol."""
    known: Mapping[str, Any] | None = study.__dict__.get("_current_reading")
    if known is None:
        known = study.__dict__["_current_reading"] = current_protocol(study).document.reading
    return known


def panel_reads(study: ReaderStudy) -> bool:
    """Return whether the panel reads the cases itself, instead of confirming what others settled."""
    # Asked several times for one page, of one and the same row.
    known: bool | None = study.__dict__.get("_panel_reads")
    if known is None:
        document = current_protocol(study).document
        study.__dict__["_current_reading"] = document.reading
        known = study.__dict__["_panel_reads"] = document.reference["from"] == "panel-read"
    return known


def own_reads(study: ReaderStudy, reader: User) -> "QuerySet[Assignment]":
    """Return the standing assignments that a reader, or a member of a panel that reads itself, reads; unordered."""
    duties = [CaseDuty.Duty.READER, *([CaseDuty.Duty.PANEL] if panel_reads(study) else [])]
    return Assignment.objects.filter(
        study=study,
        user=reader,
        duty__duty__in=duties,
        withdrawn_at__isnull=True,
        case__status="included",
    )


def submitted_read() -> Exists:
    """Return the condition that an assignment has a closed read."""
    return Exists(
        Read.objects.filter(assignment=OuterRef("pk"), superseded_at__isnull=True, state=Read.State.SUBMITTED)
    )


# The drawn order; a case that was put off comes after the others of its session.
IN_ORDER = ("session", F("skipped_at").asc(nulls_first=True), "position")


def waits_for_its_aid() -> Q:
    """
    Return the condition that an aided read has not been given its aid yet, or must not have it yet.

    In a sequential design it comes after the unaided read of the same session, in whatever order cases are put off.
    """
    unaided = Assignment.objects.filter(
        duty=OuterRef("duty"),
        session=OuterRef("session"),
        occasion=OuterRef("occasion"),
        condition=Assignment.Condition.UNAIDED,
        withdrawn_at__isnull=True,
    )
    return Q(condition=Assignment.Condition.AIDED) & (
        Q(released_aid__isnull=True) | Q(Exists(unaided.filter(~submitted_read())))
    )


def session_gates(study: ReaderStudy, reader: User, *, now: datetime) -> dict[int, SessionGate]:
    """
    Return the gate of each session of a reader.

    A session opens as a whole: when every earlier one is finished and the longest washout of what it shows
    again is over. Session by session, so that the waiting time of one case tells nobody that it is a repeat.
    A session once begun stays open.
    """
    mine = own_reads(study, reader)
    numbers = list(mine.order_by("session").values_list("session", flat=True).distinct())
    gates: dict[int, SessionGate] = {}
    finished = True
    for number in numbers:
        here = mine.filter(session=number)
        begun = here.filter(Exists(Read.objects.filter(assignment=OuterRef("pk")))).exists()
        if number == numbers[0] or begun:
            gates[number] = SessionGate(number, True)
        elif not finished:
            gates[number] = SessionGate(number, False)
        else:
            opens_at = _washout_end(here, mine.filter(session__lt=number))
            gates[number] = SessionGate(number, opens_at is None or now >= opens_at, opens_at)
        finished = finished and not here.filter(~submitted_read()).exists()
    return gates


def _washout_end(here: "QuerySet[Assignment]", earlier: "QuerySet[Assignment]") -> datetime | None:
    days = here.aggregate(days=Max("washout_days"))["days"] or 0
    last = Read.objects.filter(
        assignment__in=earlier.filter(case__in=here.values("case")),
        state=Read.State.SUBMITTED,
        superseded_at__isnull=True,
    ).aggregate(last=Max("submitted_at"))["last"]
    return last + timedelta(hours=24 * days) if last is not None else None


def open_sessions(gates: dict[int, SessionGate]) -> Iterable[int]:
    """Return the numbers of the sessions that are open."""
    return [gate.session for gate in gates.values() if gate.is_open]
