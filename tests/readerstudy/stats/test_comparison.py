"""Paired comparison of readings against published tables and second implementations."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest
from statsmodels.stats.contingency_tables import cochrans_q, mcnemar

from readerstudy import stats
from readerstudy.stats.estimate import AnalysisRefused


@pytest.mark.parametrize("table", [[[794, 150], [86, 570]], [[10, 3], [9, 5]], [[5, 1], [0, 2]]])
def test_mcnemar_agrees_with_statsmodels_and_the_binomial(table):
    ours = stats.mcnemar_table(table)
    plain, corrected = (mcnemar(table, exact=False, correction=c) for c in (False, True))
    assert ours.asymptotic.statistic == pytest.approx(plain.statistic)
    assert ours.corrected.p == pytest.approx(corrected.pvalue)
    b, c = table[0][1], table[1][0]
    exact = binomtest(min(b, c), b + c, 0.5)
    assert ours.exact.p == pytest.approx(exact.pvalue)
    at = math.comb(b + c, b) / 2 ** (b + c)
    assert ours.mid_p.p == pytest.approx(min(1.0, exact.pvalue - at) if b != c else ours.mid_p.p)


def test_no_discordant_item_has_exact_p_one_and_no_chi_square():
    ours = stats.mcnemar_table([[10, 0], [0, 5]])
    assert ours.exact.p == ours.mid_p.p == 1.0
    assert ours.asymptotic.undefined_because == "no discordant item"


def test_cochran_agrees_with_statsmodels(gradings):
    calls = np.stack((gradings.reference, gradings.first, gradings.second), axis=1) >= 2
    peer = cochrans_q(calls.astype(int))
    ours = stats.cochran_q(calls)
    assert ours.statistic == pytest.approx(peer.statistic)
    assert ours.p == pytest.approx(peer.pvalue)
    assert stats.cochran_q([[1, 1], [0, 0]]).undefined_because


def _by_hand(b, c, n):
    d, m = b - c, b.size
    total = d.sum()
    null = m / (m - 1) * (d**2).sum()
    rest = m / (m - 1) * ((d - n * total / n.sum()) ** 2).sum()
    return {
        "obuchowski": total**2 / null,
        "durkalski": (d / n).sum() ** 2 / ((d / n) ** 2).sum(),
        "yang": total**2 / ((null + rest) / 2),
        "mcnemar": total**2 / (b + c).sum(),
    }


def test_the_clustered_tests_are_their_definitions(gradings):
    a, b = gradings.first >= 2, gradings.second >= 2
    counts = stats.paired_counts(a, b, clusters=gradings.clusters)
    loops = _by_hand(counts.first_only, counts.second_only, counts.sizes)
    for method, chi2 in loops.items():
        assert stats.clustered_mcnemar(a, b, clusters=gradings.clusters, method=method).statistic == (
            pytest.approx(chi2)
        )


def test_clusters_of_one_are_mcnemar_but_for_the_divisor(gradings):
    a, b = gradings.first >= 2, gradings.second >= 2
    n = a.size
    plain = stats.mcnemar(a, b).asymptotic.statistic
    nested = stats.clustered_mcnemar(a, b, clusters=np.arange(n))
    assert nested.statistic == pytest.approx(plain * (n - 1) / n)
    donner = stats.clustered_mcnemar(a, b, clusters=np.arange(n), method="eliasziw")
    assert donner.statistic == pytest.approx(plain)


def test_strong_nesting_lowers_the_eliasziw_donner_statistic():
    patients = np.repeat(np.arange(20), 10)
    first = np.repeat(np.arange(20) % 3 == 0, 10)
    second = np.zeros(200, bool)
    plain = stats.clustered_mcnemar(first, second, clusters=patients, method="mcnemar")
    nested = stats.clustered_mcnemar(first, second, clusters=patients, method="eliasziw")
    assert nested.statistic < plain.statistic / 5


def test_one_patient_is_undefined_and_identical_readers_have_p_one():
    one = stats.clustered_mcnemar([1, 0, 1], [0, 0, 1], clusters=[1, 1, 1])
    assert one.undefined_because == "fewer than two patients"
    same = stats.clustered_mcnemar([1, 0, 1], [1, 0, 1], clusters=[1, 2, 3])
    assert same.p == 1.0
    assert same.note


def test_compare_calls_names_its_measure_and_its_patients(gradings):
    truth = gradings.reference >= 2
    result = stats.compare_calls(
        truth, gradings.first >= 2, gradings.second >= 2, measure="specificity", clusters=gradings.clusters
    )
    a, b = (np.mean(x[~truth] < 2) for x in (gradings.first, gradings.second))
    assert result.difference.value == pytest.approx(a - b)
    assert result.first.value == pytest.approx(a)
    assert result.difference.n == (~truth).sum()
    with pytest.raises(ValueError, match="measure must be"):
        stats.compare_calls(truth, truth, truth, measure="ppv", clusters=gradings.clusters)


def test_a_model_that_is_the_reader_meets_his_point(gradings):
    truth = gradings.reference >= 2
    point = stats.model_at_reader_point(
        truth, gradings.first >= 2, gradings.first, clusters=gradings.clusters, rng=np.random.default_rng(1),
        n_resamples=200, seed=1,
    )  # fmt: skip
    assert point.difference.value == pytest.approx(0.0)
    assert point.model_sensitivity.value == pytest.approx(point.reader_sensitivity)
    assert point.test.p == 1.0


def test_a_permutation_p_is_never_zero(gradings):
    truth = gradings.reference >= 2
    test = stats.permutation_auc_difference(
        truth, gradings.reference, -gradings.reference, clusters=gradings.clusters,
        rng=np.random.default_rng(1), n_permutations=99,
    )  # fmt: skip
    assert test.p == pytest.approx(0.01)


def test_a_refusal_is_a_value_error_with_words():
    assert issubclass(AnalysisRefused, ValueError)
