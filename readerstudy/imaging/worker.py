"""
The web server's worker: gunicorn's threads, with a short way for images.

gunicorn describes every request to the application in the full WSGI form, checks every header of the answer, and
hands a connection back to its main thread after every answer. For a page that is nothing; for a frame, of which a
doctor scrolls through hundreds, it is several times the work of finding the frame. This worker reads plain GET
requests for images with `httptools` (Node.js's parser, llhttp) and asks `fastpath.ImageFastPath` straight away.
Whatever is not one whole, bodiless GET for one of the fast path's addresses is given back to gunicorn unread, and
every server that writes an access log, or speaks TLS or HTTP/2, goes gunicorn's own way.
"""

import os
import select
import socket
from collections import deque
from http.client import responses
from typing import TYPE_CHECKING, Any

import httptools
from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:
    # Not at run time: gunicorn loads its worker before there are Django apps.
    from readerstudy.imaging.dicomweb import Answer

# How long a thread looks for the next request on a connection that has just had an image, in milliseconds, while
# no other connection waits for a thread.
LINGER_MS = 2
# A request for an image is smaller than this; a larger one is gunicorn's.
_HEAD_BYTES = 8192
# Headers by which a request has a body, or asks for more than an answer.
_NOT_PLAIN = frozenset({"CONTENT-LENGTH", "TRANSFER-ENCODING", "EXPECT", "UPGRADE", "TRAILER"})


class ImageWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """`gthread` with a short way for images."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: deque[TConn] = deque()
        # An access log tells of every request, and TLS cannot send a file by its descriptor.
        self._short = not (self.cfg.accesslog or self.cfg.statsd_host or self.cfg.is_ssl)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to the threads, and remember that it waits for one."""
        self._waiting.append(conn)
        super().enqueue_req(conn)

    def handle(self, conn: TConn) -> Any:
        """Answer a request, and those that follow an image at once on the same connection."""
        self._waiting.pop()
        while True:
            keep = self._image(conn)
            if keep is None:
                keep = super().handle(conn)
            elif keep and self.alive and not self._waiting and _readable(conn.sock, LINGER_MS):
                continue
            return keep

    def _image(self, conn: TConn) -> bool | None:
        """
        Answer a request where it is a plain one for an image.

        Returns whether the connection stays open; None where gunicorn has to answer, with the request unread.
        """
        if not self._short or conn.is_http2:
            return None
        try:
            if not (conn.initialized or conn.data_ready or _readable(conn.sock, LINGER_MS)):
                return None
            conn.sock.setblocking(True)
            conn.init()
            unreader = conn.parser.unreader
            if conn.is_http2 or unreader.buf.getvalue():
                return None
            data = conn.sock.recv(_HEAD_BYTES)
            answer = self._answer(data)
            if answer is None:
                unreader.unread(data)
                return None
            self.nr += 1
            if self.nr >= self.max_requests and self.alive:
                self.log.info("Autorestarting worker after current request.")
                self.alive = False
            full = len(self.keepalived_conns) >= self.max_keepalived
            closing = not self.alive or not self.cfg.keepalive or full
            _send(conn.sock, answer, self.wsgi.fixed_headers, closing=closing)
        except OSError as error:
            # The client has gone; there is nobody to tell.
            self.log.debug("An image was not sent whole: %s", error)
            return False
        except Exception as error:
            self.handle_error(None, conn.sock, conn.client, error)
            return False
        return not closing

    def _answer(self, data: bytes) -> "Answer | None":
        request = image_request(data)
        match = self.wsgi.address(request.path) if request is not None else None
        if match is None or request is None:
            return None
        environ: dict[str, str] = {}
        for name, value in request.headers:
            if name in self.wsgi.headers:
                key = f"HTTP_{name.replace('-', '_')}"
                if key in environ:
                    return None
                environ[key] = value
        answer: Answer | None = self.wsgi.answer(match, environ)
        return answer


class _Request:
    """What httptools' parser tells of a request."""

    __slots__ = ("ended", "headers", "path")

    def __init__(self) -> None:
        self.path = ""
        self.headers: list[tuple[str, str]] = []
        self.ended = 0

    def on_url(self, url: bytes) -> None:
        self.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").upper(), value.decode("latin-1")))

    def on_message_complete(self) -> None:
        self.ended += 1


def image_request(data: bytes) -> _Request | None:
    """
    Return the request that `data` holds, None unless it is exactly one plain GET below the images' addresses.

    Plain is: HTTP/1.1, whole, with nothing behind it, no body, and a connection that stays open.
    """
    if not data.startswith(b"GET /dicomweb/") or not data.endswith(b"\r\n\r\n"):
        return None
    request = _Request()
    parser = httptools.HttpRequestParser(request)
    try:
        parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return None
    if request.ended != 1 or parser.get_http_version() != "1.1":
        return None
    return request if all(_is_plain(name, value) for name, value in request.headers) else None


def _is_plain(name: str, value: str) -> bool:
    return name not in _NOT_PLAIN and (name != "CONNECTION" or value.lower() == "keep-alive")


def _readable(connection: socket.socket, milliseconds: int) -> bool:
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(milliseconds))


def _send(connection: socket.socket, answer: "Answer", fixed: str, *, closing: bool) -> None:
    stream, body = answer.file, answer.body
    length = os.fstat(stream.fileno()).st_size if stream is not None else len(body)
    head = (
        f"HTTP/1.1 {answer.status} {responses[answer.status]}\r\nServer: gunicorn\r\nDate: {util.http_date()}\r\n"
        f"Connection: {'close' if closing else 'keep-alive'}\r\nContent-Type: {answer.content_type}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        + ("" if answer.status in (204, 304) else f"Content-Length: {length}\r\n")
        + fixed
        + "\r\n"
    ).encode("latin-1")
    if stream is None:
        connection.sendall(head if answer.status in (204, 304) else head + body)
        return
    with stream:
        # Held back for the first bytes of the file, so that they leave together.
        sent = connection.send(head, socket.MSG_MORE)
        if sent < len(head):
            connection.sendall(head[sent:])
        out, source, done = connection.fileno(), stream.fileno(), 0
        while done < length:
            count = os.sendfile(out, source, done, length - done)
            if not count:
                raise BrokenPipeError("an image's file has become shorter")
            done += count
