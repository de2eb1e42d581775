"""Servers that tests start for themselves on free ports, and stop by process id."""

import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path


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
