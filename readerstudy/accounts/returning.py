"""
Locking a page and coming back to it: the same person only.

A page of the reading room carries a ticket that names its person. When it locks itself the session ends at
once; whoever signs in on that page must be the person of its ticket, or nothing happens.
"""

from uuid import UUID

from django.core import signing

from readerstudy.accounts.models import User

_SALT = "accounts.return"


def return_ticket(user: User) -> str:
    """Return the ticket of a person's page."""
    return signing.Signer(salt=_SALT).sign(str(user.public_id))


def person_of(ticket: str) -> UUID | None:
    """Return whose ticket it is, None where it was not made here."""
    try:
        return UUID(signing.Signer(salt=_SALT).unsign(ticket))
    except (signing.BadSignature, ValueError):
        return None
