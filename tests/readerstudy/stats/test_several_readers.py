"""Agreement of several readers against published tables and second implementations."""

import math

import numpy as np
import pytest
from statsmodels.stats.inter_rater import fleiss_kappa

from readerstudy import stats
from readerstudy.stats.agreement.chance_corrected import agreement_coefficient
from readerstudy.stats.agreement.ratings import Ratings, code_ratings, ratings_of_table
from readerstudy.stats.agreement.several import fleiss_null_test

# Krippendorff, Computing Krippendorff's alpha-reliability (2011), example D: 4 observers, 12 units.
KRIPPENDORFF = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, np.nan, np.nan, np.nan],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, np.nan, 3],
        [np.nan, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, np.nan],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, np.nan],
    ]
).T
# Shrout and Fleiss, Psychol Bull 1979;86:420-428, table 2: 6 targets, 4 judges.
SHROUT_FLEISS = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]


@pytest.mark.parametrize(
    ("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_alpha_is_the_published_one(metric, alpha):
    value = stats.krippendorff_alpha(KRIPPENDORFF, metric=metric).value
    assert round(value, 3) == alpha


@pytest.mark.parametrize(
    ("model", "kind", "unit", "value"),
    [
        ("oneway", "consistency", "single", 0.17),
        ("twoway", "agreement", "single", 0.29),
        ("twoway", "consistency", "single", 0.71),
        ("oneway", "consistency", "average", 0.44),
        ("twoway", "agreement", "average", 0.62),
        ("twoway", "consistency", "average", 0.91),
    ],
)
def test_the_six_correlations_are_the_published_ones(model, kind, unit, value):
    result = stats.icc(SHROUT_FLEISS, model=model, kind=kind, unit=unit)
    assert round(result.icc.value, 2) == value
    assert result.icc.low < result.icc.value < result.icc.high


def test_fleiss_agrees_with_statsmodels(gradings):
    table = np.stack((gradings.reference, gradings.first, gradings.second), axis=1)
    coded = code_ratings(table.astype(float), categories=range(4))
    peer = fleiss_kappa(coded.counts())
    assert agreement_coefficient(coded, "fleiss").coefficient.value == pytest.approx(peer)


def test_two_readers_make_conger_cohens_kappa_and_fleiss_scotts_pi(gradings):
    pair = np.stack((gradings.first, gradings.second), axis=1).astype(float)
    coded = code_ratings(pair, categories=range(4))
    conger = agreement_coefficient(coded, "conger", weights="quadratic").coefficient.value
    cohen = stats.weighted_kappa(gradings.first, gradings.second, n_grades=4).value
    assert conger == pytest.approx(cohen)
    p = np.bincount(np.concatenate((gradings.first, gradings.second)), minlength=4) / (2 * pair.shape[0])
    observed = np.mean(gradings.first == gradings.second)
    scott = (observed - (p**2).sum()) / (1 - (p**2).sum())
    assert agreement_coefficient(coded, "fleiss").coefficient.value == pytest.approx(scott)


def test_the_multinomial_variance_is_close_to_the_one_over_units(gradings):
    table = np.zeros((4, 4), int)
    np.add.at(table, (gradings.first, gradings.second), 1)
    coded = ratings_of_table(table)
    for kind in ("percent", "fleiss", "gwet", "brennan_prediger", "conger", "krippendorff"):
        units = agreement_coefficient(coded, kind, weights="linear").coefficient
        table_form = agreement_coefficient(coded, kind, weights="linear", variance="multinomial").coefficient
        assert units.value == pytest.approx(table_form.value)
        assert units.se == pytest.approx(table_form.se, rel=0.01)


def test_the_scale_matters_for_gwet_and_brennan_prediger_and_not_for_fleiss(gradings):
    pair = np.stack((gradings.first, gradings.second), axis=1).astype(float)
    four, six = (code_ratings(pair, categories=range(q)) for q in (4, 6))

    def value(coded: Ratings, kind: str) -> float:
        return agreement_coefficient(coded, kind).coefficient.value

    assert value(four, "fleiss") == pytest.approx(value(six, "fleiss"))
    assert value(four, "gwet") != pytest.approx(value(six, "gwet"))
    assert value(four, "brennan_prediger") < value(six, "brennan_prediger")


def test_a_missing_grade_is_used_or_dropped_as_said():
    grades = [[1, 1, 1], [2, 2, 2], [3, 2, 3], [None, 3, 3], [2, 2, None], [1, 1, 1]]
    used = stats.multireader_agreement(grades, kind="fleiss", categories=[1, 2, 3])
    dropped = stats.multireader_agreement(
        grades, kind="fleiss", categories=[1, 2, 3], missing="complete_cases"
    )
    assert (used.coefficient.n, dropped.coefficient.n) == (6, 4)
    assert "2 units" in dropped.coefficient.note
    assert dropped.coefficient.value == pytest.approx(0.727272727)


def test_labels_are_taken_in_the_order_given_and_unknown_ones_are_named():
    words = [["mild", "mild"], ["none", "severe"], ["severe", "severe"], ["none", "none"]]
    ordered = stats.multireader_agreement(
        words, kind="gwet", categories=["none", "mild", "severe"], weights="linear"
    )
    numbers = stats.multireader_agreement(
        [[1, 1], [0, 2], [2, 2], [0, 0]], kind="gwet", categories=[0, 1, 2], weights="linear"
    )
    assert ordered.coefficient.value == pytest.approx(numbers.coefficient.value)
    with pytest.raises(ValueError, match="'severe', which is not among the categories"):
        stats.multireader_agreement(words, kind="gwet", categories=["none", "mild"])


def test_one_category_is_undefined_with_a_reason_for_each():
    same = [[2, 2]] * 8
    for kind in ("fleiss", "conger", "krippendorff"):
        result = stats.multireader_agreement(same, kind=kind, categories=[1, 2, 3])
        assert "chance agreement" in result.coefficient.undefined_because
    assert stats.multireader_agreement(same, kind="gwet", categories=[1, 2, 3]).coefficient.value == 1.0
    assert stats.multireader_agreement(same, kind="gwet", categories=[2]).coefficient.undefined_because
    assert stats.krippendorff_alpha(same).undefined_because
    assert stats.light_kappa(same).undefined_because
    assert stats.icc(same).icc.undefined_because == "all measurements are alike"
    assert stats.kendall_w(same)[0].undefined_because


def test_no_unit_with_two_grades_is_undefined_and_no_error():
    lonely = [[1, None], [None, 2], [3, None]]
    for missing in ("available", "complete_cases"):
        for kind in ("percent", "fleiss", "conger", "gwet", "brennan_prediger", "krippendorff"):
            result = stats.multireader_agreement(lonely, kind=kind, categories=[1, 2, 3], missing=missing)
            assert result.coefficient.undefined_because == "no unit was graded by two readers"
        assert stats.krippendorff_alpha(lonely, missing=missing).undefined_because
    assert stats.light_kappa(lonely, missing="complete_cases").undefined_because


def test_fleiss_null_test_needs_complete_ratings():
    with pytest.raises(ValueError, match="complete ratings"):
        fleiss_null_test(code_ratings([[1, np.nan], [2, 2]]))


def test_readers_that_differ_by_a_constant_have_consistency_one():
    shifted = [[k, k + 1] for k in range(1, 6)]
    assert stats.icc(shifted, kind="consistency").icc.value == 1.0
    assert stats.icc(shifted).icc.value == pytest.approx(0.8333333)
    assert stats.icc(shifted).test.undefined_because == "the residual variance is 0"


def test_bland_altman_is_the_textbook_form():
    rng = np.random.default_rng(2)
    a = rng.normal(30, 8, 60)
    b = a + rng.normal(0.5, 2, 60)
    limits = stats.bland_altman(a, b)
    d = a - b
    assert limits.bias.value == pytest.approx(d.mean())
    assert limits.upper.value == pytest.approx(d.mean() + 1.959964 * d.std(ddof=1), abs=1e-5)
    assert limits.lower.value < limits.bias.value < limits.upper.value


def test_nesting_widens_the_interval_of_the_bias():
    rng = np.random.default_rng(4)
    patients = np.repeat(np.arange(30), 8)
    d = rng.normal(size=30)[patients] + 0.5 * rng.normal(size=240)
    nested = stats.bland_altman(d, np.zeros(240), clusters=patients)
    single = stats.bland_altman(d, np.zeros(240))
    assert nested.bias.se > 2 * single.bias.se
    assert nested.sd == pytest.approx(math.sqrt(1.25), rel=0.2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: code_ratings([[1.0], [2.0]]), "n_readers >= 2"),
        (lambda: code_ratings(np.zeros((0, 2))), "ratings is empty"),
        (lambda: code_ratings([[1.0, 5.0]], categories=[1, 2]), "5, which is not among"),
        (lambda: code_ratings([[1.0, 2.0]], categories=[1, 2, 2]), "same value twice"),
        (lambda: agreement_coefficient(code_ratings(SHROUT_FLEISS), "kappa"), "kind must be one of"),
        (lambda: agreement_coefficient(code_ratings(SHROUT_FLEISS), "fleiss", variance="multinomial"),
         "for two readers, got 4"),
        (lambda: stats.icc([[1, 2]], model="random"), "model must be one of"),
        (lambda: stats.krippendorff_alpha([[1, 2]], metric="circular"), "metric must be one of"),
    ],
)  # fmt: skip
def test_what_the_caller_broke_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("model", ["oneway", "twoway"])
@pytest.mark.parametrize("kind", ["consistency", "agreement"])
def test_units_without_any_variability_have_no_average_reliability(model, kind):
    same_means = [[1, 2], [2, 1], [1, 2], [2, 1]]
    average = stats.icc(same_means, model=model, kind=kind, unit="average")
    assert average.icc.undefined_because == "no variability between units"
    single = stats.icc(same_means, model=model, kind=kind, unit="single")
    assert single.icc.undefined_because or single.icc.value < 0


def test_origin_and_unit_of_measurements_leave_the_icc():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(9, 3)) + rng.normal(size=(9, 1))
    for unit in ("single", "average"):
        plain, moved = stats.icc(x, unit=unit), stats.icc(7 + 1e150 * x, unit=unit)
        assert moved.icc.value == pytest.approx(plain.icc.value)
        assert moved.icc.high == pytest.approx(plain.icc.high)
        assert moved.test.p == pytest.approx(plain.test.p)
    with pytest.raises(ValueError, match="infinite"):
        stats.icc([[1, 2], [2, np.inf]])
