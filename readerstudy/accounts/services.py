"""Acts on accounts."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from readerstudy.accounts.keymaps import checked_key_map
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


@transaction.atomic
def choose_keys(*, user: User, key_map: Mapping[str, Any], at: datetime) -> dict[str, dict[str, list[str]]]:
    """
    Keep a person's own keys on the account; an empty map is the product's own keys again.

    Returns
    -------
    dict
        What differs from the product's keys, as kept.

    Raises
    ------
    keymaps.KeyMapRefused
        If two actions would share a key, or a key or action is none that can be chosen. Nothing is changed.
    """
    kept = checked_key_map(key_map)
    if User.objects.filter(pk=user.pk).exclude(key_map=kept).update(key_map=kept):
        _record("accounts.preferences_changed", user, at, fields="keys")
    return kept
