"""
The one audit writer.

`record` is called inside the transaction of the act it describes: either both stand or neither.
Every event name is registered with a sentence that a person can read. Events of one study form a
hash chain, so that a removed or changed row shows.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

from django.db import transaction

from readerstudy.core.models import AuditChain, AuditEvent

SITE_CHAIN = "site"
_SENTENCES: dict[str, str] = {}


class Actor(Protocol):
    """Whoever acts: has a public id and a name to show."""

    public_id: UUID
    display_name: str


class UnknownAuditEvent(Exception):
    """An act was recorded under a name that nobody registered."""


def register_events(sentences: dict[str, str]) -> None:
    """
    Register event names with their sentence.

    Parameters
    ----------
    sentences : dict of str to str
        ``{"grading.read.submitted": "submitted the read of {case}"}``; names in braces are keys of the
        event's detail.
    """
    _SENTENCES.update(sentences)


def registered_events() -> dict[str, str]:
    """Return all registered events with their sentences."""
    return dict(_SENTENCES)


def sentence(event: AuditEvent) -> str:
    """Return what happened as one sentence, without the actor's name."""

    class Missing(dict[str, Any]):
        def __missing__(self, key: str) -> str:
            return "?"

    return _SENTENCES.get(event.event, event.event).format_map(Missing(event.detail))


def _digest(event: AuditEvent) -> str:
    body = json.dumps(
        [
            event.chain,
            event.number,
            event.at.astimezone(UTC).isoformat(timespec="microseconds"),
            event.event,
            str(event.actor_id or ""),
            event.actor_name,
            str(event.study_id or ""),
            event.subject_type,
            event.subject_id,
            event.detail,
            event.previous_digest,
        ],
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(body.encode()).hexdigest()


def record(
    *,
    event: str,
    at: datetime,
    actor: Actor | None,
    study_id: UUID | None = None,
    subject_type: str = "",
    subject_id: object = "",
    **detail: Any,
) -> AuditEvent:
    """
    Write one audit event.

    Parameters
    ----------
    event : str
        A registered dotted name.
    at : datetime
        When, by the server's clock (passed in).
    actor : Actor or None
        Who; None for the product itself.
    study_id : UUID, optional
        Public id of the reader study.
    subject_type, subject_id : str
        What the act was done to, by public id.
    **detail
        JSON values that complete the sentence.

    Raises
    ------
    UnknownAuditEvent
        If nobody registered the name.
    """
    if event not in _SENTENCES:
        raise UnknownAuditEvent(
            f"{event} is not registered; add it to the app's audit_events.py with its sentence."
        )
    chain_name = str(study_id) if study_id else SITE_CHAIN
    with transaction.atomic():
        # The lock on the head serialises the chain on PostgreSQL; SQLite has one writer anyway.
        AuditChain.objects.get_or_create(name=chain_name)
        chain = AuditChain.objects.select_for_update().get(name=chain_name)
        row = AuditEvent(
            chain=chain_name,
            number=chain.length + 1,
            at=at,
            event=event,
            actor_id=actor.public_id if actor else None,
            actor_name=actor.display_name if actor else "",
            study_id=study_id,
            subject_type=subject_type,
            subject_id=str(subject_id),
            detail=json.loads(json.dumps(detail, default=str)),
            previous_digest=chain.head,
        )
        row.digest = _digest(row)
        row.save(force_insert=True)
        chain.length, chain.head = row.number, row.digest
        chain.save(update_fields=["length", "head"])
    return row


@dataclass(frozen=True)
class ChainFault:
    """One place where a chain does not hold."""

    number: int
    problem: str


def verify_chain(name: str) -> Iterator[ChainFault]:
    """Yield every fault of a chain: a gap, a changed row, a broken link, a missing end."""
    previous, expected = "", 1
    for row in AuditEvent.objects.filter(chain=name).order_by("number").iterator(chunk_size=2000):
        if row.number != expected:
            yield ChainFault(expected, f"events {expected} to {row.number - 1} are missing")
        if row.previous_digest != previous:
            yield ChainFault(row.number, "does not follow from the event before it")
        if row.digest != _digest(row):
            yield ChainFault(row.number, "was changed after it was written")
        previous, expected = row.digest, row.number + 1
    chain = AuditChain.objects.filter(name=name).first()
    if chain is not None and (chain.length, chain.head) != (expected - 1, previous):
        yield ChainFault(expected, f"the chain was {chain.length} events long; {expected - 1} are there")
