"""Where reading processes come from: one process that has loaded what reading needs, and divides."""

import contextlib
import fcntl
import json
import os
import socket
import subprocess
import sys
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
