"""What several series say of a mark: weights that are found again, and a poorer series that costs nothing."""

import numpy as np
import pytest

from inference.engine.lesion_scores import ScoreWeights, fit_scores, kinds_key, log_odds
from inference.engine.lesions import FoundLesion, grouped_planes, join_planes
from inference.engine.training.detector import detection_figures

GOOD, POOR = "MR-axial", "MR-sagittal"


def test_known_weights_are_found_again():
    rng = np.random.default_rng(1)
    truth = ScoreWeights(-0.5, {"a": 0.8, "b": -0.8}, {GOOD: (0.4, 1.2), POOR: (-0.6, 0.3)})
    marks, hits = [], []
    for _ in range(6000):
        kinds = [(GOOD,), (POOR,), (GOOD, POOR)][int(rng.integers(3))]
        seen = {kind: float(rng.uniform(0.05, 0.95)) for kind in kinds}
        name = "ab"[int(rng.integers(2))]
        marks.append((name, seen))
        hits.append(rng.random() < truth.score(name, seen))
    fitted = fit_scores(marks, hits, classes=("a", "b"), kinds=(GOOD, POOR), penalty=0.1)
    apart = [abs(fitted.score(name, seen) - truth.score(name, seen)) for name, seen in marks[:500]]
    assert np.mean(apart) < 0.03
    assert max(apart) < 0.12
    again = ScoreWeights.from_json(fitted.to_json())
    assert again.score(*marks[0]) == pytest.approx(fitted.score(*marks[0]), abs=1e-3)


def test_marks_of_one_outcome_cannot_be_weighed():
    with pytest.raises(ValueError, match="both needed"):
        fit_scores([("a", {GOOD: 0.5})] * 4, [True] * 4, classes=("a",), kinds=(GOOD,))


def test_a_class_that_is_never_right_sinks():
    marks = [("a", {POOR: 0.5})] * 20 + [("b", {POOR: 0.5})] * 20
    hits = [True, False] * 10 + [False] * 20
    fitted = fit_scores(marks, hits, classes=("a", "b"), kinds=(POOR,))
    assert fitted.score("b", {POOR: 0.5}) < 0.2 < fitted.score("a", {POOR: 0.5})


def cases(rng, n):
    """Marks of a good and a poor series on known lesions: the poor one's scores say nothing and are higher."""
    found, truth = [], []
    for _ in range(n):
        lesions = [FoundLesion("a", 1.0, (60.0 * i, 0.0, 0.0), (6.0, 6.0, 6.0)) for i in range(4)]
        good = [
            FoundLesion("a", float(rng.uniform(0.4, 0.7)), lesion.centre_mm, lesion.half_mm, "", (GOOD,))
            for lesion in lesions
            if rng.random() < 0.9
        ]
        good += [
            FoundLesion(
                "a", float(rng.uniform(0.1, 0.5)), (60.0 * i, 90.0, 0.0), (6.0, 6.0, 6.0), "", (GOOD,)
            )
            for i in range(2)
        ]
        poor = [
            FoundLesion(
                "a", float(rng.uniform(0.3, 0.9)), (60.0 * i, -90.0, 0.0), (6.0, 6.0, 6.0), "", (POOR,)
            )
            for i in range(4)
        ]
        poor += [
            FoundLesion("a", float(rng.uniform(0.3, 0.9)), lesion.centre_mm, lesion.half_mm, "", (POOR,))
            for lesion in lesions
            if rng.random() < 0.5
        ]
        found.append([good, poor])
        truth.append(lesions)
    return found, truth


def hits_of(groups, truth):
    return [
        any(np.all(np.abs(np.subtract(members[0].centre_mm, t.centre_mm)) <= t.half_mm) for t in truth)
        for members in groups
    ]


def test_a_poorer_series_costs_nothing_once_it_is_weighed():
    rng = np.random.default_rng(2)
    found, truth = cases(rng, 30)
    marks, hits = [], []
    for per_plane, lesions in zip(found, truth, strict=True):
        groups = grouped_planes(per_plane)
        marks += [("a", {m.planes[0]: m.score for m in members}) for members in groups]
        hits += hits_of(groups, lesions)
    weights = fit_scores(marks, hits, classes=("a",), kinds=(GOOD, POOR))
    unseen, lesions = cases(rng, 30)

    def sensitivity(marked):
        return detection_figures(marked, lesions, classes=("a",)).sensitivity

    alone = sensitivity([good for good, _ in unseen])
    plain = sensitivity([join_planes(each) for each in unseen])
    weighed = sensitivity([join_planes(each, weights) for each in unseen])
    # By the plain rule the poor series' loud false marks push out the good one's.
    assert plain < alone - 0.1
    assert weighed >= alone


def test_one_lesion_takes_one_mark_of_each_series_however_they_are_ordered():
    near = [FoundLesion("a", s, (x, 0.0, 0.0), (5.0, 5.0, 5.0), "", (k,)) for s, x, k in
            ((0.9, 0.0, GOOD), (0.6, 1.0, POOR), (0.5, -1.0, POOR))]  # fmt: skip
    groups = grouped_planes([[near[0]], near[1:]])
    assert [[m.score for m in members] for members in groups] == [[0.9, 0.6], [0.5]]
    assert grouped_planes([near[:0:-1], [near[0]]]) == groups
    (first, _) = join_planes([[near[0]], near[1:]])
    assert first.score == pytest.approx(1 - 0.1 * 0.4)
    assert first.planes == (GOOD, POOR)


def test_names_of_sets_do_not_depend_on_their_order():
    assert kinds_key([POOR, GOOD]) == kinds_key([GOOD, POOR]) == "MR-axial+MR-sagittal"
    assert log_odds(0.0) == pytest.approx(-log_odds(1.0))
