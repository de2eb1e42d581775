import math

import numpy as np
import pytest
from sklearn import metrics

from readerstudy import stats
from readerstudy.stats.roc import placements as placing
from readerstudy.stats.roc.curves import average_precision_value


def _naive_auc(truth, score):
    x, y = score[truth], score[~truth]
    return np.mean((x[:, None] > y) + 0.5 * (x[:, None] == y))


@pytest.mark.parametrize("name", ["score", "first"])
def test_the_area_is_the_mann_whitney_share(gradings, name):
    truth, score = gradings.reference >= 2, getattr(gradings, name)
    assert stats.auc(truth, score).value == pytest.approx(_naive_auc(truth, score))
    assert stats.auc(truth, score).value == pytest.approx(metrics.roc_auc_score(truth, score))


def test_sorted_and_tabulated_placements_agree(gradings, monkeypatch):
    truth = gradings.reference >= 2
    split = placing.split_by_class(truth, np.stack((gradings.score, gradings.first.astype(float))))
    sorted_way = placing.placements(*split)
    monkeypatch.setattr(placing, "_SMALL", 10**9)
    tabulated = placing.placements(*split)
    for a, b in zip(sorted_way, tabulated, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12)


def test_delong_variance_is_the_textbook_sum():
    truth = np.array([0, 0, 0, 1, 1, 1, 1], bool)
    score = np.array([1, 3, 2, 2, 3, 4, 1.0])
    x, y = score[truth], score[~truth]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    variance = psi.mean(1).var(ddof=1) / 4 + psi.mean(0).var(ddof=1) / 3
    assert stats.auc(truth, score).se == pytest.approx(math.sqrt(variance))


def test_curves_agree_with_scikit_learn(gradings):
    truth = gradings.reference >= 2
    for score in (gradings.score, gradings.first):
        fpr, tpr, thresholds = metrics.roc_curve(truth, score, drop_intermediate=False)
        ours = stats.roc_curve(truth, score)
        np.testing.assert_allclose(ours.fpr, fpr)
        np.testing.assert_allclose(ours.tpr, tpr)
        np.testing.assert_allclose(ours.thresholds, thresholds)
        precision, recall, cuts = metrics.precision_recall_curve(truth, score)
        curve = stats.pr_curve(truth, score)
        np.testing.assert_allclose(curve.precision, precision)
        np.testing.assert_allclose(curve.recall, recall)
        np.testing.assert_allclose(curve.thresholds, cuts)
        assert average_precision_value(truth, score) == pytest.approx(
            metrics.average_precision_score(truth, score)
        )


def test_clusters_of_one_give_delong_but_for_the_divisor_of_the_covariance(gradings):
    truth = gradings.reference >= 2
    items = np.arange(truth.size)
    nested = stats.clustered_auc(truth, gradings.score, clusters=items)
    plain = stats.auc(truth, gradings.score)
    assert nested.value == pytest.approx(plain.value)
    # A cluster of one is diseased or not, so the cross term vanishes and DeLong's variance remains.
    assert nested.se == pytest.approx(plain.se)


def test_clustering_widens_the_interval_of_nested_items(gradings):
    truth = gradings.reference >= 2
    nested = stats.clustered_auc(truth, gradings.first, clusters=gradings.clusters)
    assert nested.se > stats.auc(truth, gradings.first).se
    assert nested.n_clusters == 40


def test_obuchowski_variance_is_the_loop_over_clusters(gradings):
    truth = gradings.reference >= 2
    score, cluster = gradings.score, gradings.clusters
    x, y = score[truth], score[~truth]
    psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    v10, v01, area = psi.mean(1), psi.mean(0), psi.mean()
    big, small = truth.sum(), (~truth).sum()
    ids = np.unique(cluster)
    a = [(v10[cluster[truth] == c] - area).sum() for c in ids]
    b = [(v01[cluster[~truth] == c] - area).sum() for c in ids]
    i10 = len(set(cluster[truth]))
    i01 = len(set(cluster[~truth]))
    m = ids.size
    variance = (
        i10 / ((i10 - 1) * big**2) * np.dot(a, a)
        + i01 / ((i01 - 1) * small**2) * np.dot(b, b)
        + 2 * m / ((m - 1) * big * small) * np.dot(a, b)
    )
    nested = stats.clustered_auc(truth, score, clusters=cluster, interval="wald", clip=False)
    assert nested.se == pytest.approx(math.sqrt(variance))
    assert nested.high - nested.value == pytest.approx(1.959963984540054 * nested.se)


