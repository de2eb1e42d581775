"""The figures against computations written here, from the stored rows."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix, f1_score, roc_auc_score

from grading.models import Rating, Read, ReferenceGrade
from inference.models import Prediction
from readerstudy.analysis.results import View, compute_view
from readerstudy.analysis.results.grades import model_grades, thresholds_from
from readerstudy.analysis.selectors import build_dataset, plan_of
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.studies.models import Case, StudyRole

pytestmark = pytest.mark.django_db


def rows_of(study, finding, partitions):
    """Read stored rows into {(case, structure): ...}, without the code under test."""
    cases = Case.objects.filter(study=study, patient__partition__in=partitions)
    reference = {
        (r.case_id, r.structure): r.grade
        for r in ReferenceGrade.objects.filter(
            case__in=cases, finding=finding, superseded_at__isnull=True, kind="grade"
        )
    }
    codes = dict(StudyRole.objects.filter(study=study).values_list("user_id", "code"))
    reads = {}
    for r in Rating.objects.filter(
        read__case__in=cases, finding=finding, kind="grade", read__state=Read.State.SUBMITTED
    ).select_related("read"):
        reads.setdefault(codes[r.read.reader_id], {})[r.read.case_id, r.structure] = r.grade
    model = {
        (p.run.case_id, p.structure): p.probabilities
        for p in Prediction.objects.filter(run__case__in=cases, finding=finding).select_related("run")
    }
    patient = dict(cases.values_list("pk", "patient_id"))
    return reference, reads, model, patient


def pair_up(reference, given):
    keys = sorted(set(reference) & set(given))
    return np.array([reference[k] for k in keys]), [given[k] for k in keys], keys


def test_every_figure_of_a_reader_equals_a_second_computation(study_with_comparison_readers):
    study = study_with_comparison_readers.study
    figures = latest_snapshot(study).results["views"]["narrowing|2|test+external|all"]
    reference, reads, _model, _patient = rows_of(study, "narrowing", ["test", "external"])
    assert [row["code"] for row in figures["readers"]] == ["R3", "R4"]
    for row in figures["readers"]:
        truth, given, _ = pair_up(reference, reads[row["code"]])
        given = np.array(given)
        tn, fp, fn, tp = confusion_matrix(truth >= 2, given >= 2).ravel()
        assert row["counts"] == {"tp": tp, "fn": fn, "fp": fp, "tn": tn}
        assert row["sensitivity"]["value"] == pytest.approx(tp / (tp + fn), abs=1e-12)
        assert row["specificity"]["value"] == pytest.approx(tn / (tn + fp), abs=1e-12)
        assert row["ppv"]["value"] == pytest.approx(tp / (tp + fp), abs=1e-12)
        assert row["npv"]["value"] == pytest.approx(tn / (tn + fn), abs=1e-12)
        assert row["accuracy"]["value"] == pytest.approx((tp + tn) / len(truth), abs=1e-12)
        assert row["f1"]["value"] == pytest.approx(f1_score(truth >= 2, given >= 2), abs=1e-12)
        assert row["auc_on_grades"]["value"] == pytest.approx(roc_auc_score(truth >= 2, given), abs=1e-12)
        assert row["exact"]["value"] == pytest.approx(np.mean(truth == given), abs=1e-12)
        table = confusion_matrix(truth, given, labels=range(4)).tolist()
        assert figures["confusion"]["each"][row["code"]]["table"] == table


def test_model_figures_equal_a_second_computation(study_with_comparison_readers):
    study = study_with_comparison_readers.study
    figures = latest_snapshot(study).results["views"]["narrowing|2|test+external|all"]
    reference, _reads, model, _patient = rows_of(study, "narrowing", ["test", "external"])
    truth, probabilities, _ = pair_up(reference, model)
    probabilities = np.array(probabilities)
    grades = probabilities.argmax(axis=1)
    assert figures["curve"]["auc"]["value"] == pytest.approx(
        roc_auc_score(truth >= 2, probabilities[:, 2:].sum(axis=1)), abs=1e-12
    )
    assert figures["model"]["auc_on_grades"]["value"] == pytest.approx(
        roc_auc_score(truth >= 2, grades), abs=1e-12
    )
    assert figures["model"]["sensitivity"]["value"] == pytest.approx(
        np.mean(grades[truth >= 2] >= 2), abs=1e-12
    )
    kappa = next(row for row in figures["agreement"]["with_reference"] if row["kind"] == "model")
    assert kappa["kappa"]["value"] == pytest.approx(
        cohen_kappa_score(truth, grades, weights="quadratic"), abs=1e-12
    )


def _paired_difference(reference, reads, model, codes, keys_of_patients):
    """Mean over readers of model minus reader sensitivity, on the items that both graded."""
    parts = []
    for code in codes:
        keys = [
            k for k in set(reference) & set(reads[code]) & set(model)
            if k in keys_of_patients and reference[k] >= 2
        ]  # fmt: skip
        if not keys:
            return math.nan
        machine = np.mean([np.argmax(model[k]) >= 2 for k in keys])
        reader = np.mean([reads[code][k] >= 2 for k in keys])
        parts.append(machine - reader)
    return float(np.mean(parts))


def test_headline_difference_and_its_interval_equal_a_jackknife_written_as_a_loop(
    study_with_comparison_readers,
):
    from scipy.stats import t

    study = study_with_comparison_readers.study
    figures = latest_snapshot(study).results["views"]["narrowing|2|test+external|all"]
    reference, reads, model, patient = rows_of(study, "narrowing", ["test", "external"])
    codes = ["R3", "R4"]
    every = set(reference)
    value = _paired_difference(reference, reads, model, codes, every)
    people = sorted({patient[case] for case, _ in reference})
    without = np.array(
        [
            _paired_difference(
                reference, reads, model, codes, {k for k in every if patient[k[0]] != left_out}
            )
            for left_out in people
        ]
    )
    m = len(people)
    se = math.sqrt((m - 1) / m * np.sum((without - without.mean()) ** 2))
    given = figures["headline"]["sensitivity"]["difference"]
    assert given["value"] == pytest.approx(value, abs=1e-12)
    assert given["se"] == pytest.approx(se, abs=1e-12)
    half = t.ppf(0.975, m - 1) * se
    assert (given["low"], given["high"]) == (
        pytest.approx(value - half, abs=1e-9),
        pytest.approx(value + half, abs=1e-9),
    )
    assert given["n_clusters"] == m


def test_share_of_items_that_a_reader_decided(study_with_results):
    study = study_with_results.study
    figures = latest_snapshot(study).results["views"]["osteophytes|2|all|all"]
    reference, reads, *_ = rows_of(study, "osteophytes", ["train", "validation", "test"])
    for row in figures["readers"]:
        own, other = row["code"], {"R1": "R2", "R2": "R1"}[row["code"]]
        graded = set(reference) & set(reads[own])
        # In this study an item was agreed, or the adjudicator kept one of two different grades.
        decided = sum(
            reads[own][k] == reference[k]
            for k in graded
            if k not in reads[other] or reads[other][k] != reads[own][k]
        ) + sum(k in reads[other] and reads[own][k] == reads[other][k] for k in graded)
        assert row["own_in_reference"] == decided
        assert row["own_share"] == pytest.approx(decided / len(graded))
    claims = [figures["headline"][name]["claim"] for name in ("sensitivity", "specificity", "auc")]
    assert all("incorporation" in one["exploratory_because"] for one in claims)
    assert not any(one["is_confirmatory"] for one in claims)


def test_only_the_planned_view_of_held_out_patients_is_confirmatory(study_with_comparison_readers):
    views = latest_snapshot(study_with_comparison_readers.study).results["views"]
    planned = views["narrowing|2|test+external|all"]["headline"]
    assert planned["sensitivity"]["claim"]["is_confirmatory"]
    assert planned["specificity"]["claim"]["is_confirmatory"]
    assert planned["auc"]["claim"]["exploratory_because"] == ["not_planned"]
    pooled = views["narrowing|2|all|all"]["headline"]
    assert pooled["sensitivity"]["claim"]["exploratory_because"] == ["not_held_out"]
    other = views["cyst|1|test+external|all"]["headline"]
    assert other["sensitivity"]["claim"]["exploratory_because"] == ["not_planned"]


def test_pairs_that_did_not_read_every_case_together_get_no_kappa(study_with_comparison_readers):
    dataset = build_dataset(study_with_comparison_readers.study)
    data = dataset.findings["narrowing"]
    reads = data.reads.copy()
    reads[: len(dataset.structures), 2] = -1  # R3 did not read the first case
    from dataclasses import replace

    changed = replace(dataset, findings={**dataset.findings, "narrowing": replace(data, reads=reads)})
    figures = compute_view(changed, plan_of(study_with_comparison_readers.study), View("narrowing", 2, "all"))
    pair = next(row for row in figures["agreement"]["between_readers"] if row["first"] == "R3")
    assert pair["refused"] == "different_cases"
    assert (pair["common"], pair["of"]) == (47, 48)
    assert "kappa" not in pair


def test_undefined_is_a_reason_and_never_a_number(study_with_results):
    from dataclasses import replace

    dataset = build_dataset(study_with_results.study)
    data = dataset.findings["narrowing"]
    healthy = np.where(data.reference > 0, np.int8(0), data.reference)
    changed = replace(dataset, findings={**dataset.findings, "narrowing": replace(data, reference=healthy)})
    figures = compute_view(changed, plan_of(study_with_results.study), View("narrowing", 2, "all"))
    sensitivity = figures["model"]["sensitivity"]
    assert (sensitivity["value"], sensitivity["undefined_because"]) == (None, "no positive items")
    assert figures["curve"]["undefined_because"] == "no positive items"
    assert figures["headline"]["sensitivity"]["claim"]["position"] == "not_estimable"
    assert figures["headline"]["sensitivity"]["difference"]["value"] is None


def test_identical_readers_and_model_claim_nothing(study_with_results):
    from dataclasses import replace

    dataset = build_dataset(study_with_results.study)
    data = dataset.findings["cyst"]
    same = model_grades(data.probabilities, "argmax")
    reads = np.repeat(same[:, None], 2, axis=1)
    changed = replace(dataset, findings={**dataset.findings, "cyst": replace(data, reads=reads)})
    figures = compute_view(changed, plan_of(study_with_results.study), View("cyst", 1, "all"))
    block = figures["headline"]["sensitivity"]
    assert block["difference"]["value"] == 0
    assert block["claim"]["position"] == "no_variability"
    assert block["claim"]["p_margin"] is None


def test_a_study_without_a_model_shows_the_readers_alone():
    from tests.factories.finished_study import finished_study
    from tests.readerstudy.analysis.conftest import unblinded

    made = unblinded(finished_study(n_patients=4, with_model=False))
    figures = latest_snapshot(made.study).results["views"]["narrowing|2|all|all"]
    assert figures["model"] is None
    assert figures["curve"] is None
    assert figures["headline"] == {}
    assert figures["readers"][0]["sensitivity"]["value"] is not None


@pytest.mark.parametrize(("rule", "expected"), [("argmax", [0, 2, 1, -1]), ("median", [1, 2, 1, -1])])
def test_grade_of_the_model_follows_the_rule(rule, expected):
    probabilities = np.array([[0.4, 0.35, 0.25], [0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [np.nan, np.nan, np.nan]])
    assert model_grades(probabilities, rule).tolist() == expected


def test_thresholds_are_fixed_on_validation_patients_only():
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.65, 0.35], [0.2, 0.8], [0.99, 0.01], [0.98, 0.02]])
    reference = np.array([0, 0, 1, 1, 1, 1], dtype=np.int8)
    fitting = np.array([True, True, True, True, False, False])
    (threshold,) = thresholds_from(probabilities, reference, fitting)
    assert 0.3 < threshold <= 0.35
    assert model_grades(probabilities, "thresholds", [threshold]).tolist() == [0, 0, 1, 1, 0, 0]
    assert thresholds_from(probabilities, reference, ~fitting) == [0.5]


def test_csv_holds_the_numbers_in_full(client, study_with_results):
    client.force_login(study_with_results.investigator)
    text = client.get("/studies/finished/results/counts.csv?partition=all").content.decode()
    head, *lines = [line.split(",") for line in text.splitlines()]
    figures = latest_snapshot(study_with_results.study).results["views"]["narrowing|2|all|all"]
    for line, row in zip(lines, [*figures["readers"], figures["model"]], strict=True):
        cells = dict(zip(head, line, strict=True))
        assert int(cells["tp"]) == row["counts"]["tp"]
        assert float(cells["sensitivity"]) == row["sensitivity"]["value"]
        assert float(cells["f1_low"]) == row["f1"]["low"]
