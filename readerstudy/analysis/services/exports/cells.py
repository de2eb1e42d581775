"""Rows as CSV text."""

import csv
import io
from collections.abc import Iterable
from typing import Any

DEMONSTRATION = "DEMONSTRATION DATA: simulated, not from patients."


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, float) else value


def as_csv(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return rows as CSV text: UTF-8, newline ends, empty for nothing, floats in full."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return text.getvalue()
