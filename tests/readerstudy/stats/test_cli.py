"""The command line: wide and long files, refusals in words, JSON."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from readerstudy import stats
from readerstudy.stats.__main__ import main
from readerstudy.stats.cli.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("READERSTUDY_SHARED", ROOT.parent / "shared")) / "reference" / "stats"


def write(path: Path, rows: list[dict]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(capsys, *arguments) -> dict:
    assert main([*map(str, arguments), "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def long_files(tmp_path, gradings):
    """The product's long files: reads of two readers, a reference and predictions (synthetic)."""
    g, rng = gradings, np.random.default_rng(3)
    reads, reference, predictions = [], [], []
    for k in range(g.reference.size):
        item = {
            "case_id": f"c{g.clusters[k]}", "patient_id": f"p{g.clusters[k]}", "structure": f"j{k % 10}",
            "finding": "narrowing",
        }  # fmt: skip
        for reader, grades in (("R1", g.first), ("R2", g.second)):
            reads.append({**item, "reader_id": reader, "kind": "grade", "grade": grades[k]})
        reference.append({**item, "kind": "grade", "grade": g.reference[k], "provenance": "agreed"})
        p = rng.dirichlet(np.ones(4))
        predictions.append({**item, "model": "m", **{f"p_{i}": p[i] for i in range(4)}})
    reads[5] = {**reads[5], "kind": "not_assessable", "grade": ""}
    return {
        name: write(tmp_path / f"{name}.csv", rows)
        for name, rows in (("reads", reads), ("reference", reference), ("predictions", predictions))
    }


def test_every_method_is_listed_and_has_its_help(capsys):
    assert main(["--list"]) == 0
    listed = capsys.readouterr().out
    for command in COMMANDS:
        assert command.name in listed
        assert callable(getattr(stats, command.function))
        with pytest.raises(SystemExit) as stop:
            main([command.name, "--help"])
        assert stop.value.code == 0
        assert command.summary.split()[0] in capsys.readouterr().out


def test_kappa_of_a_long_file_is_the_clustered_one(capsys, long_files, gradings):
    out = run(capsys, "kappa", long_files["reads"], "--reader", "R1", "--second-reader", "R2", "--grades", 4)
    keep = np.arange(gradings.first.size) != 2  # the row without a grade belongs to item 2
    kappa = stats.clustered_kappa(
        gradings.first[keep], gradings.second[keep], clusters=gradings.clusters[keep], n_grades=4
    )
    assert out["result"]["value"] == pytest.approx(kappa.value)
    assert out["result"]["low"] == pytest.approx(kappa.low)
    assert out["result"]["n_clusters"] == 40
    assert any("1 rows without a grade" in note for note in out["notes"])


def test_accuracy_of_a_reader_against_a_reference_file(capsys, long_files, gradings):
    out = run(
        capsys, "accuracy", long_files["reads"], "--reader", "R1", "--cut", 2,
        "--reference-file", long_files["reference"],
    )  # fmt: skip
    direct = stats.clustered_binary_summary(
        gradings.reference, gradings.first, clusters=gradings.clusters, cut=2
    )
    assert out["result"]["sensitivity"]["value"] == pytest.approx(direct.sensitivity.value)
    assert out["result"]["specificity"]["high"] == pytest.approx(direct.specificity.high)


def test_the_score_of_a_model_is_the_probability_at_or_above_the_cut(capsys, long_files, gradings):
    out = run(
        capsys, "auc", long_files["predictions"], "--reference-file", long_files["reference"], "--cut", 2
    )
    with long_files["predictions"].open(encoding="utf-8") as stream:
        score = [float(row["p_2"]) + float(row["p_3"]) for row in csv.DictReader(stream)]
    direct = stats.clustered_auc(gradings.reference >= 2, score, clusters=gradings.clusters)
    assert out["result"]["value"] == pytest.approx(direct.value)


def test_several_readers_of_a_long_file(capsys, long_files):
    out = run(capsys, "gwet", long_files["reads"], "--categories", "0,1,2,3", "--weights", "quadratic")
    assert out["result"]["n_clusters"] == 40
    assert main(["gwet", str(long_files["reads"]), "--categories", "0,1"]) == 2
    assert "not among the categories" in capsys.readouterr().err


