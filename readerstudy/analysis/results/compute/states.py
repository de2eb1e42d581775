"""All figures of one state of the filters, and of every state of the plan."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from readerstudy.analysis.datasets import PRIMARY, Dataset
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.baseline import cooccurrence
from readerstudy.analysis.results.compute.accuracy import (
    confusion,
    model_row,
    precision_recall_of_model,
    reader_rows,
    roc_of_model,
)
from readerstudy.analysis.results.compute.agreement import agreement
from readerstudy.analysis.results.compute.differences import (
    aided_rows,
    each_reader,
    forest_rows,
    settle_claims,
    subgroup_rows,
)
from readerstudy.analysis.results.compute.slices import Slice, population
from readerstudy.analysis.results.further import calibration
from readerstudy.analysis.results.grades import predicted, score_at
from readerstudy.analysis.results.marks import compute_marks
from readerstudy.analysis.results.multireader import aided_against_unaided, model_against_a_sample_of_readers
from readerstudy.analysis.results.paired import MEASURES
from readerstudy.analysis.results.readers import compute_readers
from readerstudy.analysis.results.resampled import compute_resampled
from readerstudy.analysis.results.views import View, default_partition, partitions_present, planned_views


def _calibration(part: Slice) -> dict[str, Any] | None:
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


def _multireader(part: Slice, compared: list[int]) -> dict[str, Any]:
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


def compute_view(
    dataset: Dataset, plan: AnalysisPlan, view: View, kept: dict[View, dict[str, Any]] | None = None
) -> dict[str, Any]:
    """
    Compute every figure of one state of the filters whose interval is in closed form.

    Parameters
    ----------
    kept : dict, optional
        Rows of the forest plot computed before.

    Returns
    -------
    dict
        JSON values: ``view``, ``population``, ``headline``, ``curve``, ``model``, ``readers``,
        ``each_reader``, ``agreement``, ``confusion``, ``forest``.
    """
    part = Slice(dataset, plan, view)
    compared = [k for k in dataset.comparison_readers() if (part.reads[:, k] >= 0).any()]
    apart = [reader.code for k, reader in enumerate(dataset.readers) if k not in dataset.comparison_readers()]
    forest = forest_rows(dataset, plan, view, kept)
    settle_claims(dataset, plan, view, forest)
    own = next(row for row in forest if row["finding"] == view.finding)
    return {
        "view": {
            "finding": view.finding,
            "cut": view.cut,
            "partition": view.partition,
            "centre": view.centre,
            "set": view.analysis_set,
        },
        "population": population(part),
        "compared_readers": [dataset.readers[k].code for k in compared],
        "reference_readers": apart,
        "silent_readers": [
            reader.code
            for k, reader in enumerate(dataset.readers)
            if k in dataset.comparison_readers() and k not in compared
        ],
        "headline": {measure: own[measure] for measure in MEASURES if measure in own},
        "model": model_row(part),
        "readers": reader_rows(part, compared),
        "each_reader": each_reader(part, compared) if part.has_model else [],
        "curve": roc_of_model(part),
        "precision_recall": precision_recall_of_model(part),
        "cooccurrence": cooccurrence(part),
        "agreement": agreement(part, compared),
        "confusion": confusion(part, compared),
        "forest": forest,
        "aided": aided_rows(part),
        "multireader": _multireader(part, compared),
        "calibration": _calibration(part),
        "subgroups": subgroup_rows(part, compared),
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
        ``summary`` of the data set, ``views`` by their key, ``marks`` by partition (the primary set), and
        ``marks_of_sets`` (set -> the same) where other sets differ.
    """
    views = planned_views(dataset, plan)
    shown_first = default_partition(dataset)
    resampled_views = [
        view for view in views if view.partition == shown_first and view.analysis_set == PRIMARY
    ]
    total = len(views) + len(resampled_views)
    results: dict[str, Any] = {}
    kept: dict[View, dict[str, Any]] = {}
    # The resampling works on long arrays without the interpreter's lock, so that a second core is used.
    with ThreadPoolExecutor(max_workers=2) as pool:
        resampling = {
            view.key: pool.submit(compute_resampled, dataset, plan, view) for view in resampled_views
        }
        try:
            for number, view in enumerate(views, start=1):
                results[view.key] = compute_view(dataset, plan, view, kept)
                progress(number, total)
            for number, (key, waiting) in enumerate(resampling.items(), start=len(views) + 1):
                results[key]["resampled"] = waiting.result()
                progress(number, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
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
            "sets": list(dataset.sets),
            "readers": [vars(reader) for reader in dataset.readers],
            "model": vars(dataset.model) if dataset.model else None,
            "flow": dict(dataset.flow),
        },
        "plan": plan.as_dict(),
        "views": results,
        "marks": compute_marks(dataset, plan.confidence),
        # The other sets, where they differ: how much the exclusions matter.
        "marks_of_sets": {
            name: compute_marks(dataset, plan.confidence, name) for name in dataset.sets if name != PRIMARY
        },
        "readers": compute_readers(dataset.of_set(PRIMARY), plan),
    }
