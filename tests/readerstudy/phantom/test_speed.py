"""
How fast phantoms are made.

Processor time, not the clock on the wall, is held to the limits: it hardly depends on what else the machine does.
"""

import resource
import subprocess
import sys
import time

import numpy as np
import pytest

from readerstudy.phantom import joint_crop, sample_body


def test_a_thousand_training_volumes_take_four_minutes_at_most():
    rng = np.random.default_rng(0)
    body = sample_body(rng, correlation="independent")
    joint_crop(body, "L4-5-left", rng=rng)  # the noise tile is made once
    begun = time.process_time()
    for structure in body.joints:
        joint_crop(body, structure, rng=rng, jitter_mm=2.0)
        joint_crop(body, structure, contrast="T2", rng=rng, jitter_mm=2.0)
    assert (time.process_time() - begun) / (2 * len(body.joints)) * 1000 < 240


@pytest.mark.full
def test_twelve_cases_take_a_minute_of_two_cores_and_two_gigabytes_at_most(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "readerstudy.phantom", str(tmp_path), "--cases", "12", "--workers", "2"]
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent / 2 < 60
    assert after.ru_maxrss < 1_000_000  # kB, of the largest process; there are two
