"""
A database of its own for one dry run: a file that only its browser session can name, thrown away at the end.

Inside, the thread's default connection is the file. Every query, transaction and trigger of the product then works
as always, and nothing can reach the study's database: there is no connection to it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import ConnectionHandler
from django.urls import reverse

from readerstudy.core.keys import derive_key
from readerstudy.core.tidying import tidies_up
from readerstudy.studies.models import ReaderStudy

_active: ContextVar[bool] = ContextVar("dry_run", default=False)


@dataclass(frozen=True)
class Bench:
    """Where a dry run is begun and found again: at a study, or at a file before there is a study."""

    # In the name of its database.
    name: str
    # Of its page; the seats are below.
    address: str
    # Of the study inside.
    slug: str

    @classmethod
    def of_study(cls, study: ReaderStudy) -> "Bench":
        return cls(study.public_id.hex, reverse("grading:dry_run", kwargs={"slug": study.slug}), study.slug)

    @classmethod
    def of_a_file(cls) -> "Bench":
        return cls("file", reverse("grading:try_file"), "dry-run")

    def place(self, session_key: str | None) -> Path:
        """Return where its database lies in one browser session, whether or not there is one."""
        return _home() / f"{_of_session(session_key or '')}-{self.name}.sqlite3"


def is_active() -> bool:
    """Return whether this request is part of a dry run."""
    return _active.get()


def _home() -> Path:
    return Path(settings.READERSTUDY_DATA_ROOT) / "dry-runs"


def _of_session(session_key: str) -> str:
    return derive_key("grading.dry_run", session_key).hex()[:32]


def throw_away(place: Path) -> None:
    """Remove a dry run and everything that it wrote."""
    for suffix in ("", "-journal", "-wal", "-shm"):
        place.with_name(place.name + suffix).unlink(missing_ok=True)
    home = _home()
    if home.is_dir() and not any(home.iterdir()):
        home.rmdir()


def throw_away_session(session_key: str) -> None:
    """Remove the dry runs of a browser session that ends."""
    for place in _home().glob(f"{_of_session(session_key)}-*.sqlite3"):
        throw_away(place)


@tidies_up
def sweep(*, now: datetime) -> None:
    """Remove dry runs that nobody ended: those of browser sessions that are over."""
    places = list(_home().glob("*.sqlite3"))
    if not places:
        return
    going_on = Session.objects.filter(expire_date__gt=now).values_list("session_key", flat=True)
    known = {_of_session(key) for key in going_on.iterator(chunk_size=2000)}
    for place in places:
        if place.name.partition("-")[0] not in known:
            throw_away(place)


def make(place: Path) -> None:
    """Make an empty database with the product's tables and triggers; one that is there is replaced."""
    tables = _tables()
    throw_away(place)
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    place.touch(mode=0o600)
    with inside(place), connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        for statement in tables:
            cursor.execute(statement)


@contextmanager
def inside(place: Path) -> Iterator[None]:
    """Work on a dry run's database instead of the study's, in this thread."""
    own = _connection(str(place))
    usual = connections[DEFAULT_DB_ALIAS]
    token = _active.set(True)
    connections[DEFAULT_DB_ALIAS] = own
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        _active.reset(token)
        own.close()


def _connection(name: str) -> Any:
    handler = ConnectionHandler(
        {
            DEFAULT_DB_ALIAS: {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": name,
                # Nothing here outlives the run, so the disk is not waited for.
                "OPTIONS": {
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF;",
                },
            }
        }
    )
    return handler.create_connection(DEFAULT_DB_ALIAS)


def _tables() -> tuple[str, ...]:
    """Return the statements that make the product's tables, indices and triggers on SQLite."""
    usual = connections[DEFAULT_DB_ALIAS]
    return _statements(usual) if usual.vendor == "sqlite" else _migrated()


@lru_cache(maxsize=1)
def _migrated() -> tuple[str, ...]:
    """Where the study's own database is PostgreSQL: migrate an empty one, once per process."""
    usual, scratch = connections[DEFAULT_DB_ALIAS], _connection(":memory:")
    connections[DEFAULT_DB_ALIAS] = scratch
    try:
        call_command("migrate", verbosity=0)
        return _statements(scratch)
    finally:
        connections[DEFAULT_DB_ALIAS] = usual
        scratch.close()


def _statements(connection: Any) -> tuple[str, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
            "ORDER BY CASE type WHEN 'table' THEN 0 WHEN 'index' THEN 1 ELSE 2 END, rowid"
        )
        return tuple(row[0] for row in cursor.fetchall())
