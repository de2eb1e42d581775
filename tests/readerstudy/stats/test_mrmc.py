"""Several readers and cases: refusals, designs, equivalences (all data synthetic)."""

import numpy as np
import pytest

from readerstudy import stats
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.mrmc.covariance import cell_covariance
from readerstudy.stats.mrmc.endpoints import _CurveEndpoint
from readerstudy.stats.mrmc.obuchowski_rockette import error_components
from readerstudy.stats.mrmc.readings import Readings


def simulated(treatments=2, readers=4, cases=80, seed=1, effect=0.5):
    rng = np.random.default_rng(seed)
    truth = np.arange(cases) % 2 == 0
    latent = truth[None, None] * (1.2 + effect * np.arange(treatments))[:, None, None]
    noise = rng.normal(size=(treatments, readers, cases)) + rng.normal(size=cases)
    ratings = np.round(2 * (latent + noise))
    return Readings(
        tuple(f"t{k}" for k in range(treatments)), tuple(f"r{k}" for k in range(readers)),
        tuple(f"c{k}" for k in range(cases)), truth, ratings, np.arange(cases) // 2,
    )  # fmt: skip


@pytest.fixture
def study():
    return simulated()


def test_one_random_reader_is_refused_with_the_way_out(study):
    one = study.only(readers=["r0"])
    with pytest.raises(AnalysisRefused, match="take the readers as fixed"):
        stats.obuchowski_rockette(one)
    fixed = stats.obuchowski_rockette(one, readers="fixed")
    assert fixed.differences[0].test.defined


def test_two_random_readers_carry_a_warning(study):
    assert "two readers only" in stats.obuchowski_rockette(study.only(readers=["r0", "r3"])).note


def test_nothing_random_is_refused(study):
    with pytest.raises(AnalysisRefused, match="nothing random"):
        stats.obuchowski_rockette(study, readers="fixed", cases="fixed")


def test_missing_readings_are_refused_unless_said(study):
    ratings = study.ratings.copy()
    ratings[0, 1, [3, 8]] = np.nan
    holed = Readings(study.treatments, study.readers, study.cases, study.diseased, ratings)
    with pytest.raises(AnalysisRefused, match="2 readings are missing"):
        stats.obuchowski_rockette(holed)
    used = stats.obuchowski_rockette(holed, missing="available")
    assert "2 readings are missing" in used.note
    with pytest.raises(AnalysisRefused, match="use u_statistics"):
        stats.dbm(holed)
    assert len(stats.u_statistics(holed)) == 3
    for method in ("delong", "unbiased"):
        whole = stats.obuchowski_rockette(study, covariance=method).components.var_error
        part = stats.obuchowski_rockette(holed, covariance=method, missing="available").components.var_error
        assert part == pytest.approx(whole, rel=0.1)


def test_identical_treatments_have_difference_zero_and_p_one(study):
    twice = Readings(
        ("a", "b"), study.readers, study.cases, study.diseased, np.stack((study.ratings[0], study.ratings[0]))
    )
    result = stats.obuchowski_rockette(twice)
    assert result.differences[0].estimate.value == 0.0
    assert result.differences[0].test.p == 1.0
    assert result.global_test.test.p == 1.0
    assert stats.u_statistics(twice)[-1].test_bdg.p == 1.0


def test_a_class_that_a_reader_did_not_read_is_named(study):
    ratings = study.ratings.copy()
    ratings[1, 2, study.diseased] = np.nan
    holed = Readings(study.treatments, study.readers, study.cases, study.diseased, ratings)
    with pytest.raises(AnalysisRefused, match="reader r2 read 0 diseased cases under t1"):
        stats.obuchowski_rockette(holed, missing="available")


def test_the_jackknife_and_delong_agree_in_larger_studies():
    study = simulated(cases=400)
    jackknife, delong, unbiased = (
        stats.obuchowski_rockette(study, covariance=c).components for c in ("jackknife", "delong", "unbiased")
    )
    assert jackknife.var_error == pytest.approx(delong.var_error, rel=0.01)
    assert unbiased.cov2 == pytest.approx(delong.cov2, rel=0.03)


