"""Images that come over STOW-RS (PS3.18 section 10.5)."""

import mmap
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.message import Message
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.dicom.attributes import element
from readerstudy.dicom.frames import Json
from readerstudy.imaging import stores
from readerstudy.imaging.intake_queue import Item
from readerstudy.imaging.models import ImportBatch, ImportOutcome, Laterality
from readerstudy.imaging.services.receiving import limits_from_settings, receive
from readerstudy.imaging.services.uploading import UploadRefused


@dataclass(frozen=True)
class Stored:
    """What a STOW-RS request came to: HTTP status, DICOM JSON answer, and the import."""

    status: int
    answer: Json
    batch: ImportBatch | None


# PS3.18 table 10.5.3-1 and PS3.4 annex B: duplicate with other content, data set not understood.
_CONFLICT, _NOT_UNDERSTOOD = 0x0111, 0xC000


def store_instances(
    *,
    scope: UUID,
    content_type: str,
    stream: BinaryIO,
    at: datetime,
    actor: Actor | None,
    laterality: str = Laterality.UNKNOWN,
) -> Stored:
    """
    Take in the parts of a STOW-RS request (``multipart/related; type="application/dicom"``).

    Every part is read by the bounded child process and ends as any imported file does.

    Raises
    ------
    UploadRefused
        If the body is larger than an import may be or has no parts.
    """
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    kind = str(message.get_param("type") or "application/dicom").lower()
    if message.get_content_type() != "multipart/related" or not boundary or kind != "application/dicom":
        return Stored(415, {}, None)
    name = f"stow-{secrets.token_hex(8)}"
    folder = stores.staging_folder(name)
    results: list[tuple[Item, ImportOutcome.Outcome]] = []
    try:
        _copy(stream, folder / "body", limits_from_settings().archive_bytes)
        parts = folder / "parts"
        parts.mkdir(mode=0o700)
        count = _split(folder / "body", parts, str(boundary).encode())
        (folder / "body").unlink()
        if not count:
            raise UploadRefused(_("The request holds no DICOM object."))
        batch = receive(
            scope=scope,
            source=parts,
            at=at,
            actor=actor,
            laterality=laterality,
            observe=lambda item, outcome: results.append((item, outcome)),
        )
    finally:
        stores.remove_staging(name)
    return _answer(results, batch)


def _copy(stream: BinaryIO, target: Path, limit: int) -> None:
    size = 0
    with target.open("xb") as sink:
        while block := stream.read(1 << 20):
            size += len(block)
            if size > limit:
                raise UploadRefused(_("The request is larger than an import may be."))
            sink.write(block)


def _split(body: Path, folder: Path, boundary: bytes) -> int:
    """Write each part of a multipart body as a numbered file; returns how many."""
    if os.path.getsize(body) == 0:
        return 0
    count = 0
    with body.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data:
        for start, end in _parts(data, b"--" + boundary):
            count += 1
            (folder / f"{count:06d}").write_bytes(data[start:end])
    return count


def _parts(data: Any, mark: bytes) -> Iterator[tuple[int, int]]:
    position = data.find(mark)
    while position >= 0 and data[position + len(mark) : position + len(mark) + 2] != b"--":
        head_end = data.find(b"\r\n\r\n", position)
        following = data.find(b"\r\n" + mark, position + len(mark))
        if head_end < 0 or following < 0:
            return
        yield head_end + 4, following
        position = following + 2


def _answer(results: list[tuple[Item, ImportOutcome.Outcome]], batch: ImportBatch) -> Stored:
    stored, failed, unnamed = [], [], []
    for item, outcome in results:
        uids = item.answer.get("uids")
        if uids is None:
            unnamed.append({"00081197": element("US", _NOT_UNDERSTOOD)})
            continue
        named = {
            "00081150": item.answer["attributes"]["00080016"],
            "00081155": element("UI", uids["instance"]),
        }
        if outcome in (ImportOutcome.Outcome.STORED, ImportOutcome.Outcome.DUPLICATE):
            stored.append(named)
        else:
            failed.append({**named, "00081197": element("US", _CONFLICT)})
    answer: Json = {}
    for tag, items in (("00081199", stored), ("00081198", failed), ("0008119A", unnamed)):
        if items:
            answer[tag] = {"vr": "SQ", "Value": items}
    status = 200 if not failed and not unnamed else 202 if stored else 409
    return Stored(status, answer, batch)
