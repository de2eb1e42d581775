"""
The web server's worker: gunicorn's threads, with a short way for images.

gunicorn describes every request to the application in the full WSGI form, checks every header of the answer, and
hands a connection back to its main thread after every answer. For a page that is nothing; for a frame, of which a
doctor scrolls through hundreds, it is twice the work of finding the frame. This worker leaves reading the request
to gunicorn, as it is, and asks `fastpath.ImageFastPath` straight away. Everything that is not one of the
fast path's addresses, and every server that writes an access log, goes gunicorn's own way.
"""

import os
import select
import socket
from collections import deque
from http.client import responses
from typing import TYPE_CHECKING, Any

from gunicorn import util
from gunicorn.workers.gthread import TConn, ThreadWorker

if TYPE_CHECKING:
    # Not at run time: gunicorn loads its worker before there are Django apps.
    from readerstudy.imaging.dicomweb import Answer

# How long a thread looks for the next request on a connection that has just had an image, in milliseconds, while
# no other connection waits for a thread.
LINGER_MS = 2


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
            conn.had_image = False
            keep = super().handle(conn)
            if keep is not True or not conn.had_image or not self.alive:
                return keep
            if self._waiting or not _readable(conn.sock, LINGER_MS):
                return keep

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Answer one request; returns whether the connection stays open."""
        image = self._image(req, conn)
        if image is None:
            answered: bool = super().handle_request(req, conn)
            return answered
        self.nr += 1
        if self.nr >= self.max_requests and self.alive:
            self.log.info("Autorestarting worker after current request.")
            self.alive = False
        full = len(self.keepalived_conns) >= self.max_keepalived
        closing = not self.alive or not self.cfg.keepalive or full or req.should_close()
        _send(conn.sock, image, self.wsgi.fixed_headers, closing=closing)
        conn.had_image = True
        return not closing

    def _image(self, req: Any, conn: TConn) -> "Answer | None":
        if req.method != "GET" or conn.is_http2 or not self._short:
            return None
        match = self.wsgi.address(req.path) if req.version == (1, 1) else None
        if match is None:
            return None
        environ: dict[str, str] = {}
        for name, value in req.headers:
            if name in self.wsgi.headers:
                key = f"HTTP_{name.replace('-', '_')}"
                if key in environ:
                    return None
                environ[key] = value
        answer: Answer | None = self.wsgi.answer(match, environ)
        return answer


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
