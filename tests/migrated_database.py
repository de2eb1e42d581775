"""
The empty database of the tests, migrated once and copied from then on.

Running every migration takes seconds of a processor, in every process of every part; a copy takes none. A copy is good
as long as no migration changed; Django looks through it once more and applies what a branch has added.
"""

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import django
from django.apps import apps
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def _digest() -> str:
    digest = hashlib.sha256(django.__version__.encode())
    for each in sorted(apps.get_app_configs(), key=lambda app: app.label):
        for path in sorted(Path(each.path, "migrations").glob("*.py")):
            digest.update(f"{each.label}/{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _kept(folder: Path) -> Path:
    return folder / f"{_digest()}.sqlite3"


def _name() -> str | None:
    """Return where the tests' database will lie, or None where it is no file of SQLite."""
    if connection.vendor != "sqlite":
        return None
    name = connection.settings_dict["TEST"]["NAME"]
    return str(name) if name and not connection.creation.is_in_memory_db(name) else None


def bring(folder: Path) -> bool:
    """Copy the migrated database to where the tests' will lie; returns whether there was one."""
    name, kept = _name(), _kept(folder)
    if name is None or not kept.exists():
        return False
    shutil.copyfile(kept, name)
    return True


def keep(folder: Path) -> None:
    """Keep the tests' database, just migrated, for the next process; the last of several wins."""
    if _name() is None:
        return
    connection.ensure_connection()
    _keep(connection.connection, folder)


def kept_or_made(folder: Path) -> Path:
    """
    Return the migrated database, as a file to copy for a site that runs beside the tests.

    Where none is kept yet, ``manage.py migrate`` makes one, as it would make the site's own.
    """
    kept = _kept(folder)
    if not kept.exists():
        with tempfile.TemporaryDirectory(prefix="readerstudy-migrated-") as root:
            environment = {
                **{name: value for name, value in os.environ.items() if not name.startswith("READERSTUDY_")},
                "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
                "READERSTUDY_DATA_ROOT": root,
            }
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
            source = sqlite3.connect(Path(root) / "database.sqlite3")
            try:
                _keep(source, folder)
            finally:
                source.close()
    return kept


def _keep(source: sqlite3.Connection, folder: Path) -> None:
    for outdated in folder.glob("*.sqlite3"):
        outdated.unlink(missing_ok=True)
    unfinished = folder / f"{os.getpid()}.unfinished"
    unfinished.unlink(missing_ok=True)
    target = sqlite3.connect(unfinished)
    try:
        source.backup(target)
        # One file, without the companions of a write-ahead log.
        target.execute("PRAGMA journal_mode=DELETE")
    finally:
        target.close()
    unfinished.replace(_kept(folder))
