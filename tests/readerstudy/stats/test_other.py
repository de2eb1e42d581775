"""Calibration, monitoring, planning, several classes, resampling details."""

import json
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn import metrics

from readerstudy import stats
from readerstudy.stats import benchmark
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.planning.readers import PilotComponents, normal_range
from readerstudy.stats.resampling import weights as resampling_weights
from readerstudy.stats.resampling.bootstrap import bca_limits


def test_several_classes_agree_with_scikit_learn(gradings):
    a, b = gradings.reference, gradings.first
    ours = stats.multiclass_summary(a, b, n_classes=4)
    assert ours.macro_f1 == pytest.approx(metrics.f1_score(a, b, average="macro"))
    assert ours.weighted_f1 == pytest.approx(metrics.f1_score(a, b, average="weighted"))
    assert ours.micro_f1 == pytest.approx(metrics.f1_score(a, b, average="micro"))
    assert ours.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(a, b))
    assert ours.mcc == pytest.approx(metrics.matthews_corrcoef(a, b))
    assert list(ours.precision) == pytest.approx(metrics.precision_score(a, b, average=None).tolist())
    p = np.random.default_rng(1).dirichlet(np.ones(4), a.size)
    areas = stats.multiclass_auc(a, p)
    assert areas.ovo_macro == pytest.approx(metrics.roc_auc_score(a, p, multi_class="ovo"))
    assert areas.ovr_weighted == pytest.approx(
        metrics.roc_auc_score(a, p, multi_class="ovr", average="weighted")
    )
    assert stats.log_loss(a, p).value == pytest.approx(metrics.log_loss(a, p))


def test_a_class_that_occurs_nowhere_is_named_and_left_out_of_the_means():
    summary = stats.multiclass_summary([0, 1, 1], [0, 1, 0], n_classes=3)
    assert math.isnan(summary.f1[2])
    assert "2 occur nowhere" in summary.note
    assert summary.macro_f1 == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert math.isnan(stats.multiclass_summary([1, 1], [1, 1], n_classes=2).mcc)


def test_a_true_class_with_probability_zero_has_infinite_loss_and_says_so():
    loss = stats.log_loss([0, 1], [[0.0, 1.0], [0.5, 0.5]])
    assert math.isinf(loss.value)
    assert "probability 0" in loss.note


def test_brier_and_the_reliability_curve_agree_with_scikit_learn(gradings):
    truth = gradings.reference >= 2
    p = 1 / (1 + np.exp(-gradings.score))
    brier = stats.brier_score(truth, p, clusters=gradings.clusters)
    assert brier.value == pytest.approx(metrics.brier_score_loss(truth, p))
    assert brier.se > stats.brier_score(truth, p).se
    bins = stats.reliability_curve(truth, p, clusters=gradings.clusters, n_bins=5, binning="width")
    assert sum(b.observed.n for b in bins) == truth.size
    for b in bins:
        inside = (p > b.low) & (p <= b.high)
        assert b.observed.value == pytest.approx(truth[inside].mean())
    error = stats.calibration_error(truth, p, rng=np.random.default_rng(1), n_bins=5, n_resamples=50)
    by_hand = sum(abs(b.observed.value - b.mean_predicted) * b.observed.n for b in bins) / truth.size
    assert error.estimate.value == pytest.approx(by_hand)
    with pytest.raises(ValueError, match=r"lie in 0..1, got 1.5"):
        stats.brier_score([0, 1], [0.5, 1.5])


def test_monitoring_counts_cases_and_items_apart():
    overruled = [1, 0, 0, 0, 0, 0]
    cases = ["a", "a", "a", "b", "b", "b"]
    assert stats.reader_disagreement_index(overruled, cases=cases).value == 0.5
    assert stats.item_overruling_rate(overruled, clusters=cases).value == pytest.approx(1 / 6)
    audit = stats.agreed_and_wrong([1, 0, 0, 0], clusters=[1, 2, 3, 4], n_agreed=40, n_items=100)
    assert audit.share_of_all.value == pytest.approx(0.1)
    assert audit.expected_items == pytest.approx(9.0)
    with pytest.raises(ValueError, match="between the 4 audited"):
        stats.agreed_and_wrong([1, 0, 0, 0], clusters=[1, 2, 3, 4], n_agreed=3, n_items=100)


