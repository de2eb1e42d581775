"""The door: which folder of the cache a request may read, or none."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models

from readerstudy.imaging.models import OpenedPresentation
from readerstudy.imaging.services.capability import COOKIE_NAME


@dataclass(frozen=True)
class Opened:
    """A capability that holds: the folder below the cache root that its holder may read."""

    root: str


@lru_cache(maxsize=4)
def _sql(placeholder: str) -> str:
    # Written out, because this runs once per image: the ORM costs four times as much as the query.
    columns = "root, session_hash"
    table = OpenedPresentation._meta.db_table
    return (
        f"SELECT {columns} FROM {table} "  # noqa: S608 (constants only)
        f"WHERE token_hash = {placeholder} AND presentation = {placeholder} "
        f"AND closed_at IS NULL AND expires_at > {placeholder}"
    )


_UUID = models.UUIDField()


def token_of(*, cookies: str, authorization: str) -> str:
    """Return the token of a request's headers, "" where there is none. A bearer header wins."""
    if authorization[:7].lower() == "bearer ":
        return authorization[7:].strip()
    return _cookie(cookies, COOKIE_NAME)


def _cookie(cookies: str, name: str) -> str:
    for part in cookies.split(";"):
        key, _, value = part.strip().partition("=")
        if key == name:
            return value
    return ""


def authorise(*, presentation: UUID, cookies: str, authorization: str, now: datetime) -> Opened | None:
    """
    Return what a request may read, None where nothing.

    Parameters
    ----------
    presentation : UUID
        From the address.
    cookies, authorization : str
        The request's headers.
    now : datetime
        Aware.
    """
    token = token_of(cookies=cookies, authorization=authorization)
    if not token:
        return None
    row = _lookup(hashlib.sha256(token.encode()).hexdigest(), presentation, now)
    if row is None:
        return None
    root, session_hash = row
    if session_hash:
        session = hashlib.sha256(_cookie(cookies, settings.SESSION_COOKIE_NAME).encode()).hexdigest()
        if not hmac.compare_digest(session, session_hash):
            return None
    return Opened(root)


def _lookup(token_hash: str, presentation: UUID, now: datetime) -> tuple[str, str] | None:
    # The connection of this thread itself: each look through Django's proxy costs a tenth of the query.
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "sqlite" and connection.connection is not None:
        # The driver's own cursor, with values as Django's SQLite backend writes them.
        moment = now.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
        found = connection.connection.execute(_sql("?"), (token_hash, presentation.hex, moment)).fetchone()
        return (found[0], found[1]) if found else None
    parameters = [
        token_hash,
        _UUID.get_db_prep_value(presentation, connection),
        connection.ops.adapt_datetimefield_value(now),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_sql("%s"), parameters)
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None
