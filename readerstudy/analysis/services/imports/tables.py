"""A table as checked rows: every refused cell is named with its line and column."""

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext as _

MOST_PROBLEMS = 50


@dataclass(frozen=True)
class RowProblem:
    """One refused row."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        values = {"line": self.line, "place": self.column, "problem": self.message}
        return _("line %(line)s, %(place)s: %(problem)s") % values


class ImportRefused(Exception):
    """A table that cannot enter. Nothing was changed; `problems` names every refused row (the first 50)."""

    def __init__(self, problems: Iterable[RowProblem]) -> None:
        self.problems = tuple(problems)[:MOST_PROBLEMS]
        super().__init__("; ".join(str(problem) for problem in self.problems[:3]))


class BadCell(Exception):
    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column, self.message = column, message


Row = Mapping[str, str]


def read_table(text: str, needed: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """
    Return (line, row) of a CSV text whose first line names its columns.

    Raises
    ------
    ImportRefused
        If a needed column is missing or a row has too many cells.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("﻿"), newline=""))
    columns = reader.fieldnames or []
    missing = [name for name in needed if name not in columns]
    if missing:
        raise ImportRefused(
            [
                RowProblem(
                    1,
                    ", ".join(missing),
                    _("missing; the table has %(columns)s") % {"columns": ", ".join(columns)}
                    if columns
                    else _("missing; the table has no columns"),
                )
            ]
        )
    rows, problems = [], []
    for row in reader:
        if None in row or any(value is None for value in row.values()):
            problems.append(
                RowProblem(reader.line_num, "row", _("has another number of cells than the head"))
            )
            continue
        rows.append((reader.line_num, {key: value.strip() for key, value in row.items()}))
    if not rows and not problems:
        problems.append(RowProblem(2, "row", _("the table has no rows")))
    if problems:
        raise ImportRefused(problems)
    return rows


def checked(
    rows: list[tuple[int, dict[str, str]]], check: Callable[[Row], Any]
) -> list[tuple[int, dict[str, str], Any]]:
    """Check every row; raise all problems at once."""
    good, problems = [], []
    for line, row in rows:
        try:
            good.append((line, row, check(row)))
        except BadCell as bad:
            problems.append(RowProblem(line, bad.column, bad.message))
    if problems:
        raise ImportRefused(problems)
    return good


def one_of(row: Row, column: str, allowed: Iterable[str]) -> str:
    if row[column] not in (choices := list(allowed)):
        shown = ", ".join(choices[:8]) + (" ..." if len(choices) > 8 else "")
        raise BadCell(
            column,
            _("%(value)r is not allowed; allowed are %(allowed)s") % {"value": row[column], "allowed": shown},
        )
    return row[column]


def whole_number(row: Row, column: str, least: int = 0, most: int | None = None) -> int:
    try:
        value = int(row[column])
    except ValueError:
        raise BadCell(column, _("%(value)r is not a whole number") % {"value": row[column]}) from None
    if value < least or (most is not None and value > most):
        words = {"value": value, "least": least, "most": most}
        if most is None:
            raise BadCell(column, _("%(value)s lies outside %(least)s and more") % words)
        raise BadCell(column, _("%(value)s lies outside %(least)s..%(most)s") % words)
    return value


def real_number(row: Row, column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        raise BadCell(column, _("%(value)r is not a number") % {"value": row[column]}) from None
    if value != value or value in (float("inf"), float("-inf")):
        raise BadCell(column, _("%(value)r is not a finite number") % {"value": row[column]})
    return value


def moment_of(row: Row, column: str) -> datetime:
    try:
        moment = datetime.fromisoformat(row[column].replace("Z", "+00:00"))
    except ValueError:
        raise BadCell(
            column, _("%(value)r is not an ISO time such as 2026-03-04T08:00:00Z") % {"value": row[column]}
        ) from None
    if moment.tzinfo is None:
        raise BadCell(column, _("%(value)r has no time zone; end it with Z for UTC") % {"value": row[column]})
    return moment.astimezone(UTC)


def name_of(row: Row, column: str, most: int = 40) -> str:
    if not row[column]:
        raise BadCell(column, _("is empty"))
    if len(row[column]) > most:
        raise BadCell(column, _("is longer than %(most)d characters") % {"most": most})
    return row[column]
