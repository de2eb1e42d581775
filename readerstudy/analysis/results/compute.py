"""
Every figure of one state of the filters.

Arrays of a frozen data set go in, JSON values come out; nothing here knows a page, a language or a database.
All intervals are those of `readerstudy.stats` for items nested in patients.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import (
    ABSENT,
    FUSED,
    NO_READ,
    NOT_ASSESSABLE,
    PARTITIONS,
    PROVENANCES,
    BoolArray,
    Dataset,
    FindingData,
    FloatArray,
    GradeArray,
)
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.claims import claim, why_exploratory, with_multiplicity
from readerstudy.analysis.results.further import calibration, subgroups
from readerstudy.analysis.results.grades import model_grades, predicted, score_at, thresholds_from
from readerstudy.analysis.results.multireader import (
    aided_against_unaided,
    model_against_a_sample_of_readers,
)
from readerstudy.analysis.results.paired import MEASURES, mean_reader, model_minus_readers
from readerstudy.analysis.results.views import View, default_partition, partitions_present, planned_views
from readerstudy.stats import (
    BinarySummary,
    Estimate,
    clustered_accuracy,
    clustered_auc,
    clustered_binary_summary,
    clustered_kappa,
    clustered_percent_agreement,
    clustered_sensitivity,
    confusion_matrix,
    roc_curve,
)
from readerstudy.stats.estimate import json_safe

BAND_POINTS = 60
CURVE_POINTS = 400
ACCURACY_MEASURES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


class _Slice:
    """The items of one finding in one state of the filters that have a reference grade."""

    def __init__(self, dataset: Dataset, plan: AnalysisPlan, view: View) -> None:
        self.dataset, self.plan, self.view = dataset, plan, view
        self.data: FindingData = dataset.findings[view.finding]
        self.inside = view.items(dataset)
        self.graded: BoolArray = self.inside & (self.data.reference >= 0)
        self.n_grades = self.data.n_grades
        self.cut = view.cut
        self.confidence = plan.confidence
        self.reference: GradeArray = self.data.reference[self.graded]
        self.clusters = dataset.patient_of[self.graded]
        self.reads: GradeArray = self.data.reads[self.graded]
        self.contributed = self.data.contributed[self.graded]
        self.thresholds = (
            thresholds_from(
                self.data.probabilities,
                self.data.reference,
                dataset.partition_of == PARTITIONS.index("validation"),
            )
            if plan.model_grade == "thresholds"
            else None
        )
        self.probabilities: FloatArray = self.data.probabilities[self.graded]
        self.model: GradeArray = model_grades(self.probabilities, plan.model_grade, self.thresholds)

    @property
    def has_model(self) -> bool:
        return self.dataset.model is not None and bool((self.model >= 0).any())

    def undefined(self, method: str) -> Estimate:
        return Estimate.undefined(
            "no item with a reference grade and an answer",
            n=0,
            n_clusters=0,
            method=method,
            confidence=self.confidence,
        )

    def estimate(self, grades: GradeArray, method: str, of: Callable[..., Estimate]) -> Estimate:
        """Call a clustered function of (reference, grades) on the items that were graded."""
        there = grades >= 0
        if not there.any():
            return self.undefined(method)
        return of(
            self.reference[there],
            grades[there],
            clusters=self.clusters[there],
            confidence=self.confidence,
        )


def _json(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.as_dict()
    return json_safe(value)


def _population(part: _Slice) -> dict[str, Any]:
    reference = part.data.reference[part.inside]
    dataset = part.dataset
    return {
        "patients": int(np.unique(part.clusters).size),
        "cases": int(np.unique(dataset.case_of[part.graded]).size),
        "items": int(part.graded.sum()),
        "items_in_view": int(part.inside.sum()),
        "positive": int((part.reference >= part.cut).sum()),
        "negative": int((part.reference < part.cut).sum()),
        "reference_not_assessable": int((reference == NOT_ASSESSABLE).sum()),
        "reference_absent": int((reference == ABSENT).sum()),
        "reference_fused": int((reference == FUSED).sum()),
        "reference_missing": int((reference == NO_READ).sum()),
        "by_grade": [int((part.reference == grade).sum()) for grade in range(part.n_grades)],
        "provenance": {
            name: int((part.data.provenance[part.graded] == code).sum())
            for code, name in enumerate(PROVENANCES)
            if name and (part.data.provenance[part.graded] == code).any()
        },
    }


def _missing(grades: GradeArray) -> dict[str, int]:
    return {
        "graded": int((grades >= 0).sum()),
        "not_assessable": int((grades == NOT_ASSESSABLE).sum()),
        "absent_or_fused": int(((grades == ABSENT) | (grades == FUSED)).sum()),
        "missing": int((grades == NO_READ).sum()),
    }


def _accuracy(part: _Slice, grades: GradeArray) -> dict[str, Any]:
    """Counts and measures at the cut, the area on the grades' own scale, and exact agreement."""
    there = grades >= 0
    if not there.any():
        gone = _json(part.undefined("not graded"))
        return {
            "counts": None,
            **dict.fromkeys((*ACCURACY_MEASURES, "auc_on_grades", "exact"), gone),
        }
    summary: BinarySummary = clustered_binary_summary(
        part.reference[there],
        grades[there],
        clusters=part.clusters[there],
        cut=part.cut,
        confidence=part.confidence,
    )
    area = clustered_auc(
        part.reference[there] >= part.cut,
        grades[there],
        clusters=part.clusters[there],
        confidence=part.confidence,
    )
    exact = clustered_accuracy(
        part.reference[there],
        grades[there],
        clusters=part.clusters[there],
        n_grades=part.n_grades,
        confidence=part.confidence,
    )
    counts = summary.counts
    return {
        "counts": {"tp": counts.tp, "fn": counts.fn, "fp": counts.fp, "tn": counts.tn},
        **{name: _json(getattr(summary, name)) for name in ACCURACY_MEASURES},
        "auc_on_grades": _json(area),
        "exact": _json(exact),
    }


