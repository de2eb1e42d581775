"""Small decisions shared by the two ways in which answers are sent."""

import gzip
from dataclasses import replace

from django.conf import settings

from readerstudy.imaging.dicomweb import Answer


def caching_header() -> str:
    """Return Cache-Control of images: kept by the one browser, or not at all where the institution says so."""
    if settings.READERSTUDY_IMAGE_CACHING == "no-store":
        return "no-store"
    return f"private, max-age={settings.READERSTUDY_IMAGES_OPEN_SECONDS}, immutable"


def json_acceptable(accept: str) -> bool:
    """Return whether DICOM JSON fits an Accept header."""
    return not accept or any(kind in accept for kind in ("application/dicom+json", "application/json", "*/*"))


def unpacked(answer: Answer, accept_encoding: str) -> Answer:
    """Return the answer without gzip for a client that does not take it."""
    if answer.headers.get("Content-Encoding") != "gzip" or "gzip" in accept_encoding:
        return answer
    body = answer.file.read_bytes() if answer.file is not None else answer.body
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Encoding"}
    return replace(answer, body=gzip.decompress(body), file=None, headers=headers)
