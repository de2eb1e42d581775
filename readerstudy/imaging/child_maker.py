"""Where reading processes come from: one process that has loaded what reading needs, and divides."""

import atexit
import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

from django.conf import settings

from readerstudy.dicom.limits import Limits

_SECONDS_TO_END = 2.0
# Answers of a few dozen images, so that a child goes on while nobody reads them.
_ANSWER_BYTES = 256 * 1024


@dataclass
class Child:
    """A process that answers: its pipes, and its id once it has told it."""

    requests: int
    answers: int
    process_id: int | None = None

    def close(self) -> None:
        """Close the pipes."""
        os.close(self.requests)
        os.close(self.answers)


class ChildMaker:
    """
    A process that has loaded what reading files needs, and divides into children that read.

    Started when first needed, and again where it was ended.

    Parameters
    ----------
    limits : Limits
        Bounds of each child.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def __enter__(self) -> "ChildMaker":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process that divides, once its children have ended; children that have not go on without it."""
        process, self._process = self._process, None
        control, self._control = self._control, None
        if control is not None:
            control.close()
        if process is not None:
            try:
                process.wait(timeout=_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def leave(self) -> None:
        """Forget the process that divides without ending it: in a fork of the process that started it."""
        self._process = None
        control, self._control = self._control, None
        if control is not None:
            control.close()

    def child(self) -> Child:
        """Return a new child; what it is asked waits until it is there."""
        asked, requests = os.pipe()
        answers, answering = os.pipe()
        with contextlib.suppress(OSError):
            # Refused where an account has many pipes already: then the child waits for its reader sooner.
            fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, _ANSWER_BYTES)
        try:
            if self._control is None:
                self._start()
            try:
                self._send(asked, answering)
            except OSError:
                self.stop()
                self._start()
                self._send(asked, answering)
        except BaseException:
            os.close(requests)
            os.close(answers)
            raise
        finally:
            os.close(asked)
            os.close(answering)
        return Child(requests, answers)

    def is_child(self, status: str) -> bool:
        """Whether ``/proc/<process>/status`` is of a process that this one made."""
        return self._process is not None and f"\nPPid:\t{self._process.pid}\n" in status

    def _send(self, *places: int) -> None:
        assert self._control is not None  # noqa: S101  (started before)
        socket.send_fds(self._control, [b"c"], places)

    def _start(self) -> None:
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
        first = {"limits": self._limits.as_json(), "look_for_text": settings.READERSTUDY_LOOK_FOR_TEXT}
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  (this program, and figures of the settings)
                [sys.executable, "-m", "readerstudy.dicom.child", json.dumps(first)],
                stdin=theirs,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environment,
                # Not the data root: a folder there could shadow a library's plug-ins.
                cwd="/",
                umask=0o077,
                start_new_session=True,
            )


class _Kept:
    """The maker that this process keeps from one import to the next, and what it was started with."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: tuple[tuple[Limits, bool], ChildMaker] | None = None
        atexit.register(self.drop)
        # It belongs to the process that started it.
        os.register_at_fork(after_in_child=self._leave)

    def take(self, key: tuple[Limits, bool]) -> ChildMaker | None:
        """Return what is kept, to nobody else until it is put back; None where nothing suits."""
        with self._lock:
            if self._held is None or self._held[0] != key:
                return None
            maker = self._held[1]
            self._held = None
            return maker

    def put(self, key: tuple[Limits, bool], maker: ChildMaker) -> None:
        """Keep a maker, in the place of whatever is kept."""
        with self._lock:
            before, self._held = self._held, (key, maker)
        if before is not None:
            before[1].stop()

    def drop(self) -> None:
        """End what is kept."""
        with self._lock:
            before, self._held = self._held, None
        if before is not None:
            before[1].stop()

    def _leave(self) -> None:
        self._lock = threading.Lock()
        before, self._held = self._held, None
        if before is not None:
            before[1].leave()


_kept = _Kept()


@contextlib.contextmanager
def lent_maker(limits: Limits) -> Iterator[ChildMaker]:
    """
    Lend a maker that is kept for the next who asks: a job worker starts one, not one for each import.

    Two at once get one each, of which one is kept. What an exception ends is not kept; a process that ends takes
    its maker with it.
    """
    key = (limits, bool(settings.READERSTUDY_LOOK_FOR_TEXT))
    maker = _kept.take(key) or ChildMaker(limits)
    try:
        yield maker
    except BaseException:
        maker.stop()
        raise
    _kept.put(key, maker)
