"""Every entry of the reference folder, by its `params` alone; the count is printed at the end of the run."""

from __future__ import annotations

import os

import pytest

from . import driver

FOLDER = driver.folder()
ENTRIES = driver.entries(FOLDER) if FOLDER.is_dir() else []

# A folder that was asked for by name must hold entries; only the default one may be absent.
_ASKED = "READERSTUDY_REFERENCE" in os.environ
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(
        not ENTRIES and not _ASKED,
        reason=f"no reference results at {FOLDER}: set READERSTUDY_REFERENCE to their folder",
    ),
]
_OUTCOMES: dict[str, driver.Outcome] = {}


def _outcome(name: str, entry: dict) -> driver.Outcome:
    if name not in _OUTCOMES:
        _OUTCOMES[name] = driver.check(FOLDER, name, entry)
    return _OUTCOMES[name]


@pytest.mark.parametrize(("name", "entry"), ENTRIES, ids=[name for name, _ in ENTRIES])
def test_entry_is_within_its_tolerance(name, entry):
    outcome = _outcome(name, entry)
    assert not outcome.not_covered, f"no function for {outcome.not_covered}"
    assert not outcome.problems, "\n".join(outcome.problems)


def test_all_entries_are_within_tolerance(record_reference):
    assert ENTRIES, f"READERSTUDY_REFERENCE names {FOLDER}, which holds no entries"
    outcomes = [_outcome(name, entry) for name, entry in ENTRIES]
    record_reference(driver.summary(outcomes))
    assert not [o.name for o in outcomes if o.problems or o.not_covered]
