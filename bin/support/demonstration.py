"""``bash bin/demo``: set up, make the demonstration, start web and worker, stop both cleanly."""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from checking import CheckFailed, check_everything
from environment import (
    ROOT,
    SetUpFailed,
    digest_of,
    prepare_front_end,
    prepare_python,
    prepare_translations,
    say,
)

START_SECONDS, STOP_SECONDS = 180.0, 25.0


class Stopped(Exception):
    """Ctrl-C, or a request to end."""


class Died(Exception):
    """One of the two processes ended by itself."""


@dataclass
class Process:
    """A process of the demonstration, with its own log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: list[str], environment: Mapping[str, str], folder: Path) -> "Process":
        log = folder / f"{name}.log"
        # A session of its own: Ctrl-C reaches this script alone, which then stops both in order.
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=stream, stderr=stream, start_new_session=True
            )
        return cls(name, process, log)

    def check(self) -> None:
        status = self.process.poll()
        if status is not None:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
            raise Died(f"The {self.name} process ended (exit {status}). The end of {self.log}:\n{tail}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()

    def wait(self) -> None:
        try:
            self.process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            say(
                f"The {self.name} process does not end; it is killed. Its work is taken up at the next start."
            )
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def free_port(wanted: int) -> int:
    """Return the port to listen on: the one wanted, or any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            raise SetUpFailed(f"Port {wanted} is in use: choose another with --port.") from None
        return int(probe.getsockname()[1])


def prepare_data(
    python: Path,
    environment: Mapping[str, str],
    data: Path,
    *,
    without_model: bool,
    small: bool,
    phantoms: Path | None,
) -> None:
    """
    Bring the database and the static files up to date and make the studies that are missing.

    Parameters
    ----------
    phantoms : Path or None
        Where the drawn patients are kept for another demonstration; None keeps them until this one is made.
    """
    sources = [
        *sorted(ROOT.glob("readerstudy/*/migrations")),
        *sorted(ROOT.glob("*/migrations")),
        *sorted(ROOT.glob("inference/weights")),
        ROOT / "readerstudy" / "demo",
        ROOT / "static",
        ROOT / "constraints.txt",
    ]
    # A model may be added later to what was made without one.
    digest = digest_of(sources, "without model" if without_model else "with model")
    stamp = data / "made-from"
    if stamp.exists() and stamp.read_text() == digest:
        return
    for arguments in (
        ["migrate", "--verbosity", "0"],
        ["collectstatic", "--no-input", "--verbosity", "0"],
        [
            "make_demo",
            *(["--without-model"] if without_model else []),
            *(["--open-cases", "4", "--finished-cases", "5"] if small else []),
            *(["--phantoms", str(phantoms.resolve())] if phantoms else []),
        ],
    ):
        finished = subprocess.run([python, "manage.py", *arguments], cwd=ROOT, env=environment)
        if finished.returncode:
            raise SetUpFailed(f"manage.py {arguments[0]} failed; its own message is above.")
    stamp.write_text(digest)


def web_command(python: Path, port: int) -> list[str]:
    return [
        str(python.parent / "gunicorn"),
        "--config",
        "python:readerstudy.web_server",
        "--bind",
        f"127.0.0.1:{port}",
        "--graceful-timeout",
        "5",
    ]


def worker_command(python: Path, without_model: bool) -> list[str]:
    queues = "default" if without_model else "default,inference.cpu,train"
    command = [str(python.parent / "celery"), "-A", "readerstudy", "worker", "--pool=solo", "-Q", queues]
    return [*command, "--without-gossip", "--without-mingle", "--without-heartbeat"]


def wait_for_web(port: int, processes: list[Process]) -> None:
    address = f"http://127.0.0.1:{port}/sign-in/"
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        for process in processes:
            process.check()
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                if answer.status == 200:
                    return
        except urllib.error.HTTPError as error:
            raise Died(f"{address} answers {error.code}; see {processes[0].log}") from None
        except OSError:
            time.sleep(0.1)
    raise Died(f"The web process did not answer within {START_SECONDS:g} s; see {processes[0].log}")


def introduce(port: int, data: Path, without_model: bool) -> None:
    accounts = json.loads((data / "demo-accounts.json").read_text())
    say(f"\nReaderStudy runs at  http://127.0.0.1:{port}/\n")
    say("  account       password              what this person does")
    for name, password in accounts["passwords"].items():
        say(f"  {name:<13} {password:<21} {accounts['does'][name]}")
    say("\nAll patients are synthetic and all doctors are simulated.")
    if without_model:
        say("Without the model: no inference runs, and the finished study compares doctors only.")
        say("With it: bash bin/demo   (installs torch)")
    say(f"Data and logs: {data}    Ctrl-C stops it.\n")


def serve(options: argparse.Namespace, python: Path, environment: dict[str, str], data: Path) -> int:
    port = free_port(options.port)
    logs = data / "log"
    logs.mkdir(exist_ok=True)
    processes: list[Process] = []
    try:
        processes.append(Process.start("web", web_command(python, port), environment, logs))
        processes.append(
            Process.start("worker", worker_command(python, options.without_model), environment, logs)
        )
        wait_for_web(port, processes)
        if options.check:
            check_everything(f"http://127.0.0.1:{port}", data, with_model=not options.without_model)
            for process in processes:
                process.check()
            return 0
        introduce(port, data, options.without_model)
        while True:
            for process in processes:
                process.check()
            time.sleep(1.0)
    finally:
        for process in processes:
            process.stop()
        for process in processes:
            process.wait()


def _ask_to_stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bash bin/demo", description="Sets up and starts the demonstration."
    )
    parser.add_argument(
        "--check", action="store_true", help="start, sign in as every role, open a case, stop"
    )
    parser.add_argument(
        "--port", type=int, default=None, help="8000 by default; any free one with --check or 0"
    )
    parser.add_argument(
        "--data", type=Path, default=ROOT / "var" / "demo", help="data root; var/demo by default"
    )
    parser.add_argument("--without-model", action="store_true", help="without torch: no inference")
    parser.add_argument(
        "--small", action="store_true", help="9 synthetic patients instead of 28: a quick look"
    )
    parser.add_argument(
        "--phantoms",
        type=Path,
        metavar="FOLDER",
        help="keep the synthetic patients below FOLDER and take from there what was drawn before",
    )
    options = parser.parse_args()
    options.port = options.port if options.port is not None else (0 if options.check else 8000)
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, _ask_to_stop)
    started = time.monotonic()
    try:
        free_port(options.port)  # said before minutes of set-up
        python = prepare_python("requirements-web.txt" if options.without_model else "requirements.txt")
        prepare_front_end(python)
        prepare_translations(python)
        data = options.data.resolve()
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
            "READERSTUDY_DATA_ROOT": str(data),
            # The demonstration's phantoms can be drawn again; their originals need no second copy.
            "READERSTUDY_KEEP_ORIGINALS": "0",
            "READERSTUDY_LOG_LEVEL": os.environ.get("READERSTUDY_LOG_LEVEL", "WARNING"),
            "PYTHONUNBUFFERED": "1",
        }
        prepare_data(
            python,
            environment,
            data,
            without_model=options.without_model,
            small=options.small,
            phantoms=options.phantoms,
        )
        say(f"Ready after {time.monotonic() - started:.1f} s.")
        return serve(options, python, environment, data)
    except Stopped:
        say("Stopped.")
        return 0 if not options.check else 130
    except SetUpFailed as error:
        print(error, file=sys.stderr)
        return 2
    except (Died, CheckFailed) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
