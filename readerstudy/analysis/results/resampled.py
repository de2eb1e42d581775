"""
Figures whose interval is a bootstrap over patients: average precision, calibration error, matched points.

Each has the plan's seed for itself and sees its items in the order of their codes, so that the command line makes
the same bits from the exported tables.
"""

from typing import Any

import numpy as np

from readerstudy.analysis.datasets import Dataset, IntArray
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.compute.slices import Slice
from readerstudy.analysis.results.grades import predicted, score_at
from readerstudy.analysis.results.views import View
from readerstudy.stats import average_precision, calibration_error, model_at_reader_point
from readerstudy.stats.estimate import json_safe


def _in_order_of_codes(part: Slice) -> IntArray:
    """Places of the slice's items by case and structure code, as a sorted file lists them."""
    dataset = part.dataset
    n = len(dataset.structures)
    places = np.flatnonzero(part.graded)
    names = [(dataset.cases[place // n].pseudonym, dataset.structures[place % n]) for place in places]
    return np.array(sorted(range(places.size), key=names.__getitem__), dtype=np.int64)


def compute_resampled(dataset: Dataset, plan: AnalysisPlan, view: View) -> dict[str, Any]:
    """
    Compute the bootstrap figures of one state of the filters.

    Returns
    -------
    dict
        ``average_precision`` and ``calibration_error`` (estimates, None without a model) and ``matched``: a row per
        compared reader with ``code``, the reader's ``sensitivity`` and ``specificity``, ``model`` (its sensitivity
        at that specificity), ``difference`` and ``test``.
    """
    part = Slice(dataset, plan, view)
    if not part.has_model:
        return {"average_precision": None, "calibration_error": None, "matched": []}
    order = _in_order_of_codes(part)
    order = order[predicted(part.probabilities)[order]]
    diseased, clusters = part.reference[order] >= part.cut, part.clusters[order]
    scores = score_at(part.probabilities[order], part.cut)
    settings: dict[str, Any] = {
        "n_resamples": plan.bootstrap,
        "confidence": part.confidence,
        "seed": plan.seed,
    }
    precision = average_precision(
        diseased, scores, rng=np.random.default_rng(plan.seed), clusters=clusters, **settings
    )
    error = calibration_error(
        diseased,
        np.clip(scores, 0.0, 1.0),
        rng=np.random.default_rng(plan.seed),
        clusters=clusters,
        **settings,
    )
    return {
        "average_precision": precision.as_dict(),
        "calibration_error": error.estimate.as_dict(),
        "matched": [
            row
            for k in dataset.comparison_readers()
            if (row := _matched(part, order, diseased, scores, k, settings)) is not None
        ],
    }


def _matched(
    part: Slice, order: IntArray, diseased: Any, scores: Any, reader: int, settings: dict[str, Any]
) -> dict[str, Any] | None:
    """The model's sensitivity at one reader's specificity, on the items that both graded."""
    grades = part.reads[order, reader]
    both = grades >= 0
    if not both.any():
        return None
    found = model_at_reader_point(
        diseased[both],
        grades[both] >= part.cut,
        scores[both],
        clusters=part.clusters[order][both],
        rng=np.random.default_rng(settings["seed"]),
        **settings,
    )
    return {
        "code": part.dataset.readers[reader].code,
        "sensitivity": json_safe(found.reader_sensitivity),
        "specificity": json_safe(found.reader_specificity),
        "model": found.model_sensitivity.as_dict(),
        "difference": found.difference.as_dict(),
        "test": json_safe(found.test.as_dict()),
    }
