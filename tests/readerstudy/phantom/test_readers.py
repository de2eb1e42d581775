"""Simulated readers: agreement, prevalence and disputes inside their stated ranges; each habit does something."""

import csv

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from readerstudy.phantom.body import sample_body
from readerstudy.phantom.body.lesions import CLASSES
from readerstudy.phantom.files.readings import READERS, write_readings
from readerstudy.phantom.files.truth import CASES, JOINTS, REFERENCE, write_table
from readerstudy.phantom.findings import FINDINGS, N_GRADES, STRUCTURES, draw_grades
from readerstudy.phantom.readers import (
    JUNIOR_READERS,
    SENIOR_READERS,
    MarkModel,
    ReaderModel,
    ScoreModel,
    draw_severity,
    simulate_marks,
    simulate_reads,
    simulate_scores,
)

#: What a demonstration study of 60 cases must look like for every seed, findings pooled by their mean:
#: published agreement of doctors on facet joints is a weighted kappa of 0.2-0.6, seniors better, and exact
#: agreement leaves 30-40 % of items in dispute.
RANGES = {
    "kappa of the two readers": (0.50, 0.65),
    "kappa of the two seniors": (0.68, 0.85),
    "share of items in dispute": (0.30, 0.46),
    "share within one grade": (0.88, 0.97),
    "share of items above grade 0": (0.38, 0.58),
}


def grades_of(answers, finding):
    return np.array(
        [-1 if a.grade is None else a.grade for case in answers for a in case if a.finding == finding]
    )


def study(seed, n_cases=60, readers=(*JUNIOR_READERS, *SENIOR_READERS)):
    rng = np.random.default_rng(seed)
    truth = [draw_grades(rng, "correlated") for _ in range(n_cases)]
    severity = draw_severity(truth, rng)
    reads = [
        simulate_reads(truth, np.random.default_rng([seed, n]), reader, severity=severity)
        for n, reader in enumerate(readers)
    ]
    return truth, severity, reads


def agreement(first, second):
    both = (first >= 0) & (second >= 0)
    first, second = first[both], second[both]
    kappa = cohen_kappa_score(first, second, weights="quadratic")
    return kappa, np.mean(first != second), np.mean(np.abs(first - second) <= 1)


@pytest.mark.parametrize("seed", range(20))
def test_demonstration_study_lies_in_the_stated_ranges(seed):
    truth, _, reads = study(seed)
    rows = []
    for finding in FINDINGS:
        one, two, senior_one, senior_two = (grades_of(r, finding) for r in reads)
        true = np.array([case[s][finding] for case in truth for s in STRUCTURES])
        kappa, disputed, close = agreement(one, two)
        rows.append((kappa, agreement(senior_one, senior_two)[0], disputed, close, np.mean(true > 0)))
    for (name, (low, high)), value in zip(RANGES.items(), np.mean(rows, axis=0), strict=True):
        assert low <= value <= high, (name, value)


def test_a_perfect_reader_reports_the_truth():
    perfect = ReaderModel(noise=0.0, case_noise=0.0)
    truth, _, [read] = study(1, n_cases=5, readers=[perfect])
    assert all(
        a.grade == case[a.structure][a.finding] for case, r in zip(truth, read, strict=True) for a in r
    )


def test_bias_drift_and_learning_move_the_grades_as_stated():
    heavy, light = ReaderModel(bias=0.5, noise=0.1), ReaderModel(bias=-0.5, noise=0.1)
    _, _, [high, low] = study(2, readers=[heavy, light])
    assert all(grades_of(high, f).mean() > grades_of(low, f).mean() + 0.1 for f in FINDINGS)
    truth, _, [drifting, learning] = study(
        3, n_cases=200, readers=[ReaderModel(drift=1.0), ReaderModel(noise=1.0, learning=0.9)]
    )
    true = np.array([[case[s]["narrowing"] for s in STRUCTURES] for case in truth])
    error = grades_of(drifting, "narrowing").reshape(true.shape) - true
    assert error[-60:].mean() > error[:60].mean() + 0.2
    error = np.abs(grades_of(learning, "narrowing").reshape(true.shape) - true)
    assert error[-60:].mean() < 0.6 * error[:60].mean()


def test_a_level_slip_moves_whole_cases_by_one_level():
    slipping = ReaderModel(noise=0.0, case_noise=0.0, level_slip=1.0)
    truth, _, [read] = study(4, n_cases=30, readers=[slipping])
    for case, answers in zip(truth, read, strict=True):
        given = {(a.structure, a.finding): a.grade for a in answers}
        up, down = (dict(pairs) for pairs in (_pairs(-1), _pairs(1)))
        assert any(
            all(given[s, f] == case[way[s]][f] for s in STRUCTURES for f in FINDINGS) for way in (up, down)
        )