def test_drift_finds_a_trend_and_none_in_a_constant():
    order = np.repeat(np.arange(50), 4)
    rng = np.random.default_rng(2)
    noise = rng.normal(size=50)[order] + rng.normal(size=200)
    rising = stats.drift(0.2 * order + noise, order, clusters=order)
    assert rising.slope.low < 0.2 < rising.slope.high
    assert rising.test.p < 1e-6
    still = stats.drift(np.ones(200), order, clusters=order)
    assert still.test.p == 1.0
    assert stats.drift([1.0, 2.0], [3, 3], clusters=[1, 2]).slope.undefined_because


def test_power_rises_with_cases_and_readers_and_stops_without_readers():
    pilot = PilotComponents(0.0002, 0.0008, 0.00035, 0.00034, 0.00024, 114)
    small, large = (stats.mrmc_power(pilot, n_readers=6, n_cases=n, effect=0.05) for n in (60, 600))
    assert small.power < large.power
    needed = stats.mrmc_cases_needed(pilot, n_readers=10, effect=0.05)
    assert needed.power >= 0.8
    less = stats.mrmc_power(pilot, n_readers=10, n_cases=needed.n_cases - 1, effect=0.05)
    assert less.power < 0.8
    with pytest.raises(AnalysisRefused, match="add readers"):
        stats.mrmc_cases_needed(pilot, n_readers=2, effect=0.01)
    with pytest.raises(AnalysisRefused, match="at least two"):
        stats.mrmc_power(pilot, n_readers=1, n_cases=100, effect=0.05)


def test_the_range_of_normal_values_is_the_tabulated_one():
    # d2 of quality control: 1.128, 1.693, 2.059, 3.078 for 2, 3, 4, 10.
    assert normal_range(2) == pytest.approx(2 / math.sqrt(math.pi), abs=1e-12)
    assert [round(normal_range(n), 3) for n in (3, 4, 10)] == [1.693, 2.059, 3.078]


def test_sample_size_and_power_of_one_area_undo_each_other():
    size = stats.sample_size_auc(0.75, power=0.9, ratio=2)
    back = stats.sample_size_auc(0.75, n_diseased=size.n_diseased, n_non_diseased=size.n_non_diseased)
    assert back.power == pytest.approx(0.9)
    with pytest.raises(ValueError, match=r"differ from 0.5"):
        stats.sample_size_auc(0.5, power=0.9)
    with pytest.raises(ValueError, match="not both"):
        stats.sample_size_auc(0.8, n_diseased=10, power=0.9)


def test_kappa_plans_refuse_what_cannot_be():
    with pytest.raises(ValueError, match="sum to 1"):
        stats.sample_size_kappa_test(0.4, 0.6, proportions=[0.5, 0.6])
    with pytest.raises(AnalysisRefused, match="inside the limits"):
        stats.sample_size_kappa_interval(0.4, kappa_lower=0.5, proportions=[0.5, 0.5])
    both = stats.sample_size_kappa_interval(0.6, kappa_lower=0.4, kappa_upper=0.8, proportions=[0.3, 0.7])
    assert both > stats.sample_size_kappa_interval(0.6, kappa_lower=0.4, proportions=[0.3, 0.7])


def test_nesting_costs_the_design_effect():
    single = stats.patients_for_paired_proportions(0.1, 0.05)
    nested = stats.patients_for_paired_proportions(0.1, 0.05, items_per_patient=10, correlation=0.2)
    assert nested == math.ceil(468.23 * stats.design_effect(10, 0.2) / 10) or nested < single


