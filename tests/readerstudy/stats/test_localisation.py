"""Marks: hit rules with their ties and duplicates, curves, LROC, precision and recall."""

import math

import numpy as np
import pytest

from readerstudy import stats
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.froc.figures import FrocFigure
from readerstudy.stats.froc.lroc import LrocAuc, LrocPcl, lroc_study


def marks(**changed):
    """Two cases with one and two lesions, one without; reader r marks some of them."""
    given = {
        "cases": ["a", "b", "c"], "n_lesions": [1, 2, 0], "treatment": ["t"] * 5, "reader": ["r"] * 5,
        "case": ["a", "a", "b", "b", "c"], "is_lesion": [True, True, True, False, False],
        "lesion": [1, 1, 2, 1, 1], "rating": [3.0, 5.0, 2.0, 4.0, 2.0],
    }  # fmt: skip
    return stats.froc_study(**{**given, **changed})


def test_the_highest_mark_on_a_lesion_counts_and_the_duplicate_is_counted():
    study = marks()
    assert study.lesion[0, 0, 0, 0] == 5.0
    assert study.n_duplicates == 1
    assert study.weights[1].tolist() == [0.5, 0.5]


def test_figures_by_hand():
    figures = stats.froc_figures(marks())
    # Lesions: 5 (case a), 2 and unmarked (case b). The one non-diseased case has a highest mark of 2.
    assert figures["AFROC"][0, 0] == pytest.approx((1 + 0.5 + 0) / 3)
    assert figures["wAFROC"][0, 0] == pytest.approx((1 + 0.5 * 0.5 + 0) / 2)
    assert figures["MaxLLF"][0, 0] == pytest.approx(2 / 3)
    assert figures["MaxNLF"][0, 0] == 1.0
    assert figures["MaxNLFAllCases"][0, 0] == pytest.approx(2 / 3)
    assert (figures["HrSe"][0, 0], figures["HrSp"][0, 0]) == (1.0, 0.0)


def test_a_reader_without_any_mark_ties_everywhere():
    study = marks(
        treatment=[], reader=[], case=[], is_lesion=[], lesion=[], rating=[], treatments=["t"], readers=["r"]
    )
    figures = stats.froc_figures(study)
    for name in ("wAFROC", "AFROC", "wAFROC1", "AFROC1", "HrAuc"):
        assert figures[name][0, 0] == 0.5, name
    assert figures["MaxLLF"][0, 0] == 0.0


def test_the_curve_starts_at_the_origin_and_closes_but_for_froc():
    closed = stats.localisation_curve(marks(), curve="AFROC", treatment="t", reader="r")
    assert (closed.x[0], closed.y[0], closed.x[-1], closed.y[-1]) == (0.0, 0.0, 1.0, 1.0)
    open_ = stats.localisation_curve(marks(), curve="FROC", treatment="t", reader="r")
    assert open_.x[-1] == pytest.approx(2 / 3)
    assert open_.y[-1] == pytest.approx(2 / 3)


def test_too_few_cases_for_the_jackknife_are_refused():
    with pytest.raises(AnalysisRefused, match="left out"):
        FrocFigure("wAFROC").cells(marks())
    with pytest.raises(AnalysisRefused, match="needs a non-diseased case"):
        stats.froc_figures(marks(n_lesions=[1, 2, 1]), ("wAFROC",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"case": ["a", "a", "b", "b", "z"]}, "names case z"),
        ({"lesion": [1, 1, 3, 1, 1]}, "lesion 3 of case b, which has 2"),
        ({"lesion_weights": [[1.0], [0.5, 0.4], []]}, "case b sum to 0.9"),
        ({"lesion_weights": [[1.0], [1.0], []]}, "2 lesions and 1 weights"),
        ({"n_lesions": [1, -2, 0]}, "at least 0"),
    ],
)
def test_broken_marks_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        marks(**change)


def test_iou_of_boxes_in_two_and_three_dimensions():
    flat = stats.box_iou([[[0, 0], [2, 2]]], [[[1, 1], [3, 3]], [[2, 0], [4, 2]], [[0, 0], [2, 2]]])
    assert flat[0].tolist() == pytest.approx([1 / 7, 0.0, 1.0])
    solid = stats.box_iou([[[0, 0, 0], [2, 2, 2]]], [[[1, 1, 1], [3, 3, 3]]])
    assert solid[0, 0] == pytest.approx(1 / 15)
    with pytest.raises(ValueError, match="highest corner lies below"):
        stats.box_iou([[[2, 0], [0, 2]]], [[[0, 0], [1, 1]]])


