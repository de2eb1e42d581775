"""Several reading processes at work on one import: the order, who waits for whom, and what ends them."""

import fcntl
import os
import select
import signal
import termios
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from readerstudy.dicom.archive_file import members
from readerstudy.dicom.limits import Limits
from readerstudy.dicom.refusal import is_no_room
from readerstudy.imaging.intake_queue import Item, Work, folder_source
from readerstudy.imaging.reader_process import DIED, TOO_SLOW, CannotWrite, ReaderProcess, wait_for_answers
from readerstudy.imaging.reading_pool import AHEAD, WAITING, ReadingPool
from tests.readerstudy.imaging.images import image

pytestmark = pytest.mark.usefixtures("settings")


def _work(folder, **fields) -> Work:
    staging = folder / "staging"
    staging.mkdir()
    return Work(batch="of-a-test", staging=staging, limits=Limits(), skip=frozenset(), **fields)


def _copies(folder, number: int, size: int = 32):
    """Return a folder of `number` files that hold the same image."""
    source = folder / "source"
    source.mkdir()
    original = image(folder / "original", size)
    for place in range(number):
        os.link(original, source / f"{place:05d}.dcm")
    return source


def _pool(limits: Limits | None = None) -> ReadingPool:
    return ReadingPool(limits or Limits(), processes=2, syntax="explicit-le")


def _ask(reader: ReaderProcess, path, out) -> ReaderProcess:
    reader.ask(path, out, syntax="explicit-le")
    return reader


def test_more_files_than_may_wait_come_in_the_order_of_their_names(tmp_path):
    number = 2 * WAITING + 3
    work = _work(tmp_path)

    items = list(_pool().read(folder_source(_copies(tmp_path, number)), work))

    assert [item.name for item in items] == [f"{place:05d}.dcm" for place in range(number)]
    assert all(item.answer.get("n_frames") == 1 for item in items)
    assert sorted(path.name for path in work.staging.iterdir()) == [
        f"f{n:07d}_1" for n in range(1, number + 1)
    ]


def test_a_source_without_end_is_never_asked_for_more_than_may_wait(tmp_path):
    """The first file takes long, and the other process could read hundreds meanwhile."""
    small, given = image(tmp_path / "small", 32), 0
    first = image(tmp_path / "large", 8000)

    def endless(work, _):
        nonlocal given
        while True:
            given += 1
            yield work.item(str(given), path=small if given > 1 else first)

    items = ReadingPool(Limits(), processes=2, syntax="jpeg-ls").read(endless, _work(tmp_path))
    for turn in range(1, WAITING):
        assert next(items).name == str(turn)
        assert given <= turn + WAITING - 1
    items.close()


def test_a_slow_file_keeps_its_place_while_others_are_read(tmp_path):
    source, work = _copies(tmp_path, 3 * AHEAD), _work(tmp_path)
    image(source / "00000-large.dcm", 6000)
    (source / "00000.dcm").unlink()

    items = list(ReadingPool(Limits(), processes=2, syntax="jpeg-ls").read(folder_source(source), work))

    assert [item.name for item in items] == sorted(path.name for path in source.iterdir())
    assert all(item.answer.get("n_frames") == 1 for item in items)
    written = [(work.staging / f"f{number:07d}_1").stat().st_mtime_ns for number in range(1, len(items) + 1)]
    # The other process did not wait for the large one.
    assert sum(each < written[0] for each in written) >= 2


