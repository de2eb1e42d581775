"""
The examples that `--help` shows run as they stand, and broken files get words instead of tracebacks.

The long files are synthetic, in the product's own columns; the published ones are read from the shared folder.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import numpy as np
import pytest

from readerstudy import stats
from readerstudy.stats.__main__ import main
from readerstudy.stats.cli.commands import COMMANDS
from readerstudy.stats.cli.examples import EXAMPLES

ROOT = Path(__file__).resolve().parents[3]
SHARED = Path(os.environ.get("READERSTUDY_SHARED", ROOT.parent / "shared")) / "reference" / "stats"
CALLS = [(name, call) for name, calls in EXAMPLES.items() for call in calls]
READS = (
    "case_id,patient_id,centre,partition,presentation,structure,finding,reader_id,reader_role,condition,"
    "session,occasion,read_version,protocol_version,kind,grade,value,unit,reason,confidence,status,submitted_at"
)
REFERENCE = (
    "case_id,patient_id,structure,finding,kind,grade,value,provenance,decided_by_roles,reader_contributed"
)
PLACE = "frame_of_reference,x_mm,y_mm,z_mm,dx_mm,dy_mm,dz_mm,series,instance,frame,points_px"
MARKS = (
    "case_id,patient_id,reader_id,model,condition,mark_id,shape,class,confidence,value,unit,"
    f"{PLACE},lesion_id"
)


def _text(header: str, rows: list[dict]) -> str:
    columns = header.split(",")
    return "\n".join([header, *(",".join(str(row.get(c, "")) for c in columns) for row in rows)]) + "\n"


def _long_files() -> dict[str, str]:
    """Texts of the product's long files for 30 patients with four joints, three readers and a model."""
    rng = np.random.default_rng(11)
    out: dict[str, list[dict]] = {name: [] for name in ("reads", "reference", "predictions", "imrmc")}
    marks, lesions = [], []
    for case in range(30):
        latent = rng.normal()
        truth_rows = {"readerID": "truth", "caseID": case, "modalityID": "truth", "score": case % 2}
        out["imrmc"].append(truth_rows)
        for joint in range(4):
            item = {"case_id": f"c{case}", "patient_id": f"p{case}", "structure": f"j{joint}",
                    "finding": "narrowing", "kind": "grade"}  # fmt: skip
            truth = int(np.clip(round(latent + rng.normal() + 1.5), 0, 3))
            out["reference"].append({**item, "grade": truth, "provenance": "adjudicated"})
            for reader in ("R1", "R2", "R3"):
                grade = int(np.clip(truth + rng.integers(-1, 2) * (rng.random() < 0.4), 0, 3))
                row = {**item, "reader_id": reader, "condition": "unaided", "grade": grade}
                if rng.random() < 0.03:
                    row |= {"kind": "not_assessable", "grade": ""}
                out["reads"].append(row)
            p = rng.dirichlet(np.ones(4) + 3 * (np.arange(4) == truth))
            out["predictions"].append(
                {**item, "model": "M", "version": 1, "input_points": "automatic",
                 **{f"p_{k}": round(float(x), 6) for k, x in enumerate(p)}}
            )  # fmt: skip
        for reader in ("R1", "R2", "R3"):
            for way in ("unaided", "aided"):
                out["imrmc"].append({"readerID": reader, "caseID": case, "modalityID": way,
                                     "score": round(float(rng.normal() + case % 2), 4)})  # fmt: skip
        own = [f"l{k}" for k in range(1 + case % 3 // 2)] if case % 2 else []
        for lesion in own:
            lesions.append({"case_id": f"c{case}", "patient_id": f"p{case}", "lesion_id": lesion})
        for reader in ("R1", "R2", ""):
            for way in ("unaided", "aided"):
                who = {"reader_id": reader, "model": "" if reader else "M", "condition": way,
                       "case_id": f"c{case}", "patient_id": f"p{case}"}  # fmt: skip
                hit = [{"lesion_id": x, "confidence": int(rng.integers(40, 100))} for x in own]
                other = [{"confidence": int(rng.integers(1, 70))}] * int(rng.random() < 0.4)
                marks += [{**who, **mark} for mark in (*hit, *other) if rng.random() < 0.8]
    return {
        "reads.csv": _text(READS, out["reads"]),
        "reference.csv": _text(REFERENCE, out["reference"]),
        "predictions.csv": _text(
            "case_id,patient_id,structure,finding,model,version,input_points,p_0,p_1,p_2,p_3",
            out["predictions"],
        ),
        "imrmc.csv": _text("readerID,caseID,modalityID,score", out["imrmc"]),
        "marks.csv": _text(MARKS, marks),
        "lesions.csv": _text(f"case_id,patient_id,lesion_id,class,weight,{PLACE}", lesions),
    }


FILES = _long_files()


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def _arguments(folder: Path, name: str, call: str) -> list[str]:
    """The call with its files found: our own, or those of the shared folder."""
    out = [name]
    for word in shlex.split(call):
        if word.endswith(".csv") and word not in FILES:
            if not SHARED.is_dir():
                pytest.skip(f"no reference results at {SHARED}")
            word = str(SHARED / word)
        elif word.endswith(".csv"):
            word = str(folder / word)
        out.append(word)
    return out


def test_every_method_has_examples():
    assert {command.name for command in COMMANDS} == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_help_shows_the_examples(capsys, name):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    shown = capsys.readouterr().out
    for call in EXAMPLES[name]:
        assert f"python -m readerstudy.stats {name} {call}" in shown


@pytest.mark.parametrize(("name", "call"), CALLS)
def test_the_example_runs(capsys, folder, name, call):
    arguments = _arguments(folder, name, call)
    assert main([*arguments, "--json"]) == 0, capsys.readouterr().err
    out = json.loads(capsys.readouterr().out)
    assert out["method"] == name
    assert out["result"] not in (None, [], {})
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip()


def test_long_marks_give_the_figures_of_the_marks_they_name(capsys, folder):
    call = "marks.csv --lesions lesions.csv --cases reference.csv --treatments unaided --readers R1"
    assert main([*_arguments(folder, "froc", call), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["result"]
    marks = [line.split(",") for line in FILES["marks.csv"].splitlines()]
    column = {name: k for k, name in enumerate(marks[0])}
    own = [m for m in marks[1:] if m[column["reader_id"]] == "R1" and m[column["condition"]] == "unaided"]
    hits = {(m[0], m[column["lesion_id"]]) for m in own if m[column["lesion_id"]]}
    n_lesions = len(FILES["lesions.csv"].splitlines()) - 1
    false = sum(not m[column["lesion_id"]] for m in own)
    assert found["MaxLLF"] == [[pytest.approx(len(hits) / n_lesions)]]
    assert found["MaxNLFAllCases"] == [[pytest.approx(false / 30)]]


def test_a_table_of_counts_gives_the_same_kappa_as_its_items(capsys, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("row,b,a\na,1,5\nb,7,2\n", encoding="utf-8")
    assert main(["kappa", str(path), "--table", "row", "--independent", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)["result"]["kappa"]["value"]
    assert value == pytest.approx(stats.cohen_kappa_table([[7, 2], [1, 5]]).kappa.value)
    assert main(["kappa", str(path), "--table", "row"]) == 2
    assert "--independent" in capsys.readouterr().err
    path.write_text("row,a,b\na,1,5\n", encoding="utf-8")
    assert main(["mcnemar", str(path), "--table", "row", "--independent"]) == 2
    assert "square table" in capsys.readouterr().err


def test_a_pilot_with_several_items_per_patient_is_not_planned_from(capsys, folder):
    call = "reads.csv --reader R1 --second-reader R2 --reference-file reference.csv --cut 2"
    assert main(_arguments(folder, "plan-auc-difference", call)) == 2
    assert "several items per patient" in capsys.readouterr().err
    assert main(_arguments(folder, "plan-auc-difference", f"{call} --independent")) in (0, 2)
    assert "several items" not in capsys.readouterr().err


# A column that each example reads as numbers, and that must therefore be named when a cell holds a word.
NUMERIC = {"reads.csv": "grade", "predictions.csv": "p_2", "marks.csv": "confidence", "imrmc.csv": "score",
           "vandyke.csv": "rating", "asah.csv": "s100b"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "call"), [(name, calls[0]) for name, calls in EXAMPLES.items() if ".csv" in calls[0]]
)
def test_a_word_among_numbers_is_named_by_file_line_and_column(capsys, folder, name, call):
    arguments = _arguments(folder, name, call)
    path = Path(arguments[1])
    column = NUMERIC.get(path.name)
    lines = path.read_text(encoding="utf-8").splitlines()
    header = lines[0].split(",")
    if path.name == "asah.csv" and "wfns" in call:
        column = "wfns"
    if column not in header:
        column = header[-1] if "raters" not in call else header[1]
    cells = lines[1].split(",")
    if path.name == "imrmc.csv":
        assert cells[0] == "truth"
    cells[header.index(column)] = "many"
    broken = folder / f"broken_{path.name}"
    broken.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
    assert main([name, str(broken), *arguments[2:]]) == 2
    said = capsys.readouterr().err
    assert "expected" in said
    assert "'many'" in said
    assert f"{broken.name}, line 2, column {column!r}" in said


def _mutants(text: str, rng: np.random.Generator) -> list[tuple[str, bytes]]:
    """A file in ways in which files break, each with its name."""
    lines = text.splitlines()
    header, rows = lines[0].split(","), [line.split(",") for line in lines[1:]]

    def joined(columns: list[str], body: list[list[str]], sign: str = ",", end: str = "\n") -> bytes:
        return (end.join(sign.join(cells) for cells in [columns, *body]) + end).encode()

    def with_cell(word: str) -> bytes:
        body = [list(row) for row in rows]
        body[int(rng.integers(len(body)))][int(rng.integers(len(header)))] = word
        return joined(header, body)

    drop = int(rng.integers(len(header)))
    return [
        ("column gone", joined(header[:drop] + header[drop + 1 :], [r[:drop] + r[drop + 1 :] for r in rows])),
        ("word", with_cell("many")),
        ("not a number", with_cell("NaN")),
        ("infinite", with_cell("inf")),
        ("minus infinite", with_cell("-Inf")),
        ("huge", with_cell("1e150")),
        ("empty cell", with_cell("")),
        ("negative", with_cell("-7")),
        ("byte-order mark", b"\xef\xbb\xbf" + text.encode()),
        ("carriage returns", joined(header, rows, end="\r\n")),
        ("semicolons", joined(header, rows, sign=";")),
        ("tabs", joined(header, rows, sign="\t")),
        ("empty", b""),
        ("header only", joined(header, [])),
        ("one row", joined(header, rows[:1])),
        ("two rows", joined(header, rows[:2])),
        ("row twice", joined(header, [*rows, rows[0]])),
        ("short row", joined(header, [*rows, rows[0][:-1]])),
        ("column twice", joined([*header, header[0]], [[*r, r[0]] for r in rows])),
        ("latin letters", text.encode() + "é,".encode("latin-1") * len(header)),
        ("zero bytes", text.encode() + b"\0" * 9),
        ("quote", text.encode() + b'"'),
    ]


def _broken(name: str, call: str, folder: Path, capsys, seed: int) -> None:
    arguments = _arguments(folder, name, call)
    path = Path(arguments[1])
    rng = np.random.default_rng(seed)
    for kind, content in _mutants(path.read_text(encoding="utf-8"), rng):
        broken = folder / f"broken_{path.name}"
        broken.write_bytes(content)
        status = main([name, str(broken), *arguments[2:], "--json"])
        out, err = capsys.readouterr()
        assert status in (0, 2), kind
        if status == 0:
            json.loads(out)
        else:
            assert err.startswith(f"{name}: "), kind
            assert len(err.strip()) > len(name) + 10, kind
        if kind in ("semicolons", "tabs"):
            assert "separated by commas" in err
        if kind in ("byte-order mark", "carriage returns"):
            assert status == 0, err


QUICK = (
    "accuracy",
    "auc",
    "kappa",
    "gwet",
    "icc",
    "mrmc",
    "froc",
    "multiclass-auc",
    "standalone",
    "krippendorff",
)


@pytest.mark.parametrize(("name", "call"), [c for c in CALLS if c[0] in QUICK and ".csv" in c[1]])
def test_a_broken_file_gets_words(capsys, folder, name, call):
    _broken(name, call, folder, capsys, seed=4)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("name", "call"), [c for c in CALLS if ".csv" in c[1]])
def test_a_broken_file_gets_words_long(capsys, folder, name, call, seed):
    _broken(name, call, folder, capsys, seed=100 + seed)
