"""Small decisions shared by the two ways in which answers are sent."""

import gzip
import hmac
from dataclasses import replace

from django.conf import settings

from readerstudy.core.keys import derive_key
from readerstudy.imaging.authorise import Opened
from readerstudy.imaging.dicomweb import NOT_FOUND, Answer


def caching_header() -> str:
    """Return Cache-Control of images: kept by the one browser, or not at all where the institution says so."""
    if settings.READERSTUDY_IMAGE_CACHING == "no-store":
        return "no-store"
    return f"private, max-age={settings.READERSTUDY_IMAGES_OPEN_SECONDS}, immutable"


def json_acceptable(accept: str) -> bool:
    """Return whether DICOM JSON fits an Accept header."""
    return not accept or any(kind in accept for kind in ("application/dicom+json", "application/json", "*/*"))


def body_of(answer: Answer) -> bytes:
    """Return an answer's body as bytes, closing its file."""
    if answer.file is None:
        return answer.body
    with answer.file:
        return answer.file.read()


def unpacked(answer: Answer, accept_encoding: str) -> Answer:
    """Return the answer without gzip for a client that does not take it."""
    if answer.headers.get("Content-Encoding") != "gzip" or "gzip" in accept_encoding:
        return answer
    body = body_of(answer)
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Encoding"}
    return replace(answer, body=gzip.decompress(body), file=None, headers=headers)


def verdict_key() -> str:
    """Return the secret with which a web server asks for verdicts: they name folders, which no client may learn."""
    return derive_key("imaging.verdict").hex()


def verdict(opened: Opened | None, key: str) -> Answer:
    """Return what a web server in front asks: which folder the request may read (204), or none (403)."""
    if not hmac.compare_digest(key.encode(), verdict_key().encode()):
        return NOT_FOUND
    if opened is None:
        return Answer(403)
    return Answer(204, headers={"X-Image-Root": opened.root, "Cache-Control": "no-store"})