def _who(part: _Slice, compared: list[int]) -> list[dict[str, Any]]:
    """Accuracy of each compared reader, with the share of items that the reader's own grade decided."""
    rows = []
    for k in compared:
        grades = part.reads[:, k]
        reader = part.dataset.readers[k]
        there = grades >= 0
        own = int((part.contributed[:, k] & there).sum())
        rows.append(
            {
                "code": reader.code,
                "kind": "reader",
                "is_truther": reader.is_truther,
                "own_in_reference": own,
                "own_share": own / int(there.sum()) if there.any() else None,
                "missing": _missing(grades),
                **_accuracy(part, grades),
            }
        )
    return rows


def _model_row(part: _Slice) -> dict[str, Any] | None:
    if not part.has_model or part.dataset.model is None:
        return None
    return {
        "code": part.dataset.model.label,
        "kind": "model",
        "missing": _missing(part.model),
        "grade_rule": part.plan.model_grade,
        "thresholds": part.thresholds,
        **_accuracy(part, part.model),
    }


def _thin(n: int, wanted: int) -> np.ndarray:
    """Places of at most `wanted` points out of n, ends kept."""
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).round().astype(int))


def _curve(part: _Slice) -> dict[str, Any] | None:
    """The model's ROC curve from its probabilities, with a pointwise interval of its sensitivity."""
    if not part.has_model:
        return None
    there = predicted(part.probabilities)
    diseased = part.reference[there] >= part.cut
    scores = score_at(part.probabilities[there], part.cut)
    clusters = part.clusters[there]
    area = clustered_auc(diseased, scores, clusters=clusters, confidence=part.confidence)
    curve = roc_curve(diseased, scores)
    if curve.undefined_because:
        return {
            "auc": _json(area),
            "fpr": [],
            "tpr": [],
            "band": [],
            "undefined_because": curve.undefined_because,
        }
    keep = _thin(curve.fpr.size, CURVE_POINTS)
    band = []
    for place in _thin(curve.fpr.size, BAND_POINTS):
        threshold = curve.thresholds[place]
        if not np.isfinite(threshold):
            continue
        at = clustered_sensitivity(
            diseased, scores, clusters=clusters, cut=threshold, reference_cut=1, confidence=part.confidence
        )
        band.append([float(curve.fpr[place]), at.low, at.high])
    return {
        "auc": _json(area),
        "fpr": _json(curve.fpr[keep]),
        "tpr": _json(curve.tpr[keep]),
        "band": _json(band),
        "undefined_because": "",
    }


