"""CSV files as columns of text, and errors that name file, row, column and what was expected."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from readerstudy.stats._arrays import BoolArray, FloatArray

MISSING = ("", "NA", "NaN", "nan")


class InputError(ValueError):
    """What is wrong with a file or an option, in words for its user."""


@dataclass(frozen=True, slots=True)
class Table:
    """
    Rows of a CSV file, all cells as text.

    Parameters
    ----------
    path : Path
        The file, for messages.
    columns : tuple of str
        Header.
    rows : tuple of dict
        Cells by column.
    lines : tuple of int
        Line of each row in the file, the header being line 1.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[dict[str, str], ...]
    lines: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def has(self, *names: str) -> bool:
        """Whether all columns are there."""
        return all(name in self.columns for name in names)

    def fault(self, k: int, column: str, expected: str) -> InputError:
        """The error for row k of a column."""
        got = self.rows[k][column]
        return InputError(
            f"{self.path.name}, line {self.lines[k]}, column {column!r}: expected {expected}, got {got!r}"
        )

    def text(self, column: str) -> list[str]:
        """Cells of a column."""
        if column not in self.columns:
            raise InputError(
                f"{self.path.name}: there is no column {column!r}; there are {', '.join(self.columns)}"
            )
        return [row[column] for row in self.rows]

    def numbers(
        self, column: str, *, missing: bool = False, whole: bool = False, finite: bool = False
    ) -> FloatArray:
        """Cells of a column as numbers (whole, finite); empty ones as NaN where they may be missing."""
        expected = "a whole number" if whole else "a finite number" if finite else "a number"
        out = np.empty(len(self.rows))
        for k, cell in enumerate(self.text(column)):
            if cell.strip() in MISSING:
                if not missing:
                    raise self.fault(k, column, expected)
                out[k] = math.nan
                continue
            try:
                out[k] = float(cell)
            except ValueError:
                raise self.fault(k, column, expected) from None
            if ((whole or finite) and not math.isfinite(out[k])) or (whole and out[k] != math.floor(out[k])):
                raise self.fault(k, column, expected)
        return out

    def binary(self, column: str, positive: str | None) -> BoolArray:
        """Cells of a column as yes or no: equal to `positive`, or 0 and 1."""
        cells = self.text(column)
        if positive is not None:
            if positive not in cells:
                seen = ", ".join(sorted(set(cells))[:8])
                raise InputError(
                    f"{self.path.name}, column {column!r}: no cell is {positive!r}; there are {seen}"
                )
            return np.array([cell == positive for cell in cells])
        for k, cell in enumerate(cells):
            if cell.strip() not in ("0", "1"):
                raise self.fault(k, column, "0 or 1 (or name the positive value by --positive)")
        return np.array([cell.strip() == "1" for cell in cells])

    def where(self, conditions: Sequence[str]) -> Table:
        """Rows that meet conditions of the form COLUMN=VALUE[,VALUE...]."""
        kept = range(len(self.rows))
        for condition in conditions:
            column, sign, values = condition.partition("=")
            if not sign:
                raise InputError(f"--where wants COLUMN=VALUE[,VALUE...], got {condition!r}")
            cells, allowed = self.text(column), set(values.split(","))
            kept = [k for k in kept if cells[k] in allowed]  # type: ignore[assignment]
        rows = tuple(self.rows[k] for k in kept)
        if not rows:
            raise InputError(
                f"{self.path.name}: no row is left after {' and '.join(conditions) or 'reading'}"
            )
        return Table(self.path, self.columns, rows, tuple(self.lines[k] for k in kept))

    def take(self, kept: Sequence[int]) -> Table:
        """Some of the rows."""
        return Table(
            self.path, self.columns, tuple(self.rows[k] for k in kept), tuple(self.lines[k] for k in kept)
        )


def read_table(path: Path) -> Table:
    """
    Read a CSV file (UTF-8, with or without a byte-order mark).

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    Table

    Raises
    ------
    InputError
        If it is absent, no text, empty, has a column twice or a row of another length.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream)
            header = next(reader, None)
            if not header:
                raise InputError(f"{path.name}: the file is empty")
            if len(header) == 1 and (other := next((c for c in ";\t|" if c in header[0]), None)):
                name = {";": "semicolons", "\t": "tabs", "|": "bars"}[other]
                raise InputError(
                    f"{path.name}, line 1: expected columns separated by commas, got {name}: {header[0]!r}"
                )
            repeated = {name for name in header if header.count(name) > 1}
            if repeated:
                raise InputError(f"{path.name}: column {sorted(repeated)[0]!r} occurs twice")
            rows, lines = [], []
            for cells in reader:
                if not cells:
                    continue
                if len(cells) != len(header):
                    raise InputError(
                        f"{path.name}, line {reader.line_num}: expected {len(header)} cells, got {len(cells)}"
                    )
                rows.append(dict(zip(header, cells, strict=True)))
                lines.append(reader.line_num)
    except OSError as fault:
        raise InputError(f"{path}: cannot be read ({fault.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path.name}: expected text in UTF-8") from None
    except csv.Error as fault:
        raise InputError(f"{path.name}, line {reader.line_num + 1}: expected a CSV row ({fault})") from None
    if not rows:
        raise InputError(f"{path.name}: there is a header but no row")
    return Table(path, tuple(header), tuple(rows), tuple(lines))
