"""Pure packages load no framework; the web process loads no model library. Asked of fresh processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, copy_packages

FRAMEWORKS = {"django", "celery", "rest_framework", "kombu"}
MODEL_LIBRARIES = {"torch", "monai", "sklearn", "safetensors"}


def modules_loaded_by(statement: str, root: Path, *, extra_path: Path | None = None) -> set[str]:
    """Return the modules that a fresh Python has loaded after `statement`."""
    code = f"import json, sys\n{statement}\nprint('\\n' + json.dumps(sorted(sys.modules)))"
    path = [str(root), *([str(extra_path)] if extra_path else [])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
    }
    finished = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    return set(json.loads(finished.stdout.splitlines()[-1]))


def loaded_by(statement: str, root: Path, *, extra_path: Path | None = None) -> set[str]:
    """Return the top-level packages that a fresh Python has loaded after `statement`."""
    return {name.split(".")[0] for name in modules_loaded_by(statement, root, extra_path=extra_path)}


def test_package_init_is_empty():
    assert (ROOT / "readerstudy" / "__init__.py").read_bytes() == b""


@pytest.mark.parametrize(
    "module", ["readerstudy.stats", "readerstudy.dicom", "readerstudy.phantom", "inference.engine"]
)
def test_pure_package_loads_no_framework(module):
    assert loaded_by(f"import {module}", ROOT) & FRAMEWORKS == set()


def test_planted_framework_is_seen(tmp_path):
    root = copy_packages(tmp_path)
    (root / "readerstudy" / "__init__.py").write_text("from readerstudy.celery import app\n")
    assert "celery" in loaded_by("import readerstudy.stats", root)


WEB = (
    "from readerstudy.wsgi import application\n"
    "from django.urls import get_resolver\n"
    "get_resolver().url_patterns\n"
)


def _data_root(monkeypatch, tmp_path):
    monkeypatch.setenv("READERSTUDY_DATA_ROOT", str(tmp_path / "data"))


# What Celery does before a worker takes its first job.
WORKER = "import django\ndjango.setup()\nfrom readerstudy.celery import app\napp.loader.init_worker()\n"


def test_web_process_loads_no_model_library(monkeypatch, tmp_path):
    _data_root(monkeypatch, tmp_path)
    loaded = modules_loaded_by(WEB, ROOT)
    assert {name.split(".")[0] for name in loaded} & MODEL_LIBRARIES == set()
    # Before it forks: loaded later, every web worker would load it for itself while somebody waits.
    assert "scipy.optimize" in loaded


def test_a_worker_that_starts_loads_its_tasks_and_no_page(monkeypatch, tmp_path):
    _data_root(monkeypatch, tmp_path)
    loaded = modules_loaded_by(WORKER, ROOT)
    assert {"readerstudy.core.tasks", "readerstudy.analysis.tasks", "inference.tasks"} <= loaded
    assert loaded & {"readerstudy.urls", "scipy.optimize", "torch"} == set()


def test_planted_model_library_is_seen(monkeypatch, tmp_path):
    _data_root(monkeypatch, tmp_path)
    root = copy_packages(tmp_path / "copy")
    stand_in = tmp_path / "path" / "torch"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").write_text("")
    views = root / "readerstudy" / "accounts" / "views.py"
    views.write_text(f"import torch\n{views.read_text()}")
    assert "torch" in loaded_by(WEB, root, extra_path=tmp_path / "path")
