"""What is loaded before the web server's workers part from it must be safe to share."""

import os
import subprocess
import sys

from tests.architecture.tree import ROOT

# Loads the application as gunicorn's first process does, then says what a fork would share and break.
LOADING = """
import os, sys, threading
import readerstudy.web_server
import readerstudy.wsgi
from django.db import connections

open_files = [os.readlink(f"/proc/self/fd/{each}") for each in os.listdir("/proc/self/fd")
              if os.path.exists(f"/proc/self/fd/{each}")]
print("threads", threading.active_count())
print("connections", [alias for alias in connections if connections[alias].connection is not None])
print("databases", [name for name in open_files if "sqlite3" in name])
print("torch", "torch" in sys.modules)
print("pages", "grading.views" in sys.modules)
"""


def test_loading_opens_nothing_that_workers_would_share(tmp_path):
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "READERSTUDY_DATA_ROOT": str(tmp_path),
    }
    environment.pop("READERSTUDY_DATABASE_URL", None)
    command = [sys.executable, "-c", LOADING]
    said = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said.splitlines() == [
        "threads 1",
        "connections []",
        "databases []",
        "torch False",
        "pages True",
    ]
