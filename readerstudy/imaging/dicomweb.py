"""Answers of the DICOMweb addresses, from the files of one view; knows neither Django's requests nor who asks."""

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from pydicom.datadict import tag_for_keyword

from readerstudy.dicom.attributes import element
from readerstudy.dicom.frames import Json
from readerstudy.dicom.intake import BOUNDARY, FRAME_TAIL, frame_head
from readerstudy.dicom.pixels import decode_frame
from readerstudy.imaging import stores
from readerstudy.imaging.negotiation import FrameForm, frame_form

_UID = re.compile(r"2\.25\.[0-9]{1,39}")
_FRAMES = re.compile(r"[1-9][0-9]{0,4}(,[1-9][0-9]{0,4}){0,255}")
NOT_FOUND_BODY = b"Not found.\n"
DICOM_JSON = "application/dicom+json"


@dataclass(frozen=True)
class Answer:
    """
    What to send.

    Parameters
    ----------
    status : int
        HTTP status.
    content_type : str
        Media type.
    body : bytes
        The body, where `file` is None.
    file : binary stream or None
        An open file at its start, to be sent whole and closed by whoever sends it.
    headers : dict
        More headers.
    """

    status: int
    content_type: str = "text/plain; charset=utf-8"
    body: bytes = b""
    file: BinaryIO | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