def test_patients_of_one_case_make_obuchowski_delong(study):
    single = Readings(
        study.treatments, study.readers, study.cases, study.diseased, study.ratings, np.arange(80)
    )
    figure = stats.Auc()
    cells = figure.cells(single)
    nested = cell_covariance(single, figure, "obuchowski1997", cells)
    np.testing.assert_allclose(nested, cell_covariance(single, figure, "delong", cells), rtol=1e-9)


def test_clustered_rates_have_the_variance_of_the_clustered_share(study):
    figure = stats.CallRate("specificity", 3)
    cov = cell_covariance(study, figure, "obuchowski1997", figure.cells(study))
    healthy = ~study.diseased
    share = stats.clustered_specificity(
        study.diseased, study.ratings[0, 1], clusters=study.clusters, cut=3, reference_cut=1
    )
    assert healthy.sum() == share.n
    assert cov[1, 1] == pytest.approx(share.se**2)


def test_covariances_are_refused_for_figures_they_do_not_fit(study):
    with pytest.raises(AnalysisRefused, match="does not apply to partial AUC"):
        stats.obuchowski_rockette(
            study, endpoint=stats.PartialAuc("specificity", 0.8, 1.0), covariance="delong"
        )
    with pytest.raises(AnalysisRefused, match="needs the patient"):
        stats.obuchowski_rockette(
            Readings(study.treatments, study.readers, study.cases, study.diseased, study.ratings),
            covariance="obuchowski1997",
        )


@pytest.mark.parametrize(
    "endpoint",
    [
        stats.CallRate("sensitivity", 3), stats.CallRate("specificity", 3),
        stats.PartialAuc("sensitivity", 0.7, 1.0), stats.SensitivityAtSpecificity(0.8),
    ],
)  # fmt: skip
def test_other_figures_of_merit_run_through_all_designs(study, endpoint):
    for design in ("factorial", "case_in_reader", "case_in_treatment", "mixed"):
        result = stats.obuchowski_rockette(study, endpoint=endpoint, design=design)
        assert result.differences[0].estimate.se > 0
        assert 0 <= result.means[0].estimate.value <= 1


def test_designs_set_their_covariances_to_zero(study):
    nested = stats.obuchowski_rockette(study, design="case_in_reader").components
    assert (nested.cov2, nested.cov3) == (0.0, 0.0)
    treatment = stats.obuchowski_rockette(study, design="case_in_treatment").components
    assert (treatment.cov1, treatment.cov3) == (0.0, 0.0)
    assert treatment.cov2 > 0


def test_both_methods_against_a_model_give_the_same_test(study):
    one = study.only(treatments=["t0"])
    single = stats.standalone_vs_readers(one, model="r0")
    double = stats.standalone_vs_readers(one, model="r0", method="two_modality")
    assert single.test.p == pytest.approx(double.test.p)
    assert double.means[0].treatment == "algorithm"
    with pytest.raises(AnalysisRefused, match="fewer than two readers"):
        stats.standalone_vs_readers(one.only(readers=["r0", "r1"]), model="r0")
    with pytest.raises(ValueError, match="not among the readers"):
        stats.standalone_vs_readers(one, model="m")


def test_the_margin_moves_the_test_and_not_the_difference(study):
    near = stats.non_inferiority(study, reference="t1", test="t0", margin=0.02)
    far = stats.non_inferiority(study, reference="t1", test="t0", margin=0.4)
    better = stats.non_inferiority(study, reference="t0", test="t1", margin=0.0, kind="superiority")
    assert near.difference == far.difference
    assert near.test.p > 0.5 > far.test.p
    assert better.difference.value == pytest.approx(-near.difference.value)
    assert better.test.statistic == pytest.approx(better.difference.value / better.difference.se)
    bound = dict(far.lower_bounds)[0.975]
    assert bound == pytest.approx(far.difference.low)


