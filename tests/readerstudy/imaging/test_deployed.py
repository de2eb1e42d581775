"""The gateway as it is deployed: gunicorn with the fast path, nginx sending the files in front of it."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

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


def test_the_short_way_answers_as_gunicorn_does(deployed, tmp_path):
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
    for worker in ("gthread", "readerstudy.imaging.worker.ImageWorker"):
        folder = tmp_path / worker
        folder.mkdir()
        with servers.gateway(folder, opened.data_root, opened.environment, worker=worker) as (port, _):
            found[worker] = _answers(port, sent)
            # A second showing of the frame, and one whose sender reads nothing of it before going away.
            etag = found[worker][0][1]["etag"]
            found[worker] += _answers(
                port, [sent[0][:-2] + f"If-None-Match: {etag}\r\n\r\n".encode(), sent[0]]
            )
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(sent[0])
            both = _answers(port, [sent[0][:-2] + b"Connection: close\r\n\r\n"])
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(sent[0] + sent[4])
                pipelined = connection.makefile("rb").read(len(both[0][2]) + 900)
            found[worker] += both
            assert pipelined.count(b"HTTP/1.1 ") == 2
    for ours, theirs in zip(*found.values(), strict=True):
        for _, headers, _ in (ours, theirs):
            headers.pop("date")
            policy = headers["content-security-policy"].split("; ")
            headers["content-security-policy"] = "; ".join(sorted(policy))
        assert ours == theirs
    statuses = [status.split()[1] for status, _, _ in next(iter(found.values()))]
    assert statuses == ["200", "200", "200", "406", "404", "200", "404", "200", "304", "200", "200"]


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
