"""A Celery worker as a process of its own, on a data root of its own, that a test may kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

from tests.servers import Redis

ROOT = Path(__file__).resolve().parents[2]


class Site:
    """One installation in a folder: commands, a worker to start and kill, and its database to look into."""

    def __init__(self, data_root: Path, broker: Redis | None = None, **environment: str) -> None:
        self.data_root = data_root
        self.broker = broker
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("READERSTUDY_")},
            "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
            "READERSTUDY_DATA_ROOT": str(data_root),
            "READERSTUDY_JOB_LEASE_SECONDS": "10",
            "READERSTUDY_JOB_REAP_SECONDS": "1",
            "READERSTUDY_IMPORT_PROCESSES": "1",
            "OMP_NUM_THREADS": "1",
            **({"READERSTUDY_BROKER_URL": broker.url} if broker else {}),
            **environment,
        }
        self.worker: subprocess.Popen[bytes] | None = None

    def manage(self, *words: object) -> str:
        """Run a management command; returns what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, words)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start_worker(self, processes: int = 1) -> None:
        log = (self.data_root / "worker.log").open("ab")
        self.worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "readerstudy", "worker"),
                *("-Q", "default,inference.cpu", "-c", str(processes), "--loglevel", "WARNING"),
                *("--without-gossip", "--without-mingle"),
            ],
            cwd=ROOT,
            env=self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()

    def children(self) -> list[int]:
        """Process ids of the worker's children."""
        assert self.worker is not None
        text = Path(f"/proc/{self.worker.pid}/task/{self.worker.pid}/children").read_text()
        return [int(word) for word in text.split()]

    def kill_child(self) -> bool:
        """SIGKILL one child that does the work; the worker's main process stays."""
        children = self.children()
        if children:
            os.kill(children[0], signal.SIGKILL)
        return bool(children)

    def kill_worker(self) -> None:
        """SIGKILL the worker with all its children: as when the machine loses power."""
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait(timeout=30)
        self.worker = None

    def kill_broker(self) -> None:
        """Every message is lost: Redis is killed, or the queue's folder is emptied under the worker."""
        if self.broker is not None:
            self.broker.kill()
            return
        for path in (self.data_root / "queue" / "messages").iterdir():
            path.unlink(missing_ok=True)

    def start_broker(self) -> None:
        """Where it was; a queue of files needs none."""
        if self.broker is not None:
            self.broker = Redis.start(self.data_root.parent, self.broker.port)

    def stop(self) -> None:
        if self.worker is not None:
            self.kill_worker()
        if self.broker is not None:
            self.broker.kill()

    def ask(self, sql: str) -> list[tuple]:
        """Look into the database from outside."""
        connection = sqlite3.connect(self.data_root / "database.sqlite3", timeout=30)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def job_states(self, kind: str = "inference.run") -> dict[str, int]:
        return dict(
            self.ask(f"SELECT state, COUNT(*) FROM core_job WHERE kind = '{kind}' GROUP BY state")  # noqa: S608
        )

    def log(self) -> str:
        return (self.data_root / "worker.log").read_text(errors="replace")


def wait_until(condition, seconds: float, what: str):
    """Poll a condition a few times a second; fails with `what` after `seconds`."""
    pause = threading.Event()
    for _ in range(int(seconds * 5)):
        found = condition()
        if found:
            return found
        pause.wait(0.2)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")