def test_identical_readers_differ_by_nothing_with_p_one(gradings):
    truth = gradings.reference >= 2
    for compared in (
        stats.auc_difference(truth, gradings.first, gradings.first),
        stats.clustered_auc_difference(truth, gradings.first, gradings.first, clusters=gradings.clusters),
    ):
        assert compared.difference.value == 0.0
        assert compared.p == 1.0


def test_the_paired_difference_uses_the_covariance(gradings):
    truth = gradings.reference >= 2
    compared = stats.clustered_auc_difference(
        truth, gradings.first, gradings.second, clusters=gradings.clusters, alternative="greater"
    )
    se = math.sqrt(compared.first.se**2 + compared.second.se**2 - 2 * compared.covariance)
    assert compared.difference.se == pytest.approx(se)
    assert compared.covariance > 0
    less = stats.clustered_auc_difference(
        truth, gradings.first, gradings.second, clusters=gradings.clusters, alternative="less"
    )
    assert compared.p + less.p == pytest.approx(1.0)
    assert compared.difference.low == less.difference.low


def test_unpaired_difference_has_welchs_degrees_of_freedom(gradings):
    truth = gradings.reference >= 2
    compared = stats.auc_difference_unpaired(
        truth[:200], gradings.first[:200], truth[200:], gradings.second[200:]
    )
    v1, v2 = compared.first.se**2, compared.second.se**2
    assert compared.test.df == pytest.approx((v1 + v2) ** 2 / (v1**2 / 199 + v2**2 / 199))


@pytest.mark.parametrize(
    ("scores", "area"), [([1, 1, 2, 2, 3, 4, 5], 1.0), ([5, 4, 3, 3, 2, 2, 1], 0.0), ([3] * 7, 0.5)]
)
def test_extreme_areas_stand_and_are_flagged(scores, area):
    truth = [0, 0, 0, 0, 1, 1, 1]
    logit = stats.auc(truth, scores)
    assert logit.value == area
    assert logit.low < logit.high
    assert logit.low <= area <= logit.high
    assert logit.note
    wald = stats.auc(truth, scores, interval="wald")
    assert (wald.low, wald.high) == (area, area)
    assert "degenerate" in wald.note


def test_one_class_is_not_estimable():
    assert stats.auc([0, 0, 0], [1, 2, 3]).undefined_because == "no positive items"
    assert stats.clustered_auc([1, 1], [1, 2], clusters=[1, 2]).undefined_because == "no negative items"
    compared = stats.clustered_auc_difference([1, 1], [1, 2], [1, 3], clusters=[1, 2])
    assert not compared.difference.defined
    assert not compared.test.defined


def test_one_positive_has_an_area_and_no_variance():
    single = stats.auc([0, 0, 0, 1], [1, 2, 3, 2])
    assert single.value == 0.5
    assert math.isnan(single.se)
    assert math.isnan(single.low)


def test_operating_points_lie_midway_between_scores():
    points = stats.operating_points([0, 0, 1, 1], [1, 2, 2, 3])
    assert [p.threshold for p in points] == [-math.inf, 1.5, 2.5, math.inf]
    assert [(p.sensitivity, p.specificity) for p in points] == [(1, 0), (1, 0.5), (0.5, 1), (0, 1)]
    assert [p.threshold for p in stats.youden_points([0, 0, 1, 1], [1, 2, 2, 3])] == [1.5, 2.5]


def test_minus_infinity_is_a_rank_like_any_other():
    truth = [0, 0, 1, 1]
    assert stats.auc(truth, [-np.inf, 1, 1, 2]).value == stats.auc(truth, [0, 1, 1, 2]).value


def test_a_corrected_part_below_the_diagonal_is_not_estimable():
    truth, score = [0, 0, 0, 0, 1, 1, 1, 1], [1, 2, 3, 6, 2, 3, 4, 5]
    raw = stats.partial_auc(truth, score, start=0.9, stop=1.0)
    corrected = stats.partial_auc(truth, score, start=0.9, stop=1.0, corrected=True)
    assert raw.value == 0
    assert "McClish's correction is not defined" in corrected.undefined_because
    # On the diagonal itself it is one half, whatever the rounding.
    on_it = stats.partial_auc([0, 0, 0, 1, 1, 1], [1, 2, 3, 1, 2, 3], start=0.3, stop=0.7, corrected=True)
    assert on_it.value == pytest.approx(0.5)
