"""Commands on several readers and cases, on marks, and on sample sizes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import readerstudy.stats as stats
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
        "sensitivity_at_specificity:0.9",
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
    except (IndexError, ValueError):
        raise InputError(
            f"--endpoint {text!r}: the numbers after the name are missing or no numbers"
        ) from None
    raise InputError(f"--endpoint {text!r}: expected auc, sensitivity, specificity, partial_auc or "
                     "sensitivity_at_specificity")  # fmt: skip


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


def _from_imrmc(table: Table) -> Table:
    """An iMRMC file: the truth stands in rows of the reader 'truth'."""
    truth = {row["caseID"]: row["score"] for row in table.rows if row["readerID"] == "truth"}
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
                "truth": str(int(float(truth[row["caseID"]]))), "rating": row["score"],
            }
        )  # fmt: skip
        lines.append(table.lines[k])
    return Table(table.path, ("reader", "treatment", "case", "truth", "rating"), tuple(rows), tuple(lines))


def add_marks(parser: argparse.ArgumentParser) -> None:
    """Options of a file with one row per mark."""
    parser.add_argument("file", type=Path, help="CSV of marks: modality,reader,case,kind(NL|LL),index,rating")
    parser.add_argument(
        "--cases", type=Path, required=True, help="CSV: case,n_lesions,lesion_weights (joined by ;)"
    )
    parser.add_argument("--treatments", help="treatments in order, separated by commas (all)")
    parser.add_argument("--readers", help="readers in order, separated by commas (all)")


def marks(args: argparse.Namespace) -> FrocStudy:
    """The study of a file of marks and one of cases."""
    table, cases = read_table(args.file), read_table(args.cases)
    count = cases.numbers("n_lesions").astype(int)
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
        is_lesion=[kind == "LL" for kind in kinds], lesion=table.numbers("index").astype(int).tolist(),
        rating=table.numbers("rating").tolist(), treatments=_listed(args.treatments),
        readers=_listed(args.readers),
    )  # fmt: skip
    return study
