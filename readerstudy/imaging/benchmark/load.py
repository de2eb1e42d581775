"""A small HTTP/1.1 client that costs little itself: keep-alive sockets and one buffer each."""

import socket
import threading
import time
from dataclasses import dataclass

from readerstudy.imaging.benchmark.servers import cpu_seconds


class BadAnswer(Exception):
    """A server did not answer with 200, or with another number of bytes than before."""


@dataclass(frozen=True)
class Load:
    """What one run gave: requests per second, server CPU per request (ms), bytes of an answer's body."""

    per_second: float
    cpu_ms: float
    body_bytes: float


class _Connection:
    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = bytearray(1 << 21)
        self._view = memoryview(self._buffer)
        self._open()

    def _open(self) -> None:
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        self._socket.close()

    def get(self, request: bytes) -> int:
        """Send a request and read the answer whole; returns the number of body bytes."""
        try:
            self._socket.sendall(request)
            return self._read()
        except (ConnectionError, BrokenPipeError):
            # The server ended an idle connection; a fresh one counts.
            self._socket.close()
            self._open()
            self._socket.sendall(request)
            return self._read()

    def _read(self) -> int:
        filled, end = 0, -1
        while end < 0:
            count = self._socket.recv_into(self._view[filled:])
            if not count:
                raise ConnectionResetError
            filled += count
            end = self._buffer.find(b"\r\n\r\n", 0, filled)
        head = bytes(self._view[:end]).decode("latin-1").lower()
        status = head.split(" ", 2)[1]
        if status != "200":
            raise BadAnswer(f"status {status}: {bytes(self._view[end:filled])[:300]!r}")
        have = filled - end - 4
        if "transfer-encoding: chunked" in head:
            return self._chunked(bytes(self._view[end + 4 : filled]))
        length = int(head.split("content-length:", 1)[1].split("\r\n", 1)[0])
        rest = length - have
        while rest > 0:
            count = self._socket.recv_into(self._view[: min(rest, len(self._buffer))])
            if not count:
                raise ConnectionResetError
            rest -= count
        if "connection: close" in head:
            self._socket.close()
            self._open()
        return length

    def _chunked(self, data: bytes) -> int:
        total = 0
        while True:
            line, mark, data = data.partition(b"\r\n")
            while not mark:
                data = line + self._socket.recv(1 << 18)
                line, mark, data = data.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            while len(data) < size + 2:
                block = self._socket.recv(1 << 20)
                if not block:
                    raise ConnectionResetError
                data += block
            total += size
            data = data[size + 2 :]
            if size == 0:
                return total


def measure(port: int, pid: int, requests: list[bytes], *, connections: int, count: int) -> Load:
    """
    Send `count` requests over some connections at once, going round the list.

    Parameters
    ----------
    port, pid : int
        Of the server; CPU time is that of the process and its children.
    requests : list of bytes
        Whole HTTP requests.
    """
    per_thread = count // connections
    sizes: list[int] = []
    failures: list[Exception] = []

    def work(number: int) -> None:
        connection = _Connection(port)
        try:
            for k in range(per_thread):
                sizes.append(connection.get(requests[(number + k * connections) % len(requests)]))
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
    cpu, start = cpu_seconds(pid), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds, used = time.perf_counter() - start, cpu_seconds(pid) - cpu
    if failures:
        raise failures[0]
    return Load(len(sizes) / seconds, used * 1000 / len(sizes), sum(sizes) / len(sizes))


def request(path: str, **headers: str) -> bytes:
    """Return a GET request; header names with underscores for hyphens."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Connection: keep-alive"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
