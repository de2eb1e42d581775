"""The process that divides into reading processes: who may have it, how long it stays, and with whom it ends."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings

from readerstudy.dicom.limits import Limits
from readerstudy.imaging.child_maker import ChildMaker, lent_maker
from readerstudy.imaging.reader_process import ReaderProcess
from tests.readerstudy.imaging.images import image

pytestmark = pytest.mark.usefixtures("settings")

# Of these tests alone: what is kept of others does not suit.
LIMITS = Limits(seconds_per_file=9.25)


def _status(process: int, name: str) -> str:
    """Return a line of what the system says of a process, "" where there is none of this number."""
    try:
        text = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return ""
    return next(line.split()[1] for line in text.splitlines() if line.startswith(f"{name}:"))


def _is_there(process: int) -> bool:
    return _status(process, "State") not in ("", "X", "Z")


def _ended(watch: int) -> bool:
    """Wait for the end of a process that `os.pidfd_open` was asked for."""
    try:
        return bool(select.select([watch], [], [], 20)[0])
    finally:
        os.close(watch)


def _read(maker: ChildMaker, path: Path, limits: Limits = LIMITS) -> tuple[int, int]:
    """Read a file with a child of `maker`; returns the process that divided, and the child."""
    with ReaderProcess(limits, maker=maker) as reader:
        assert reader.read(path, path.with_name("out"), syntax="explicit-le")["n_frames"] == 1
        child = reader.process_id or 0
        return int(_status(child, "PPid")), child


@pytest.fixture
def path(tmp_path):
    return image(tmp_path / "image", 32)


def test_one_after_another_share_the_process_that_divides_but_no_child(path):
    with lent_maker(LIMITS) as maker:
        first, one = _read(maker, path)
    with lent_maker(LIMITS) as maker:
        second, other = _read(maker, path)
    assert first == second
    assert one != other
    assert not _is_there(one)


def test_two_at_once_have_one_each_and_one_of_them_is_kept(path):
    with lent_maker(LIMITS) as maker:
        first, _ = _read(maker, path)
        with lent_maker(LIMITS) as other_maker:
            second, _ = _read(other_maker, path)
    assert first != second
    assert _is_there(first)
    assert not _is_there(second)


def test_other_bounds_or_another_setting_are_another_process(path, settings):
    with lent_maker(LIMITS) as maker:
        first, _ = _read(maker, path)
    settings.READERSTUDY_LOOK_FOR_TEXT = not settings.READERSTUDY_LOOK_FOR_TEXT
    with lent_maker(LIMITS) as maker:
        second, _ = _read(maker, path)
    other = Limits(seconds_per_file=9.125)
    with lent_maker(other) as maker:
        third, _ = _read(maker, path, other)
    assert len({first, second, third}) == 3
    assert [_is_there(process) for process in (first, second, third)] == [False, False, True]


def test_what_an_error_ends_is_not_kept(path):
    with contextlib.suppress(ZeroDivisionError), lent_maker(LIMITS) as maker:
        first, _ = _read(maker, path)
        raise ZeroDivisionError
    assert not _is_there(first)


def test_one_that_was_ended_meanwhile_is_started_again(path):
    with lent_maker(LIMITS) as maker:
        first, _ = _read(maker, path)
    watch = os.pidfd_open(first)
    os.kill(first, signal.SIGKILL)
    assert _ended(watch)
    with lent_maker(LIMITS) as maker:
        second, _ = _read(maker, path)
    assert first != second


# Reads, forks, reads in the fork, reads again; prints who divided each time and then waits.
_FORKING = """
import os, sys
from pathlib import Path
import django
django.setup()
from tests.readerstudy.imaging.test_child_maker import LIMITS, _read
from readerstudy.imaging.child_maker import lent_maker
def divided():
    with lent_maker(LIMITS) as maker:
        return _read(maker, Path(sys.argv[1]))[0]
def say(*what):
    print(*what, flush=True)
say(divided())
if os.fork() == 0:
    say(divided())
    os._exit(0)
os.wait()
say(divided())
sys.stdin.read(1)
"""


def test_it_belongs_to_the_process_that_started_it_and_ends_with_it(path):
    with subprocess.Popen(
        [sys.executable, "-c", _FORKING, path],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "readerstudy.settings"},
        cwd=django_settings.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first, of_fork, again = (int(process.stdout.readline()) for _ in range(3))
        assert first == again != of_fork
        # Nobody says good-bye: the end of a pipe does.
        watch = os.pidfd_open(first)
        process.kill()
        process.wait()
        assert _ended(watch)
