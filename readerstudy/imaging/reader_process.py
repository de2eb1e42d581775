"""The parent's side of the bounded child process."""

import collections
import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from django.conf import settings

from readerstudy.dicom.limits import Limits

TOO_SLOW = "reading the file took longer than one image may"
DIED = "reading the file ended the reading process (too much memory, or damage)"


def _line(request: dict[str, Any]) -> bytes:
    return json.dumps(request).encode() + b"\n"


@dataclass(frozen=True)
class _Asked:
    """One request that has no answer yet, as the line that the child reads, and the seconds it may take."""

    line: bytes
    seconds: float


class ReaderProcess:
    """
    One child that reads files of unknown origin; started when needed, replaced when it dies.

    Requests may be made ahead (`ask`, then `answer` in the same order), so that the child goes on while the parent
    is busy. Whatever ends the child is laid to the request that it was at; those behind it go to the next child.

    Parameters
    ----------
    limits : Limits
        Memory, time and size bounds.
    recycle_after : int
        Number of files after which a fresh child takes over, so that leaks of decoders stay small.
    """

    def __init__(self, limits: Limits, *, recycle_after: int = 2000) -> None:
        self._limits = limits
        self._recycle_after = recycle_after
        self._child: subprocess.Popen[bytes] | None = None
        self._buffer = bytearray()
        self._asked: collections.deque[_Asked] = collections.deque()
        # Of the requests without an answer, how many the present child has got.
        self._handed = 0
        self._read = self._answered = 0
        self.peak_memory_bytes = 0

    def __enter__(self) -> "ReaderProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def process_id(self) -> int | None:
        """The present child's process id, None between two children."""
        return self._child.pid if self._child is not None else None

    def stop(self) -> None:
        """End the child, if there is one."""
        child, self._child, self._handed = self._child, None, 0
        self._buffer.clear()
        if child is None:
            return
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._note_peak(child.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        os.wait4(child.pid, 0)
        child.returncode = -signal.SIGKILL

    def _note_peak(self, pid: int) -> None:
        """
        Keep the largest resident memory of the child so far.

        Not from `wait4`: its `ru_maxrss` counts the parent's memory at the moment of the fork.
        """
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self.peak_memory_bytes = max(self.peak_memory_bytes, int(line.split()[1]) * 1024)

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(settings.BASE_DIR),
            "PYTHONDONTWRITEBYTECODE": "1",
            # One thread each: children share the cores, and idle thread pools cost memory.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # Blocks of an image's size stay with the process instead of going back to the system after each file.
            "MALLOC_MMAP_THRESHOLD_": str(32 * 2**20),
            "MALLOC_TRIM_THRESHOLD_": str(64 * 2**20),
            "LC_ALL": "C.UTF-8",
        }
        child = subprocess.Popen(
            [sys.executable, "-m", "readerstudy.dicom.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            # Not the data root: a folder there could shadow a library's plug-ins.
            cwd="/",
            umask=0o077,
            start_new_session=True,
        )
        self._child, self._read = child, 0
        self._buffer.clear()
        self._write(
            _line({"limits": self._limits.as_json(), "look_for_text": settings.READERSTUDY_LOOK_FOR_TEXT})
        )
        answer = self._answer(time.monotonic() + 60)
        if not answer or not answer.get("ready"):
            self.stop()
            raise RuntimeError("The process that reads images does not start.")
        return child

    def _write(self, line: bytes) -> None:
        stdin, _ = self._streams()
        stdin.write(line)
        stdin.flush()

    def _streams(self) -> tuple[IO[bytes], IO[bytes]]:
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise RuntimeError("No reading process was started.")
        return child.stdin, child.stdout

    def _answer(self, deadline: float) -> dict[str, Any] | None:
        """Return the next answer, None where the child died or the time is over."""
        descriptor = self._streams()[1].fileno()
        while (end := self._buffer.find(b"\n")) < 0:
            rest = deadline - time.monotonic()
            if rest <= 0 or not select.select([descriptor], [], [], rest)[0]:
                return {"refused": TOO_SLOW, "fatal": True}
            block = os.read(descriptor, 1 << 20)
            if not block:
                return None
            self._buffer += block
        answer: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
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
        self._asked.append(_Asked(_line(request), self._limits.seconds_for(path.stat().st_size)))
        with contextlib.suppress(BrokenPipeError):
            # A child that has ended is noticed where its answer is awaited.
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the child what it has not got yet; a fresh one, once its time has come."""
        if self._child is not None and self._read >= self._recycle_after:
            if self._handed:
                return
            self.stop()
        if self._child is None:
            self._start()
        while self._handed < len(self._asked):
            if self._read >= self._recycle_after and self._handed:
                return
            self._write(self._asked[self._handed].line)
            self._handed += 1
            self._read += 1

    def answer(self) -> dict[str, Any]:
        """Return the answer to the earliest request that has none."""
        with contextlib.suppress(BrokenPipeError):
            # A child that has ended may have left answers.
            self._hand_over()
        # It began on this request when it sent the answer before, which is in hand: the time counts from now.
        answer = self._answer(time.monotonic() + self._asked.popleft().seconds)
        if answer is None or answer.get("fatal"):
            self.stop()
            return answer or {"refused": DIED}
        self._handed -= 1
        self._answered += 1
        if self._answered % 50 == 0 and self._child is not None:
            self._note_peak(self._child.pid)
        return answer

    def expand(self, path: Path, out: Path) -> Iterator[tuple[str, str, str]]:
        """
        Take an archive file apart; yields (name inside, number or "", reason or "").

        The last tuple has no name where the archive as a whole was refused.
        """
        if self._child is None:
            self._start()
        try:
            self._write(_line({"do": "expand", "path": str(path), "out": str(out)}))
            while True:
                answer = self._answer(time.monotonic() + 60)
                if answer is None or "refused" in answer:
                    yield "", "", (answer or {"refused": DIED})["refused"]
                    if answer is None or answer.get("fatal"):
                        self.stop()
                    return
                if answer.get("done"):
                    return
                yield answer["name"], answer["number"], answer["reason"]
        except BrokenPipeError:
            self.stop()
            yield "", "", DIED
