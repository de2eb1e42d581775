"""
Real expert grades as the reference standard: every number of the pages equals an independent recomputation.

The reference are the SPIDER dataset's disc grades (van der Graaf et al., Sci Data 2024;11:264, CC BY 4.0) of the 24
patients whose images lie beside the repository; readers and model are simulated.
"""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from readerstudy.analysis.services.exports import export_files
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.stats.estimate import Estimate
from tests.factories.finished_study import ROOT
from tests.readerstudy.analysis.recomputing import Exported, State, obuchowski, share
from tests.readerstudy.analysis.spider import DISCS, FINDINGS, LABELS, SCALES, spider_study

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.shared,
    pytest.mark.skipif(not LABELS.is_file(), reason="the labels are not beside the repository (../shared)"),
]
READERS = ("R1", "R2")
FIELDS = set(Estimate.__dataclass_fields__)


@pytest.fixture(scope="module")
def study(django_db_setup, django_db_blocker):
    """One study for all tests of this file: nothing here changes it."""
    with django_db_blocker.unblock():
        from django.db import transaction

        with transaction.atomic():
            made, _ = spider_study()
            yield latest_snapshot(made).results, export_files(made)
            transaction.set_rollback(True)


def estimates(value, path=()):
    """Every estimate of nested figures with the way to it."""
    if isinstance(value, dict):
        if set(value) >= FIELDS:
            yield path, value
            return
        for key, each in value.items():
            yield from estimates(each, (*path, key))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from estimates(each, (*path, place))


def check(path, given, expected):
    for name, number in zip(("value", "low", "high"), expected, strict=True):
        if math.isnan(number):
            assert given[name] is None, (path, name, given)
        else:
            assert given[name] == pytest.approx(number, abs=1e-12, rel=0), (path, name)
    if math.isnan(expected[0]):
        assert given["undefined_because"], path


def expected_of(path, figures, data, state):
    """What an estimate of a state must be, by its place among the figures."""
    view = figures["view"]
    match path:
        case ("readers", k, measure):
            return state.accuracy(figures["readers"][k]["code"], measure)
        case ("model", measure):
            return state.accuracy("model", measure)
        case ("curve", "auc"):
            keys = [key for key in state.keys if key in data.model[view["finding"]]]
            return obuchowski(keys, state.ill, state.score, data.patient)
        case ("headline", measure, "readers"):
            return state.mean_reader(READERS, measure)
        case ("headline", measure, "difference"):
            return state.difference(READERS, measure)
        case ("each_reader", k, measure):
            return state.difference([figures["each_reader"][k]["code"]], measure)
        case ("forest", k, measure, what):
            row = figures["forest"][k]
            other = State(data, row["finding"], row["cut"], SCALES[row["finding"]], view["partition"])
            ask = other.mean_reader if what == "readers" else other.difference
            return ask(READERS, measure)
        case ("subgroups", k, measure, what):
            row = figures["subgroups"][k]
            keep = {
                "centre": lambda key: data.centre[key[0]] == row["name"],
                "level": lambda key: key[1] == row["name"],
            }[row["kind"]]
            part = State(data, view["finding"], view["cut"], state.n_grades, view["partition"], keep=keep)
            ask = part.mean_reader if what == "readers" else part.difference
            return ask(READERS, measure)
        case ("agreement", "between_readers", k, what):
            pair = figures["agreement"]["between_readers"][k]
            first, second = (data.grades(pair[name], view["finding"]) for name in ("first", "second"))
            # Between readers every item of the view counts, with a reference grade or without.
            return state.agreement(first, second, sorted(set(first) & set(state.every_key)), what)
        case ("agreement", "with_reference", k, what):
            row = figures["agreement"]["with_reference"][k]
            who = "model" if row["kind"] == "model" else row["code"]
            return state.agreement(state.reference, data.grades(who, view["finding"]), state.keys, what)
        case ("calibration", "brier"):
            return state.brier()
        case ("calibration", "bins", k, "observed"):
            return _bin(k, figures, data, state)
        case ("cooccurrence",):
            return state.cooccurrence(SCALES)
    raise AssertionError(f"nobody recomputes {path}")


def _bin(k, figures, data, state):
    """Ten groups of alike size by the quantiles of the probabilities, (low, high] each."""
    keys = [key for key in state.keys if key in data.model[state.finding]]
    scores = np.array([state.score(key) for key in keys])
    inner = sorted({float(x) for x in np.quantile(scores, np.linspace(0, 1, 11)[1:-1])})
    edges = [0.0, *[x for x in inner if 0 < x < 1], 1.0]
    groups = []
    for low, high in itertools.pairwise(edges):
        inside = [
            key for key, score in zip(keys, scores, strict=True)
            if low < score <= high or (low == 0.0 and score == 0.0)
        ]  # fmt: skip
        if inside:
            groups.append(inside)
    mean = np.mean([state.score(key) for key in groups[k]])
    assert figures["calibration"]["bins"][k]["predicted"] == pytest.approx(mean, abs=1e-12)
    return share(groups[k], state.ill, data.patient)