def _differences(
    part: _Slice, compared: list[int], inside: BoolArray | None = None
) -> dict[str, dict[str, Any]]:
    """Model, mean reader and their difference for each measure of the headline, of all items or of some."""
    chosen = np.ones(part.reference.size, dtype=bool) if inside is None else inside
    reference, model = part.reference[chosen], part.model[chosen]
    reads = [part.reads[chosen, k] for k in compared]
    incorporated = bool(part.contributed[:, compared].any()) if compared else False
    result = {}
    for measure in MEASURES:
        settings: dict[str, Any] = {
            "clusters": part.clusters[chosen],
            "measure": measure,
            "n_grades": part.n_grades,
            "cut": part.cut,
            "confidence": part.confidence,
        }
        difference = model_minus_readers(reference, model, reads, **settings)
        reasons = why_exploratory(part.dataset, part.plan, part.view, measure, incorporated)
        if inside is not None:
            reasons.append("subgroup")
        result[measure] = {
            "readers": _json(mean_reader(reference, reads, **settings)),
            "difference": _json(difference),
            "claim": claim(difference, part.plan, reasons),
        }
    return result


def _each_reader(part: _Slice, compared: list[int]) -> list[dict[str, Any]]:
    """Model minus each reader at the cut, on the items that both graded."""
    rows = []
    for k in compared:
        row: dict[str, Any] = {"code": part.dataset.readers[k].code}
        for measure in MEASURES:
            row[measure] = _json(
                model_minus_readers(
                    part.reference,
                    part.model,
                    [part.reads[:, k]],
                    clusters=part.clusters,
                    measure=measure,
                    n_grades=part.n_grades,
                    cut=part.cut,
                    confidence=part.confidence,
                )
            )
        rows.append(row)
    return rows


def _kappa_row(first: GradeArray, second: GradeArray, clusters: Any, part: _Slice) -> dict[str, Any]:
    both = (first >= 0) & (second >= 0)
    if not both.any():
        gone = _json(part.undefined("Cohen's kappa, quadratic weights, clustered"))
        return {"kappa": gone, "exact": gone, "within_one": gone, "n": 0}
    a, b, patients = first[both], second[both], clusters[both]
    settings: dict[str, Any] = {
        "clusters": patients,
        "n_grades": part.n_grades,
        "confidence": part.confidence,
    }
    return {
        "kappa": _json(clustered_kappa(a, b, weights="quadratic", **settings)),
        "exact": _json(clustered_percent_agreement(a, b, **settings)),
        "within_one": _json(clustered_percent_agreement(a, b, within=1, **settings)),
        "n": int(both.sum()),
    }


