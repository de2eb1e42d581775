"""Counts, measures and curves against the reference standard, of readers and model."""

from typing import Any

import numpy as np

from readerstudy.analysis.datasets import GradeArray
from readerstudy.analysis.results.compute.slices import Slice, as_json, missing_answers
from readerstudy.analysis.results.grades import predicted, score_at
from readerstudy.stats import (
    BinarySummary,
    clustered_accuracy,
    clustered_auc,
    clustered_binary_summary,
    clustered_sensitivity,
    confusion_matrix,
    pr_curve,
    roc_curve,
)

BAND_POINTS = 60


CURVE_POINTS = 400


ACCURACY_MEASURES = ("sensitivity", "specificity", "ppv", "npv", "accuracy", "f1")


def _accuracy(part: Slice, grades: GradeArray) -> dict[str, Any]:
    """Counts and measures at the cut, the area on the grades' own scale, and exact agreement."""
    there = grades >= 0
    if not there.any():
        gone = as_json(part.undefined("not graded"))
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
        **{name: as_json(getattr(summary, name)) for name in ACCURACY_MEASURES},
        "auc_on_grades": as_json(area),
        "exact": as_json(exact),
    }


def reader_rows(part: Slice, compared: list[int]) -> list[dict[str, Any]]:
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
                "missing": missing_answers(grades),
                **_accuracy(part, grades),
            }
        )
    return rows


def model_row(part: Slice) -> dict[str, Any] | None:
    if not part.has_model or part.dataset.model is None:
        return None
    return {
        "code": part.dataset.model.label,
        "kind": "model",
        "missing": missing_answers(part.model),
        "grade_rule": part.plan.model_grade,
        "thresholds": part.thresholds,
        **_accuracy(part, part.model),
    }


def _thin(n: int, wanted: int) -> np.ndarray:
    """Places of at most `wanted` points out of n, ends kept."""
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).round().astype(int))


def roc_of_model(part: Slice) -> dict[str, Any] | None:
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
            "auc": as_json(area),
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
        "auc": as_json(area),
        "fpr": as_json(curve.fpr[keep]),
        "tpr": as_json(curve.tpr[keep]),
        "band": as_json(band),
        "undefined_because": "",
    }


def precision_recall_of_model(part: Slice) -> dict[str, Any] | None:
    """The model's precision-recall curve from its probabilities, and the share of positive items."""
    if not part.has_model:
        return None
    there = predicted(part.probabilities)
    diseased = part.reference[there] >= part.cut
    curve = pr_curve(diseased, score_at(part.probabilities[there], part.cut))
    if curve.undefined_because or diseased.all():
        why = curve.undefined_because or "no negative items"
        return {"precision": [], "recall": [], "prevalence": None, "undefined_because": why}
    keep = _thin(curve.recall.size, CURVE_POINTS)
    return {
        "precision": as_json(curve.precision[keep]),
        "recall": as_json(curve.recall[keep]),
        "prevalence": float(diseased.mean()),
        "undefined_because": "",
    }


def _matrix(part: Slice, columns: list[GradeArray]) -> dict[str, Any] | None:
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


def confusion(part: Slice, compared: list[int]) -> dict[str, Any]:
    return {
        "model": _matrix(part, [part.model]) if part.has_model else None,
        "readers": _matrix(part, [part.reads[:, k] for k in compared]),
        "each": {part.dataset.readers[k].code: _matrix(part, [part.reads[:, k]]) for k in compared},
    }