def test_bca_is_the_percentile_interval_without_bias_and_skewness():
    values = np.linspace(-1, 1, 2001)
    low, high = bca_limits(values, 0.0, np.array([-1.0, 1.0, -0.5, 0.5]), 0.9)
    assert (low, high) == pytest.approx((-0.9, 0.9), abs=2e-3)


def test_the_same_seed_gives_the_same_interval_and_strata_keep_their_sizes(gradings):
    truth = gradings.reference >= 2
    twice = [
        stats.bootstrap_auc(
            truth, gradings.score, clusters=gradings.clusters, rng=np.random.default_rng(9), resamples=100,
            interval=kind, seed=9,
        )
        for kind in ("bca", "bca")
    ]  # fmt: skip
    assert twice[0] == twice[1]
    assert twice[0].estimate.seed == 9
    strata = np.array([0] * 3 + [1] * 7)
    weights = stats.cluster_weights(10, 50, np.random.default_rng(1), strata=strata)
    assert np.all(weights[:, :3].sum(axis=1) == 3)
    assert np.all(weights[:, 3:].sum(axis=1) == 7)


def test_resamples_in_which_the_figure_is_undefined_are_counted():
    share = stats.bootstrap_counts(
        [[1, 0], [0, 1]],
        lambda c: np.where(c[..., 0] > 0, c[..., 1] / np.maximum(c[..., 0], 1), np.nan),
        rng=np.random.default_rng(3),
        n_resamples=200,
    )
    assert share.n_undefined > 0
    assert "left out" in share.estimate.note


def test_blocks_and_single_items_give_the_same_comparisons(monkeypatch):
    rng = np.random.default_rng(6)
    for block in (1, 3, 64):
        monkeypatch.setattr(resampling_weights, "_BLOCK", block)
        for _ in range(40):
            n = int(rng.integers(2, 150))
            m = int(rng.integers(1, n + 1))
            codes, truth = rng.integers(0, m, n), rng.random(n) < 0.4
            scores = rng.integers(0, int(rng.integers(1, 300)), n).astype(float)
            scores[rng.random(n) < 0.1] = -np.inf
            found = resampling_weights.comparison_matrix(truth, scores, codes, m)
            pairs = 2 * (scores[:, None] > scores) + (scores[:, None] == scores)
            pairs = pairs * (truth[:, None] & ~truth)
            loop = np.zeros((m, m))
            np.add.at(loop, (codes[:, None], codes[None, :]), pairs)
            np.testing.assert_array_equal(found, loop)
    monkeypatch.setattr(resampling_weights, "_MOST_PAIRS", 0)
    np.testing.assert_array_equal(resampling_weights.comparison_matrix(truth, scores, codes, m), loop)


def test_the_benchmark_says_which_promise_is_missed():
    fast, slow, busy = benchmark.Timing(0.5, 0.4), benchmark.Timing(3.0, 2.5), benchmark.Timing(3.0, 0.6)
    assert benchmark.Line("a", fast, 1, "loop", 100.0, at_least=150).missed == ""
    assert "more than 1 ms" in benchmark.Line("a", slow, 1).missed
    assert benchmark.Line("a", busy, 1).missed == ""
    assert "busy machine" in str(benchmark.Line("a", busy, 1))
    assert "less than 150 times" in benchmark.Line("a", fast, 1, "loop", 50.0, at_least=150).missed
    assert "200 times ours (promised 150)" in str(benchmark.Line("a", fast, 1, "loop", 100.0, at_least=150))
    assert "not installed here" in str(benchmark.Line("a", fast, 1, "pROC"))


def test_the_benchmark_runs_in_one_thread_and_reports_each_promise():
    environment = {**os.environ, "OMP_NUM_THREADS": "7"}
    command = [sys.executable, "-m", "readerstudy.stats.benchmark", "--repeats", "1", "--loop-resamples", "0",
               "--json"]  # fmt: skip
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    assert [row["promise_ms"] for row in rows] == [1500, 1, 4, 30, 20, 20]
    assert rows[0]["promised_ratio"] == 150
    assert all(row["ms"] > 0 and row["cpu_ms"] >= 0 for row in rows)