# Attributes may be renewed while an import goes on: a browser asks again.
_METADATA_HEADERS = {"Content-Encoding": "gzip", "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
NOT_FOUND = Answer(404, body=NOT_FOUND_BODY, headers={"Cache-Control": "no-store"})


def _stored_syntax(data: bytes) -> str:
    head, _, _ = data[:400].partition(b"\r\n\r\n")
    _, _, value = head.partition(b"transfer-syntax=")
    return value.decode()


def multipart_type(form: FrameForm) -> str:
    """Return the Content-Type of a multipart answer."""
    return f'multipart/related; type="{form.media_type}"; boundary={BOUNDARY}'


class View:
    """
    The DICOMweb answers of one view.

    Parameters
    ----------
    root : str
        Folder below the cache root, from `authorise`.
    caching : str
        Cache-Control of images.
    """

    def __init__(self, root: str, *, caching: str) -> None:
        self._place = f"{settings.READERSTUDY_DATA_ROOT}/cache/{root}"
        self._caching = caching

    @property
    def _folder(self) -> Path:
        return Path(self._place)

    # --- frames -----------------------------------------------------------------------------------

    def frames(
        self, study: str, series: str, instance: str, frames: str, *, accept: str, seen: str
    ) -> Answer:
        """Return frames (``"1"`` or ``"1,2,3"``) in the form that `accept` asks for."""
        if not self._are_uids(study, series, instance) or not _FRAMES.fullmatch(frames):
            return NOT_FOUND
        # Plain strings: this runs once per image, and a Path costs more than opening the file.
        prefix = f"{self._place}/{study}/{series}/{instance}_"
        paths = [prefix + number for number in frames.split(",")]
        try:
            # Unbuffered: a server sends from the place where the descriptor stands, not the buffer.
            stream = open(paths[0], "rb", buffering=0)  # noqa: SIM115 (handed on, or closed below)
        except OSError:
            return NOT_FOUND
        stored = _stored_syntax(stream.read(400))
        form = frame_form(accept, stored)
        if form is None:
            stream.close()
            return Answer(406, body=b"No frame is kept in a form that the request accepts.\n")
        ready = (
            form.transfer_syntax == stored
            and form.media_type == "application/octet-stream"
            and form.multipart
            and len(paths) == 1
        )
        kind = "" if ready else f".{form.transfer_syntax[18:]}.{form.media_type[-4:]}.{form.multipart:d}"
        etag = f'"{instance[5:]}.{frames}{kind}"'
        headers = {"Cache-Control": self._caching, "ETag": etag, "Vary": "Accept"}
        if ready and seen != etag:
            stream.seek(0)
            return Answer(200, multipart_type(form), file=stream, headers=headers)
        stream.close()
        if seen == etag:
            return Answer(304, headers=headers)
        parts = []
        for path in paths:
            try:
                with open(path, "rb") as part:
                    data = part.read()
            except OSError:
                return NOT_FOUND
            parts.append(self._pixels(data, stored, form, study, series, instance))
        if not form.multipart:
            if len(parts) > 1:
                return Answer(406, body=b"Several frames are sent in parts only.\n")
            kind = f"{form.media_type}; transfer-syntax={form.transfer_syntax}"
            return Answer(200, kind, body=parts[0], headers=headers)
        part_head = frame_head(form.transfer_syntax, form.media_type)
        body = b"\r\n".join(part_head + part for part in parts) + FRAME_TAIL
        return Answer(200, multipart_type(form), body=body, headers=headers)

    def _pixels(
        self, data: bytes, stored: str, form: FrameForm, study: str, series: str, instance: str
    ) -> bytes:
        start = len(frame_head(stored))
        pixels = data[start : -len(FRAME_TAIL)]
        if form.transfer_syntax == stored:
            return pixels
        entry = self._instance(study, series, instance)
        if entry is None:
            raise LookupError("a frame without its attributes")
        return decode_frame(pixels, stored, shape=shape_of(entry), dtype=dtype_of(entry)).tobytes()

    # --- metadata ---------------------------------------------------------------------------------

    def metadata(self, study: str, series: str | None = None, instance: str | None = None) -> Answer | None:
        """Return the attributes of a study, series or instance, gzip-encoded; None where absent."""
        if not self._are_uids(*[uid for uid in (study, series, instance) if uid is not None]):
            return None
        if series is not None and instance is None:
            try:
                stream = (self._folder / study / series / stores.METADATA_NAME).open("rb")
            except OSError:
                return None
            return Answer(200, DICOM_JSON, file=stream, headers=_METADATA_HEADERS)
        if series is not None and instance is not None:
            entry = self._instance(study, series, instance)
            entries = [entry] if entry is not None else []
        else:
            entries = [entry for _, _, found in self._series(study) for entry in found]
        if not entries:
            return None
        body = gzip.compress(json.dumps(entries, separators=(",", ":")).encode(), compresslevel=5, mtime=0)
        return Answer(200, DICOM_JSON, body=body, headers=_METADATA_HEADERS)

    def _are_uids(self, *uids: str) -> bool:
        return all(_UID.fullmatch(uid) for uid in uids)

    def _instance(self, study: str, series: str, instance: str) -> Json | None:
        for entry in stores.read_metadata(self._folder / study / series):
            if entry["00080018"]["Value"][0] == instance:
                return entry
        return None

    def instance(self, study: str, series: str, instance: str) -> Json | None:
        """Return one instance's attributes, None where absent."""
        return self._instance(study, series, instance) if self._are_uids(study, series, instance) else None

    def series_entries(self, study: str, series: str) -> list[Json]:
        """Return a series' attributes in reading order; empty where absent."""
        return stores.read_metadata(self._folder / study / series) if self._are_uids(study, series) else []

    def frame_array(self, entry: Json, frame: int) -> Any:
        """Return one frame's stored values as an array; raises FileNotFoundError where absent."""
        study, series, instance = (entry[tag]["Value"][0] for tag in ("0020000D", "0020000E", "00080018"))
        data = (self._folder / study / series / f"{instance}_{frame}").read_bytes()
        stored = _stored_syntax(data)
        pixels = data[len(frame_head(stored)) : -len(FRAME_TAIL)]
        return decode_frame(pixels, stored, shape=shape_of(entry), dtype=dtype_of(entry))

    def _series(self, study: str | None = None) -> list[tuple[str, str, list[Json]]]:
        """Return (study, series, entries), by study and series number."""
        found = []
        studies = [self._folder / study] if study is not None else sorted(self._folder.iterdir())
        for folder in studies:
            if not folder.is_dir():
                continue
            for path in folder.iterdir():
                entries = stores.read_metadata(path)
                if entries:
                    found.append((folder.name, path.name, entries))
        return sorted(found, key=lambda entry: (entry[0], entry[2][0]["00200011"]["Value"][0], entry[1]))

    # --- search -----------------------------------------------------------------------------------

    def search(
        self, level: str, study: str | None, series: str | None, query: list[tuple[str, str]], *, base: str
    ) -> Answer | None:
        """
        Return QIDO-RS matches at a level (``studies``, ``series``, ``instances``).

        Only attributes of the answer itself can be asked for, compared as texts here; `includefield` adds what the
        images state (of a series, what all of them state alike). None where the named study or series is absent.
        """
        if not self._are_uids(*[uid for uid in (study, series) if uid is not None]):
            return None
        found = [entry for entry in self._series(study) if series is None or entry[1] == series]
        if not found and (study is not None or series is not None):
            return None
        rows = list(_rows(level, found, base, _included(query)))
        try:
            rows = _page([row for row in rows if _matches(row, query)], query)
        except ValueError:
            return Answer(400, body=b"limit and offset are whole numbers from 0.\n")
        body = gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), compresslevel=5, mtime=0)
        return Answer(
            200, DICOM_JSON, body=body, headers={"Content-Encoding": "gzip", "Cache-Control": "no-store"}
        )


def shape_of(entry: Json) -> tuple[int, ...]:
    """Return the shape of a frame: (rows, columns) or (rows, columns, 3)."""
    rows, columns = entry["00280010"]["Value"][0], entry["00280011"]["Value"][0]
    return (rows, columns) if entry["00280002"]["Value"][0] == 1 else (rows, columns, 3)


