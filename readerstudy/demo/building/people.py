"""The demonstration's accounts: one per role, with passwords of their own in every data root."""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from readerstudy.accounts.models import User


@dataclass(frozen=True)
class Person:
    """One demonstration account."""

    name: str
    display_name: str
    roles: tuple[str, ...]
    does: str


PEOPLE = (
    Person("reader1", "First Reader (demonstration)", ("is_reader",), "reads cases, blinded"),
    Person("reader2", "Second Reader (demonstration)", ("is_reader",), "reads cases, blinded"),
    Person(
        "senior", "Senior Doctor (demonstration)", ("is_adjudicator",), "settles what the readers dispute"
    ),
    Person("panel", "Panel Member (demonstration)", ("is_panel",), "confirms the reference standard"),
    Person(
        "coordinator",
        "Coordinator (demonstration)",
        ("is_coordinator",),
        "imports, screens, assigns, runs models",
    ),
    Person(
        "pi",
        "Principal Investigator (demonstration)",
        ("is_investigator",),
        "sees the results after unblinding",
    ),
    Person("auditor", "Auditor (demonstration)", ("is_auditor",), "reads the audit log"),
    Person("admin", "Administrator (demonstration)", (), "keeps accounts and settings; no grades"),
)


def accounts_file() -> Path:
    """Where the names and passwords of the demonstration lie, readable by its owner only."""
    return Path(settings.READERSTUDY_DATA_ROOT) / "demo-accounts.json"


def _password() -> str:
    """Return a password that is quickly typed: four groups of four letters, 75 bits."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _ in range(4)) for _ in range(4))


@transaction.atomic
def make_people() -> dict[str, User]:
    """Make the accounts that are missing and write their passwords down; return all of them by name."""
    path = accounts_file()
    known: dict[str, str] = json.loads(path.read_text())["passwords"] if path.exists() else {}
    people = {}
    for person in PEOPLE:
        user = User.objects.filter(username=person.name).first()
        if user is None:
            user = User(
                username=person.name, display_name=person.display_name, is_staff=person.name == "admin"
            )
            known[person.name] = _password()
            user.set_password(known[person.name])
            user.save()
        people[person.name] = user
    content = {
        "note": "Demonstration accounts of this data root. Passwords were drawn at random.",
        "does": {person.name: person.does for person in PEOPLE},
        "passwords": {person.name: known[person.name] for person in PEOPLE if person.name in known},
    }
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        json.dump(content, stream, indent=2)
    os.replace(draft, path)
    return people
