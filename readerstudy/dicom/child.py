"""
The child process: reads requests from a pipe, one JSON object a line, and answers each.

``python -m readerstudy.dicom.child`` knows no database, no key and no network. It bounds its own memory before it
imports anything that parses, and then divides: for each pair of pipes that arrives on its standard input (a socket)
there is a process that answers, without the time that the imports take. Its parent bounds its time; an alarm of its own
ends it where the parent is busy with other things. A request it cannot answer becomes a refusal; if it dies, the parent
refuses the file and asks for another one.
"""

import contextlib
import gc
import json
import os
import resource
import signal
import socket
import sys
import types
from pathlib import Path
from typing import Any, BinaryIO

from readerstudy.dicom import fast_json

# Behind the parent's own bound, which gives the better answer.
_ALARM_LATER_S = 1.0


def _bound(memory_bytes: int, file_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))


def _send(stream: BinaryIO, answer: dict[str, Any]) -> None:
    stream.write(fast_json.dumps(answer) + b"\n")
    stream.flush()


class _NoDownload(types.ModuleType):
    """
    Stands for the part of pydicom that downloads sample files: HTTP and TLS, a tenth of the start.

    Whatever is asked of it is there, as nothing that can be called.
    """

    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)


def _see_off(options: int) -> None:
    """Take leave of processes that have ended: until then their numbers are nobody else's."""
    with contextlib.suppress(ChildProcessError):
        while os.waitid(os.P_ALL, 0, options) is not None:
            continue


def _divided(control: socket.socket) -> tuple[BinaryIO, BinaryIO]:
    """Return in a new process for each pair of pipes that arrives; this process ends after all of them."""
    while True:
        _, places, _, _ = socket.recv_fds(control, 1, 2)
        if len(places) != 2:
            _see_off(os.WEXITED)
            os._exit(0)
        _see_off(os.WEXITED | os.WNOHANG)
        if os.fork() == 0:
            control.close()
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            return os.fdopen(places[0], "rb"), os.fdopen(places[1], "wb")
        for place in places:
            os.close(place)


def main() -> None:
    """Divide for each pair of pipes, and answer requests until the pipe ends."""
    first = json.loads(sys.argv[1])
    control = socket.socket(fileno=os.dup(0))
    # Libraries that print (GDCM, libjpeg) must not reach anybody, nor their words the logs.
    null = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(null, place)
    from readerstudy.dicom.limits import Limits

    limits = Limits(**first["limits"])
    _bound(limits.memory_bytes, max(limits.file_bytes, limits.inflated_bytes) * 2)
    # What is imported stays: it need not be gone through for garbage, now or after each file.
    gc.disable()
    import logging
    import warnings

    # This process knows no network and decodes with imagecodecs alone: pydicom then does without its downloads and
    # its own decoders, and starts in half the time.
    for name in (
        "requests",
        "gdcm",
        "pylibjpeg",
        "openjpeg",
        "libjpeg",
        "rle",
        "jpeg_ls",
        "PIL",
    ):
        sys.modules[name] = None  # type: ignore[assignment]
    sys.modules["pydicom.data.download"] = _NoDownload("pydicom.data.download")
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    from pydicom import config

    config.settings.reading_validation_mode = config.IGNORE
    from readerstudy.dicom.intake import take_in
    from readerstudy.dicom.refusal import Refused, is_no_room

    look_for_text = bool(first["look_for_text"])
    if look_for_text:
        import readerstudy.dicom.lettering  # noqa: F401  (with what is imported once)

    gc.freeze()
    gc.set_threshold(20_000)
    gc.enable()
    asked, out = _divided(control)
    _send(out, {"ready": True, "process": os.getpid()})
    for line in asked:
        request = json.loads(line)
        if "seconds" in request:
            signal.setitimer(signal.ITIMER_REAL, request["seconds"] + _ALARM_LATER_S)
        try:
            if request["do"] == "expand":
                from readerstudy.dicom.archive_file import members

                for name, number, reason in members(Path(request["path"]), Path(request["out"]), limits):
                    _send(out, {"name": name, "number": number, "reason": reason})
                answer: dict[str, Any] = {"done": True}
            elif request["do"] == "deidentify":
                from readerstudy.dicom.deidentify import write_deidentified

                write_deidentified(
                    Path(request["path"]),
                    Path(request["out"]),
                    key=bytes.fromhex(request["key"]),
                    patient_id=request["patient_id"],
                    limits=limits,
                )
                answer = {"done": True}
            else:
                intake = take_in(
                    Path(request["path"]),
                    Path(request["out"]),
                    syntax=request["syntax"],
                    limits=limits,
                    look_for_text=look_for_text,
                )
                answer = intake.as_json()
        except Refused as refusal:
            answer = {"refused": refusal.reason}
        except MemoryError:
            answer = {"refused": "the file needs more memory than one image may"}
        except RecursionError:
            answer = {"refused": "the file nests sequences deeper than any real object"}
        except Exception as error:
            # A full disk says nothing of the file. Whatever else a parser raises on damaged data refuses it; the text
            # of the error may quote it.
            if is_no_room(error):
                answer = {"not_written": str(getattr(error, "strerror", ""))}
            else:
                answer = {"refused": "the file is damaged"}
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(out, answer)


if __name__ == "__main__":
    main()