def _agreement(part: _Slice, compared: list[int]) -> dict[str, Any]:
    """
    Kappa of reader pairs that read the same cases, and of each reader and the model with the reference.

    Readers who made the reference are paired among themselves, and compared readers among themselves.
    """
    dataset = part.dataset
    # Reader-reader agreement needs no reference grade: every item of the view that both graded.
    reads = part.data.reads[part.inside]
    clusters = dataset.patient_of[part.inside]
    cases = dataset.case_of[part.inside]
    read_cases = [set(np.unique(cases[reads[:, k] != NO_READ])) for k in range(len(dataset.readers))]
    between = []
    for i in range(len(dataset.readers)):
        for j in range(i + 1, len(dataset.readers)):
            pair = {"first": dataset.readers[i].code, "second": dataset.readers[j].code}
            if not read_cases[i] or not read_cases[j] or (i in compared) != (j in compared):
                continue
            if read_cases[i] != read_cases[j]:
                common = len(read_cases[i] & read_cases[j])
                between.append(
                    pair
                    | {
                        "refused": "different_cases",
                        "common": common,
                        "of": len(read_cases[i] | read_cases[j]),
                    }
                )
                continue
            between.append(pair | _kappa_row(reads[:, i], reads[:, j], clusters, part))
    with_reference = [
        {"code": dataset.readers[k].code, "kind": "reader"}
        | _kappa_row(part.reference, part.reads[:, k], part.clusters, part)
        for k in compared
    ]
    if part.has_model and dataset.model:
        with_reference.append(
            {"code": dataset.model.label, "kind": "model"}
            | _kappa_row(part.reference, part.model, part.clusters, part)
        )
    return {"between_readers": between, "with_reference": with_reference}


def _matrix(part: _Slice, columns: list[GradeArray]) -> dict[str, Any] | None:
    table = np.zeros((part.n_grades, part.n_grades), dtype=np.int64)
    for grades in columns:
        there = grades >= 0
        if there.any():
            table += confusion_matrix(part.reference[there], grades[there], n_grades=part.n_grades)
    total = int(table.sum())
    if total == 0:
        return None
    distance = np.abs(np.subtract.outer(np.arange(part.n_grades), np.arange(part.n_grades)))
    return {
        "table": table.tolist(),
        "n": total,
        "same": int(table[distance == 0].sum()),
        "one_apart": int(table[distance == 1].sum()),
        "further": int(table[distance >= 2].sum()),
    }


def _confusion(part: _Slice, compared: list[int]) -> dict[str, Any]:
    return {
        "model": _matrix(part, [part.model]) if part.has_model else None,
        "readers": _matrix(part, [part.reads[:, k] for k in compared]),
        "each": {part.dataset.readers[k].code: _matrix(part, [part.reads[:, k]]) for k in compared},
    }


def _forest(dataset: Dataset, plan: AnalysisPlan, view: View) -> list[dict[str, Any]]:
    """The same question for every finding, each at its own cut."""
    rows = []
    compared = dataset.comparison_readers()
    for finding in dataset.findings:
        cut = view.cut if finding == view.finding else plan.cut_of(finding)
        part = _Slice(dataset, plan, View(finding, cut, view.partition, view.centre))
        rows.append(
            {
                "finding": finding,
                "cut": cut,
                "positive": int((part.reference >= cut).sum()),
                "items": int(part.graded.sum()),
                **(_differences(part, compared) if part.has_model else {}),
            }
        )
    return rows


def _settle(dataset: Dataset, plan: AnalysisPlan, view: View, forest: list[dict[str, Any]]) -> None:
    """Apply the plan's multiplicity rule to the claims of the state that holds every end point."""
    claims = {
        f"{row['finding']}|{measure}|{row['cut']}": row[measure]["claim"]
        for row in forest
        for measure in MEASURES
        if measure in row
    }
    with_multiplicity(claims, plan)


def _calibration(part: _Slice) -> dict[str, Any] | None:
    if not part.has_model:
        return None
    there = predicted(part.probabilities)
    return calibration(
        part.reference[there],
        score_at(part.probabilities[there], part.cut),
        clusters=part.clusters[there],
        cut=part.cut,
        confidence=part.confidence,
    )


def _subgroups(part: _Slice, compared: list[int]) -> list[dict[str, Any]]:
    """The headline's differences by centre, and by level and side of the structure."""
    if not part.has_model or not compared:
        return []
    dataset = part.dataset
    places = np.flatnonzero(part.graded)
    centres = dataset.centre_of[places]
    structure = places % len(dataset.structures)
    groups: dict[str, dict[str, BoolArray]] = {
        "centre": {name: centres == k for k, name in enumerate(dataset.centres)}
    }
    for kind, labels in (("level", dataset.levels), ("side", dataset.sides)):
        names = np.asarray(labels)[structure] if labels else np.asarray([])
        groups[kind] = {name: names == name for name in dict.fromkeys(labels) if name}

    def differences(inside: BoolArray) -> dict[str, dict[str, Any]]:
        found = _differences(part, compared, inside)
        with_multiplicity(
            {f"{part.view.finding}|{name}|sub": one["claim"] for name, one in found.items()}, part.plan
        )
        return found

    return subgroups(groups, part.reference, part.cut, differences)


