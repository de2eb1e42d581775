"""UIDs made from other UIDs with a key: the same original gives the same new one, and nothing leads back."""

import hashlib
import hmac


def keyed_uid(key: bytes, original: str) -> str:
    """
    Return the UID that stands for `original` under `key`.

    The 128 bits of an HMAC below the 2.25 root; version and variant bits are those of a UUID of its own
    scheme (version 8), as the root asks for (PS3.5 annex B.2).
    """
    digest = bytearray(hmac.new(key, original.encode(), hashlib.sha256).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return f"2.25.{int.from_bytes(digest, 'big')}"
