"""
The short way for images: answers frames and series metadata before Django's request machinery starts.

One image is one indexed query and one file; middleware, sessions and URL resolving would cost ten times
as much. The rules are the same: `authorise` decides, `dicomweb.View` answers. Whatever does not look
exactly like one of the two addresses goes on to Django.
"""

import os
import re
import sqlite3
from collections.abc import Callable, Iterable
from http.client import responses
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection
from django.utils import timezone

from readerstudy.imaging.authorise import authorise
from readerstudy.imaging.dicomweb import NOT_FOUND, Answer, View
from readerstudy.imaging.serving import caching_header, json_acceptable, unpacked, verdict

_UID = r"(2\.25\.[0-9]{1,39})"
_ADDRESS = re.compile(
    r"/dicomweb/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    rf"/(?:verdict|studies/{_UID}/series/{_UID}/(?:metadata|instances/{_UID}/frames/([0-9,]{{1,255}})))"
)
Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def content_security_policy() -> str:
    """Return the policy that every answer carries, as one header value."""
    directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
    return "; ".join(f"{name} {' '.join(values)}" for name, values in directives.items())


class ImageFastPath:
    """
    A WSGI application that answers images itself and hands everything else on.

    Parameters
    ----------
    application : callable
        Django's WSGI application.
    """

    #: Request headers that an answer depends on.
    headers = frozenset(
        {"COOKIE", "AUTHORIZATION", "ACCEPT", "ACCEPT-ENCODING", "IF-NONE-MATCH", "X-IMAGE-VERDICT-KEY"}
    )

    def __init__(self, application: Application) -> None:
        self._application = application
        self._fixed = [
            ("Content-Security-Policy", content_security_policy()),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ]
        #: What every answer carries, as lines of a head.
        self.fixed_headers = "".join(f"{name}: {value}\r\n" for name, value in self._fixed)

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        path = environ.get("PATH_INFO", "")
        match = self.address(path) if environ.get("REQUEST_METHOD") == "GET" else None
        answer = self.answer(match, environ) if match is not None else None
        if answer is None:
            return self._application(environ, start_response)
        return self._send(answer, environ, start_response)

    def address(self, path: str) -> re.Match[str] | None:
        """Return the parts of a path that is answered here, None for every other."""
        return _ADDRESS.fullmatch(path) if path.startswith("/dicomweb/") else None

    def answer(self, match: re.Match[str], environ: Environ) -> Answer | None:
        """
        Return the answer to a GET, None where Django has to give it.

        Parameters
        ----------
        match : re.Match
            From `address`.
        environ : dict
            The request's headers under their names in WSGI, at least those of `headers`.
        """
        try:
            return self._answer(match, environ)
        except (Error, sqlite3.Error):
            # A stale database connection: Django opens a fresh one.
            connection.close()
            return None

    def _answer(self, match: re.Match[str], environ: Environ) -> Answer:
        presentation, study, series, instance, frames = match.groups()
        opened = authorise(
            presentation=UUID(presentation),
            cookies=environ.get("HTTP_COOKIE", ""),
            authorization=environ.get("HTTP_AUTHORIZATION", ""),
            now=timezone.now(),
        )
        if study is None:
            return verdict(opened, environ.get("HTTP_X_IMAGE_VERDICT_KEY", ""))
        if opened is None:
            return NOT_FOUND
        view = View(opened.root, caching=caching_header())
        accept = environ.get("HTTP_ACCEPT", "")
        if instance is not None:
            seen = environ.get("HTTP_IF_NONE_MATCH", "")
            return view.frames(study, series, instance, frames, accept=accept, seen=seen)
        if not json_acceptable(accept):
            return Answer(406, body=b"Answers are application/dicom+json.\n")
        answer = view.metadata(study, series) or NOT_FOUND
        return unpacked(answer, environ.get("HTTP_ACCEPT_ENCODING", ""))

    def _send(self, answer: Answer, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        stream, body = answer.file, answer.body
        length = os.fstat(stream.fileno()).st_size if stream is not None else len(body)
        headers = [
            ("Content-Type", answer.content_type),
            # Without a body, nothing is said of its length (RFC 9110 8.6).
            *([] if answer.status in (204, 304) else [("Content-Length", str(length))]),
            *answer.headers.items(),
            *self._fixed,
        ]
        start_response(f"{answer.status} {responses[answer.status]}", headers)
        if stream is None:
            return [body] if body else []
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is None:
            with stream:
                return [stream.read()]
        wrapped: Iterable[bytes] = wrapper(stream, 1 << 18)
        return wrapped
