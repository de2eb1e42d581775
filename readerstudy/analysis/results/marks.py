"""
Marks: curves and figures of merit of every reader and condition, and the comparisons that the design allows.

Conventions are those of `stats.froc`: of several marks on a lesion the highest rating counts; unmarked lesions and
cases without a non-lesion mark rank below every rating. A case is the unit of the jackknife, so that with several
cases of one patient no comparison is made.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import LEAVES, PARTITIONS, PRIMARY, BoolArray, Dataset, MarkData
from readerstudy.analysis.results.views import ALL, partitions_present
from readerstudy.stats import (
    AnalysisRefused,
    FrocFigure,
    FrocStudy,
    LrocAuc,
    LrocStudy,
    froc_study,
    localisation_curve,
    lroc_study,
    mark_accuracy,
    obuchowski_rockette,
    standalone_vs_readers,
)
from readerstudy.stats.estimate import json_safe

FIGURES = ("wAFROC", "AFROC", "wAFROC1", "AFROC1", "HrAuc", "MaxLLF", "MaxNLFAllCases")
COMPARED = ("wAFROC", "AFROC", "HrAuc")
CURVES = ("FROC", "AFROC", "wAFROC")
FEWEST_READERS = 3
CLAIMS = (
    ("random_readers_random_cases", "random", "random"),
    ("fixed_readers_random_cases", "fixed", "random"),
    ("random_readers_fixed_cases", "random", "fixed"),
)


class _Marked:
    """
    Lesions and marks of the cases of one partition.

    Parameters
    ----------
    inside : ndarray of bool, shape (n_cases,)
        The cases of the partition.
    out : ndarray of bool, shape (n_cases, n_people)
        Whose reads of which case are not in the analysis set.
    """

    def __init__(self, dataset: Dataset, marks: MarkData, inside: BoolArray, out: BoolArray) -> None:
        self.dataset, self.marks, self.inside, self.out = dataset, marks, inside, out
        self.cases = np.flatnonzero(inside)
        self.place = np.full(len(dataset.cases), -1)
        self.place[self.cases] = np.arange(self.cases.size)
        self.patients = np.array([dataset.cases[k].patient for k in self.cases], dtype=np.int64)
        self.rows = np.flatnonzero(inside[marks.mark_case]) if marks.mark_case.size else np.zeros(0, np.int64)
        self.lesions = np.flatnonzero(inside[marks.lesion_case]) if marks.lesion_case.size else self.rows[:0]
        self.n_lesions = np.bincount(
            self.place[marks.lesion_case[self.lesions]], minlength=self.cases.size
        ).astype(np.int64)

    def of(self, people: Sequence[int]) -> "_Marked":
        """
        Return the cases that all of these people have in the analysis set.

        A read that is left out is no read without a mark: its case leaves these people's figures, not its mark.
        """
        left = self.out[:, list(people)].any(axis=1) & self.inside
        return _Marked(self.dataset, self.marks, self.inside & ~left, self.out) if left.any() else self

    @property
    def nested(self) -> bool:
        return bool(np.unique(self.patients).size < self.patients.size)

    def study(self, people: Sequence[int], conditions: Sequence[int]) -> FrocStudy:
        """Return the marks of some people under some conditions."""
        marks, rows = self.marks, self.rows
        weights: list[list[float]] = [[] for _ in self.cases]
        for k in self.lesions:
            if not np.isnan(marks.weights[k]):
                weights[self.place[marks.lesion_case[k]]].append(float(marks.weights[k]))
        return froc_study(
            cases=range(self.cases.size),
            n_lesions=self.n_lesions.tolist(),
            lesion_weights=weights,
            treatment=marks.mark_condition[rows].tolist(),
            reader=marks.mark_by[rows].tolist(),
            case=self.place[marks.mark_case[rows]].tolist(),
            is_lesion=(marks.hit[rows] > 0).tolist(),
            lesion=marks.hit[rows].tolist(),
            rating=marks.rating[rows].tolist(),
            treatments=conditions,
            readers=people,
        )

    def present(self, person: int, condition: int) -> bool:
        rows = self.rows
        return bool(
            ((self.marks.mark_by[rows] == person) & (self.marks.mark_condition[rows] == condition)).any()
        )


def _figure_value(study: FrocStudy, name: str) -> dict[str, Any]:
    try:
        value = float(FrocFigure(name).values(study)[0, 0])  # type: ignore[arg-type]
    except AnalysisRefused as refusal:
        return {"value": None, "undefined_because": str(refusal)}
    if np.isnan(value):
        return {"value": None, "undefined_because": "undefined on these cases"}
    return {"value": value, "undefined_because": ""}


def _person(part: _Marked, person: int, condition: int, confidence: float) -> dict[str, Any]:
    """Figures, curves, precision and recall of one reader or model under one condition."""
    marks = part.marks
    study = part.study([person], [condition])
    rows = part.rows[(marks.mark_by[part.rows] == person) & (marks.mark_condition[part.rows] == condition)]
    order = np.lexsort((-marks.rating[rows], marks.hit[rows], marks.mark_case[rows]))
    again = np.zeros(rows.size, dtype=bool)
    for before, k in itertools.pairwise(order):
        same = marks.mark_case[rows[k]] == marks.mark_case[rows[before]]
        again[k] = marks.hit[rows[k]] > 0 and same and marks.hit[rows[k]] == marks.hit[rows[before]]
    patients = np.array([case.patient for case in part.dataset.cases])
    accuracy = mark_accuracy(
        marks.rating[rows],
        (marks.hit[rows] > 0) & ~again,
        patients[marks.mark_case[rows]],
        patients[marks.lesion_case[part.lesions]],
        threshold=-np.inf,
        duplicate=again,
        coverage=confidence,
    )
    curves = {}
    for name in CURVES:
        curve = localisation_curve(study, curve=name, treatment=str(condition), reader=str(person))  # type: ignore[arg-type]
        curves[name] = json_safe([curve.x, curve.y])
    return {
        "code": marks.people[person],
        "kind": "model" if marks.is_model[person] else "reader",
        "condition": marks.conditions[condition],
        "cases": int(part.cases.size),
        "marks": int(rows.size),
        "duplicates": int(again.sum()),
        "figures": {name: _figure_value(study, name) for name in FIGURES},
        "precision": accuracy.precision.as_dict(),
        "recall": accuracy.recall.as_dict(),
        "f1": accuracy.f1.as_dict(),
        "hits": accuracy.true_positives,
        "misses": accuracy.missed,
        "false_marks": accuracy.false_positives,
        "curves": curves,
    }


def _difference(each: Any, names: Sequence[str]) -> dict[str, Any]:
    return json_safe(
        {
            "first": names[int(each.first)],
            "second": names[int(each.second)],
            "difference": each.estimate.as_dict(),
            "test": each.test.as_dict(),
        }
    )


def _conditions(part: _Marked, readers: list[int], confidence: float) -> dict[str, Any]:
    """Conditions against each other, by Obuchowski and Rockette, for every compared figure of merit."""
    conditions = [
        c
        for c in range(len(part.marks.conditions))
        if readers and all(part.present(person, c) for person in readers)
    ]
    if len(conditions) < 2:
        return {"refused": "one_condition", "n": len(conditions)}
    if len(readers) < 2:
        return {"refused": "few_readers", "n": len(readers), "needed": 2}
    if part.nested:
        return {"refused": "several_cases_of_a_patient"}
    study = part.study(readers, conditions)
    return {
        "cases": int(part.cases.size),
        "conditions": [part.marks.conditions[c] for c in conditions],
        "readers": [part.marks.people[r] for r in readers],
        "figures": {
            name: _claims(
                lambda how, cases, name=name: obuchowski_rockette(  # type: ignore[misc]
                    study, endpoint=FrocFigure(name), readers=how, cases=cases, confidence=confidence,
                ),
                part.marks.conditions,
            )
            for name in COMPARED
        },
    }  # fmt: skip


def _claims(analyse: Callable[[str, str], Any], names: Sequence[str]) -> list[dict[str, Any]]:
    rows = []
    for claim, readers, cases in CLAIMS:
        try:
            result = analyse(readers, cases)
        except AnalysisRefused as refusal:
            rows.append({"claim": claim, "refused": str(refusal)})
            continue
        rows.append(
            {
                "claim": claim,
                "global_test": json_safe(result.global_test.test.as_dict()),
                "means": [
                    {"condition": names[int(mean.treatment)], "estimate": mean.estimate.as_dict()}
                    for mean in result.means
                ],
                "differences": [_difference(each, names) for each in result.differences],
                "note": result.note,
            }
        )
    return rows


def _against_model(part: _Marked, readers: list[int], model: int, confidence: float) -> dict[str, Any]:
    """The readers against a model under each condition in which both marked."""
    if len(readers) < FEWEST_READERS:
        return {"refused": "few_readers", "n": len(readers), "needed": FEWEST_READERS}
    if part.nested:
        return {"refused": "several_cases_of_a_patient"}
    found = []
    for condition in range(len(part.marks.conditions)):
        own = [person for person in readers if part.present(person, condition)]
        if not part.present(model, condition) or len(own) < FEWEST_READERS:
            continue
        study = part.study([model, *own], [condition])
        figures = {
            name: _standalone(study, str(model), FrocFigure(name), confidence)  # type: ignore[arg-type]
            for name in COMPARED
        }
        located = _lroc(part, [model, *own], condition)
        figures["LROC"] = (
            _standalone(located, str(model), LrocAuc(), confidence)
            if isinstance(located, LrocStudy)
            else located
        )
        found.append(
            {
                "condition": part.marks.conditions[condition],
                "readers": len(own),
                "cases": int(part.cases.size),
                "figures": figures,
            }
        )
    return {"conditions": found} if found else {"refused": "no_common_condition"}


def _lroc(part: _Marked, people: list[int], condition: int) -> LrocStudy | dict[str, Any]:
    """One rating and one place per case, or why these marks are not that."""
    marks = part.marks
    rows = part.rows[
        (marks.mark_condition[part.rows] == condition) & np.isin(marks.mark_by[part.rows], people)
    ]
    cells = marks.mark_by[rows] * len(part.dataset.cases) + marks.mark_case[rows]
    if np.unique(cells).size != rows.size or rows.size != len(people) * part.cases.size:
        return {"refused": "not_one_mark_per_case"}
    if not (part.n_lesions > 0).any() or (part.n_lesions > 0).all():
        return {
            "refused": "one_class",
            "positive": int((part.n_lesions > 0).sum()),
            "of": int(part.cases.size),
        }
    place = part.place[marks.mark_case[rows]]
    return lroc_study(
        marks.mark_by[rows].tolist(), place.tolist(), part.n_lesions[place] > 0, marks.rating[rows],
        marks.hit[rows] > 0, readers=people,
    )  # fmt: skip


def _standalone(study: Any, model: str, endpoint: Any, confidence: float) -> dict[str, Any]:
    rows = []
    for claim, cases in (("random_readers_random_cases", "random"), ("random_readers_fixed_cases", "fixed")):
        try:
            result = standalone_vs_readers(
                study,
                model=model,
                endpoint=endpoint,
                cases=cases,  # type: ignore[arg-type]
                confidence=confidence,
            )
        except AnalysisRefused as refusal:
            rows.append({"claim": claim, "refused": str(refusal)})
            continue
        rows.append(
            json_safe(
                {
                    "claim": claim,
                    "model": result.fom_model,
                    "readers": result.mean_readers.as_dict(),
                    "difference": result.difference.as_dict(),
                    "test": result.test.as_dict(),
                    "note": result.note,
                }
            )
        )
    return {"rows": rows}


def _outside(dataset: Dataset, marks: MarkData, analysis_set: str) -> BoolArray:
    """Return whose reads of which case are not in a set, shape (n_cases, n_people); models are in every set."""
    out = np.zeros((len(dataset.cases), len(marks.people)), dtype=bool)
    if dataset.leaving is not None:
        column = {reader.code: k for k, reader in enumerate(dataset.readers)}
        for person, code in enumerate(marks.people):
            if not marks.is_model[person] and code in column:
                out[:, person] = dataset.leaving[:, column[code]] >= LEAVES[analysis_set]
    return out


def compute_marks(dataset: Dataset, confidence: float, analysis_set: str = PRIMARY) -> dict[str, Any]:
    """
    Compute every figure of the marks of an analysis set, by partition.

    Returns
    -------
    dict
        Partition -> ``cases``, ``diseased``, ``lesions``, ``people`` (a row per reader or model and condition),
        ``conditions`` and ``model`` (comparisons, or ``refused`` with a code). Empty without marks.
    """
    if dataset.marks is None:
        return {}
    results = {}
    out = _outside(dataset, dataset.marks, analysis_set)
    partition = np.array([case.partition for case in dataset.cases], dtype=np.int64)
    for name in partitions_present(dataset):
        wanted = [PARTITIONS.index(each) for each in name.split("+")] if name != ALL else []
        inside = np.isin(partition, wanted) if wanted else np.ones(partition.size, dtype=bool)
        part = _Marked(dataset, dataset.marks, inside, out)
        n_people = len(dataset.marks.people)
        readers = [k for k in range(n_people) if not dataset.marks.is_model[k]]
        models = [k for k in range(n_people) if dataset.marks.is_model[k]]
        results[name] = {
            "cases": int(part.cases.size),
            "patients": int(np.unique(part.patients).size),
            "diseased": int((part.n_lesions > 0).sum()),
            "lesions": int(part.n_lesions.sum()),
            "people": [
                _person(own, person, condition, confidence)
                for person in [*readers, *models]
                for own in [part.of([person])]
                for condition in range(len(dataset.marks.conditions))
                if own.present(person, condition)
            ],
            "conditions": _conditions(part.of(readers), readers, confidence),
            "model": _against_model(part.of(readers), readers, models[0], confidence) if models else None,
        }
    return results
