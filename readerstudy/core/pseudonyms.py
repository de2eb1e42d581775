"""Keyed pseudonyms: the same input gives the same code in one study and nothing outside it."""

import hashlib
import hmac
from uuid import UUID

from readerstudy.core.keys import derive_key

# Crockford's base 32: no I, L, O, U, so that a code read aloud is written down right.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def pseudonym(purpose: str, scope: UUID, value: str, *, length: int = 8) -> str:
    """
    Return a code of `length` characters (5 bits each) for `value` within `scope`.

    It cannot be computed backwards or forwards without the key file.
    """
    digest = hmac.new(derive_key(purpose, str(scope)), value.encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest, "big")
    return "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(length))
