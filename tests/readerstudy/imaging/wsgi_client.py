"""A requests transport that calls the WSGI application in this process: real requests, no socket."""

import io
import sys
from http import HTTPStatus
from urllib.parse import unquote, urlsplit
from uuid import UUID

import requests
from dicomweb_client.api import DICOMwebClient
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from readerstudy.imaging.fastpath import ImageFastPath

HOST = "http://localhost"


class WsgiAdapter(BaseAdapter):
    """Sends requests to a WSGI application; counts those answered without Django."""

    def __init__(self, *, fast: bool = True) -> None:
        super().__init__()
        self.passed_on = 0
        django = WSGIHandler()

        def counted(environ, start_response):
            self.passed_on += 1
            return django(environ, start_response)

        self._application = ImageFastPath(counted) if fast else counted

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        parts = urlsplit(request.url)
        body = request.body or b""
        environ = {
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote(parts.path),
            "QUERY_STRING": parts.query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": parts.scheme,
            "wsgi.input": io.BytesIO(body if isinstance(body, bytes) else body.encode()),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            key = name.upper().replace("-", "_")
            environ[key if key == "CONTENT_TYPE" else f"HTTP_{key}"] = (
                value.decode() if isinstance(value, bytes) else value
            )
        response = requests.Response()
        seen: dict[str, object] = {}

        def start_response(status, headers, error=None):
            seen["status"], seen["headers"] = int(status.split()[0]), headers

        # As Django's own test client: the end of a request must not close the test's transaction.
        request_finished.disconnect(close_old_connections)
        request_started.disconnect(close_old_connections)
        try:
            chunks = self._application(environ, start_response)
            content = b"".join(chunks)
            if hasattr(chunks, "close"):
                chunks.close()
        finally:
            request_started.connect(close_old_connections)
            request_finished.connect(close_old_connections)
        response.status_code = seen["status"]
        response.reason = HTTPStatus(response.status_code).phrase
        response.headers = CaseInsensitiveDict(seen["headers"])
        if response.headers.get("Content-Encoding") == "gzip":
            import gzip

            content = gzip.decompress(content) if content else content
        response._content, response._content_consumed = content, True
        response.url = request.url
        response.request = request
        return response

    def close(self) -> None:
        """Nothing is held."""


def session(*, token: str = "", fast: bool = True) -> requests.Session:
    """Return a session whose requests go to the WSGI application."""
    out = requests.Session()
    out.trust_env = False
    out.mount(HOST, WsgiAdapter(fast=fast))
    if token:
        out.headers["Authorization"] = f"Bearer {token}"
    return out


def dicomweb_client(presentation: UUID, *, token: str) -> DICOMwebClient:
    """Return dicomweb-client's own client on a presentation."""
    return DICOMwebClient(url=f"{HOST}/dicomweb/{presentation}", session=session(token=token))
