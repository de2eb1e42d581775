"""
Every guard of blinding has been seen to guard: a planted leak or fault turns its named tests red.

Each plant replaces a few words of the running code in a process of its own and runs the tests that must
notice. The suite plants a share of them, another one every day; the long form plants all.
"""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from django.utils import timezone

from tests.blinding.sabotage.planting import planted
from tests.blinding.sabotage.plants import PLANTS
from tests.servers import ROOT

# Tests that take long: the crawl asks every address. They are left to the long form.
SLOW = (
    "test_canary_crawl",
    "test_marks_crawl",
    "test_reading_order",
    "readerstudy/analysis",
    "test_field_sets",
)
SHARE = 8


def sabotage(names: list[str], folder: Path, *, baseline: bool) -> dict[str, dict[str, list[str]]]:
    """Plant each in one child process and return what became of its tests."""
    chosen = [plant for plant in PLANTS if plant.name in names]
    files = sorted({test.partition("::")[0] for plant in chosen for test in plant.tests})
    report = folder / "report.json"
    command = [
        sys.executable,
        *("-m", "pytest", "-q", "-p", "tests.blinding.sabotage.plugin", "-p", "no:cacheprovider"),
        *("--plants", ",".join(names), "--plants-report", str(report)),
        *([] if baseline else ["--without-baseline"]),
        *files,
    ]
    held = {"READERSTUDY_DATA_ROOT", "READERSTUDY_TEST_REPORT", "READERSTUDY_CI", "PYTEST_ADDOPTS"}
    environment = {name: value for name, value in os.environ.items() if name not in held}
    finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert report.exists(), finished.stdout[-3000:] + finished.stderr[-3000:]
    return json.loads(report.read_text())


def unnoticed(report: dict[str, dict[str, list[str]]]) -> list[str]:
    """Return every test that is not as it must be: green without a plant, red with its own."""
    wrong = []
    for plant, tests in report.items():
        wanted = "red" if plant else "green"
        for test, (outcome, message) in tests.items():
            if outcome != wanted:
                wrong.append(f"{plant or 'nothing planted'}: {test} is {outcome}: {message}")
    return wrong


def quick() -> list[str]:
    return [plant.name for plant in PLANTS if not any(word in test for test in plant.tests for word in SLOW)]


def todays(names: list[str], day: date) -> list[str]:
    """Return a share of the plants that moves on every day and has come round to all after some."""
    start = day.toordinal() * SHARE % len(names)
    return [*names[start:], *names[:start]][:SHARE]


def test_plants_are_many_and_named_once():
    assert len(PLANTS) >= 25
    assert len({plant.name for plant in PLANTS}) == len(PLANTS)
    assert all(plant.tests and plant.what for plant in PLANTS)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_every_plant_fits_the_code(plant, request):
    """Also those that only the long form plants: words that are gone from the source plant nothing."""
    if plant.at_call:
        request.getfixturevalue("db")
    with planted(plant):
        pass


def test_every_quick_plant_has_its_day():
    names = quick()
    seen = {name for day in range(len(names)) for name in todays(names, date.fromordinal(700_000 + day))}
    assert seen == set(names)
    assert len(names) >= 20


def test_todays_plants_are_noticed(tmp_path):
    names = todays(quick(), timezone.now().date())
    report = sabotage(names, tmp_path, baseline=False)
    assert set(report) == set(names)
    assert not unnoticed(report), "\n".join(unnoticed(report))


@pytest.mark.full
def test_every_plant_is_noticed(tmp_path):
    report = sabotage([plant.name for plant in PLANTS], tmp_path, baseline=True)
    wrong = unnoticed(report)
    kept = os.environ.get("READERSTUDY_SABOTAGE_REPORT")
    if kept:
        Path(kept).write_text(json.dumps(report, indent=1) + "\n")
    assert set(report) == {"", *(plant.name for plant in PLANTS)}
    assert not wrong, "\n".join(wrong)
