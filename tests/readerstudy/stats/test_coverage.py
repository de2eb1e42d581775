"""
Coverage of the nominal 95 % intervals on simulated joints nested in patients.

The fast form runs 250 studies and takes a band of four binomial standard deviations around 95 %. The full
form (``-m full``) runs 4,000 and asks for 93-97 %.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from readerstudy.stats import simulation

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "statistics_coverage.json"


@pytest.fixture(scope="module")
def truth():
    return simulation.population()


RUNS = 250
BAND = 4 * math.sqrt(0.95 * 0.05 / RUNS)


@pytest.fixture(scope="module")
def short(truth):
    return simulation.run(runs=RUNS, seed=20, truth=truth)


def test_the_clustered_intervals_cover_in_a_short_run(short):
    outside = {c.name: c.clustered for c in short if abs(c.clustered - 0.95) > BAND}
    assert not outside
    assert sum(c.clustered for c in short) / len(short) > 0.93


def test_intervals_that_ignore_the_patients_are_visibly_too_short(short):
    compared = [c for c in short if not math.isnan(c.naive)]
    assert len(compared) >= 20
    assert sum(c.naive for c in compared) / len(compared) < 0.92
    # The band of the test above is narrow enough to find one of them.
    assert {c.name: c for c in compared}["Bland-Altman bias"].naive < 0.95 - BAND


@pytest.mark.full
def test_the_clustered_intervals_cover_93_to_97_percent(truth):
    result = simulation.run(runs=4000, seed=1, truth=truth)
    outside = {c.name: c.clustered for c in result if not 0.93 <= c.clustered <= 0.97}
    assert not outside


def test_the_documented_table_is_of_a_full_run_and_within_the_band():
    table = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    assert table["runs"] >= 4000
    assert (table["patients"], table["joints"]) == (100, 10)
    for row in table["rows"]:
        assert 0.93 <= row["clustered"] <= 0.97, row["figure"]
        assert row["naive"] is None or row["naive"] < row["clustered"], row["figure"]