def test_every_estimate_and_closed_form_interval_equals_the_recomputation(study):
    results, files = study
    data = Exported(files)
    seen = 0
    for key, figures in results["views"].items():
        view = figures["view"]
        state = State(data, view["finding"], view["cut"], SCALES[view["finding"]], view["partition"])
        wanted = None if view["partition"] == "all" else view["partition"].split("+")
        state.every_key = [
            (case, disc)
            for case in data.patient
            for disc in DISCS
            if wanted is None or data.partition[case] in wanted
        ]
        assert figures["population"]["items"] == len(state.keys)
        assert figures["population"]["patients"] == len(state.people)
        for path, given in estimates(figures):
            if path[0] == "resampled":
                continue  # test_bootstrap_intervals
            check((key, *path), given, expected_of(path, figures, data, state))
            seen += 1
    assert seen > 1000


def test_what_is_said_of_the_readers_equals_the_recomputation(study):
    results, files = study
    data = Exported(files)
    for row in results["readers"]["findings"]:
        own = data.reads[row["code"], row["finding"]]
        graded = [key for key, grade in own.items() if grade >= 0]
        cut = FINDINGS[row["finding"]][2]
        check(
            row["code"],
            row["positive"],
            share(graded, lambda k, own=own, cut=cut: own[k] >= cut, data.patient),
        )
        check(
            row["code"], row["not_assessable"], share(list(own), lambda k, own=own: own[k] < 0, data.patient)
        )
        again = data.repeats[row["code"], row["finding"]]
        state = State(data, row["finding"], cut, SCALES[row["finding"]])
        for what in ("kappa", "exact"):
            check(row["code"], row["repeats"][what], state.agreement(own, again, sorted(again), what))
    for row in (*results["readers"]["disagreement"], *results["readers"]["audit"]):
        assert row.get("by_case", row.get("rate"))["undefined_because"]


def _command(folder, method, finding, cut, *more):
    """Run the statistics' own command line on the exported files."""
    done = subprocess.run(
        [
            sys.executable, "-m", "readerstudy.stats", method, str(folder / "predictions.csv"),
            "--reference-file", str(folder / "reference.csv"), "--where", f"finding={finding}", "--cut", str(cut),
            "--cluster", "patient_id", "--seed", "20260401", "--resamples", "2000", "--json", *more,
        ],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_bootstrap_intervals_are_bit_equal_by_the_command_line_and_near_a_loop(study, tmp_path):
    """The page's own state (test and external patients) and the exported tables hold the same patients here."""
    results, files = study
    for name in ("predictions.csv", "reference.csv"):
        (tmp_path / name).write_text(files[name])
    data = Exported(files)
    for finding, (_, n_grades, cut, _) in FINDINGS.items():
        figures = results["views"][f"{finding}|{cut}|test+external|all"]["resampled"]
        result = _command(tmp_path, "average-precision", finding, cut)["result"]
        assert _of(result) == _of(figures["average_precision"]), finding
        found = _command(tmp_path, "calibration", finding, cut)["result"]["calibration_error"]
        assert _of(found.get("estimate", found)) == _of(figures["calibration_error"]), finding
        state = State(data, finding, cut, n_grades)
        keys = sorted(state.keys)
        truth, scores = np.array([state.ill(k) for k in keys]), np.array([state.score(k) for k in keys])
        assert figures["average_precision"]["value"] == pytest.approx(
            average_precision_score(truth, scores), abs=1e-12
        )
        if finding != "pfirrmann":
            continue
        low, high = _loop(keys, truth, scores, data.patient)
        width = high - low
        assert figures["average_precision"]["low"] == pytest.approx(low, abs=0.15 * width)
        assert figures["average_precision"]["high"] == pytest.approx(high, abs=0.15 * width)


def _of(estimate):
    return {name: estimate[name] for name in ("value", "low", "high", "se", "n", "n_clusters", "seed")}


def _loop(keys, truth, scores, patient, resamples=600):
    """Percentile limits of the average precision, one resample of patients at a time by scikit-learn."""
    rng = np.random.default_rng(5)
    people = sorted({patient[k[0]] for k in keys})
    rows = {who: [n for n, k in enumerate(keys) if patient[k[0]] == who] for who in people}
    values = []
    for _ in range(resamples):
        drawn = [n for who in rng.choice(people, size=len(people)) for n in rows[who]]
        if truth[drawn].any() and not truth[drawn].all():
            values.append(average_precision_score(truth[drawn], scores[drawn]))
    return np.quantile(values, [0.025, 0.975])
