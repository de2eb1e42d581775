"""Which form of a frame a client asked for (PS3.18 8.7)."""

from dataclasses import dataclass
from functools import lru_cache

from readerstudy.dicom.pixels import FRAME_SYNTAX_UID

LITTLE_ENDIAN = FRAME_SYNTAX_UID["explicit-le"]
#: Media types of single compressed frames (PS3.18 table 8.7.3-5).
MEDIA_TYPES = {
    FRAME_SYNTAX_UID["htj2k"]: "image/jphc",
    FRAME_SYNTAX_UID["jpeg-ls"]: "image/jls",
    LITTLE_ENDIAN: "application/octet-stream",
}


@dataclass(frozen=True)
class FrameForm:
    """How frames are answered: in which syntax, as which media type, in parts or alone."""

    transfer_syntax: str
    media_type: str
    multipart: bool


def _split(text: str, separator: str) -> list[str]:
    """Split at a separator that does not stand inside quotes."""
    parts, current, quoted = [], "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character == separator and not quoted:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    parts.append(current.strip())
    return [part for part in parts if part]


@lru_cache(maxsize=256)
def frame_form(accept: str, stored: str) -> FrameForm | None:
    """
    Return the best form for an Accept header, None where nothing fits (406).

    Parameters
    ----------
    accept : str
        The header; "" is taken as ``*/*``.
    stored : str
        Transfer syntax UID of the frame files.

    Notes
    -----
    ``application/octet-stream`` without a transfer syntax means explicit little endian; with
    ``transfer-syntax=*`` it means whatever is stored.
    """
    ranked: list[tuple[float, int, FrameForm]] = []
    for order, offer in enumerate(_split(accept, ",") or ["*/*"]):
        kind, *rest = _split(offer, ";") or [""]
        parameters = {}
        for part in rest:
            name, _, value = part.partition("=")
            parameters[name.strip().lower()] = value.strip().strip('"')
        try:
            quality = float(parameters.get("q", "1"))
        except ValueError:
            quality = 0.0
        kind = kind.lower()
        multipart = kind in ("multipart/related", "*/*", "multipart/*")
        wanted = parameters.get("type", "*/*").lower() if kind == "multipart/related" else kind
        if kind == "multipart/*":
            wanted = "*/*"
        syntax = parameters.get("transfer-syntax", "")
        form = _offer(wanted, syntax, stored, multipart)
        if form is not None and quality > 0:
            ranked.append((-quality, order, form))
    return min(ranked, key=lambda entry: entry[:2])[2] if ranked else None


def _offer(wanted: str, syntax: str, stored: str, multipart: bool) -> FrameForm | None:
    if wanted == "*/*":
        if syntax in ("", "*", stored):
            return FrameForm(stored, "application/octet-stream", multipart)
        return (
            FrameForm(LITTLE_ENDIAN, "application/octet-stream", multipart)
            if syntax == LITTLE_ENDIAN
            else None
        )
    if wanted == "application/octet-stream":
        if syntax in ("*", stored):
            return FrameForm(stored, wanted, multipart)
        return FrameForm(LITTLE_ENDIAN, wanted, multipart) if syntax in ("", LITTLE_ENDIAN) else None
    if wanted in (MEDIA_TYPES[stored], "image/*") and syntax in ("", "*", stored):
        return FrameForm(stored, MEDIA_TYPES[stored], multipart)
    return None
