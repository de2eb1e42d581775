"""Commands on several readers and cases, on marks, and on sample sizes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import readerstudy.stats as stats
from readerstudy.stats.froc.lroc import LrocStudy
from readerstudy.stats.froc.study import FrocStudy
from readerstudy.stats.mrmc.readings import Readings

from .table import InputError, Table, read_table


def add_study(parser: argparse.ArgumentParser) -> None:
    """Options of a file with one row per reading."""
    parser.add_argument("file", type=Path, help="CSV: reader,treatment,case,truth,rating; or an iMRMC file")
    for name in ("reader", "treatment", "case", "truth", "rating"):
        parser.add_argument(
            f"--{name}", default=name, metavar="COLUMN", help=f"column of the {name} ({name})"
        )
    parser.add_argument("--cluster", metavar="COLUMN", help="column of the patient")
    parser.add_argument("--positive", help="value of the truth that means diseased (else 0 and 1)")
    parser.add_argument("--treatments", help="treatments in order, separated by commas (all)")
    parser.add_argument("--readers", help="readers in order, separated by commas (all)")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]")
    parser.add_argument(
        "--endpoint", default="auc",
        help="auc, sensitivity:T, specificity:T, partial_auc:specificity:0.8:1, "
        "sensitivity_at_specificity:0.9; with places lroc_auc:1, lroc_pcl:0.1",
    )  # fmt: skip


def endpoint(text: str) -> Any:
    """Figure of merit from the words of --endpoint."""
    name, *rest = text.split(":")
    try:
        if name == "auc" and not rest:
            return stats.Auc()
        if name in ("sensitivity", "specificity"):
            return stats.CallRate(name, float(rest[0]))
        if name == "partial_auc":
            return stats.PartialAuc(rest[0], float(rest[1]), float(rest[2]))
        if name == "sensitivity_at_specificity":
            return stats.SensitivityAtSpecificity(float(rest[0]))
        if name == "lroc_auc":
            return stats.LrocAuc(float(rest[0]) if rest else 1.0)
        if name == "lroc_pcl":
            return stats.LrocPcl(float(rest[0]))
    except (IndexError, ValueError):
        raise InputError(
            f"--endpoint {text!r}: the numbers after the name are missing or no numbers"
        ) from None
    raise InputError(f"--endpoint {text!r}: expected auc, sensitivity, specificity, partial_auc, "
                     "sensitivity_at_specificity, lroc_auc or lroc_pcl")  # fmt: skip


def _listed(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")


def readings(args: argparse.Namespace) -> Readings:
    """The study of a file with one row per reading."""
    table = read_table(args.file)
    if table.has("readerID", "caseID", "modalityID", "score"):
        table = _from_imrmc(table)
    table = table.where(args.where)
    ratings = table.numbers(args.rating, missing=True)
    kept = [k for k in range(len(table)) if ratings[k] == ratings[k]]
    table = table.take(kept)
    study: Readings = stats.readings_from_long(
        table.text(args.reader), table.text(args.treatment), table.text(args.case),
        table.binary(args.truth, args.positive), ratings[kept], readers=_listed(args.readers),
        treatments=_listed(args.treatments),
        clusters=None if args.cluster is None else table.text(args.cluster),
    )  # fmt: skip
    return study


def places(args: argparse.Namespace) -> LrocStudy:
    """The study of a file with one rated place per case; the place of a non-diseased case may be empty."""
    table = read_table(args.file).where(args.where)
    ratings = table.numbers(args.rating, missing=True)
    table = table.take([k for k in range(len(table)) if ratings[k] == ratings[k]])
    right = table.text(args.correct)
    for k, cell in enumerate(right):
        if cell.strip() not in ("", "0", "1"):
            raise table.fault(k, args.correct, "1, 0 or nothing")
    study: LrocStudy = stats.lroc_study(
        table.text(args.reader), table.text(args.case), table.binary(args.truth, args.positive),
        ratings[ratings == ratings], [cell.strip() == "1" for cell in right], readers=_listed(args.readers),
    )  # fmt: skip
    return study


def _from_imrmc(table: Table) -> Table:
    """An iMRMC file: the truth stands in rows of the reader 'truth'."""
    truth = {}
    for k, row in enumerate(table.rows):
        if row["readerID"] == "truth":
            if row["score"].strip() not in ("0", "1", "0.0", "1.0"):
                raise table.fault(k, "score", "0 or 1 in a truth row")
            truth[row["caseID"]] = row["score"].strip()[0]
    rows, lines = [], []
    for k, row in enumerate(table.rows):
        if row["readerID"] == "truth":
            continue
        if row["caseID"] not in truth:
            raise InputError(
                f"{table.path.name}, line {table.lines[k]}, column 'caseID': expected a case with a truth "
                f"row, got {row['caseID']!r}"
            )
        rows.append(
            {
                "reader": row["readerID"], "treatment": row["modalityID"], "case": row["caseID"],
                "truth": truth[row["caseID"]], "rating": row["score"],
            }
        )  # fmt: skip
        lines.append(table.lines[k])
    return Table(table.path, ("reader", "treatment", "case", "truth", "rating"), tuple(rows), tuple(lines))


def add_marks(parser: argparse.ArgumentParser) -> None:
    """Options of a file with one row per mark."""
    parser.add_argument(
        "file", type=Path,
        help="CSV of marks: modality,reader,case,kind(NL|LL),index,rating; or long marks "
        "(case_id,reader_id or model,condition,confidence,lesion_id), an empty lesion_id being no lesion",
    )  # fmt: skip
    parser.add_argument(
        "--cases", type=Path,
        help="CSV: case,n_lesions,lesion_weights (joined by ;); with long marks any file whose case_id names "
        "all cases",
    )  # fmt: skip
    parser.add_argument("--lesions", type=Path, help="with long marks: CSV of case_id,lesion_id,weight")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]")
    parser.add_argument("--treatments", help="treatments in order, separated by commas (all)")
    parser.add_argument("--readers", help="readers in order, separated by commas (all)")


def _lesions_of(table: Table) -> dict[str, dict[str, float]]:
    """Weight of each lesion by case; equal shares of a case where none are given."""
    weights = (
        table.numbers("weight", missing=True, finite=True) if table.has("weight") else [1.0] * len(table)
    )
    out: dict[str, dict[str, float]] = {}
    for k, (case, lesion) in enumerate(zip(table.text("case_id"), table.text("lesion_id"), strict=True)):
        own = out.setdefault(case, {})
        if not lesion or lesion in own:
            raise table.fault(k, "lesion_id", "a name that the case has once")
        own[lesion] = float(weights[k])
        if own[lesion] < 0:
            raise table.fault(k, "weight", "a weight of 0 or more")
    for own in out.values():
        total = sum(own.values())
        for lesion in own:
            own[lesion] = own[lesion] / total if total > 0 else 1.0 / len(own)
    return out


def _long_marks(args: argparse.Namespace, table: Table) -> tuple[FrocStudy, list[str]]:
    """
    The study of long marks and lesions: lesions hit are named by `lesion_id`, which was scored elsewhere.
    """
    if args.lesions is None:
        raise InputError("long marks need --lesions with the lesions of the reference")
    lesions = _lesions_of(read_table(args.lesions))
    notes = []
    if args.cases is not None:
        cases = list(dict.fromkeys(read_table(args.cases).text("case_id")))
    else:
        cases = list(dict.fromkeys([*lesions, *table.text("case_id")]))
        notes.append("no --cases: a case without lesions and marks is not known and not counted")
    readers = [
        row.get("reader_id", "").strip() or row.get("model", "").strip() for row in table.rows
    ]  # fmt: skip
    hit = table.text("lesion_id")
    numbers = []
    for k, (case, lesion) in enumerate(zip(table.text("case_id"), hit, strict=True)):
        if not readers[k]:
            raise InputError(
                f"{table.path.name}, line {table.lines[k]}: expected a reader_id or a model, got neither"
            )
        if lesion and lesion not in lesions.get(case, {}):
            raise table.fault(k, "lesion_id", f"a lesion of case {case} or nothing")
        numbers.append(list(lesions[case]).index(lesion) + 1 if lesion else 0)
    study: FrocStudy = stats.froc_study(
        cases=cases, n_lesions=[len(lesions.get(case, {})) for case in cases],
        lesion_weights=[list(lesions.get(case, {}).values()) for case in cases],
        treatment=table.text("condition") if table.has("condition") else ["all"] * len(table),
        reader=readers, case=table.text("case_id"), is_lesion=[bool(lesion) for lesion in hit],
        lesion=numbers, rating=table.numbers("confidence").tolist(), treatments=_listed(args.treatments),
        readers=_listed(args.readers),
    )  # fmt: skip
    return study, notes


def marks(args: argparse.Namespace) -> tuple[FrocStudy, list[str]]:
    """The study of a file of marks and one of cases (or of lesions), and notes."""
    table = read_table(args.file).where(args.where)
    if table.has("case_id"):
        return _long_marks(args, table)
    if args.cases is None:
        raise InputError("name the file of all cases by --cases (case,n_lesions,lesion_weights)")
    cases = read_table(args.cases)
    count = cases.numbers("n_lesions", whole=True).astype(int)
    weights = None
    if cases.has("lesion_weights"):
        weights = []
        for k, cell in enumerate(cases.text("lesion_weights")):
            try:
                weights.append([float(w) for w in cell.split(";") if w.strip()])
            except ValueError:
                raise cases.fault(k, "lesion_weights", "numbers joined by ;") from None
    kinds = table.text("kind")
    for k, kind in enumerate(kinds):
        if kind not in ("NL", "LL"):
            raise table.fault(k, "kind", "NL or LL")
    study: FrocStudy = stats.froc_study(
        cases=cases.text("case"), n_lesions=count.tolist(), lesion_weights=weights,
        treatment=table.text("modality"), reader=table.text("reader"), case=table.text("case"),
        is_lesion=[kind == "LL" for kind in kinds],
        lesion=table.numbers("index", whole=True).astype(int).tolist(),
        rating=table.numbers("rating").tolist(), treatments=_listed(args.treatments),
        readers=_listed(args.readers),
    )  # fmt: skip
    return study, []
