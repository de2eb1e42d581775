"""Read the data of a reference entry: CSV cells are text, and only what `params` names is looked at."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

Row = dict[str, str]


def text(value) -> str:
    """Text of a JSON value as it stands in a CSV: 1 and 1.0 are "1"."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def number(cell: str) -> float:
    return math.nan if cell.strip() in ("", "NA", "NaN") else float(cell)


@lru_cache(maxsize=64)
def _rows(path: Path) -> tuple[Row, ...]:
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(csv.DictReader(stream))


def _matches(row: Row, condition: dict) -> bool:
    return all(row[column] in {text(value) for value in values} for column, values in condition.items())


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
        truth = np.array([r[data["truth"]["column"]] == text(data["truth"]["positive"]) for _, r in kept])
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
    """A table of ratings (None where missing) and its categories, or (None, table, values)."""
    if data["layout"] == "inline_ratings":
        return data["ratings"], data["categories"]
    rows = folder.rows(data["file"], data)
    cells = [[row[c] if row[c].strip() else None for c in data["raters"]] for row in rows]
    categories = data.get("categories")
    if categories is None:
        categories = sorted({cell for row in cells for cell in row if cell is not None})
    return cells, categories


def table(folder: Folder, data: dict) -> np.ndarray:
    if data["layout"] == "inline_table":
        return np.array(data["table"], int)
    rows = folder.rows(data["file"], data)
    if data["columns"][0] in {row[data["row_labels"]] for row in rows}:
        by_label = {row[data["row_labels"]]: row for row in rows}
        rows = [by_label[label] for label in data["columns"]]
    return np.array([[int(row[c]) for c in data["columns"]] for row in rows])