def test_a_larger_u_statistics_study_has_the_variance_of_delong_for_one_reader():
    study = simulated(readers=1, cases=200)
    u = stats.u_statistics(study)[0]
    area = stats.auc(study.diseased, study.ratings[0, 0])
    assert u.estimate_first == pytest.approx(area.value)
    assert u.variance == pytest.approx(area.se**2, rel=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rating": [1, 2, 3, np.nan]}, "rating holds NaN at item 3"),
        ({"case": ["a", "b", "a", "d"]}, "read twice by reader 1 under x"),
        ({"diseased": [1, 1, 0, 1], "case": ["a", "b", "a", "b"], "reader": [1, 1, 2, 2]}, "two references"),
        ({"reader": [1, 1, 1]}, "reader must have 4 rows"),
        ({"readers": ["9"]}, "no row belongs"),
    ],
)
def test_broken_long_data_is_named(change, message):
    rows = {
        "reader": [1, 1, 1, 1], "treatment": ["x"] * 4, "case": list("abcd"), "diseased": [1, 0, 1, 0],
        "rating": [1, 2, 3, 4],
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        stats.readings_from_long(**{**rows, **change})


def test_identifiers_are_text():
    data = stats.readings_from_long(
        ["r", "r"], ["t", "t"], ["1.1", "1.10"], [1, 0], [2, 3], readers=["r"], treatments=["t"]
    )
    assert data.cases == ("1.1", "1.10")


def test_error_components_are_the_means_of_their_kind_of_cell():
    i, j = 3, 4
    a = np.random.default_rng(2).normal(size=(i * j, 20))
    covariance = a @ a.T
    kinds = {"error": [], "cov1": [], "cov2": [], "cov3": []}
    for one in range(i * j):
        for other in range(i * j):
            treatment, reader = one // j == other // j, one % j == other % j
            kind = {(True, True): "error", (False, True): "cov1", (True, False): "cov2"}
            kinds[kind.get((treatment, reader), "cov3")].append(covariance[one, other])
    expected = [np.mean(kinds[name]) for name in ("error", "cov1", "cov2", "cov3")]
    assert error_components(covariance, i, j, "factorial") == pytest.approx(expected)
    assert error_components(covariance[:1, :1], 1, 1, "factorial")[1:] == (0.0, 0.0, 0.0)
    assert error_components(covariance, i, j, "case_in_reader")[2:] == (0.0, 0.0)


@pytest.mark.parametrize(
    ("endpoint", "word"),
    [
        (stats.Auc(), "one rating per case"),
        (stats.CallRate("sensitivity", 1), "one rating per case"),
        (stats.SensitivityAtSpecificity(0.9), "one rating per case"),
        (stats.LrocPcl(0.1), "one rated place per case"),
    ],
)
def test_a_figure_that_does_not_fit_the_study_is_refused_in_words(study, endpoint, word):
    marks = stats.froc_study(
        cases=["a", "b", "c", "d"], n_lesions=[1, 1, 0, 0], treatment=["1", "2"] * 2,
        reader=["x", "x", "y", "y"], case=["a", "c", "b", "d"], is_lesion=[True, False, True, False],
        lesion=[1, 0, 1, 0], rating=[3, 2, 2, 1],
    )  # fmt: skip
    with pytest.raises(AnalysisRefused, match=word):
        stats.obuchowski_rockette(marks, endpoint=endpoint)
    with pytest.raises(AnalysisRefused, match="needs marks"):
        stats.obuchowski_rockette(study, endpoint=stats.FrocFigure("wAFROC"))
    with pytest.raises(AnalysisRefused, match="not for sensitivity at specificity"):
        stats.u_statistics(study, endpoint=stats.SensitivityAtSpecificity(0.9))
    with pytest.raises(ValueError, match="there is no treatment 't9'; there are t0, t1"):
        stats.non_inferiority(study, reference="t0", test="t9", margin=0.1)


def test_an_end_point_of_a_curve_must_say_what_it_reads_off():
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (_CurveEndpoint,), {})()
