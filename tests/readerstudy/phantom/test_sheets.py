"""Atlas pictures: grades differ where the protocol asks for them."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from readerstudy.phantom.body import sample_body
from readerstudy.phantom.findings import ASSESSABLE_ON, N_GRADES
from readerstudy.phantom.sheets import atlas_tile, contact_sheet

STATIC = Path(__file__).parents[3] / "static" / "img" / "atlas"


@cache
def tile(modality, finding, grade):
    """A small tile, drawn once for all tests."""
    return atlas_tile(modality, finding, grade, pixels=96).astype(float)


@pytest.mark.parametrize(
    ("modality", "finding"), [(m, f) for m in ("CT", "MR", "XR") for f in N_GRADES if m in ASSESSABLE_ON[f]]
)
def test_each_grade_looks_different_from_the_one_before(modality, finding):
    tiles = [tile(modality, finding, grade) for grade in range(N_GRADES[finding])]
    # The noise is the same in every tile: what differs is anatomy. A radiograph's window follows its tile.
    tiles = [each - np.median(each) for each in tiles]
    for lower, higher in pairwise(tiles):
        assert np.mean(np.abs(higher - lower) > 40) > 0.002


def test_shipped_tiles_are_small_and_complete():
    expected = {
        f"{m.lower()}/{f}-{g}.png"
        for m in ("CT", "MR", "XR")
        for f, n in N_GRADES.items()
        if m in ASSESSABLE_ON[f]
        for g in range(n)
    }
    files = {str(p.relative_to(STATIC)): p for p in STATIC.rglob("*.png")}
    assert set(files) == expected
    assert sum(p.stat().st_size for p in files.values()) < 600_000
    assert {Image.open(p).size for p in files.values()} == {(128, 128)}


@pytest.mark.parametrize(
    ("modality", "finding", "grade"), [("CT", "cyst", 1), ("MR", "erosion", 2), ("XR", "hypertrophy", 3)]
)
def test_shipped_tiles_are_what_the_command_draws_today(modality, finding, grade):
    shipped = np.asarray(Image.open(STATIC / modality.lower() / f"{finding}-{grade}.png")).astype(float)
    drawn = atlas_tile(modality, finding, grade).astype(float)
    # Other processors round a little differently.
    assert np.abs(shipped - drawn).mean() < 1.0


def test_contact_sheets_show_something_in_every_series():
    sheets = contact_sheet(sample_body(np.random.default_rng(1)))
    assert set(sheets) == {"ct", "mr", "xr"}
    assert all(np.asarray(s).std() > 20 for s in sheets.values())
