"""Read the data of a reference entry: CSV cells are text, and only what `params` names is looked at."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

Row = dict[str, str]
MISSING = ("", "NA", "NaN", "nan")


def text(value) -> str:
    """Text of a JSON value as it stands in a CSV: 1 and 1.0 are "1"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(cell: str) -> float:
    return math.nan if cell.strip() in MISSING else float(cell)


@lru_cache(maxsize=64)
def _rows(path: Path) -> tuple[Row, ...]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return tuple(csv.DictReader(stream, restval=""))


def _texts(value) -> set[str]:
    """How a JSON value may stand in a CSV: 2.0 was written as 2 or as 2.0."""
    return {text(value), str(value)} if isinstance(value, float) else {text(value)}


def _matches(row: Row, condition: dict) -> bool:
    return all(
        row[column] in set().union(*(_texts(value) for value in values))
        for column, values in condition.items()
    )


def is_positive(cell: str, positive) -> bool:
    """Whether a cell holds the value that means diseased."""
    return cell in _texts(positive)


class Folder:
    """A folder of reference results and their CSVs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self, name: str, data: dict) -> list[Row]:
        rows = list(_rows(self.path / name))
        if "keep" in data:
            rows = [row for row in rows if _matches(row, data["keep"])]
        for condition in data.get("drop", ()):
            rows = [row for row in rows if not _matches(row, condition)]
        return rows


@dataclass(frozen=True)
class Scores:
    """One score's items: row or matching id, truth, value, cluster."""

    ids: list
    truth: np.ndarray
    values: np.ndarray
    clusters: np.ndarray


def scores(folder: Folder, data: dict) -> list[Scores]:
    """The scores of a `scores` or `inline_scores` layout, each with its own items; empty cells left out."""
    if data["layout"] == "inline_scores":
        truth = np.array(data["truth"], bool)
        n = truth.size
        return [Scores(list(range(n)), truth, np.array(one, float), np.arange(n)) for one in data["scores"]]
    rows = folder.rows(data["file"], data)
    out = []
    for one in data["scores"]:
        kept = [(k, r) for k, r in enumerate(rows) if _matches(r, one.get("keep", {}))]
        columns = [one["column"]] if "column" in one else one["sum"]
        values = np.array([sum(number(r[c]) for c in columns) for _, r in kept], float)
        truth = np.array(
            [is_positive(r[data["truth"]["column"]], data["truth"]["positive"]) for _, r in kept], bool
        )
        ids = [r[data["match"]] if "match" in data else k for k, r in kept]
        clusters = np.array([r[data["cluster"]] if "cluster" in data else str(k) for k, r in kept])
        there = ~np.isnan(values)
        out.append(
            Scores(
                [i for i, ok in zip(ids, there, strict=True) if ok],
                truth[there],
                values[there],
                clusters[there],
            )
        )
    return out


def paired(folder: Folder, data: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth, both scores and clusters of the items that both scores have, in the first one's order."""
    first, second = scores(folder, data)
    where = {i: k for k, i in enumerate(second.ids)}
    if len(where) != len(second.ids) or len(set(first.ids)) != len(first.ids):
        raise ValueError("the matching column names an item twice")
    both = [(k, where[i]) for k, i in enumerate(first.ids) if i in where]
    a, b = np.array([k for k, _ in both], int), np.array([k for _, k in both], int)
    return first.truth[a], first.values[a], second.values[b], first.clusters[a]


def ratings(folder: Folder, data: dict):
    """A table of ratings (None where missing) and the categories in scale order, all as text."""
    if data["layout"] == "inline_ratings":
        cells = [[None if c is None else text(c) for c in row] for row in data["ratings"]]
        return cells, [text(c) for c in data["categories"]]
    rows = folder.rows(data["file"], data)
    known = {spelt: text(c) for c in data.get("categories", ()) for spelt in _texts(c)}
    cells = [[_grade(row[c].strip(), known) for c in data["raters"]] for row in rows]
    if "categories" in data:
        return cells, [text(c) for c in data["categories"]]
    return cells, sorted({cell for row in cells for cell in row if cell is not None}, key=_in_order)


def _grade(cell: str, known: dict[str, str]) -> str | None:
    """The category of a cell: by its text, else by its number (a grade 2 may stand as 2.0)."""
    if cell in known:
        return known[cell]
    if cell in MISSING:
        return None
    try:
        return known.get(text(float(cell)), cell)
    except ValueError:
        return cell


def _in_order(label: str) -> tuple[float, str]:
    """Numbers by value, other labels after them by text."""
    try:
        return float(label), label
    except ValueError:
        return math.inf, label


def table(folder: Folder, data: dict) -> np.ndarray:
    if data["layout"] == "inline_table":
        return np.array(data["table"], int)
    rows = folder.rows(data["file"], data)
    by_label = {row[data["row_labels"]]: row for row in rows}
    if set(data["columns"]) <= set(by_label):
        rows = [by_label[label] for label in data["columns"]]
    return np.array([[int(float(row[c])) for c in data["columns"]] for row in rows])
