import math

import numpy as np
import pytest
from sklearn import metrics
from statsmodels.stats.proportion import proportion_confint

from readerstudy import stats
from readerstudy.stats.accuracy.binary import MEASURES, measure_of_counts
from readerstudy.stats.accuracy.proportions import PROPORTION_METHODS, ratio_variance


def test_confusion_matrix_agrees_with_scikit_learn(gradings):
    ours = stats.confusion_matrix(gradings.reference, gradings.first, n_grades=4)
    assert ours.tolist() == metrics.confusion_matrix(gradings.reference, gradings.first).tolist()


def test_confusion_matrix_keeps_grades_nobody_used_and_is_read_only():
    table = stats.confusion_matrix([0, 0], [0, 0], n_grades=3)
    assert table.tolist() == [[2, 0, 0], [0, 0, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        table[0, 0] = 5


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_measures_at_each_cut_agree_with_scikit_learn(gradings, cut):
    truth, called = gradings.reference >= cut, gradings.first >= cut
    ours = stats.binary_summary(gradings.reference, gradings.first, cut=cut)
    assert ours.sensitivity.value == pytest.approx(metrics.recall_score(truth, called))
    assert ours.specificity.value == pytest.approx(metrics.recall_score(~truth, ~called))
    assert ours.ppv.value == pytest.approx(metrics.precision_score(truth, called))
    assert ours.npv.value == pytest.approx(metrics.precision_score(~truth, ~called))
    assert ours.f1.value == pytest.approx(metrics.f1_score(truth, called))
    assert ours.mcc.value == pytest.approx(metrics.matthews_corrcoef(truth, called))
    assert ours.balanced_accuracy.value == pytest.approx(metrics.balanced_accuracy_score(truth, called))
    positive, negative = metrics.class_likelihood_ratios(truth, called)
    assert ours.positive_likelihood_ratio.value == pytest.approx(positive)
    assert ours.negative_likelihood_ratio.value == pytest.approx(negative)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("wilson", "wilson"),
        ("clopper_pearson", "beta"),
        ("agresti_coull", "agresti_coull"),
        ("wald", "normal"),
    ],
)
@pytest.mark.parametrize(("x", "n"), [(0, 10), (1, 170), (26, 41), (10, 10)])
def test_proportion_intervals_agree_with_statsmodels(ours, theirs, x, n):
    estimate = stats.proportion(x, n, method=ours, confidence=0.9)
    low, high = proportion_confint(x, n, alpha=0.1, method=theirs)
    assert (estimate.low, estimate.high) == pytest.approx((max(low, 0), min(high, 1)), abs=1e-9)


def test_newcombe_intervals_are_the_published_ones():
    # Newcombe, Stat Med 1998;17:873-890, table II, 56/70 - 48/80: method 10.
    independent = stats.proportion_difference(56, 70, 48, 80)
    assert (round(independent.low, 4), round(independent.high, 4)) == (0.0524, 0.3339)


def test_the_paired_difference_has_the_mcnemar_variance():
    paired = stats.paired_proportion_difference(30, 12, 5, 53)
    assert paired.value == pytest.approx(0.07)
    assert paired.se == pytest.approx(math.sqrt((12 + 5) - (12 - 5) ** 2 / 100) / 100)
    assert paired.low < 0.07 < paired.high


def test_undefined_shares_say_why_and_are_never_zero():
    nothing = stats.binary_summary([0, 0, 0, 0, 0], [0, 0, 0, 0, 0])
    assert nothing.sensitivity.undefined_because == "no positive items"
    assert nothing.ppv.undefined_because == "no positive calls"
    assert nothing.f1.undefined_because
    assert nothing.mcc.undefined_because
    assert nothing.specificity.value == 1.0
    assert "sensitivity not estimable" in nothing.note


def test_clustered_shares_have_the_value_of_the_plain_ones(gradings):
    plain = stats.binary_summary(gradings.reference, gradings.first, cut=2)
    nested = stats.clustered_binary_summary(
        gradings.reference, gradings.first, clusters=gradings.clusters, cut=2
    )
    for measure in MEASURES:
        assert getattr(nested, measure).value == pytest.approx(getattr(plain, measure).value), measure
        assert getattr(nested, measure).n_clusters is not None


