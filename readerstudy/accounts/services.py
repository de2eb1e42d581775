"""Acts on accounts."""

from datetime import datetime

from django.db import transaction

from readerstudy.accounts.models import User
from readerstudy.core.audit import record


def _record(event: str, user: User, at: datetime, **detail: str) -> None:
    record(event=event, at=at, actor=user, subject_type="user", subject_id=user.public_id, **detail)


def note_sign_in(*, user: User, at: datetime) -> None:
    """Write down that a person signed in."""
    _record("accounts.signed_in", user, at)


def note_sign_out(*, user: User, at: datetime) -> None:
    """Write down that a person signed out."""
    _record("accounts.signed_out", user, at)


@transaction.atomic
def choose_language(*, user: User, language: str, at: datetime) -> None:
    """Keep the person's language on the account, so that it follows them to another computer."""
    if User.objects.filter(pk=user.pk).exclude(language=language).update(language=language):
        _record("accounts.preferences_changed", user, at, fields="language")