def _pairs(step):
    for index, structure in enumerate(STRUCTURES):
        other = index + 2 * step
        yield structure, STRUCTURES[other if 0 <= other < len(STRUCTURES) else index]


def test_refusals_come_at_their_rate():
    _, _, [read] = study(5, readers=[ReaderModel(not_assessable=0.1)])
    refused = [a.kind == "not_assessable" for case in read for a in case]
    assert 0.08 < np.mean(refused) < 0.12
    assert all((a.grade is None) == (a.kind == "not_assessable") for case in read for a in case)


def test_model_scores_are_probabilities_and_fail_in_their_subgroup():
    truth, severity, _ = study(6, n_cases=200, readers=[])
    weak = [n % 4 == 0 for n in range(len(truth))]
    scores = simulate_scores(truth, np.random.default_rng(1), ScoreModel(), severity=severity, weak=weak)
    for finding in FINDINGS:
        p = np.array([case[s, finding] for case in scores for s in STRUCTURES])
        assert p.shape[1] == N_GRADES[finding]
        assert np.allclose(p.sum(axis=1), 1)
        true = np.array([case[s][finding] for case in truth for s in STRUCTURES]) > 0
        group = np.repeat(weak, len(STRUCTURES))
        ordinary, failing = (roc_auc_score(true[g], 1 - p[g, 0]) for g in (~group, group))
        assert ordinary > 0.9
        assert failing < ordinary - 0.05
        # Calibrated where it works: predicted and observed share agree.
        assert abs((1 - p[~group, 0]).mean() - true[~group].mean()) < 0.05


def test_readings_of_a_folder_cover_every_item_once(tmp_path):
    rng = np.random.default_rng(7)
    cases, reference = [], []
    for number in range(3):
        case_id = f"PH{number}"
        cases.append({"case_id": case_id, "patient_id": f"PP{number}", "centre": "A", "variant": "five"})
        for structure, findings in draw_grades(rng, "correlated").items():
            for finding, grade in findings.items():
                item = {"case_id": case_id, "structure": structure, "finding": finding, "grade": grade}
                reference.append(item)
    write_table(tmp_path / "cases.csv", CASES, cases)
    write_table(tmp_path / "reference.csv", REFERENCE, reference)
    write_table(tmp_path / "joints.csv", JOINTS, [])
    write_readings(tmp_path, seed=1)
    with (tmp_path / "reads.csv").open() as file:
        reads = list(csv.DictReader(file))
    with (tmp_path / "predictions.csv").open() as file:
        predictions = list(csv.DictReader(file))
    items = 3 * len(STRUCTURES) * len(FINDINGS)
    assert len(predictions) == items
    assert len({(r["reader_id"], r["case_id"], r["structure"], r["finding"]) for r in reads}) == len(reads)
    assert len(reads) == items * len(READERS)


def test_marks_miss_add_and_shift_at_their_rates():
    bodies = [sample_body(np.random.default_rng(s), lesions=True) for s in range(150)]
    lesions = [body.lesions for body in bodies]
    places = [np.array([d.centre_mm for d in body.discs]) for body in bodies]
    model = MarkModel(sensitivity=0.7, extra_per_case=0.8, shift_mm=2.0, class_error=0.1)
    marks = simulate_marks(lesions, places, np.random.default_rng(1), model, classes=CLASSES)
    true = {lesion.lesion_id: lesion for lesion in lesions[0]}
    assert all(m.lesion_id in true or not m.lesion_id for m in marks[0])
    hits = [(m, case) for case, given in enumerate(marks) for m in given if m.lesion_id]
    extra = [m for given in marks for m in given if not m.lesion_id]
    assert len(hits) / sum(len(x) for x in lesions) == pytest.approx(0.7, abs=0.06)
    assert len(extra) / len(bodies) == pytest.approx(0.8, abs=0.2)
    meant = [next(x for x in lesions[case] if x.lesion_id == m.lesion_id) for m, case in hits]
    shift = np.array([m.centre_mm - x.centre_mm for (m, _), x in zip(hits, meant, strict=True)])
    assert shift.std() == pytest.approx(2.0, abs=0.2)
    named = np.mean([m.kind == x.kind for (m, _), x in zip(hits, meant, strict=True)])
    assert named == pytest.approx(0.9, abs=0.04)
    assert np.mean([m.confidence for m, _ in hits]) > np.mean([m.confidence for m in extra]) + 15
