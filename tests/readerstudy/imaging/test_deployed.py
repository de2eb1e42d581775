"""The gateway as it is deployed: gunicorn with the fast path, nginx sending the files in front of it."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from readerstudy.imaging.benchmark import runs, servers
from readerstudy.imaging.benchmark.material import write_series

BOTH = ("application", "nginx")


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """Both servers over one data root; yields (opened images, address by name)."""
    folder = tmp_path_factory.mktemp("deployed")
    write_series(folder / "series", 3, size=64)
    opened = runs.opened_images(folder / "run", "htj2k", folder / "series")
    try:
        with ExitStack() as stack:
            port, _ = stack.enter_context(servers.gateway(folder, opened.data_root, opened.environment))
            stack.enter_context(servers.nginx(folder, opened.nginx_port, opened.nginx_part(port)))
            yield (
                opened,
                dict(zip(BOTH, (f"http://127.0.0.1:{p}" for p in (port, opened.nginx_port)), strict=True)),
            )
    except servers.ServerMissing as missing:
        pytest.skip(str(missing))


def get(address: str, path: str, token: str = "", **headers: str) -> requests.Response:
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return requests.get(address + path, headers={"Accept": runs.AS_STORED, **headers}, timeout=10)


def test_nginx_sends_the_same_frames_as_the_application(deployed):
    opened, address = deployed
    for uid in opened.instances:
        path = f"{opened.base}/instances/{uid}/frames/1"
        ours, theirs = (get(address[name], path, opened.token) for name in BOTH)
        assert ours.status_code == theirs.status_code == 200
        assert ours.content == theirs.content
        for header in (
            "Content-Type",
            "Cache-Control",
            "Vary",
            "X-Content-Type-Options",
            "Content-Security-Policy",
        ):
            assert ours.headers[header] == theirs.headers[header], header
        # File times and sizes would tell a repeat from its first showing.
        assert "Last-Modified" not in theirs.headers
        assert "ETag" not in theirs.headers


@pytest.mark.parametrize("name", BOTH)
def test_without_a_capability_frames_are_absent(deployed, name):
    opened, addresses = deployed
    address, (uid, *_) = addresses[name], opened.instances
    path = f"{opened.base}/instances/{uid}/frames/1"
    absent = get(address, f"{opened.base}/instances/2.25.1/frames/1", opened.token)
    assert (absent.status_code, absent.content) == (404, b"Not found.\n")
    other_presentation = path.replace(path.split("/")[2], "00000000-0000-4000-8000-000000000000")
    for denied in (
        get(address, path),
        get(address, path, "wrong"),
        get(address, other_presentation, opened.token),
        get(address, path.replace("/frames/1", "/frames/2"), opened.token),
    ):
        assert (denied.status_code, denied.content) == (404, absent.content)
        assert denied.headers["Content-Type"] == absent.headers["Content-Type"]


@pytest.mark.parametrize("name", BOTH)
def test_other_forms_come_from_the_application(deployed, name):
    opened, address = deployed
    path = f"{opened.base}/instances/{opened.instances[0]}/frames/1"
    raw = get(address[name], path, opened.token, Accept="application/octet-stream")
    assert len(raw.content) == 64 * 64 * 2
    assert get(address[name], path, opened.token, Accept="text/html").status_code == 406


@pytest.mark.parametrize("name", BOTH)
def test_verdicts_are_for_the_web_server_only(deployed, name):
    opened, address = deployed
    presentation = "/".join(opened.base.split("/")[:3])
    for headers in ({}, {"X-Image-Verdict-Key": "0" * 64}):
        answer = get(address[name], f"{presentation}/verdict", opened.token, **headers)
        assert answer.status_code == 404
        assert "X-Image-Root" not in answer.headers


def test_nginx_asks_for_verdicts_by_itself_only(deployed):
    opened, address = deployed
    answer = get(address["nginx"], "/rs-verdict", opened.token)
    assert answer.status_code == 404
    assert "X-Image-Root" not in answer.headers


@pytest.fixture(scope="module")
def both_workers(deployed, tmp_path_factory):
    """The application under gunicorn's own worker and under ours; yields their ports, gunicorn's first."""
    opened, _ = deployed
    with ExitStack() as stack:
        ports = []
        for worker in ("gthread", "readerstudy.imaging.worker.ImageWorker"):
            folder = tmp_path_factory.mktemp("worker")
            gateway = servers.gateway(folder, opened.data_root, opened.environment, worker=worker)
            ports.append(stack.enter_context(gateway)[0])
        yield ports


def _answers(port: int, requests_: list[bytes]) -> list[tuple[str, dict[str, str], bytes]]:
    """Send requests over one connection, each after the answer before; returns (status, headers, body) of each."""
    out = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        stream = connection.makefile("rb")
        for request in requests_:
            connection.sendall(request)
            status = stream.readline().decode().strip()
            headers = {}
            while line := stream.readline().decode().strip():
                name, _, value = line.partition(": ")
                headers[name.lower()] = value
            out.append((status, headers, stream.read(int(headers.get("content-length", 0)))))
    return out


def test_the_short_way_answers_as_gunicorn_does(deployed, both_workers):
    opened, _ = deployed
    frame = f"{opened.base}/instances/{opened.instances[0]}/frames/1"
    series = opened.base
    asked = [
        (frame, {}),
        (f"{series}/metadata", {"Accept": "application/dicom+json", "Accept-Encoding": "gzip"}),
        (f"{series}/metadata", {"Accept": "application/dicom+json"}),
        (frame, {"Accept": "image/png"}),
        (frame.replace("frames/1", "frames/9"), {}),
        (f"{series}/instances", {"Accept": "application/dicom+json"}),
        (frame, {"Authorization": "Bearer wrong"}),
        (frame, {}),
    ]
    usual = {"Host": "localhost", "Accept": runs.AS_STORED, "Authorization": f"Bearer {opened.token}"}
    sent = [
        f"GET {path} HTTP/1.1\r\n".encode()
        + "".join(f"{name}: {value}\r\n" for name, value in (usual | headers).items()).encode()
        + b"\r\n"
        for path, headers in asked
    ]
    found = {}
    for port in both_workers:
        found[port] = _answers(port, sent)
        # A second showing of the frame, and one whose sender reads nothing of it before going away.
        etag = found[port][0][1]["etag"]
        found[port] += _answers(port, [sent[0][:-2] + f"If-None-Match: {etag}\r\n\r\n".encode(), sent[0]])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(sent[0])
        both = _answers(port, [sent[0][:-2] + b"Connection: close\r\n\r\n"])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(sent[0] + sent[4])
            pipelined = connection.makefile("rb").read(len(both[0][2]) + 900)
        found[port] += both
        assert pipelined.count(b"HTTP/1.1 ") == 2
    for ours, theirs in zip(*found.values(), strict=True):
        for _, headers, _ in (ours, theirs):
            headers.pop("date")
            policy = headers["content-security-policy"].split("; ")
            headers["content-security-policy"] = "; ".join(sorted(policy))
        assert ours == theirs
    statuses = [status.split()[1] for status, _, _ in next(iter(found.values()))]
    assert statuses == ["200", "200", "200", "406", "404", "200", "404", "200", "304", "200", "200"]


def _wait_until_read(connection: socket.socket) -> None:
    """Wait until the server's program has read what was sent: the kernel holds nothing for it (proc_net_tcp)."""
    (_, ours), (_, theirs) = connection.getsockname(), connection.getpeername()
    server_end = f"0100007F:{theirs:04X} 0100007F:{ours:04X}"
    deadline = time.monotonic() + 10
    while True:
        (line,) = [line for line in Path("/proc/net/tcp").read_text().splitlines() if server_end in line]
        if line.split()[4].endswith(":00000000"):
            return
        assert time.monotonic() < deadline, "the server reads nothing"


