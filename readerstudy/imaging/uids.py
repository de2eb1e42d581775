"""Keyed UIDs: the same original gives the same blinded UID in one reader study, and nothing elsewhere."""

import hashlib
import hmac
from functools import lru_cache
from typing import Any
from uuid import UUID

from readerstudy.core.keys import derive_key
from readerstudy.dicom.attributes import REMAPPED_UIDS
from readerstudy.dicom.frames import Json
from readerstudy.dicom.uids import keyed_uid


@lru_cache(maxsize=64)
def _scope_key(master_fingerprint: int, scope: UUID) -> bytes:
    return derive_key("imaging.uid", str(scope))


def scope_key(scope: UUID) -> bytes:
    """Return the key of one reader study's UIDs."""
    from django.conf import settings

    return _scope_key(hash(settings.READERSTUDY_MASTER_KEY), scope)


def blinded_uid(scope: UUID, original: str) -> str:
    """Return the blinded UID of an original one."""
    return keyed_uid(scope_key(scope), original)


def subject_key(scope: UUID, *, issuer: str, patient_id: str) -> str:
    """Return the keyed hash by which a patient is recognised within a reader study."""
    text = f"{len(issuer)}:{issuer}{patient_id}"
    return hmac.new(derive_key("imaging.subject", str(scope)), text.encode(), hashlib.sha256).hexdigest()


def aliased_uid(alias: str, uid: str) -> str:
    """Return the UID under which a repeat presentation shows `uid`; `uid` itself without an alias."""
    return keyed_uid(derive_key("imaging.alias", alias), uid) if alias else uid


class UidMap:
    """Replaces the UIDs of DICOM JSON, consistently."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[str, str] = {}

    @classmethod
    def for_scope(cls, scope: UUID) -> "UidMap":
        """Return the map from original to blinded UIDs of a reader study."""
        return cls(scope_key(scope))

    @classmethod
    def for_alias(cls, alias: str) -> "UidMap":
        """Return the map from blinded UIDs to those of a repeat presentation."""
        return cls(derive_key("imaging.alias", alias))

    def uid(self, original: str) -> str:
        """Return the replacement of one UID."""
        known = self._known.get(original)
        if known is None:
            known = self._known[original] = keyed_uid(self._key, original)
        return known

    def attributes(self, attributes: Json) -> Json:
        """Return a copy with every UID of `REMAPPED_UIDS` replaced, at every depth."""
        out: dict[str, Any] = {}
        for tag, element in attributes.items():
            if tag in REMAPPED_UIDS and "Value" in element:
                out[tag] = {"vr": "UI", "Value": [self.uid(value) for value in element["Value"]]}
            elif element["vr"] == "SQ":
                out[tag] = {"vr": "SQ", "Value": [self.attributes(item) for item in element.get("Value", [])]}
            else:
                out[tag] = element
        return out
