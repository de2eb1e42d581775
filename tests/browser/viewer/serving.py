"""The product's WSGI application over a database and a data root of its own, with the viewer's test pages."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = "tests.browser.viewer.serving_settings"


@dataclass
class ViewerSite:
    """A running site: its address, its process, where its data lie."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path
    environment: dict[str, str]

    @classmethod
    def start(cls, sources: Path, *, database: Path | None = None) -> "ViewerSite":
        """
        Start gunicorn on a free port of 127.0.0.1, showing folders below `sources`.

        Parameters
        ----------
        database : Path or None
            A migrated SQLite file to begin with a copy of; None migrates a new one, which takes seconds.
        """
        folder = Path(tempfile.mkdtemp(prefix="readerstudy-viewer-"))
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "READERSTUDY_DATA_ROOT": str(folder / "data"),
            "READERSTUDY_VIEWER_SOURCES": str(sources),
            "READERSTUDY_LOG_LEVEL": "WARNING",
        }
        (folder / "data").mkdir(mode=0o700)
        if database is not None:
            shutil.copyfile(database, folder / "data" / "database.sqlite3")
        else:
            migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
            subprocess.run(migrate, cwd=ROOT, env=environment, check=True)
        port = free_port()
        log = (folder / "log").open("wb")
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", "python:readerstudy.web_server"),
                # One process, because the test pages keep in it what they took in.
                *("--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "6", "--keep-alive", "30"),
                *("--log-level", "warning"),
            ],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
        site = cls(f"http://127.0.0.1:{port}", process, folder, environment)
        site._await()
        return site

    def _await(self) -> None:
        for _ in range(60):
            try:
                urllib.request.urlopen(f"{self.url}/static/css/tokens.css", timeout=2)
            except urllib.error.HTTPError:
                return
            except OSError:
                try:
                    self.process.wait(0.25)
                except subprocess.TimeoutExpired:
                    continue
                break
            else:
                return
        raise RuntimeError(f"the site did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop the site and remove its data."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
