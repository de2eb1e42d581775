"""Servers under measurement: started on free ports of 127.0.0.1, ended by their process id."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from django.conf import settings


class ServerMissing(Exception):
    """A server that the measurement needs is not installed."""


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def executable(*names: str) -> str:
    """Return the path of a program. Raises `ServerMissing`."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if found:
            return found
    raise ServerMissing(f"{names[0]} is not installed (Debian package {names[0].lower()})")


def _tree(pid: int) -> list[int]:
    out = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                out += _tree(int(child))
    return out


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its children have used, those that have ended among them, in seconds."""
    ticks = 0
    for member in set(_tree(pid)):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            # User and system time, its own and that of the children that it has seen off.
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def running(command: list[str], port: int, *, environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """Run a server until the block ends; yields its process id once it accepts connections."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, stdout=stream, stderr=stream, env=dict(environment), cwd=log.parent
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None or time.monotonic() > deadline:
                raise ServerMissing(f"{command[0]} did not start: {log.read_text(errors='replace')[-800:]}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def gateway(
    folder: Path,
    data_root: Path,
    extra: Mapping[str, str],
    *,
    worker: str = "readerstudy.imaging.worker.ImageWorker",
) -> Iterator[tuple[int, int]]:
    """Run the product as it is deployed (gunicorn, two workers of four threads); yields (port, pid)."""
    port = free_port()
    environment = {
        **os.environ,
        "READERSTUDY_DATA_ROOT": str(data_root),
        "READERSTUDY_LOG_LEVEL": "WARNING",
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "PYTHONPATH": str(settings.BASE_DIR),
        **extra,
    }
    command = [
        *(sys.executable, "-m", "gunicorn", "--config", "python:readerstudy.web_server"),
        *("--bind", f"127.0.0.1:{port}", "--worker-class", worker, "--keep-alive", "30"),
    ]
    with running(command, port, environment=environment, log=folder / "gunicorn.log") as pid:
        yield port, pid


ORTHANC_USER, ORTHANC_PASSWORD = "benchmark", "benchmark"


@contextlib.contextmanager
def orthanc(folder: Path) -> Iterator[tuple[int, int]]:
    """Run Orthanc with its DICOMweb plugin and HTTP authentication; yields (port, pid)."""
    port, dicom_port = free_port(), free_port()
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    if not plugin.exists():
        raise ServerMissing("Orthanc's DICOMweb plugin is not installed (Debian package orthanc-dicomweb)")
    storage = folder / "orthanc"
    storage.mkdir(exist_ok=True)
    configuration = folder / "orthanc.json"
    configuration.write_text(
        json.dumps(
            {
                "Name": "test archive",
                "HttpPort": port,
                "DicomPort": dicom_port,
                "DicomServerEnabled": False,
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {ORTHANC_USER: ORTHANC_PASSWORD},
                "StorageDirectory": str(storage),
                "IndexDirectory": str(storage),
                "KeepAlive": True,
                "Plugins": [str(plugin)],
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    command = [executable("Orthanc"), str(configuration)]
    with running(command, port, environment=os.environ, log=folder / "orthanc.log") as pid:
        yield port, pid


_PLAIN = """\
worker_processes 2; daemon off; pid {folder}/nginx-{port}.pid; error_log {folder}/nginx-{port}.err;
{user}
events {{ worker_connections 512; }}
http {{
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000;
    client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {inside}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, port: int, inside: str) -> Iterator[tuple[int, int]]:
    """Run nginx with the http block part `inside`, which listens on `port`; yields (port, pid)."""
    # Started by root, workers would be "nobody" and could not read what belongs to this process.
    user = "user root;" if os.geteuid() == 0 else ""
    path = folder / f"nginx-{port}.conf"
    path.write_text(_PLAIN.format(folder=folder, port=port, inside=inside, user=user))
    command = [executable("nginx"), "-p", str(folder), "-c", str(path), "-e", str(folder / "nginx.err")]
    with running(command, port, environment=os.environ, log=folder / f"nginx-{port}.log") as pid:
        yield port, pid


@contextlib.contextmanager
def scratch(name: str) -> Iterator[Path]:
    """Yield an empty folder that is removed with everything in it."""
    with tempfile.TemporaryDirectory(prefix=f"readerstudy-{name}-") as folder:
        yield Path(folder)
