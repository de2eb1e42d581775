"""From a number to the items behind it: which items of a state of the filters are in a cell, and what all said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import (
    ABSENT,
    FUSED,
    NO_READ,
    NOT_ASSESSABLE,
    PROVENANCES,
    BoolArray,
    Dataset,
    GradeArray,
    IntArray,
)
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.compute.slices import Slice
from readerstudy.analysis.results.grades import model_grades, score_at
from readerstudy.analysis.results.views import BadView, View

MODEL = "model"
CELLS = ("all", "ill", "well", "tp", "fn", "fp", "tn", "differs", "not_assessable", "missing")
#: Cells that need nobody's answer: by the reference grade alone.
OF_NOBODY = frozenset({"all", "ill", "well"})


@dataclass(frozen=True)
class Cell:
    """
    Which items of a state are asked for.

    who : a reader's code, or ``"model"``; empty for everybody.
    other : a second reader's code, or empty: only items that both graded, and ``differs`` means from this one.
    cell : one of `CELLS`; ``ill`` and ``well`` are at and below the cut by the reference, ``differs`` is another
        grade than the reference's.
    reference, given : grades of a cell of a confusion matrix, or None.
    level, side : a group of structures, or empty.
    """

    who: str = ""
    cell: str = "all"
    reference: int | None = None
    given: int | None = None
    other: str = ""
    level: str = ""
    side: str = ""


def cell_from(query: Mapping[str, str], dataset: Dataset) -> Cell:
    """
    Read the cell from the address of a page.

    Raises
    ------
    BadView
        If there is no such person, cell or grade.
    """
    who, cell = query.get("who") or "", query.get("cell") or "all"
    known = {reader.code for reader in dataset.readers} | ({MODEL} if dataset.model else set())
    other = query.get("other") or ""
    for code in filter(None, (who, other)):
        if code not in known:
            raise BadView(f"the study has no reader {code!r}")
    if other and not who:
        raise BadView("a second reader needs a first one")
    level, side = query.get("level") or "", query.get("side") or ""
    if (level and level not in dataset.levels) or (side and side not in dataset.sides):
        raise BadView("the protocol has no such group of structures")
    if cell not in CELLS or (cell not in OF_NOBODY and not who):
        raise BadView(f"cell must be one of {', '.join(CELLS)}, and of somebody")
    grades = []
    for name in ("reference", "given"):
        text = query.get(name) or ""
        if text and not text.isdecimal():
            raise BadView(f"{name} must be a grade")
        grades.append(int(text) if text else None)
    if grades[1] is not None and not who:
        raise BadView("given needs somebody who gave it")
    return Cell(who, cell, *grades, other=other, level=level, side=side)


def grades_of(part: Slice, who: str) -> GradeArray:
    """Return the grades of a reader or of the model on all items of the grid, shape (n_items,)."""
    if who == MODEL:
        return model_grades(part.data.probabilities, part.plan.model_grade, part.thresholds)
    codes = [reader.code for reader in part.dataset.readers]
    return np.asarray(part.data.reads[:, codes.index(who)])


def select_items(dataset: Dataset, plan: AnalysisPlan, view: View, cell: Cell) -> IntArray:
    """Return the places of the items of a cell, in the order of the grid."""
    part = Slice(dataset, plan, view)
    reference = part.data.reference
    inside: BoolArray = part.graded.copy()
    if cell.reference is not None:
        inside &= reference == cell.reference
    for wanted, groups in ((cell.level, dataset.levels), (cell.side, dataset.sides)):
        if wanted:
            inside &= np.tile([group == wanted for group in groups], len(dataset.cases))
    if cell.cell in ("ill", "well"):
        inside &= (reference >= view.cut) == (cell.cell == "ill")
    if cell.who:
        given = grades_of(part, cell.who)
        ill, called, graded = reference >= view.cut, given >= view.cut, given >= 0
        compared = grades_of(part, cell.other) if cell.other else reference
        graded = graded & (compared >= 0)
        inside &= {
            "all": graded,
            "ill": graded,
            "well": graded,
            "tp": graded & ill & called,
            "fn": graded & ill & ~called,
            "fp": graded & ~ill & called,
            "tn": graded & ~ill & ~called,
            "differs": graded & (given != compared),
            "not_assessable": given == NOT_ASSESSABLE,
            "missing": given == NO_READ,
        }[cell.cell]
        if cell.given is not None:
            inside &= given == cell.given
    return np.flatnonzero(inside)


_TYPED = {NOT_ASSESSABLE: "not_assessable", ABSENT: "absent", FUSED: "fused", NO_READ: ""}


def answer_of(code: int) -> int | str:
    """Return a grade, or the word for what is none; empty where there is no answer."""
    return int(code) if code >= 0 else _TYPED[int(code)]


def describe(dataset: Dataset, plan: AnalysisPlan, view: View, places: IntArray) -> list[dict[str, Any]]:
    """Return what everybody said of some items, one row each."""
    part = Slice(dataset, plan, view)
    n = len(dataset.structures)
    model = grades_of(part, MODEL) if dataset.model else None
    score = score_at(part.data.probabilities, view.cut)
    return [
        {
            "case": dataset.cases[place // n].pseudonym,
            "structure": dataset.structures[place % n],
            "finding": view.finding,
            "reference": answer_of(part.data.reference[place]),
            "provenance": PROVENANCES[part.data.provenance[place]],
            "basis": PROVENANCES[part.data.basis[place]],
            "reads": [answer_of(code) for code in part.data.reads[place]],
            "model": answer_of(model[place]) if model is not None else "",
            "score": None if np.isnan(score[place]) else float(score[place]),
        }
        for place in places.tolist()
    ]
