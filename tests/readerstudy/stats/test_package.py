"""Importing the package is cheap and pure, and its page in the documentation is up to date."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from readerstudy.stats.registry.document import document

ROOT = Path(__file__).resolve().parents[3]


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout


def test_importing_everything_loads_neither_web_nor_model_libraries():
    code = (
        "import sys, readerstudy.stats as s\n"
        "[getattr(s, name) for name in s._MODULE_OF]\n"
        "bad = {'django', 'celery', 'torch', 'rest_framework', 'sklearn', 'statsmodels', 'pandas'}\n"
        "bad |= {'scipy.stats'}\n"
        "print(sorted(bad & set(sys.modules)))"
    )
    assert python(code).strip() == "[]"


def test_importing_the_package_alone_loads_no_numpy():
    assert python("import sys, readerstudy.stats; print('numpy' in sys.modules)").strip() == "False"


def test_importing_everything_costs_less_than_twice_scipy_stats():
    timed = "import time; t = time.process_time(); {}; print(time.process_time() - t)"
    everything = "import readerstudy.stats as s; [getattr(s, n) for n in s._MODULE_OF]"
    ours = statistics.median(float(python(timed.format(everything))) for _ in range(3))
    scipy = statistics.median(float(python(timed.format("import scipy.stats"))) for _ in range(3))
    assert ours < 2 * scipy + 0.1


def test_an_unknown_name_is_an_attribute_error():
    import readerstudy.stats as stats

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = stats.nothing
    assert "clustered_kappa" in dir(stats)


def test_the_documentation_is_what_the_registry_says():
    page = ROOT / "docs" / "statistics.md"
    assert page.read_text(encoding="utf-8") == document(), (
        "run: python -m readerstudy.stats --document > docs/statistics.md"
    )


def test_every_module_is_short_enough():
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "readerstudy" / "stats").rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 420
    }
    assert not long
