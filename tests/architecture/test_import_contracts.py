"""The import contracts of pyproject.toml hold, and each goes red on a planted break."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT, copy_packages


def lint_imports(root: Path) -> tuple[int, str]:
    program = Path(sys.executable).parent / "lint-imports"
    environment = {**os.environ, "PYTHONPATH": str(root), "COLUMNS": "200"}
    finished = subprocess.run(
        [program, "--no-cache", "--config", root / "pyproject.toml"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
    )
    return finished.returncode, finished.stdout + finished.stderr


def test_contracts_hold():
    status, report = lint_imports(ROOT)
    assert status == 0, report


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("readerstudy/studies/selectors.py", "import grading.models", "Data flows one way"),
        (
            "readerstudy/imaging/planted.py",
            "from readerstudy.studies.models import Case",
            "Data flows one way",
        ),
        ("readerstudy/core/planted.py", "import readerstudy.accounts.models", "Data flows one way"),
        ("grading/planted.py", "import inference.models", "Data flows one way"),
        ("inference/planted.py", "import grading.models", "Data flows one way"),
        ("inference/planted.py", "import readerstudy.analysis.models", "Data flows one way"),
        ("readerstudy/stats/planted.py", "import readerstudy.dicom", "Data flows one way"),
        ("grading/models.py", "import grading.selectors", "Inside an app"),
        ("readerstudy/studies/services/planted.py", "import readerstudy.studies.views", "Inside an app"),
        ("readerstudy/stats/planted.py", "import django", "Pure packages know no Django"),
        ("readerstudy/dicom/planted.py", "import django", "Pure packages know no Django"),
        ("readerstudy/phantom/planted.py", "import rest_framework", "Pure packages know no Django"),
        ("inference/engine/planted.py", "import celery", "Pure packages know no Django"),
        # Through another room: the engine's detour would load Django as well.
        ("inference/engine/planted.py", "import readerstudy.core.models", "Pure packages know no Django"),
        ("readerstudy/studies/planted.py", "import torch", "Only the engine imports the model libraries"),
        ("grading/planted.py", "import monai", "Only the engine imports the model libraries"),
        ("grading/planted.py", "import grading.views", "Only URL modules import views"),
        (
            "readerstudy/analysis/planted.py",
            "import readerstudy.studies.views",
            "Only URL modules import views",
        ),
    ],
)
def test_planted_break_is_seen(tmp_path, module, statement, contract):
    root = copy_packages(tmp_path)
    path = root / module
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else ""
    path.write_text(f"{before}\n{statement}\n")

    status, report = lint_imports(root)

    assert status != 0
    assert f"{contract} BROKEN" in report
