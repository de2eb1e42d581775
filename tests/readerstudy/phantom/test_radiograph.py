"""A radiograph shows of a facet joint what the protocol asks for on radiographs, and nothing else."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from readerstudy.phantom.body import sample_body, with_grades
from readerstudy.phantom.findings import ASSESSABLE_ON, N_GRADES
from readerstudy.phantom.radiograph import VIEWS, render_radiograph

JOINT = "L4-5-left"
SHOWN = [finding for finding in N_GRADES if "XR" in ASSESSABLE_ON[finding]]
HIDDEN = [finding for finding in N_GRADES if "XR" not in ASSESSABLE_ON[finding]]


@cache
def picture(view, finding, grade, *, noise=False):
    """The same body, normal but for one finding of one joint."""
    body = sample_body(np.random.default_rng(3), grades={}, max_scoliosis_deg=2.0)
    body = with_grades(body, JOINT, {finding: grade}, np.random.default_rng(4))
    drawn = render_radiograph(body, view, rng=np.random.default_rng(5) if noise else None)
    row, column = (round(place) for place in drawn.pixel_of(body.joints[JOINT].centre_mm))
    reach = round(14 / drawn.pixel_mm)
    return drawn.array[row - reach : row + reach, column - reach : column + reach]


def change_over_noise(view, finding, grade):
    """Root mean square change within 14 mm of the joint, over the noise of one exposure."""
    plain = picture(view, SHOWN[0], 0)
    grain = picture(view, SHOWN[0], 0, noise=True) - plain
    # Quantum noise alone: clouds of bowel gas are wider than this filter.
    noise = (grain - ndimage.gaussian_filter(grain, 6)).std()
    change = picture(view, finding, grade) - plain
    return float(np.sqrt(np.mean(change**2)) / noise)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("finding", HIDDEN)
def test_what_is_not_asked_of_radiographs_leaves_no_trace_there(finding, view):
    assert change_over_noise(view, finding, N_GRADES[finding] - 1) < 0.01


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("finding", SHOWN)
def test_what_is_asked_of_radiographs_stands_out_of_the_noise(finding, view):
    changes = [change_over_noise(view, finding, grade) for grade in range(N_GRADES[finding])]
    assert all(higher - lower > 1.5 for lower, higher in pairwise(changes))
