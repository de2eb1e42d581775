"""The linear VOI function at its corners (PS3.3 C.11.2.1.2.1)."""

import numpy as np
import pytest

from readerstudy.dicom.windowing import window_to_8_bit


def test_the_standards_own_example():
    # Center 2048, width 4096: values 0 .. 4095 fill the range from black to white.
    grey = window_to_8_bit([-1, 0, 2047, 2048, 4095, 5000], center=2048, width=4096)
    assert grey.tolist() == [0, 0, 127, 128, 255, 255]


def test_a_width_of_one_is_a_threshold():
    assert window_to_8_bit([39, 39.4, 39.6, 40], center=40, width=1).tolist() == [0, 0, 255, 255]


def test_within_the_window_grey_grows_with_the_value():
    grey = window_to_8_bit(np.arange(-160, 241), center=40, width=400)
    assert (np.diff(grey.astype(int)) >= 0).all()
    assert (grey[0], grey[-1]) == (0, 255)


def test_a_width_below_one_is_refused():
    with pytest.raises(ValueError, match=r"width is 0\.5"):
        window_to_8_bit([1], center=0, width=0.5)


@pytest.mark.parametrize(
    ("function", "grey"),
    [
        # Center 40, width 80: the corners of C.11.2.1.3.2, and half way at the center of C.11.2.1.3.1.
        ("LINEAR_EXACT", [0, 0, 64, 128, 191, 255, 255]),
        ("SIGMOID", [2, 30, 69, 128, 186, 225, 253]),
    ],
)
def test_the_other_two_functions(function, grey):
    values = [-60, 0, 20, 40, 60, 80, 140]
    assert window_to_8_bit(values, center=40, width=80, function=function).tolist() == grey


def test_a_sigmoid_of_far_values_is_black_or_white():
    with np.errstate(all="raise"):
        grey = window_to_8_bit([-1e9, 1e9], center=0, width=0.01, function="SIGMOID")
    assert grey.tolist() == [0, 255]