def test_the_ratio_variance_equals_the_definition():
    x, t = np.array([3.0, 1.0, 4.0, 0.0]), np.array([5.0, 2.0, 6.0, 0.0])
    p = 8 / 13
    by_hand = 3 / 2 * ((3 - 5 * p) ** 2 + (1 - 2 * p) ** 2 + (4 - 6 * p) ** 2) / 13**2
    assert ratio_variance(x, t) == pytest.approx(by_hand)


def test_clusters_of_one_give_the_binomial_variance_but_for_its_divisor(gradings):
    items = np.arange(gradings.reference.size)
    nested = stats.clustered_accuracy(gradings.reference, gradings.first, clusters=items)
    p, n = nested.value, items.size
    assert nested.se == pytest.approx(math.sqrt(p * (1 - p) / (n - 1)))


def test_the_jackknife_of_f1_is_the_loop_over_patients(gradings):
    nested = stats.clustered_f1(gradings.reference, gradings.first, clusters=gradings.clusters, cut=2)
    patients = np.unique(gradings.clusters)
    without = []
    for patient in patients:
        keep = gradings.clusters != patient
        without.append(
            metrics.f1_score(gradings.reference[keep] >= 2, gradings.first[keep] >= 2)
        )  # naive second implementation
    without, m = np.array(without), patients.size
    assert nested.se == pytest.approx(math.sqrt((m - 1) / m * np.sum((without - without.mean()) ** 2)))
    logit = np.log(without / (1 - without))
    se = math.sqrt((m - 1) / m * np.sum((logit - logit.mean()) ** 2))
    from scipy.stats import t

    centre = math.log(nested.value / (1 - nested.value))
    half = t.ppf(0.975, m - 1) * se
    assert (nested.low, nested.high) == pytest.approx(
        (1 / (1 + math.exp(half - centre)), 1 / (1 + math.exp(-half - centre)))
    )


def test_all_right_calls_count_patients_in_the_interval():
    reference = [1] * 20
    estimate = stats.clustered_sensitivity(reference, reference, clusters=np.repeat([1, 2], 10))
    assert estimate.value == 1.0
    assert estimate.low < 0.5  # two patients say little, however many joints they have
    assert "patients, not items" in estimate.note


def test_one_patient_has_a_value_and_no_interval():
    estimate = stats.clustered_sensitivity([1, 1, 1], [1, 0, 1], clusters=[7, 7, 7])
    assert estimate.value == pytest.approx(2 / 3)
    assert math.isnan(estimate.low)
    assert "one cluster" in estimate.note


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: stats.confusion_matrix([0, 4], [0, 0], n_grades=4), "reference holds grade 4, outside 0..3"),
        (lambda: stats.confusion_matrix([0, 1], [0], n_grades=4), "same length, got 2 and 1"),
        (lambda: stats.confusion_matrix([], [], n_grades=4), "reference is empty"),
        (lambda: stats.confusion_matrix([0.5], [0], n_grades=4), "whole grade indices, got 0.5"),
        (lambda: stats.binary_counts([0, math.nan], [0, 1]), "reference holds NaN at item 1"),
        (lambda: stats.proportion(5, 4), "successes must lie in 0..n"),
        (lambda: stats.proportion(1, 4, method="exact"), "method must be one of"),
        (lambda: stats.clustered_f1([1, 0], [1, 0], clusters=[1]), "one cluster per item, got 1 for 2"),
        (lambda: stats.proportion(1, 4, confidence=95), "confidence must lie between 0 and 1"),
    ],
)
def test_what_the_caller_broke_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_every_measure_is_nan_rather_than_zero_on_empty_counts():
    for measure in MEASURES:
        assert math.isnan(float(measure_of_counts(np.zeros(4), measure))), measure


def test_the_interval_methods_are_all_named():
    for method in PROPORTION_METHODS:
        assert stats.proportion(3, 9, method=method).defined
