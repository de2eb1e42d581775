import math

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa

from readerstudy import stats

# Westlund and Kurland 1953 (multiple sclerosis, Winnipeg), as in Landis and Koch 1977.
WINNIPEG = [[38, 5, 0, 1], [33, 11, 3, 0], [10, 14, 5, 6], [3, 7, 3, 10]]


@pytest.mark.parametrize(
    ("ours", "theirs"), [("identity", None), ("linear", "linear"), ("quadratic", "quadratic")]
)
def test_kappa_agrees_with_scikit_learn(gradings, ours, theirs):
    kappa = stats.weighted_kappa(gradings.first, gradings.second, n_grades=4, weights=ours)
    assert kappa.value == pytest.approx(cohen_kappa_score(gradings.first, gradings.second, weights=theirs))


@pytest.mark.parametrize(("ours", "theirs"), [("identity", None), ("linear", "linear"), ("quadratic", "fc")])
def test_both_standard_errors_agree_with_statsmodels(ours, theirs):
    peer = cohens_kappa(WINNIPEG, wt=theirs)
    kappa = stats.cohen_kappa_table(WINNIPEG, weights=ours)
    assert kappa.kappa.value == pytest.approx(peer.kappa)
    assert kappa.kappa.se == pytest.approx(peer.std_kappa)
    assert kappa.se_null == pytest.approx(peer.std_kappa0)
    assert (kappa.kappa.low, kappa.kappa.high) == pytest.approx((peer.kappa_low, peer.kappa_upp))


def test_an_unused_grade_changes_no_kappa_of_two_readers(gradings):
    four = stats.weighted_kappa(gradings.first, gradings.second, n_grades=4)
    nine = stats.weighted_kappa(gradings.first, gradings.second, n_grades=9)
    assert four.value == pytest.approx(nine.value)
    assert four.se == pytest.approx(nine.se)


def test_the_clustered_interval_is_the_jackknife_loop_on_the_arctanh_scale(gradings):
    kappa = stats.clustered_kappa(
        gradings.first, gradings.second, clusters=gradings.clusters, n_grades=4, confidence=0.9
    )
    patients = np.unique(gradings.clusters)
    without = []
    for patient in patients:
        keep = gradings.clusters != patient
        without.append(cohen_kappa_score(gradings.first[keep], gradings.second[keep], weights="quadratic"))
    z, m = np.arctanh(without), patients.size
    half = t.ppf(0.95, m - 1) * math.sqrt((m - 1) / m * np.sum((z - z.mean()) ** 2))
    centre = math.atanh(kappa.value)
    assert (kappa.low, kappa.high) == pytest.approx((math.tanh(centre - half), math.tanh(centre + half)))


def test_perfect_agreement_is_one_and_flagged():
    kappa = stats.clustered_kappa([0, 1, 2, 0], [0, 1, 2, 0], clusters=[1, 1, 2, 2], n_grades=3)
    assert kappa.value == 1.0
    assert kappa.se == 0.0
    assert "degenerate" in kappa.note


def test_one_grade_only_is_not_estimable_and_agreement_stands():
    same = [2] * 8
    assert "chance agreement" in stats.weighted_kappa(same, same, n_grades=4).undefined_because
    assert (
        "chance agreement"
        in stats.clustered_kappa(same, same, clusters=np.arange(8), n_grades=4).undefined_because
    )
    assert stats.percent_agreement(same, same).value == 1.0


def test_a_constant_reader_has_kappa_zero():
    assert stats.weighted_kappa([0] * 6, [0, 0, 1, 2, 0, 1], n_grades=3).value == pytest.approx(0.0)


def test_the_largest_kappa_is_reached_by_the_best_table_of_these_margins():
    rows, columns = np.array([3, 3, 4]), np.array([5, 2, 3])
    best = -2.0
    # All tables with these margins, by brute force over their four free cells.
    for a in range(4):
        for b in range(4):
            for c in range(4):
                for d in range(4):
                    table = np.array([[a, b, 3 - a - b], [c, d, 3 - c - d], [5 - a - c, 2 - b - d, 0]])
                    table[2, 2] = 4 - table[2, 0] - table[2, 1]
                    if table.min() >= 0 and (table.sum(0) == columns).all() and (table.sum(1) == rows).all():
                        best = max(best, stats.cohen_kappa_table(table, weights="quadratic").kappa.value)
    some = stats.cohen_kappa_table([[3, 0, 0], [1, 1, 1], [1, 1, 2]], weights="quadratic")
    assert some.maximum == pytest.approx(best)


def test_percent_agreement_within_one_grade(gradings):
    share = stats.clustered_percent_agreement(
        gradings.first, gradings.second, clusters=gradings.clusters, within=1
    )
    assert share.value == pytest.approx(np.mean(np.abs(gradings.first - gradings.second) <= 1))
    assert share.method.startswith("agreement within 1 grade")
    assert share.low < share.value < share.high


def test_ratio_weights_refuse_values_that_cancel():
    with pytest.raises(ValueError, match="no two sum to 0"):
        stats.agreement_weights("ratio", 3, values=[-1, 0, 1])
