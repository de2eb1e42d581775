"""``bash bin/demo`` as a person starts it: every role can work, a second start is quick, Ctrl-C stops all."""

import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.architecture.tree import ROOT


@pytest.fixture
def environment():
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("READERSTUDY_", "DJANGO_"))
    }
    return {**kept, "READERSTUDY_VENV": sys.prefix}


def read_until(stream, pattern: str, seconds: float) -> re.Match[str]:
    """Read lines until one fits; select on the pipe, so that a silent process does not hang the suite."""
    until, text = time.monotonic() + seconds, ""
    while time.monotonic() < until:
        ready, _, _ = select.select([stream], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            break
        chunk = os.read(stream.fileno(), 65536).decode()
        if not chunk:
            break
        text += chunk
        found = re.search(pattern, text)
        if found:
            return found
    raise AssertionError(f"{pattern!r} was not said:\n{text}")


def test_check_then_start_then_stop(tmp_path, environment, drawn_patients):
    data = tmp_path / "demo"
    command = ["bash", "bin/demo", "--small", "--data", str(data), "--phantoms", str(drawn_patients)]

    checked = subprocess.run(
        [*command, "--check"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "All roles can work." in checked.stdout
    for role in ("reader1", "reader2", "senior", "panel"):
        assert re.search(rf"{role} +opened a case: .* first frame [1-9]", checked.stdout), checked.stdout
    assert re.search(r"pi +opened the results of .*R1", checked.stdout)

    made = {path: path.stat().st_mtime_ns for path in (data / "made-from", data / "demo-accounts.json")}
    with subprocess.Popen(
        [*command, "--port", "0"], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as demo:
        found = read_until(demo.stdout, r"http://127\.0\.0\.1:(\d+)/[\s\S]*Ctrl-C", 240)
        port = int(found.group(1))
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/sign-in/", timeout=30) as answer:
            assert answer.status == 200
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
    # What takes minutes was not done again.
    assert {path: path.stat().st_mtime_ns for path in made} == made
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_port_in_use_is_said_before_anything_is_set_up(tmp_path, environment):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finished = subprocess.run(
            ["bash", "bin/demo", "--port", str(port), "--data", str(tmp_path / "demo")],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert finished.returncode == 2
    assert finished.stderr.strip() == f"Port {port} is in use: choose another with --port."
    assert not (tmp_path / "demo").exists()


def test_python_that_is_too_old_gets_a_remedy_and_exit_2(tmp_path, environment):
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\nexit 1\n")
        program.chmod(0o755)
    for command in ("demo", "test"):
        finished = subprocess.run(
            ["/bin/bash", f"bin/{command}"],
            cwd=ROOT,
            env={**environment, "PATH": f"{tmp_path}:/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert finished.returncode == 2
        assert "apt-get install python3 python3-venv" in finished.stderr
