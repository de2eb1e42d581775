"""The door: which folder of the cache a request may read, or none."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import connection, models

from readerstudy.imaging.models import OpenedPresentation
from readerstudy.imaging.services.capability import COOKIE_NAME


@dataclass(frozen=True)
class Opened:
    """A capability that holds: the folder below the cache root that its holder may read."""

    root: str


@lru_cache(maxsize=2)
def _sql(vendor: str) -> str:
    # Written out, because this runs once per image: the ORM costs four times as much as the query.
    columns = "root, session_hash"
    table = OpenedPresentation._meta.db_table
    return (
        f"SELECT {columns} FROM {table} "  # noqa: S608 (constants only)
        "WHERE token_hash = %s AND presentation = %s AND closed_at IS NULL AND expires_at > %s"
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
    parameters = [
        token_hash,
        _UUID.get_db_prep_value(presentation, connection),
        connection.ops.adapt_datetimefield_value(now),
    ]
    with connection.cursor() as cursor:
        cursor.execute(_sql(connection.vendor), parameters)
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None
