"""The import contracts of pyproject.toml hold, and each goes red on a planted break."""

import os
import re
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


# (module, what is written into it, the contract that it breaks)
BREAKS = (
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
    ("grading/models/planted.py", "import grading.selectors", "Inside an app"),
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
)


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What is said of a copy with every break in it: the graph of all modules is the long part, and is made once."""
    root = copy_packages(tmp_path_factory.mktemp("broken"))
    for number, (module, statement, _) in enumerate(BREAKS):
        path = broken_module(root, number, module)
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() if path.exists() else ""
        path.write_text(f"{before}\n{statement}\n")
    status, report = lint_imports(root)
    assert status != 0
    return report


def broken_module(root, number, module):
    """Return the file of a break: one of its own where the module is made for it."""
    return root / module.replace("planted.py", f"planted_{number}.py")


@pytest.mark.parametrize(
    ("number", "planted"), list(enumerate(BREAKS)), ids=[f"{m}-{w}" for m, w, _ in BREAKS]
)
def test_planted_break_is_seen(report, number, planted):
    module, _, contract = planted
    assert f"{contract} BROKEN" in report
    sections = re.split(r"\n(?=[^\n]+\n-{5,}\n)", report)
    (said,) = [each for each in sections if each.startswith(f"{contract}\n-")]
    name = broken_module(ROOT, number, module).relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
    assert name in said
