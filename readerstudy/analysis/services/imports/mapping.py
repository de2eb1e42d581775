"""A table as it came and as it is understood: its first rows, which column is which, and the renamed text."""

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from readerstudy.analysis.exchange_columns import (
    CASES,
    CLINICAL,
    LESIONS,
    MARKS,
    PLACE,
    PREDICTIONS,
    READS,
    REFERENCE,
)
from readerstudy.analysis.services.imports.cases import import_cases
from readerstudy.analysis.services.imports.clinical import import_clinical
from readerstudy.analysis.services.imports.marks import import_lesions, import_marks
from readerstudy.analysis.services.imports.predictions import import_predictions
from readerstudy.analysis.services.imports.reads import import_reads
from readerstudy.analysis.services.imports.reference import import_reference
from readerstudy.analysis.services.imports.tables import ImportRefused, RowProblem

FIRST_ROWS = 8
OPTIONAL = {*PLACE, "lesion_id", "reader_id", "model"}


@dataclass(frozen=True)
class Kind:
    """One table that can enter: its columns, those that may be absent, and the service that takes it."""

    columns: tuple[str, ...]
    optional: frozenset[str]
    service: Callable[..., int]


KINDS: Mapping[str, Kind] = {
    "cases": Kind(CASES, frozenset(), import_cases),
    "clinical": Kind(CLINICAL, frozenset(CLINICAL[3:]), import_clinical),
    "reads": Kind(READS, frozenset(), import_reads),
    "reference": Kind(REFERENCE, frozenset(), import_reference),
    "predictions": Kind(PREDICTIONS, frozenset(), import_predictions),
    "lesions": Kind(LESIONS, frozenset(PLACE), import_lesions),
    "marks": Kind(MARKS, frozenset(OPTIONAL), import_marks),
}


@dataclass(frozen=True)
class Preview:
    """
    What a page shows of a table before it enters.

    columns : the table's own columns; `rows` its first rows; `mapping` ours -> the table's ("" for none).
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    n_rows: int
    mapping: Mapping[str, str]

    @property
    def missing(self) -> list[str]:
        """Needed columns that no column of the table stands for."""
        return [name for name, column in self.mapping.items() if not column]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def preview(text: str, kind: str) -> Preview:
    """
    Return the first rows of a table and a proposal of which column is which, by their names.

    Raises
    ------
    ImportRefused
        If the text has no head.
    """
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    if not rows or not any(rows[0]):
        raise ImportRefused([RowProblem(1, "row", _("the table has no head that names its columns"))])
    columns = tuple(rows[0])
    by_plain = {_plain(column): column for column in columns}
    mapping = {name: by_plain.get(_plain(name), "") for name in KINDS[kind].columns}
    return Preview(columns, tuple(map(tuple, rows[1 : FIRST_ROWS + 1])), len(rows) - 1, mapping)


def renamed(text: str, mapping: Mapping[str, str]) -> str:
    """
    Return the table under our column names; columns that stand for nothing keep their own.

    Raises
    ------
    ImportRefused
        If one column is to stand for two.
    """
    ours: dict[str, str] = {}
    for name, column in mapping.items():
        if column and column in ours:
            raise ImportRefused(
                [
                    RowProblem(
                        1,
                        column,
                        _("stands for %(one)s and for %(other)s; choose one")
                        % {"one": ours[column], "other": name},
                    )
                ]
            )
        if column:
            ours[column] = name
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    if rows:
        taken = set(ours.values())
        writer.writerow([ours.get(name, f"other {name}" if name in taken else name) for name in rows[0]])
        writer.writerows(rows[1:])
    return out.getvalue()
