"""Servers that tests start for themselves on free ports, and stop by process id."""

import os
import pwd
import select
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class PostgreSQLAbsent(Exception):
    """The machine has no PostgreSQL server programs."""


def _programs() -> Path:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    if found:
        return found[0].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    raise PostgreSQLAbsent("no PostgreSQL: apt-get install postgresql")


@dataclass(frozen=True)
class PostgreSQL:
    """A private PostgreSQL that trusts whoever reaches its port on 127.0.0.1."""

    programs: Path
    data: Path
    port: int
    prefix: tuple[str, ...]

    @property
    def url(self) -> str:
        return f"postgres://readerstudy@127.0.0.1:{self.port}/readerstudy"

    @classmethod
    def start(cls, folder: Path) -> "PostgreSQL":
        """
        Make a cluster below `folder` and start it.

        Raises
        ------
        PostgreSQLAbsent
            If the machine has no server programs, or no account that may run them.
        """
        programs, prefix = _programs(), ()
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            try:
                account = pwd.getpwnam("postgres")
            except KeyError:
                raise PostgreSQLAbsent("no account `postgres`: apt-get install postgresql") from None
            os.chown(folder, account.pw_uid, account.pw_gid)
            prefix = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
        server = cls(programs, folder / "cluster", free_port(), prefix)
        make = ("-U", "readerstudy", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        server._run("initdb", "-D", server.data, *make)
        wanted = {
            "listen_addresses": "127.0.0.1",
            "port": server.port,
            "unix_socket_directories": "''",
            "fsync": "off",  # nothing here outlives the run
            "max_connections": 60,
        }
        options = " ".join(f"-c {name}={value}" for name, value in wanted.items())
        server._run("pg_ctl", "-D", server.data, "-l", folder / "log", "-w", "-o", options, "start")
        server._run("createdb", "-h", "127.0.0.1", "-p", str(server.port), "-U", "readerstudy", "readerstudy")
        return server

    def stop(self) -> None:
        self._run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [*self.prefix, str(self.programs / program), *map(str, arguments)]
        # pg_ctl's server inherits its output: a pipe would never end.
        with (self.data.parent / "setup.log").open("ab") as log:
            finished = subprocess.run(command, stdout=log, stderr=log, cwd=self.data.parent)
        if finished.returncode:
            raise RuntimeError(f"{program} failed: {(self.data.parent / 'setup.log').read_text()[-2000:]}")


class RedisAbsent(Exception):
    """The machine has no Redis server program."""


@dataclass
class Redis:
    """A private Redis on 127.0.0.1 that keeps nothing on disk: killed, it forgets every message."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @classmethod
    def start(cls, folder: Path, port: int | None = None) -> "Redis":
        """
        Start a server and wait until it answers.

        Parameters
        ----------
        folder : Path
            For its log.
        port : int, optional
            A free one by default; a server that comes back takes its old one.

        Raises
        ------
        RedisAbsent
            If the machine has no server program.
        """
        program = shutil.which("redis-server")
        if program is None:
            raise RedisAbsent("no Redis: apt-get install redis-server")
        port = port or free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with (folder / "redis.log").open("ab") as log:
            process = subprocess.Popen([program, *options], stdout=log, stderr=log, cwd=folder)
        server = cls(port, process)
        pause = threading.Event()
        for _ in range(300):
            if server._answers():
                return server
            if process.poll() is not None:
                break
            pause.wait(0.1)
        server.kill()
        raise RuntimeError(f"Redis did not start: {(folder / 'redis.log').read_text()[-2000:]}")

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(timeout=20)


def database_url() -> str:
    """Return the address of the running test's database, for another process."""
    from django.db import connection

    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite://{settings['NAME']}"
    return f"postgres://{settings['USER']}@{settings['HOST']}:{settings['PORT']}/{settings['NAME']}"


@dataclass
class Worker:
    """A real Celery worker process over the filesystem transport, on the running test's database."""

    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(
        cls,
        folder: Path,
        *,
        queues: str = "default",
        include: str = "",
        lease_seconds: float = 3.0,
        data_root: Path | None = None,
    ) -> "Worker":
        """
        Start a worker whose queue and log lie below `folder`.

        Parameters
        ----------
        include : str
            A module with job handlers of the test's own.
        lease_seconds : float
            How long the worker's silence is borne.
        data_root : Path, optional
            The data root where it is not `folder`.
        """
        from django.conf import settings

        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
            "READERSTUDY_DATA_ROOT": str(data_root or folder),
            "READERSTUDY_KEY_FILE": str(settings.READERSTUDY_KEY_FILE),
            "READERSTUDY_DATABASE_URL": database_url(),
            "READERSTUDY_JOB_LEASE_SECONDS": str(lease_seconds),
            "READERSTUDY_JOB_REAP_SECONDS": str(lease_seconds / 4),
            "READERSTUDY_BROKER_URL": "filesystem://",
            "READERSTUDY_LOG_LEVEL": "INFO",
        }
        command = [sys.executable, "-m", "celery", "-A", "readerstudy", "worker", "--pool=solo", "-Q", queues]
        command += ["--without-gossip", "--without-mingle", "--loglevel=INFO"]
        command += ["-I", include] if include else []
        log = folder / "worker.log"
        with log.open("ab") as stream:
            process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream, cwd=ROOT)
        return cls(process, log)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        self.process.wait(timeout=20)

    def stop(self) -> None:
        """Ask it to finish what it does and end."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.kill()


class Gate:
    """A named pipe at which a process under test says that it has arrived, without either side polling."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        self._reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        # Held open, so that the pipe does not end between two writers.
        self._keeper = os.open(path, os.O_WRONLY)

    def wait(self, seconds: float = 120.0) -> None:
        """
        Return when somebody has passed.

        Raises
        ------
        TimeoutError
            If nobody came.
        """
        ready, _, _ = select.select([self._reader], [], [], seconds)
        if not ready:
            raise TimeoutError(f"nobody came to {self.path.name} in {seconds:g} s")
        os.read(self._reader, 1)

    def close(self) -> None:
        os.close(self._reader)
        os.close(self._keeper)
