"""The parent's side of a bounded child process: what it is asked, what it answers, and how long it may take."""

import collections
import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from readerstudy.dicom import fast_json
from readerstudy.dicom.limits import Limits
from readerstudy.imaging.child_maker import Child, ChildMaker

TOO_SLOW = "reading the file took longer than one image may"
DIED = "reading the file ended the reading process (too much memory, or damage)"


class CannotWrite(Exception):
    """There is no room for what was read, which says nothing of the file; the message is for coordinators."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"Images cannot be written: {why}. What was stored stays. Make room on the disk and start again; "
            "files that are in are not read twice."
        )


_SECONDS_TO_START = 60.0
# While bytes of an answer come its end is waited for a moment longer: the child stood still where nobody read them.
_GRACE_S = 1.0
# Requests lie in a pipe until the child comes to them: so many bytes fit into the smallest, and writing never waits.
_REQUEST_BYTES = 48 * 1024


def _line(request: dict[str, Any]) -> bytes:
    # Not orjson: a path may hold bytes that are no text.
    return json.dumps(request).encode() + b"\n"


@dataclass(frozen=True)
class _Asked:
    """One request that has no answer yet, as the line that the child reads, and the seconds it may take."""

    line: bytes
    seconds: float


class ReaderProcess:
    """
    One child that reads files of unknown origin; made when needed, replaced when it dies.

    Requests may be made ahead (`ask`, then `answer` in the same order), so that the child goes on while the parent
    is busy; `wait_for_answers` waits for several children at once. Whatever ends the child is laid to the request that
    it was at; those behind it go to the next child.

    Parameters
    ----------
    limits : Limits
        Memory, time and size bounds.
    maker : ChildMaker, optional
        Shared by several; one of its own by default.
    recycle_after : int
        Number of files after which a fresh child takes over, so that leaks of decoders stay small.
    """

    def __init__(self, limits: Limits, *, maker: ChildMaker | None = None, recycle_after: int = 2000) -> None:
        self._limits = limits
        self._owns_maker = maker is None
        self._maker = maker or ChildMaker(limits)
        self._recycle_after = recycle_after
        self._child: Child | None = None
        self._buffer = bytearray()
        self._ready = self._ended = False
        self._asked: collections.deque[_Asked] = collections.deque()
        # Of the requests without an answer, how many the present child has got, and their bytes.
        self._handed = self._handed_bytes = 0
        self._read = self._answered = 0
        # When the child came to the request that it is at, as far as is known here.
        self._began = 0.0
        self.peak_memory_bytes = 0

    def __enter__(self) -> "ReaderProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process_id(self) -> int | None:
        """The present child's process id; None between two children, and until a child has told it."""
        return self._child.process_id if self._child is not None else None

    def stop(self) -> None:
        """End the child, if there is one."""
        self._end_child()
        if self._owns_maker:
            self._maker.stop()

    def _end_child(self) -> None:
        child, self._child, self._handed, self._handed_bytes = self._child, None, 0, 0
        self._ready = self._ended = False
        self._buffer.clear()
        if child is None:
            return
        # The number of a process that has ended may be another's by now. One that has not told it ends with its pipes.
        if child.process_id is not None and self._maker.is_child(self._note_peak(child.process_id)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child.process_id, signal.SIGKILL)
        child.close()

    def _note_peak(self, process: int) -> str:
        """Keep the largest resident memory of the child so far; returns what the system says of the process."""
        try:
            status = Path(f"/proc/{process}/status").read_text()
        except OSError:
            return ""
        for line in status.splitlines():
            if line.startswith("VmHWM:"):
                self.peak_memory_bytes = max(self.peak_memory_bytes, int(line.split()[1]) * 1024)
        return status

    def _start(self) -> Child:
        child = self._child = self._maker.child()
        self._read, self._began = 0, time.monotonic()
        return child

    def _write(self, line: bytes) -> None:
        child = self._child or self._start()
        with contextlib.suppress(BrokenPipeError):
            # A child that has ended is noticed where its answer is awaited.
            while line:
                line = line[os.write(child.requests, line) :]

    @property
    def _answers(self) -> int:
        """The pipe in which answers come."""
        return (self._child or self._start()).answers

    def _take_line(self) -> dict[str, Any] | None:
        """Return the next line that has come; None where none has."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return None
        line: dict[str, Any] = fast_json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        self._began = time.monotonic()
        return line

    def _fill(self) -> None:
        """Take what the child has written; called when there is something, or nothing more will come."""
        block = os.read(self._answers, 1 << 20)
        self._ended = not block
        self._buffer += block
        if not self._ready and (line := self._take_line()) is not None:
            self._ready = bool(line.get("ready"))
            if self._child is not None:
                self._child.process_id = line.get("process")

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """
        Return the next answer, None where the child died; a refusal where the time is over.

        Parameters
        ----------
        seconds : float
            How long the child may take from the moment that it came to the request.
        """
        answers, came = self._answers, 0.0
        while not self._ready or (answer := self._take_line()) is None:
            if not self._ended:
                deadline = self._began + (seconds if self._ready else _SECONDS_TO_START)
                if self._buffer:
                    deadline = max(deadline, came + _GRACE_S)
                if select.select([answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    self._fill()
                    came = time.monotonic()
                    continue
            if not self._ready:
                self._end_child()
                raise RuntimeError("The process that reads images does not start.")
            return None if self._ended else {"refused": TOO_SLOW, "fatal": True}
        return answer

    def read(self, path: Path, out: Path, *, syntax: str) -> dict[str, Any]:
        """
        Read one file and have its frames written beside `out`.

        Returns the fields of `dicom.intake.Intake`, or ``{"refused": reason}``.
        """
        self.ask(path, out, syntax=syntax)
        return self.answer()

    def ask(self, path: Path, out: Path, *, syntax: str) -> None:
        """Ask for what `read` returns, without waiting for it; at most some dozens ahead (they lie in a pipe)."""
        self._ask({"do": "read", "path": str(path), "out": str(out), "syntax": syntax}, path)

    def deidentify(self, path: Path, out: Path, *, key: bytes, patient_id: str) -> dict[str, Any]:
        """
        Write the de-identified copy of one file to `out`.

        Returns ``{"done": True}`` or ``{"refused": reason}``.
        """
        request = {
            "do": "deidentify",
            "path": str(path),
            "out": str(out),
            "key": key.hex(),
            "patient_id": patient_id,
        }
        return self._request(request, path)

    def _request(self, request: dict[str, Any], path: Path) -> dict[str, Any]:
        self._ask(request, path)
        return self.answer()

    def _ask(self, request: dict[str, Any], path: Path) -> None:
        seconds = self._limits.seconds_for(path.stat().st_size)
        self._asked.append(_Asked(_line(request | {"seconds": seconds}), seconds))
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the child what it has not got yet; a fresh one, once its time has come."""
        if self._child is not None and self._read >= self._recycle_after:
            if self._handed:
                return
            self._end_child()
        while self._handed < len(self._asked):
            line = self._asked[self._handed].line
            is_full = self._handed_bytes + len(line) > _REQUEST_BYTES or self._read >= self._recycle_after
            if is_full and self._handed:
                return
            if not self._handed:
                self._began = time.monotonic()
            self._write(line)
            self._handed += 1
            self._handed_bytes += len(line)
            self._read += 1

    @property
    def has_answer(self) -> bool:
        """Whether `answer` would return without waiting: one has come, none will, or the time is over."""
        is_over = self._ended or time.monotonic() >= self.deadline
        return is_over or b"\n" in self._buffer

    @property
    def deadline(self) -> float:
        """When the time of the earliest request without an answer is over, by `time.monotonic`."""
        return self._began + (self._asked[0].seconds if self._ready else _SECONDS_TO_START)

    def answer(self) -> dict[str, Any]:
        """
        Return the answer to the earliest request that has none.

        Raises
        ------
        CannotWrite
            If the child found no room for what it read: nothing is said of the file then.
        """
        # A child that has ended may have left answers.
        self._hand_over()
        asked = self._asked.popleft()
        answer = self._answer(asked.seconds)
        if answer is None or answer.get("fatal"):
            # It may have ended by its own alarm, where nobody looked at its time here.
            was_late = time.monotonic() >= self._began + asked.seconds
            self._end_child()
            return answer or {"refused": TOO_SLOW if was_late else DIED}
        self._handed -= 1
        self._handed_bytes -= len(asked.line)
        self._answered += 1
        if self._answered % 50 == 0 and self._child is not None:
            self._note_peak(self._child.process_id or 0)
        if "not_written" in answer:
            raise CannotWrite(answer["not_written"])
        return answer

    def expand(self, path: Path, out: Path) -> Iterator[tuple[str, str, str]]:
        """
        Take an archive file apart; yields (name inside, number or "", reason or "").

        The last tuple has no name where the archive as a whole was refused.
        """
        self._write(_line({"do": "expand", "path": str(path), "out": str(out)}))
        while True:
            self._began = time.monotonic()
            answer = self._answer(60)
            if answer is not None and "not_written" in answer:
                raise CannotWrite(answer["not_written"])
            if answer is None or "refused" in answer:
                yield "", "", (answer or {"refused": DIED})["refused"]
                if answer is None or answer.get("fatal"):
                    self._end_child()
                return
            if answer.get("done"):
                return
            yield answer["name"], answer["number"], answer["reason"]


def wait_for_answers(readers: Sequence[ReaderProcess]) -> None:
    """
    Wait until one of several reading processes has an answer; each must have been asked for one.

    Returns at once where one has; else when an answer comes, a child ends, or the time of one is over.
    """
    for reader in readers:
        reader._hand_over()
    if any(reader.has_answer for reader in readers):
        return
    by_place = {reader._answers: reader for reader in readers}
    rest = min(reader.deadline for reader in readers) - time.monotonic()
    for place in select.select(list(by_place), [], [], max(0.0, rest))[0]:
        by_place[place]._fill()