def _talk(port: int, pieces: list[bytes]) -> list[str]:
    """Send pieces of requests, each once the one before was read, the last with "close"; returns the statuses."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces[:-1]:
            connection.sendall(piece)
            _wait_until_read(connection)
        connection.sendall(pieces[-1])
        said = connection.makefile("rb").read()
    return re.findall(r"HTTP/1\.[01] (\d{3})", said.decode("latin-1"))


def test_requests_of_every_odd_form_are_answered_as_gunicorn_does(deployed, both_workers):
    opened, _ = deployed
    path = f"{opened.base}/instances/{opened.instances[0]}/frames/1"
    line = f"GET {path} HTTP/1.1\r\n".encode()
    heads = (
        f"Host: localhost\r\nAccept: {runs.AS_STORED}\r\nAuthorization: Bearer {opened.token}\r\n".encode()
    )
    last = line + heads + b"Connection: close\r\n\r\n"
    whole = line + heads + b"\r\n"
    talks = {
        "one after another": ([whole, whole, last], ["200", "200", "200"]),
        "cut in the middle of the line": ([whole[:40], whole[40:], last], ["200", "200"]),
        "cut in the middle of a header": ([whole[:-30], whole[-30:], last], ["200", "200"]),
        "cut before the end": ([whole[:-2], b"\r\n", last], ["200", "200"]),
        "two at once": ([whole + whole, last], ["200", "200", "200"]),
        "one and a half": ([whole + whole[:50], whole[50:], last], ["200", "200", "200"]),
        "with a body": (
            [line + heads + b"Content-Length: 4\r\n\r\nGET ", last],
            ["200", "200"],
        ),
        "with a body that comes late": (
            [line + heads + b"Content-Length: 4\r\n\r\n", b"GET ", last],
            ["200", "200"],
        ),
        "with a body that reads like a request": (
            [line + heads + f"Content-Length: {len(whole)}\r\n\r\n".encode() + whole, last],
            ["200", "200"],
        ),
        "with a body in chunks": (
            [line + heads + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", last],
            ["200", "200"],
        ),
        "with two lengths": ([line + heads + b"Content-Length: 0\r\nContent-Length: 4\r\n\r\n"], ["400"]),
        "with a length and chunks": (
            [line + heads + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
            ["400"],
        ),
        "with a folded header": ([line + heads + b"X-Long: one\r\n two\r\n\r\n"], ["400"]),
        "with a name that is no name": ([line + heads + b"X Long: one\r\n\r\n"], ["400"]),
        "with lower-case names": ([line + heads.lower() + b"connection: close\r\n\r\n"], ["404"]),
        "without a capability": ([line + b"Host: localhost\r\nConnection: close\r\n\r\n"], ["404"]),
        "with a question": ([last.replace(b"frames/1 ", b"frames/1?a=1 ")], ["200"]),
        "with an escape": ([last.replace(b"frames/1 ", b"frames/%31 ")], ["200"]),
        "by its whole address": ([last.replace(b"GET /", b"GET http://localhost/")], ["200"]),
        "an older protocol": ([last.replace(b"HTTP/1.1", b"HTTP/1.0")], ["200"]),
        "another method": ([last.replace(b"GET /", b"HEAD /")], ["200"]),
        "more than a head": ([line + heads + b"X-Long: " + b"a" * 9000 + b"\r\n\r\n"], ["431"]),
    }
    theirs, ours = (
        {name: _talk(port, pieces) for name, (pieces, _) in talks.items()} for port in both_workers
    )
    assert ours == theirs
    assert ours == {name: statuses for name, (_, statuses) in talks.items()}


def test_more_connections_than_threads_are_all_served(deployed, tmp_path):
    opened, _ = deployed
    frame = f"{opened.base}/instances/{opened.instances[0]}/frames/1"
    headers = f"Host: localhost\r\nAccept: {runs.AS_STORED}\r\nAuthorization: Bearer {opened.token}\r\n"
    request = f"GET {frame} HTTP/1.1\r\n{headers}\r\n".encode()
    folder = tmp_path / "many"
    folder.mkdir()
    with (
        servers.gateway(folder, opened.data_root, opened.environment) as (port, _),
        ThreadPoolExecutor(24) as clients,
    ):
        answers = [clients.submit(_answers, port, [request] * 20) for _ in range(24)]
        bodies = {body for answer in answers for status, _, body in answer.result() if "200" in status}
        assert len(bodies) == 1
        assert sum(len(answer.result()) for answer in answers) == 24 * 20
