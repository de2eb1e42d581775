"""
From files to arrays: the items of a study, wide (one row per item) or long (one row per answer).

Long files are those of the product: reads (``case_id,structure,finding,reader_id,grade``), reference and
predictions (``p_0 .. p_k`` or ``score``). They are joined on case, structure and finding; what could not be
used is counted.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from readerstudy.stats._arrays import BoolArray, FloatArray

from .table import MISSING, InputError, Table, read_table

KEY = ("case_id", "structure", "finding")


@dataclass(slots=True)
class Items:
    """Arrays of one analysis, and what was left out on the way."""

    values: dict[str, FloatArray]
    clusters: list[str] | None
    notes: list[str] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Items."""
        return len(next(iter(self.values.values())))


Answers = dict[tuple[str, ...], tuple[float, str]]


def _key(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(row.get(column, "") for column in KEY)


def _answers(table: Table, column: str, what: str) -> tuple[Answers, int]:
    """Numeric answers by item; rows without a grade (not assessable, absent) are counted and left out."""
    if not table.has("case_id"):
        raise InputError(f"{table.path.name}: a long file needs the column 'case_id'")
    out: Answers = {}
    dropped = 0
    for k, row in enumerate(table.rows):
        if row.get("kind", "grade") not in ("grade", "value", "") or row.get(column, "").strip() == "":
            dropped += 1
            continue
        try:
            value = float(row[column])
        except ValueError:
            raise table.fault(k, column, "a number") from None
        if not math.isfinite(value):
            raise table.fault(k, column, "a finite number")
        key = _key(row)
        if key in out:
            raise InputError(
                f"{table.path.name}, line {table.lines[k]}: {what} answered item {'/'.join(key)} twice; "
                "choose one answer by --where (occasion, session, condition)"
            )
        out[key] = (value, row.get("patient_id") or row["case_id"])
    return out, dropped


def reader_answers(table: Table, reader: str) -> tuple[Answers, int]:
    """Grades (or values) of one reader of a long reads file."""
    ids = table.text("reader_id")
    chosen = [k for k, cell in enumerate(ids) if cell == reader]
    if not chosen:
        raise InputError(
            f"{table.path.name}, column 'reader_id': no row of {reader!r}; there are "
            f"{', '.join(sorted(set(ids))[:12])}"
        )
    own = table.take(chosen)
    column = "grade" if any(row.get("grade", "").strip() for row in own.rows) else "value"
    own.text(column)
    return _answers(own, column, f"reader {reader}")


def prediction_answers(table: Table, model: str | None, cut: int) -> tuple[Answers, int]:
    """Score of a model: its column 'score', or the probability of a grade at or above the cut."""
    models = sorted(set(table.text("model"))) if table.has("model") else []
    if model is not None:
        if model not in models:
            raise InputError(f"{table.path.name}, column 'model': no row of {model!r}; there are {models}")
        table = table.take([k for k, cell in enumerate(table.text("model")) if cell == model])
    elif len(models) > 1:
        raise InputError(f"{table.path.name}: choose one of the models {', '.join(models)} by --model")
    grades = sorted(
        (name for name in table.columns if name.startswith("p_") and name[2:].isdigit()),
        key=lambda s: int(s[2:]),
    )
    if grades:
        at_or_above = [name for name in grades if int(name[2:]) >= cut]
        if not at_or_above:
            raise InputError(f"{table.path.name}: no column p_k has k at or above the cut {cut}")
        rows = []
        for k, row in enumerate(table.rows):
            total = 0.0
            for name in at_or_above:
                try:
                    total += float(row[name]) if row[name].strip() else 0.0
                except ValueError:
                    raise table.fault(k, name, "a probability") from None
            rows.append({**row, "score": repr(total), "kind": "grade"})
        table = Table(table.path, (*table.columns, "score"), tuple(rows), table.lines)
    elif not table.has("score"):
        raise InputError(f"{table.path.name}: expected columns p_0 .. p_k or 'score'")
    return _answers(table, "score", "the model")


def _joined(parts: dict[str, tuple[Answers, int]]) -> Items:
    shared = None
    for answers, _ in parts.values():
        shared = set(answers) if shared is None else shared & set(answers)
    keys = sorted(shared or ())
    if not keys:
        raise InputError(
            f"no item is common to {', '.join(parts)}: are case, structure and finding written alike?"
        )
    first = next(iter(parts.values()))[0]
    notes = []
    for name, (answers, dropped) in parts.items():
        if dropped:
            notes.append(f"{name}: {dropped} rows without a grade left out")
        if len(answers) > len(keys):
            notes.append(f"{name}: {len(answers) - len(keys)} items without a counterpart left out")
    return Items(
        {name: np.array([answers[key][0] for key in keys]) for name, (answers, _) in parts.items()},
        [first[key][1] for key in keys],
        notes,
    )


def add_columns(parser: argparse.ArgumentParser, *roles: str) -> None:
    """Options that name the columns of a wide file, or the readers of a long one."""
    parser.add_argument("file", type=Path, help="CSV file: one row per item, or long reads or predictions")
    for role in roles:
        helps = {
            "reference": "column of the reference standard (wide file)",
            "given": "column of the grades or calls",
            "score": "column of the scores (wide file)",
            "first": "column of the first reader",
            "second": "column of the second reader (or second score)",
        }
        parser.add_argument(f"--{role}", metavar="COLUMN", help=helps[role])
    if "reference" in roles:
        parser.add_argument(
            "--positive", help="value of the reference that means diseased (else 0 and 1, or --cut)"
        )
        parser.add_argument(
            "--reference-file", type=Path, help="long reference file (case_id,structure,finding,grade)"
        )
    if {"score", "given"} & set(roles):
        parser.add_argument("--model", help="model, in a long predictions file")
    parser.add_argument("--reader", help="reader_id, in a long reads file")
    if "second" in roles:
        parser.add_argument("--second-reader", help="second reader_id, in a long reads file")
    parser.add_argument("--cluster", metavar="COLUMN", help="column of the patient (long files: patient_id)")
    parser.add_argument("--independent", action="store_true", help="one item per patient: use the plain form")
    parser.add_argument(
        "--where", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="keep these rows"
    )


def load(args: argparse.Namespace, *roles: str) -> Items:
    """Arrays of the roles of a command, from whichever form the file has."""
    table = read_table(args.file).where(args.where)
    long = getattr(args, "reader", None) is not None or getattr(args, "reference_file", None) is not None
    if long:
        return _load_long(args, table, roles)
    values: dict[str, FloatArray] = {}
    for role in roles:
        column = getattr(args, role)
        if column is None:
            raise InputError(f"name the column of the {role} by --{role} (or give a long file and --reader)")
        if role == "reference" and args.positive is not None:
            values[role] = table.binary(column, args.positive).astype(float)
        else:
            values[role] = table.numbers(column, missing=True)
    there = ~np.any(np.isnan(np.stack(list(values.values()))), axis=0)
    notes = [] if there.all() else [f"{int((~there).sum())} rows with an empty cell left out"]
    if not there.any():
        raise InputError(f"{table.path.name}: every row has an empty cell in the columns named")
    clusters = None
    if args.cluster is not None:
        clusters = [cell for cell, ok in zip(table.text(args.cluster), there, strict=True) if ok]
    return Items({name: x[there] for name, x in values.items()}, clusters, notes)


def _load_long(args: argparse.Namespace, table: Table, roles: tuple[str, ...]) -> Items:
    parts: dict[str, tuple[Answers, int]] = {}
    cut = int(getattr(args, "cut", 1) or 1)
    for role in roles:
        if role == "reference":
            if args.reference_file is None:
                raise InputError("a long file needs --reference-file with the reference standard")
            reference = read_table(args.reference_file)
            kept = [
                c
                for c in args.where
                if c.partition("=")[0] in reference.columns and c.partition("=")[0] in KEY
            ]
            parts[role] = _answers(reference.where(kept), "grade", "the reference")
        elif role == "second":
            if args.second_reader is None:
                raise InputError("name the second reader by --second-reader")
            parts[role] = reader_answers(table, args.second_reader)
        elif args.reader is not None:
            parts[role] = reader_answers(table, args.reader)
        elif role in ("score", "given"):
            parts[role] = prediction_answers(table, args.model, cut)
        else:
            raise InputError(f"name the reader by --reader for the {role}")
    return _joined(parts)


def count_table(args: argparse.Namespace) -> FloatArray:
    """A square table of counts; its rows in the order of its columns where both name the same grades."""
    table = read_table(args.file).where(args.where)
    labels = table.text(args.table)
    names = [name for name in table.columns if name != args.table]
    counts = np.column_stack([table.numbers(name, whole=True) for name in names])
    if counts.shape[0] != counts.shape[1]:
        raise InputError(
            f"{table.path.name}: expected a square table, got {counts.shape[0]} rows and columns "
            f"{', '.join(names)}"
        )
    if set(labels) == set(names):
        counts = counts[[labels.index(name) for name in names]]
    return np.asarray(counts)


def probabilities(args: argparse.Namespace) -> tuple[FloatArray, FloatArray, list[str]]:
    """Class index and class probabilities per item, from a wide file or long predictions."""
    table = read_table(args.file).where(args.where)
    names = [name for name in (args.probabilities or "").split(",") if name]
    names = names or sorted(
        (c for c in table.columns if c.startswith("p_") and c[2:].isdigit()), key=lambda c: int(c[2:])
    )
    if len(names) < 2:
        raise InputError(f"{table.path.name}: name the classes' columns by --probabilities COLUMN,COLUMN")
    if args.reference_file is None:
        if args.reference is None:
            raise InputError("name the column of the reference by --reference, or give --reference-file")
        shares = np.column_stack([table.numbers(name, missing=True) for name in names])
        classes = table.numbers(args.reference, missing=True)
        there = ~np.isnan(np.column_stack((classes, shares))).any(axis=1)
        notes = [] if there.all() else [f"{int((~there).sum())} rows with an empty cell left out"]
        return classes[there], shares[there], notes
    if args.model is not None:
        table = table.where([f"model={args.model}"])
    parts = {"reference": _answers(read_table(args.reference_file), "grade", "the reference")}
    parts |= {name: _answers(table, name, "the model") for name in names}
    data = _joined(parts)
    return data.values["reference"], np.column_stack([data.values[name] for name in names]), data.notes


def truth(items: Items, args: argparse.Namespace) -> BoolArray:
    """The reference as yes or no: as it stands when 0 and 1, else at the cut."""
    values = items.values["reference"]
    if args.positive is not None:
        return np.asarray(values == 1)
    cut = getattr(args, "cut", None)
    if cut is not None:
        return np.asarray(values >= cut)
    if not np.all((values == 0) | (values == 1)):
        bad = values[(values != 0) & (values != 1)][0]
        raise InputError(
            f"the reference holds {bad:g}: name the positive value by --positive, or the cut by --cut"
        )
    return np.asarray(values == 1)


def ratings(
    args: argparse.Namespace, *, as_numbers: bool = False
) -> tuple[list[list[str | None]], list[str] | None, list[str]]:
    """
    Table of several readers' grades (None where missing), patients where known, and notes.

    `as_numbers` refuses a grade that is no finite number; the grades of long reads always are numbers.
    """
    table = read_table(args.file).where(args.where)
    names = [name for name in (args.raters or "").split(",") if name]
    if table.has("reader_id", "case_id") and not (names and table.has(*names)):
        readers = names or sorted(set(table.text("reader_id")))
        each = {reader: reader_answers(table, reader) for reader in readers}
        keys = sorted({key for answers, _ in each.values() for key in answers})
        patient = {key: cell for answers, _ in each.values() for key, (_, cell) in answers.items()}
        rows = [
            [None if key not in each[r][0] else f"{each[r][0][key][0]:g}" for r in readers] for key in keys
        ]
        if not keys:
            raise InputError(f"{table.path.name}: no row of {', '.join(readers)} holds a grade")
        dropped = sum(d for _, d in each.values())
        notes = [f"{dropped} rows without a grade left out"] if dropped else []
        return rows, [patient[key] for key in keys], notes
    if len(names) < 2:
        raise InputError("name the readers' columns by --raters COLUMN,COLUMN[,...]")
    cells = [table.text(name) for name in names]
    if as_numbers:
        for name in names:
            table.numbers(name, missing=True, finite=True)
    wide = [[None if c.strip() in MISSING else c.strip() for c in row] for row in zip(*cells, strict=True)]
    return wide, None if args.cluster is None else table.text(args.cluster), []


def numeric(rows: list[list[str | None]]) -> FloatArray:
    """Ratings that are known to be numbers, NaN where missing."""
    return np.array([[math.nan if cell is None else float(cell) for cell in row] for row in rows])
