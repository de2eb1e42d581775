"""Model against readers: the headline, each reader, every finding, every subgroup."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import BoolArray, Dataset
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.claims import claim, why_exploratory, with_multiplicity
from readerstudy.analysis.results.compute.slices import Slice, as_json
from readerstudy.analysis.results.further import subgroups
from readerstudy.analysis.results.paired import MEASURES, mean_reader, model_minus_readers
from readerstudy.analysis.results.views import View


def measure_differences(
    part: Slice, compared: list[int], inside: BoolArray | None = None
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
            "readers": as_json(mean_reader(reference, reads, **settings)),
            "difference": as_json(difference),
            "claim": claim(difference, part.plan, reasons),
        }
    return result


def each_reader(part: Slice, compared: list[int]) -> list[dict[str, Any]]:
    """Model minus each reader at the cut, on the items that both graded."""
    rows = []
    for k in compared:
        row: dict[str, Any] = {"code": part.dataset.readers[k].code}
        for measure in MEASURES:
            row[measure] = as_json(
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


def forest_rows(
    dataset: Dataset, plan: AnalysisPlan, view: View, kept: dict[View, dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """
    The same question for every finding, each at its own cut.

    Parameters
    ----------
    kept : dict, optional
        Rows computed before, by state; several states of a plan share them.
    """
    kept = {} if kept is None else kept
    rows = []
    compared = dataset.comparison_readers()
    for finding in dataset.findings:
        cut = view.cut if finding == view.finding else plan.cut_of(finding)
        one = replace(view, finding=finding, cut=cut)
        if one not in kept:
            part = Slice(dataset, plan, one)
            kept[one] = {
                "finding": finding,
                "cut": cut,
                "positive": int((part.reference >= cut).sum()),
                "items": int(part.graded.sum()),
                **(measure_differences(part, compared) if part.has_model else {}),
            }
        # A copy: claims are settled in place, by the end points that stand together.
        rows.append(deepcopy(kept[one]))
    return rows


def settle_claims(dataset: Dataset, plan: AnalysisPlan, view: View, forest: list[dict[str, Any]]) -> None:
    """Apply the plan's multiplicity rule to the claims of the state that holds every end point."""
    claims = {
        f"{row['finding']}|{measure}|{row['cut']}": row[measure]["claim"]
        for row in forest
        for measure in MEASURES
        if measure in row
    }
    with_multiplicity(claims, plan)


def subgroup_rows(part: Slice, compared: list[int]) -> list[dict[str, Any]]:
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
        found = measure_differences(part, compared, inside)
        with_multiplicity(
            {f"{part.view.finding}|{name}|sub": one["claim"] for name, one in found.items()}, part.plan
        )
        return found

    return subgroups(groups, part.reference, part.cut, differences)


def aided_rows(part: Slice) -> list[dict[str, Any]]:
    """Each reader with the aid minus without it, on the items graded both ways; empty where nobody read aided."""
    aided = part.data.aided[part.graded]
    rows = []
    for k, reader in enumerate(part.dataset.readers):
        both = (aided[:, k] >= 0) & (part.reads[:, k] >= 0)
        if not both.any():
            continue
        row: dict[str, Any] = {
            "code": reader.code,
            "items": int(both.sum()),
            "changed": int((aided[both, k] != part.reads[both, k]).sum()),
        }
        for measure in MEASURES:
            row[measure] = as_json(
                model_minus_readers(
                    part.reference,
                    aided[:, k],
                    [part.reads[:, k]],
                    clusters=part.clusters,
                    measure=measure,
                    n_grades=part.n_grades,
                    cut=part.cut,
                    confidence=part.confidence,
                    name="with the aid minus without it",
                )
            )
        rows.append(row)
    return rows
