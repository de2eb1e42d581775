"""Everything marked `both_databases` once more, on a private PostgreSQL."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MARK = "both_databases"


def _files_with_the_mark() -> list[str]:
    """Return the test files in which the mark is written: to collect all others takes half a minute of a processor."""
    found = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if f"mark.{MARK}" in path.read_text()
    ]
    # Where a test could come by the mark otherwise, looking for it in the test's own file would pass the test by.
    elsewhere = [str(path) for path in found if not path.name.startswith("test_")]
    assert not elsewhere, f"write the mark {MARK} in the test's own file, not in {elsewhere}"
    return [str(path) for path in found]


def test_marked_tests_pass_on_postgresql(postgresql_url, tmp_path):
    environment = {
        **os.environ,
        "READERSTUDY_DATABASE_URL": postgresql_url,
        "READERSTUDY_DATA_ROOT": str(tmp_path / "data"),
    }
    environment.pop("READERSTUDY_TEST_REPORT", None)
    finished = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", MARK, "-p", "no:cacheprovider", *_files_with_the_mark()],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout[-12000:] + finished.stderr[-4000:]
    passed = re.search(r"(\d+) passed", finished.stdout)
    assert passed
    assert int(passed.group(1)) >= 20


@pytest.mark.both_databases
@pytest.mark.django_db
def test_the_marker_reaches_the_database_that_was_asked_for():
    from django.db import connection

    wanted = os.environ.get("READERSTUDY_DATABASE_URL", "sqlite").split(":")[0]
    assert connection.vendor == {"postgres": "postgresql", "sqlite": "sqlite"}[wanted]
