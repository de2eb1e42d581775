"""Opening and closing images: the only way in, and every way out."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.cookies import Morsel
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.db import transaction

from readerstudy.imaging.models import ImageSet, OpenedPresentation
from readerstudy.imaging.views_store import view_of

if TYPE_CHECKING:
    from django.http import HttpResponseBase

COOKIE_NAME = "rs_images"


class ImagesWithdrawn(Exception):
    """The images of this patient were withdrawn; there is nothing to open."""


@dataclass(frozen=True)
class OpenedCase:
    """
    What the holder of a capability needs.

    Parameters
    ----------
    token : str
        The secret; as a cookie in browsers, as ``Authorization: Bearer`` elsewhere, never in an address.
    cookie_name, cookie_path : str
        The cookie that carries it, scoped to the presentation's addresses.
    max_age : int
        Seconds until it ends by itself.
    """

    token: str
    cookie_name: str
    cookie_path: str
    max_age: int


def hashed(text: str) -> str:
    """Return the hash under which a token or session key is kept."""
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def open_case(
    *,
    image_set: ImageSet,
    presentation: UUID,
    user_id: int,
    session_key: str,
    at: datetime,
    alias: str = "",
    only_series: frozenset[str] | None = None,
    max_age: int | None = None,
) -> OpenedCase:
    """
    Open an image set for one person in one session, under one presentation.

    Parameters
    ----------
    image_set : ImageSet
        What may be seen.
    presentation : UUID
        Public id of the showing (an assignment, say); part of every address.
    user_id : int
        Who may see it.
    session_key : str
        The browser session it is bound to; "" for a client without a browser.
    at : datetime
        Now.
    alias : str
        Anything but "" gives every object another UID than at its first showing.
    only_series : frozenset of str, optional
        Blinded UIDs (without alias) of the series to show; all where None.
    max_age : int, optional
        Seconds; ``READERSTUDY_IMAGES_OPEN_SECONDS`` by default.

    Raises
    ------
    ImagesWithdrawn
        If the images were withdrawn.
    """
    if image_set.withdrawn_at is not None:
        raise ImagesWithdrawn
    seconds = max_age if max_age is not None else settings.READERSTUDY_IMAGES_OPEN_SECONDS
    root = view_of(image_set, alias=alias, only_series=only_series)
    token = secrets.token_urlsafe(32)
    session_hash = hashed(session_key) if session_key else ""
    if session_hash:
        # The page was loaded again: its cookie is replaced, so the one before ends.
        OpenedPresentation.objects.filter(
            presentation=presentation, session_hash=session_hash, user_id=user_id, closed_at=None
        ).update(closed_at=at)
    OpenedPresentation.objects.create(
        token_hash=hashed(token),
        presentation=presentation,
        image_set=image_set,
        scope=image_set.scope,
        user_id=user_id,
        session_hash=session_hash,
        alias=alias[:64],
        root=root,
        opened_at=at,
        expires_at=at + timedelta(seconds=seconds),
    )
    return OpenedCase(
        token=token, cookie_name=COOKIE_NAME, cookie_path=f"/dicomweb/{presentation}/", max_age=seconds
    )


def set_capability_cookie(response: "HttpResponseBase", opened: OpenedCase) -> None:
    """Give the browser the capability: HttpOnly, SameSite=Strict, for the presentation's addresses only."""
    cookie: Morsel[str] = Morsel()
    cookie.set(opened.cookie_name, opened.token, opened.token)
    cookie.update({"max-age": opened.max_age, "path": opened.cookie_path, "samesite": "Strict"})
    cookie["httponly"] = True
    if settings.SESSION_COOKIE_SECURE:
        cookie["secure"] = True
    # Kept under name and path: a page may open two presentations, and `set_cookie` knows one of each name.
    response.cookies[f"{opened.cookie_name} {opened.cookie_path}"] = cookie


def close_presentation(*, presentation: UUID, at: datetime) -> int:
    """End every capability of a presentation; returns how many were open."""
    return OpenedPresentation.objects.filter(presentation=presentation, closed_at=None).update(closed_at=at)


def close_session(*, session_key: str, at: datetime) -> int:
    """End every capability of a browser session (sign-out)."""
    if not session_key:
        return 0
    return OpenedPresentation.objects.filter(session_hash=hashed(session_key), closed_at=None).update(
        closed_at=at
    )


def close_scope(*, scope: UUID, at: datetime) -> int:
    """End every capability of a reader study (lock)."""
    return OpenedPresentation.objects.filter(scope=scope, closed_at=None).update(closed_at=at)


def close_image_set(*, image_set: ImageSet, at: datetime) -> int:
    """End every capability on a patient's images (withdrawal)."""
    return OpenedPresentation.objects.filter(image_set=image_set, closed_at=None).update(closed_at=at)