def dtype_of(entry: Json) -> str:
    """Return the NumPy type of a frame's stored values."""
    kind = "i" if entry["00280103"]["Value"][0] else "u"
    return f"<{kind}{entry['00280100']['Value'][0] // 8}"


_EMPTY_STUDY: Json = {
    # Type 2 attributes that QIDO-RS returns with every study (PS3.18 table 10.6.3-3); blinded, so empty.
    "00080020": {"vr": "DA"},
    "00080030": {"vr": "TM"},
    "00080050": {"vr": "SH"},
    "00080090": {"vr": "PN"},
    "00100010": {"vr": "PN"},
    "00100020": {"vr": "LO"},
    "00100030": {"vr": "DA"},
    "00100040": {"vr": "CS"},
    "00200010": {"vr": "SH"},
}
_INSTANCE_TAGS = (
    "00080016", "00080018", "00080060", "00083002", "0020000D", "0020000E", "00200011", "00200013",
    "00280008", "00280010", "00280011", "00280100",
)  # fmt: skip


def _included(query: list[tuple[str, str]]) -> frozenset[str]:
    """Return the tags that a client wishes for beside the usual ones, or ``all``."""
    names = [part for name, value in query if name.lower() == "includefield" for part in value.split(",")]
    return frozenset("all" if name == "all" else _tag_of(name) for name in names)


def _wished(stated: Json, wished: frozenset[str]) -> Json:
    return stated if "all" in wished else {tag: stated[tag] for tag in wished if tag in stated}


def _alike(entries: list[Json]) -> Json:
    """Return what all images of a series state alike."""
    first = entries[0]
    return {tag: value for tag, value in first.items() if all(entry.get(tag) == value for entry in entries)}


def _rows(
    level: str, found: list[tuple[str, str, list[Json]]], base: str, wished: frozenset[str]
) -> Iterator[Json]:
    if level == "studies":
        for study in dict.fromkeys(entry[0] for entry in found):
            members = [entry for entry in found if entry[0] == study]
            modalities = sorted({entries[0]["00080060"]["Value"][0] for _, _, entries in members})
            yield {
                **_EMPTY_STUDY,
                "0020000D": element("UI", study),
                "00080061": element("CS", *modalities),
                "00201206": element("IS", len(members)),
                "00201208": element("IS", sum(len(entries) for _, _, entries in members)),
                "00081190": element("UR", f"{base}/studies/{study}"),
            }
        return
    for study, series, entries in found:
        if level == "series":
            yield {
                **(_wished(_alike(entries), wished) if wished else {}),
                **{tag: entries[0][tag] for tag in ("00080060", "0008103E", "00200011") if tag in entries[0]},
                "0020000D": element("UI", study),
                "0020000E": element("UI", series),
                "00201209": element("IS", len(entries)),
                "00081190": element("UR", f"{base}/studies/{study}/series/{series}"),
            }
            continue
        for entry in entries:
            row = {tag: entry[tag] for tag in _INSTANCE_TAGS if tag in entry} | _wished(entry, wished)
            uid = entry["00080018"]["Value"][0]
            row["00081190"] = element("UR", f"{base}/studies/{study}/series/{series}/instances/{uid}")
            yield row


_CONTROL = frozenset(
    {"limit", "offset", "includefield", "fuzzymatching", "emptyvaluematching", "multiplevaluematching"}
)


def _tag_of(name: str) -> str:
    if re.fullmatch(r"[0-9A-Fa-f]{8}", name):
        return name.upper()
    tag = tag_for_keyword(name)
    return f"{tag:08X}" if tag is not None else ""


def _matches(row: Json, query: list[tuple[str, str]]) -> bool:
    for name, wanted in query:
        if name.lower() in _CONTROL or wanted in ("", "*"):
            continue
        tag = _tag_of(name)
        # Modalities in Study also answers for Modality at study level, as clients expect.
        values = row.get(tag) or (row.get("00080061") if tag == "00080060" else None) or {}
        texts = [str(value) for value in values.get("Value", [])]
        choices = re.split(r"[,\\]", wanted)
        if not any(fnmatchcase(text, _literal(choice)) for text in texts for choice in choices):
            return False
    return True


def _literal(choice: str) -> str:
    return choice.replace("[", "[[]")


def _page(rows: list[Json], query: list[tuple[str, str]]) -> list[Json]:
    given = {name.lower(): value for name, value in query}
    offset, limit = int(given.get("offset") or 0), int(given.get("limit") or len(rows))
    if offset < 0 or limit < 0:
        raise ValueError
    return rows[offset : offset + limit]
