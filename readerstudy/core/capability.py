"""
Signed capabilities: a short text that says what its holder may open, until when.

``base64url(JSON) . base64url(HMAC-SHA256)`` with a key per purpose. The text is no secret store: it
holds ids, and whoever checks it also asks whether it was withdrawn.
"""

import base64
import binascii
import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from readerstudy.core.keys import derive_key


class BadCapability(Exception):
    """The text was not signed here, was changed, is for another purpose, or is out of date."""


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _mac(purpose: str, body: str) -> bytes:
    return hmac.new(derive_key("core.capability", purpose), body.encode(), hashlib.sha256).digest()


def sign_capability(purpose: str, claims: dict[str, Any], *, expires_at: datetime) -> str:
    """Return the signed text for `claims` (JSON values)."""
    body = _encode(
        json.dumps(
            {**claims, "exp": int(expires_at.timestamp())}, separators=(",", ":"), sort_keys=True
        ).encode()
    )
    return f"{body}.{_encode(_mac(purpose, body))}"


def read_capability(purpose: str, text: str, *, now: datetime) -> dict[str, Any]:
    """
    Return the claims of a signed text.

    Raises
    ------
    BadCapability
        In every case in which the text does not hold; deliberately without saying which.
    """
    body, _, mac = text.partition(".")
    try:
        given = _decode(mac)
    except (ValueError, binascii.Error):
        raise BadCapability from None
    if not hmac.compare_digest(given, _mac(purpose, body)):
        raise BadCapability
    claims: dict[str, Any] = json.loads(_decode(body))
    if claims["exp"] <= now.timestamp():
        raise BadCapability
    return claims
