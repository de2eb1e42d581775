"""
The one key file and the keys derived from it.

Every secret of the product (Django's own, pseudonyms, UID remapping, capabilities, the encrypted
stores) is derived from one 32-byte master key by HKDF-SHA256 (RFC 5869), so that one file is backed
up and one file is guarded. This module knows no Django: settings load it.
"""

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MASTER_KEY_BYTES = 32


class KeyFileError(Exception):
    """The key file is missing, unreadable, or not a key."""


def read_or_create_key_file(path: Path) -> bytes:
    """
    Return the master key, writing a new random one where the file is missing.

    Raises
    ------
    KeyFileError
        If the file exists but does not hold a key. It is never overwritten: every stored
        pseudonym and every encrypted store depends on it.
    """
    path = Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_new_key(path)
    text = path.read_text().strip()
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != MASTER_KEY_BYTES:
        raise KeyFileError(
            f"{path} is not a ReaderStudy key file (64 hexadecimal digits expected). Nothing was changed; "
            "restore the file from its copy."
        )
    return key


def _write_new_key(path: Path) -> None:
    """Put a whole key file in place, or leave the one that another process put there first."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as stream:
            stream.write(secrets.token_hex(MASTER_KEY_BYTES) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        # A link, not a rename: it refuses to replace a key, and nobody ever reads half of one.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def derive_key_from(master: bytes, purpose: str, *context: str, length: int = 32) -> bytes:
    """
    Derive one key of `length` bytes for a purpose.

    Parameters
    ----------
    master : bytes
        The master key.
    purpose : str
        Dotted name of the use, such as ``"imaging.uid"``.
    *context : str
        What the key is bound to besides, such as the public id of a study. Order matters; the parts
        are length-prefixed, so ("ab", "c") and ("a", "bc") give different keys.
    """
    info = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in (purpose, *context))
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=None, info=info).derive(master)


def derive_key(purpose: str, *context: str, length: int = 32) -> bytes:
    """Derive a key from the installation's master key; see `derive_key_from`."""
    from django.conf import settings

    return derive_key_from(settings.READERSTUDY_MASTER_KEY, purpose, *context, length=length)
