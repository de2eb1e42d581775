"""Values pass the allow-list in the right form only."""

import pytest
from pydicom.dataset import Dataset

from readerstudy.dicom.attributes import (
    finite,
    numbers,
    rescale_of,
    valid_orientation,
    valid_position,
    valid_spacing,
    window_of,
)
from readerstudy.dicom.frames import rescale_values


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e30", "text", None, "", b"1", "1" * 400])
def test_what_is_no_plausible_number_is_none(value):
    assert finite(value) is None


def test_numbers_pass_whole_or_not_at_all():
    assert numbers(["1", 2.5]) == [1.0, 2.5]
    assert numbers(["1", "Smith"]) is None
    assert numbers(b"\1\2") is None


@pytest.mark.parametrize("spacing", [[0, 0], [-1, -1], ["nan", "nan"], [1e30, 1e30], [1], [1, 1, 1], None])
def test_impossible_spacing_is_dropped(spacing):
    assert valid_spacing(spacing) is None


@pytest.mark.parametrize("cosines", [[0] * 6, [1, 0, 0, 1, 0, 0], [2, 0, 0, 0, 1, 0], [1, 0, 0], None])
def test_impossible_orientation_is_dropped(cosines):
    assert valid_orientation(cosines) is None


def test_sound_geometry_passes():
    assert valid_spacing(["0.5", "0.25"]) == [0.5, 0.25]
    assert valid_orientation([1, 0, 0, 0, 0, -1]) == [1, 0, 0, 0, 0, -1]
    assert valid_position([1, 2, 1e6]) is None


@pytest.mark.parametrize(
    ("centre", "width"), [(["40"], ["0"]), (["40", "50"], ["400"]), (["x"], ["400"]), ([], [])]
)
def test_windows_that_do_not_pair_up_or_have_no_width_are_dropped(centre, width):
    dataset = Dataset()
    dataset.add_new(0x00281050, "LO", centre)
    dataset.add_new(0x00281051, "LO", width)
    assert window_of(dataset) == {}


def test_a_rescale_that_cannot_give_values_is_an_error_and_a_missing_one_is_not():
    dataset = Dataset()
    assert rescale_of(dataset) is None
    dataset.RescaleSlope, dataset.RescaleIntercept = 2, -1024
    assert rescale_of(dataset) == (2, -1024)
    dataset.RescaleSlope = 0
    with pytest.raises(ValueError, match="slope 0"):
        rescale_of(dataset)


def test_the_rescale_of_a_frame_wins_over_the_shared_and_the_objects_own():
    def group(slope):
        part = {"00281052": {"vr": "DS", "Value": [5]}, "00281053": {"vr": "DS", "Value": [slope]}}
        return {"00289145": {"vr": "SQ", "Value": [part]}}

    entry = {
        "00281052": {"vr": "DS", "Value": [0]},
        "00281053": {"vr": "DS", "Value": [9]},
        "52009229": {"vr": "SQ", "Value": [group(3)]},
        "52009230": {"vr": "SQ", "Value": [group(2)]},
    }
    assert [rescale_values(entry, frame) for frame in (1, 2)] == [(2, 5), (3, 5)]
    assert rescale_values({}, 1) == (1, 0)