def _children(of: int | None = None) -> list[int]:
    """Return the reading processes below this one: who divides, and the children of it."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
            command = status.with_name("cmdline").read_bytes()
        except OSError:
            continue
        if f"PPid:\t{of or os.getpid()}\n" in text and b"readerstudy.dicom.child" in command:
            process = int(status.parent.name)
            found += [process, *_children(process)]
    return found


def test_whoever_stops_listening_leaves_no_process(tmp_path):
    idle = set(_children())
    # Bounds of its own: whatever is kept of other tests does not suit.
    items = _pool(Limits(seconds_per_file=9.5)).read(folder_source(_copies(tmp_path, 80)), _work(tmp_path))
    next(items)
    processes = set(_children()) - idle
    assert len(processes) == 3
    items.close()
    assert not any(_state(process)[0] not in ("X", "Z") for process in processes)


def test_a_full_disk_ends_the_import_and_refuses_no_file(tmp_path):
    """`/dev/full` takes no byte: nothing is said of the file, which is sound."""
    source, work = _copies(tmp_path, 3), _work(tmp_path)
    (work.staging / "f0000002_1").symlink_to("/dev/full")
    taken: list[Item] = []
    with pytest.raises(CannotWrite, match=r"No space left on device. What was stored stays"):
        taken.extend(_pool().read(folder_source(source), work))
    assert all("refused" not in item.answer for item in taken)


def test_a_copy_without_identity_is_not_written_to_a_full_disk_either(tmp_path):
    with ReaderProcess(Limits()) as reader, pytest.raises(CannotWrite):
        reader.deidentify(image(tmp_path / "a", 32), Path("/dev/full"), key=b"0" * 32, patient_id="P1")


class _FullDisk:
    """A folder without room: whatever is opened in it takes no byte."""

    def __truediv__(self, name: str) -> "_FullDisk":
        return self

    def open(self, mode: str) -> Any:
        return open("/dev/full", "wb")

    def unlink(self, *, missing_ok: bool = False) -> None:
        """Nothing was made."""


def test_an_archive_file_is_not_refused_for_want_of_room(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(image(tmp_path / "a", 256), "a.dcm")
    with pytest.raises(OSError, match="No space left") as raised:
        list(members(tmp_path / "a.zip", _FullDisk(), Limits()))
    assert is_no_room(raised.value)


def test_a_child_that_nobody_watches_ends_itself(tmp_path):
    """Its own alarm: the parent is away, as during a long commit, and finds an ended child."""
    large, small = image(tmp_path / "large", 4096), image(tmp_path / "small", 64)
    with ReaderProcess(Limits()) as reader:
        _ask(reader, small, tmp_path / "first")
        assert reader.answer()["n_frames"] == 1
        child = reader.process_id
        reader._limits = Limits(seconds_per_file=0.05)
        before = _state(child)[1]
        reader.ask(large, tmp_path / "second", syntax="jpeg-ls")
        _until(lambda: _state(child)[1] >= before + 5)
        # In the middle of it, with the alarm set: time goes by, and the child does not.
        os.kill(child, signal.SIGSTOP)
        _until(lambda: _waits_for(child, signal.SIGALRM))
        os.kill(child, signal.SIGCONT)
        _until(lambda: _state(child)[0] in ("Z", "X"))
        assert reader.answer() == {"refused": TOO_SLOW}
        reader._limits = Limits()
        _ask(reader, small, tmp_path / "third")
        assert reader.answer()["n_frames"] == 1
        assert reader.process_id != child


def _until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a state of another process, which tells nobody when it comes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        select.select([], [], [], 0.01)


def _waits_for(child: int, number: int) -> bool:
    """Whether a signal has come to a process that stands still."""
    status = Path(f"/proc/{child}/status").read_text()
    pending = next(line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:"))
    return bool(int(pending, 16) >> (number - 1) & 1)


def _state(child: int) -> tuple[str, int]:
    """Return a process's state and the hundredths of a second that it computed."""
    try:
        fields = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()
    except FileNotFoundError:
        return "X", 0
    return fields[0], int(fields[11])


def test_a_long_answer_that_nobody_read_in_time_is_still_one(tmp_path):
    """The pipe is full and the time is over: the child had answered, and only its reader was late."""
    path = image(tmp_path / "a", 64)
    dataset = pydicom.dcmread(path)
    tables = [Dataset() for _ in range(3)]
    for table in tables:
        table.LUTDescriptor, table.LUTData = [30000, 0, 16], list(range(10000, 40000))
        table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    dataset.VOILUTSequence = tables
    dataset.save_as(path)
    with ReaderProcess(Limits(seconds_per_file=0.5)) as reader:
        _ask(reader, path, tmp_path / "first")
        while not reader._ready:
            wait_for_answers([reader])
        _until(lambda: _bytes_in(reader._answers) > 200_000 and time.monotonic() > reader.deadline)
        assert reader.answer()["n_frames"] == 1


def _bytes_in(pipe: int) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little")


def test_waiting_for_several_returns_with_the_first_answer_and_with_an_end(tmp_path):
    path = image(tmp_path / "a", 64)
    with ReaderProcess(Limits()) as one, ReaderProcess(Limits()) as other:
        for number, reader in enumerate((one, other)):
            _ask(reader, path, tmp_path / f"begin-{number}")
            assert reader.answer()["n_frames"] == 1
        os.kill(other.process_id, signal.SIGSTOP)
        _ask(other, path, tmp_path / "other")
        _ask(one, path, tmp_path / "one")
        while not one.has_answer:
            wait_for_answers([one, other])
        assert not other.has_answer
        assert one.answer()["n_frames"] == 1
        os.kill(other.process_id, signal.SIGKILL)
        while not other.has_answer:
            wait_for_answers([other])
        assert other.answer() == {"refused": DIED}


def test_answers_of_many_files_wait_for_their_reader(tmp_path):
    """Asked for far ahead, with names as long as names may be: neither side stands still before the other."""
    folder = tmp_path
    for _ in range(3):
        folder /= "x" * 240
    folder.mkdir(parents=True)
    path = image(folder / ("y" * 240), 32)
    with ReaderProcess(Limits()) as reader:
        for number in range(200):
            _ask(reader, path, folder / f"{number:04d}")
        assert [reader.answer().get("n_frames") for _ in range(200)] == [1] * 200
