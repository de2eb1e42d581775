"""Anatomy: variants, mirror, grades and what follows from them."""

import numpy as np
import pytest

from readerstudy.phantom.body import mirror_body, sample_body, with_grades
from readerstudy.phantom.findings import FINDINGS, N_GRADES, STRUCTURES, draw_grades
from readerstudy.phantom.scene import Canvas, compose


def test_same_state_gives_the_same_body():
    first, second = (sample_body(np.random.default_rng(5)) for _ in range(2))
    assert first.joints["L3-4-left"].gap_mm == second.joints["L3-4-left"].gap_mm
    assert np.array_equal(first.vertebrae[0].centre_mm, second.vertebrae[0].centre_mm)


@pytest.mark.parametrize(("variant", "count"), [("four", 4), ("five", 5), ("six", 6), ("transitional", 5)])
def test_every_variant_has_the_ten_joints_counted_from_below(variant, count):
    body = sample_body(np.random.default_rng(2), variant=variant)
    assert tuple(body.joints) == STRUCTURES
    assert sum(v.name.startswith("L") for v in body.vertebrae) == count
    heights = [
        body.joints[f"{level}-right"].centre_mm[2] for level in ("L1-2", "L2-3", "L3-4", "L4-5", "L5-S1")
    ]
    assert heights == sorted(heights, reverse=True)


def test_left_joints_lie_to_the_left():
    body = sample_body(np.random.default_rng(3))
    for level in ("L1-2", "L2-3", "L3-4", "L4-5", "L5-S1"):
        assert body.joints[f"{level}-left"].centre_mm[0] > body.joints[f"{level}-right"].centre_mm[0] + 15


def test_mirrored_body_carries_every_left_finding_on_the_right():
    body = sample_body(np.random.default_rng(4))
    mirrored = mirror_body(body)
    for structure, joint in body.joints.items():
        other = structure.replace("left", "@").replace("right", "left").replace("@", "right")
        assert mirrored.joints[other].grades == joint.grades
        assert np.allclose(mirrored.joints[other].centre_mm, joint.centre_mm * [-1, 1, 1])


def test_picture_of_the_mirrored_body_is_the_mirrored_picture():
    body = sample_body(np.random.default_rng(6))
    affine = np.array([[0, 0, 1.0, -64.0], [0, 1.0, 0, -30.0], [2.0, 0, 0, -10.0], [0, 0, 0, 1]])
    canvas = Canvas((4, 110, 129), affine)  # symmetric about x = 0
    straight = compose(body, canvas, ("CT",))[0]
    mirrored = compose(mirror_body(body), canvas, ("CT",))[0]
    difference = np.abs(straight[:, :, ::-1] - mirrored)
    # Rounded unions depend a little on which side was added first; nothing else differs.
    assert np.quantile(difference, 0.995) < 1.0
    assert np.quantile(np.abs(straight - mirrored), 0.995) > 100.0


def test_grade_zero_everywhere_has_no_lesion():
    body = sample_body(np.random.default_rng(7), grades={})
    for joint in body.joints.values():
        assert set(joint.grades.values()) == {0}
        assert len(joint.spurs) == len(joint.pits) == len(joint.cysts) == 0
        assert joint.gap_mm >= 2.0


@pytest.mark.parametrize(
    ("grade", "low", "high"), [(0, 2.0, 4.0), (1, 1.0, 2.0), (2, 0.01, 1.0), (3, 0.0, 0.0)]
)
def test_narrowing_grade_sets_the_gap(grade, low, high):
    body = sample_body(np.random.default_rng(8))
    for seed in range(20):
        changed = with_grades(body, "L4-5-left", {"narrowing": grade}, np.random.default_rng(seed))
        assert low <= changed.joints["L4-5-left"].gap_mm <= high


def test_grade_outside_its_scale_is_refused():
    body = sample_body(np.random.default_rng(9))
    with pytest.raises(ValueError, match=r"cyst holds grade 2, outside 0\.\.1"):
        with_grades(body, "L4-5-left", {"cyst": 2})


def test_independent_findings_are_uncorrelated_and_correlated_ones_are_not():
    rng = np.random.default_rng(10)
    for correlation, check in (("independent", lambda r: r < 0.05), ("correlated", lambda r: r > 0.25)):
        rows = [[g[f] for f in FINDINGS] for _ in range(1200) for g in draw_grades(rng, correlation).values()]
        pairs = np.corrcoef(np.array(rows), rowvar=False)[np.triu_indices(len(FINDINGS), 1)]
        assert all(check(abs(r)) for r in pairs), (correlation, pairs)


def test_every_grade_occurs():
    rng = np.random.default_rng(11)
    drawn = [draw_grades(rng, "correlated") for _ in range(300)]
    for finding, n_grades in N_GRADES.items():
        seen = {g[finding] for body in drawn for g in body.values()}
        assert seen == set(range(n_grades))