def test_a_wide_file_with_patients(capsys, tmp_path, gradings):
    rows = [
        {"patient": c, "truth": int(t >= 2), "a": f, "b": s, "score": x}
        for c, t, f, s, x in zip(
            gradings.clusters,
            gradings.reference,
            gradings.first,
            gradings.second,
            gradings.score,
            strict=True,
        )
    ]
    path = write(tmp_path / "wide.csv", rows)
    pair = ["--reference", "truth", "--score", "a", "--second", "b", "--cluster", "patient"]
    out = run(capsys, "auc-difference", path, *pair)
    direct = stats.clustered_auc_difference(
        gradings.reference >= 2, gradings.first, gradings.second, clusters=gradings.clusters
    )
    assert out["result"]["test"]["p"] == pytest.approx(direct.p)
    one = ["--reference", "truth", "--score", "score", "--cluster", "patient"]
    for method, extra in (
        ("partial-auc", ["--start", 0.8]),
        ("sensitivity-at-specificity", ["--at", 0.9, "--resamples", 50]),
        ("average-precision", ["--resamples", 50]),
        ("roc-curve", []),
        ("operating-points", []),
    ):
        assert run(capsys, method, path, *one, *extra)["method"] == method
    two = ["--first", "a", "--second", "b", "--cluster", "patient"]
    for method in ("percent-agreement", "mcnemar", "bland-altman"):
        assert run(capsys, method, path, *two)["result"]
    assert main(["kappa", str(path), *two]) == 0
    assert "95 % CI" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["auc", "FILE", "--reference", "truth", "--score", "scoer", "--independent"], "no column 'scoer'"),
        (["auc", "FILE", "--reference", "truth", "--score", "word", "--independent"],
         "line 2, column 'word': expected a number, got 'high'"),
        (["auc", "FILE", "--reference", "truth", "--score", "x"], "--cluster, or say --independent"),
        (["auc", "FILE", "--reference", "x", "--score", "x", "--independent"], "--positive, or the cut"),
        (["auc", "FILE", "--reference", "truth", "--positive", "2", "--score", "x", "--independent"],
         "no cell is '2'; there are 0, 1"),
        (["auc", "FILE", "--score", "x", "--independent"], "column of the reference by --reference"),
        (["kappa", "FILE", "--first", "x", "--second", "x", "--where", "truth=7", "--independent"],
         "no row is left"),
        (["kappa", "FILE", "--first", "x", "--second", "x", "--where", "truth", "--independent"],
         "COLUMN=VALUE"),
        (["kappa", "FILE", "--reader", "R9", "--second-reader", "R2"], "no column 'reader_id'"),
        (["mrmc", "FILE"], "no column 'rating'"),
        (["mrmc", "FILE", "--rating", "x", "--endpoint", "area"], "no column"),
        (["icc", "FILE", "--raters", "x,word"], "line 2, column 'word': expected a finite number, got 'high'"),
        (["auc", "absent.csv"], "cannot be read"),
    ],
)  # fmt: skip
def test_errors_name_file_line_column_and_expectation(capsys, tmp_path, arguments, message):
    path = write(
        tmp_path / "in.csv",
        [
            {"truth": 0, "x": 3, "word": "high"},
            {"truth": 1, "x": 2, "word": "low"},
            {"truth": 1, "x": 5, "word": ""},
        ],
    )
    assert main([str(path) if a == "FILE" else a for a in arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("a,b\n", "a header but no row"),
        ("a,a\n1,2\n", "'a' occurs twice"),
        ("a,b\n1\n", "line 2: expected 2 cells, got 1"),
    ],
)
def test_a_broken_file_is_named(capsys, tmp_path, content, message):
    path = tmp_path / "broken.csv"
    path.write_text(content, encoding="utf-8")
    assert main(["auc", str(path), "--reference", "a", "--score", "b", "--independent"]) == 2
    assert message in capsys.readouterr().err


def test_an_item_answered_twice_is_refused(capsys, long_files, tmp_path):
    with long_files["reads"].open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    path = write(tmp_path / "twice.csv", [*rows, rows[0]])
    assert main(["kappa", str(path), "--reader", "R1", "--second-reader", "R2"]) == 2
    assert "twice; choose one answer by --where" in capsys.readouterr().err


def test_an_imrmc_file_is_a_study(capsys, tmp_path):
    rng = np.random.default_rng(1)
    rows = [{"readerID": "truth", "caseID": k, "modalityID": "truth", "score": k % 2} for k in range(30)]
    rows += [
        {"readerID": r, "caseID": k, "modalityID": m, "score": round(float(rng.normal() + k % 2), 3)}
        for r in ("a", "b", "c") for m in ("one", "two") for k in range(30)
    ]  # fmt: skip
    out = run(capsys, "u-statistics", write(tmp_path / "imrmc.csv", rows))
    assert [row["second"] for row in out["result"]] == [None, None, "two"]
    assert run(capsys, "dbm", tmp_path / "imrmc.csv")["result"]["components"]
    out = run(capsys, "non-inferiority", tmp_path / "imrmc.csv", "--reference", "one", "--test", "two",
              "--margin", 0.1)  # fmt: skip
    assert out["result"]["margin"] == 0.1


def test_numbers_without_a_file(capsys):
    assert run(capsys, "proportion", 26, 41)["result"]["value"] == pytest.approx(26 / 41)
    nested = ["--items_per_patient", 10, "--correlation", 0.1]
    assert run(capsys, "plan-proportion", "--share", 0.9, "--half_width", 0.05, *nested)["result"] == 27
    assert run(capsys, "plan-auc", "--auc", 0.8, "--power", 0.95)["result"]["n_diseased"] == pytest.approx(
        20.207, abs=1e-3
    )


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no reference results at {SHARED}")
@pytest.mark.parametrize(
    "arguments",
    [
        ["mrmc", "vandyke.csv"],
        ["standalone", "nico_cad_roc.csv", "--model", "1"],
        ["u-statistics", "viper_screeningHighP.csv", "--treatment", "modality", "--truth", "cancer",
         "--rating", "score"],
        ["froc", "tony_froc_marks.csv", "--cases", "tony_froc_cases.csv"],
        ["froc-mrmc", "federica_froc_marks.csv", "--cases", "federica_froc_cases.csv", "--figure", "AFROC"],
        ["krippendorff", "krippendorff_4x12.csv", "--raters", "X1,X2,X3,X4", "--independent"],
        ["icc", "shrout_fleiss1979.csv", "--raters", "J1,J2,J3,J4"],
        ["accuracy", "asah.csv", "--reference", "outcome", "--positive", "Poor", "--given", "wfns",
         "--cut", "4", "--independent"],
        ["mcnemar", "obuchowski1998_thyroids.csv", "--first", "pet", "--second", "spect",
         "--cluster", "patient"],
        ["fleiss", "fleiss1971_diagnoses.csv", "--raters", "rater1,rater2,rater3", "--independent"],
    ],
)  # fmt: skip
def test_the_shared_files_are_read(capsys, arguments):
    name, *rest = arguments
    rest = [str(SHARED / a) if a.endswith(".csv") else a for a in rest]
    assert run(capsys, name, *rest)["result"]