def _multireader(part: _Slice, compared: list[int]) -> dict[str, Any]:
    """Readers as a sample: against the model, and with the aid against without it."""
    settings: dict[str, Any] = {
        "clusters": part.clusters,
        "cut": part.cut,
        "confidence": part.confidence,
    }
    everyone = range(len(part.dataset.readers))
    aided = part.data.aided[part.graded]
    return {
        "model": model_against_a_sample_of_readers(
            part.reference,
            part.model,
            [part.reads[:, k] for k in compared],
            codes=[part.dataset.readers[k].code for k in compared],
            **settings,
        )
        if part.has_model
        else None,
        "aided": aided_against_unaided(
            part.reference,
            [part.reads[:, k] for k in everyone],
            [aided[:, k] for k in everyone],
            codes=[part.dataset.readers[k].code for k in everyone],
            **settings,
        ),
    }


def compute_view(dataset: Dataset, plan: AnalysisPlan, view: View) -> dict[str, Any]:
    """
    Compute every figure of one state of the filters.

    Returns
    -------
    dict
        JSON values: ``view``, ``population``, ``headline``, ``curve``, ``model``, ``readers``,
        ``each_reader``, ``agreement``, ``confusion``, ``forest``.
    """
    part = _Slice(dataset, plan, view)
    compared = [k for k in dataset.comparison_readers() if (part.reads[:, k] >= 0).any()]
    apart = [reader.code for k, reader in enumerate(dataset.readers) if k not in dataset.comparison_readers()]
    forest = _forest(dataset, plan, view)
    _settle(dataset, plan, view, forest)
    own = next(row for row in forest if row["finding"] == view.finding)
    return {
        "view": {
            "finding": view.finding,
            "cut": view.cut,
            "partition": view.partition,
            "centre": view.centre,
        },
        "population": _population(part),
        "compared_readers": [dataset.readers[k].code for k in compared],
        "reference_readers": apart,
        "headline": {measure: own[measure] for measure in MEASURES if measure in own},
        "model": _model_row(part),
        "readers": _who(part, compared),
        "each_reader": _each_reader(part, compared) if part.has_model else [],
        "curve": _curve(part),
        "agreement": _agreement(part, compared),
        "confusion": _confusion(part, compared),
        "forest": forest,
        "multireader": _multireader(part, compared),
        "calibration": _calibration(part),
        "subgroups": _subgroups(part, compared),
    }


def compute_plan(
    dataset: Dataset,
    plan: AnalysisPlan,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """
    Compute every state of the plan.

    Parameters
    ----------
    progress : callable
        Told (done, total) after each state; may raise to stop.

    Returns
    -------
    dict
        ``summary`` of the data set and ``views`` by their key.
    """
    views = planned_views(dataset, plan)
    results = {}
    for number, view in enumerate(views, start=1):
        results[view.key] = compute_view(dataset, plan, view)
        progress(number, len(views))
    return {
        "summary": {
            "patients": len(dataset.patients),
            "cases": len(dataset.cases),
            "structures": len(dataset.structures),
            "findings": {name: data.n_grades for name, data in dataset.findings.items()},
            "centres": list(dataset.centres),
            "external_centres": list(dataset.external_centres),
            "partitions": partitions_present(dataset),
            "default_partition": default_partition(dataset),
            "readers": [vars(reader) for reader in dataset.readers],
            "model": vars(dataset.model) if dataset.model else None,
            "flow": dict(dataset.flow),
        },
        "plan": plan.as_dict(),
        "views": results,
    }