def test_each_rule_includes_its_border():
    box = [[[0, 0, 0], [10, 10, 10]]]
    inside = stats.match_marks([[10, 10, 10], [10.01, 5, 5]], box, [1, 1], rule="centre_in_box")
    assert inside.lesion.tolist() == [0, -1]
    near = stats.match_marks([[3, 4], [3.1, 4]], [[0, 0]], [1, 2], rule="distance", limit=5)
    assert near.lesion.tolist() == [0, -1]
    overlap = stats.match_marks(
        [[[0, 0], [2, 2]]], [[[1, 0], [3, 2]]], [1], rule="iou", limit=1 / 3
    )  # exactly one third
    assert overlap.found.tolist() == [True]
    touching = stats.match_marks([[[0, 0], [1, 1]]], [[[1, 0], [2, 1]]], [1], rule="iou", limit=0)
    assert touching.found.tolist() == [False]


def test_a_mark_hits_its_best_lesion_and_the_surest_mark_takes_it():
    hits = stats.match_marks(
        [[0, 0], [1, 0], [9, 0]], [[0, 0], [10, 0]], [0.5, 0.9, 0.2], rule="distance", limit=3
    )
    assert hits.lesion.tolist() == [-1, 0, 1]
    assert hits.duplicate.tolist() == [True, False, False]
    tie = stats.match_marks([[1, 0], [0, 0]], [[0, 0]], [0.7, 0.7], rule="distance", limit=3)
    assert tie.lesion.tolist() == [-1, 0]  # of equal confidence the nearer one
    classes = stats.match_marks(
        [[0, 0]], [[0, 0]], [1], rule="distance", limit=3, mark_class=["disc"], lesion_class=["facet"]
    )
    assert classes.found.tolist() == [False]


def test_no_mark_or_no_lesion_is_no_error():
    for rule, lesions in (("distance", np.zeros((0, 2))), ("centre_in_box", np.zeros((0, 2, 2)))):
        hits = stats.match_marks([[0, 0]], lesions, [1], rule=rule, limit=1)
        assert hits.lesion.tolist() == [-1]
        assert hits.found.size == 0
    nothing = stats.match_marks(np.zeros((0, 2)), [[0, 0]], [], rule="distance", limit=1)
    assert nothing.found.tolist() == [False]


def test_precision_and_recall_at_a_threshold():
    accuracy = stats.mark_accuracy(
        [0.9, 0.8, 0.7, 0.3], [True, False, False, True], ["p", "p", "q", "q"], ["p", "q", "q"],
        threshold=0.5, duplicate=[False, False, True, False],
    )  # fmt: skip
    assert (accuracy.true_positives, accuracy.false_positives, accuracy.missed) == (1, 1, 2)
    assert accuracy.precision.value == 0.5
    assert accuracy.recall.value == pytest.approx(1 / 3)
    assert accuracy.recall.n_clusters == 2
    strict = stats.mark_accuracy(
        [0.9, 0.8, 0.7, 0.3], [True, False, False, True], ["p", "p", "q", "q"], ["p", "q", "q"],
        threshold=0.5, duplicate=[False, False, True, False], duplicates="false_positive",
    )  # fmt: skip
    assert strict.false_positives == 2
    none = stats.mark_accuracy([0.1], [False], ["p"], ["q"], threshold=0.5)
    assert none.precision.undefined_because == "no mark at or above the threshold"
    with pytest.raises(ValueError, match="more hits than lesions"):
        stats.mark_accuracy([1, 1], [True, True], ["p", "p"], ["p"], threshold=0)


def test_lroc_by_hand():
    data = lroc_study(
        ["r"] * 4 + ["s"] * 4, list("abcd") * 2, [1, 1, 0, 0] * 2, [3, 2, 2, 1, 3, 2, 1, 0],
        [1, 0, 0, 0, 1, 1, 0, 0],
    )  # fmt: skip
    # Reader r: (0, 0) -> (0, 1/2) at 3 -> (1/2, 1/2) at 2 -> (1, 1/2) at 1.
    assert LrocAuc(1.0).of_curve(np.array([0, 0, 0.5, 1]), np.array([0, 0.5, 0.5, 0.5])) == 0.5
    points = np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.2, 0.6, 0.8])
    assert LrocAuc(0.5).of_curve(*points) == pytest.approx(0.5 * (0.2 + 0.6) / 2)
    assert LrocPcl(0.25).of_curve(*points) == pytest.approx(0.4)
    assert LrocPcl(0.0).of_curve(*points) == 0.0
    assert data.correct[1].tolist() == [True, True, False, False]
    assert math.isclose(data.ratings[0, 0, 0], 3.0)
