"""Further questions of a view: is the model calibrated, does the difference hold in every subgroup."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import BoolArray, FloatArray, GradeArray, IntArray
from readerstudy.stats import brier_score, reliability_curve
from readerstudy.stats.estimate import json_safe

BINS = 10


def calibration(
    reference: GradeArray, scores: FloatArray, *, clusters: IntArray, cut: int, confidence: float
) -> dict[str, Any]:
    """
    Observed share of positive items by predicted probability, and the Brier score.

    Parameters
    ----------
    reference : ndarray of int8, shape (n_items,)
    scores : ndarray, shape (n_items,)
        Probability of a grade at or above the cut; all finite.
    """
    diseased = reference >= cut
    # Sums of probabilities can end a rounding error above 1.
    p = np.clip(scores, 0.0, 1.0)
    bins = reliability_curve(diseased, p, clusters=clusters, n_bins=BINS, confidence=confidence)
    return {
        "brier": brier_score(diseased, p, clusters=clusters, confidence=confidence).as_dict(),
        "bins": [
            json_safe({"predicted": each.mean_predicted, "observed": each.observed.as_dict()})
            for each in bins
        ],
    }


def subgroups(
    groups: Mapping[str, Mapping[str, BoolArray]],
    reference: GradeArray,
    cut: int,
    differences: Callable[[BoolArray], dict[str, dict[str, Any]]],
) -> list[dict[str, Any]]:
    """
    The differences of the headline in every subgroup that splits the view.

    Parameters
    ----------
    groups : mapping
        Kind of subgroup (``centre``, ``level``, ``side``) -> name -> its items, shape (n_items,).
    differences : callable
        Differences of the items it is given.

    Returns
    -------
    list of dict
        One row per subgroup; kinds with a single member split nothing and are left out.
    """
    rows = []
    for kind, members in groups.items():
        held = {name: inside for name, inside in members.items() if inside.any()}
        if len(held) < 2:
            continue
        for name, inside in held.items():
            rows.append(
                {
                    "kind": kind,
                    "name": name,
                    "cut": cut,
                    "positive": int((reference[inside] >= cut).sum()),
                    "items": int(inside.sum()),
                    **differences(inside),
                }
            )
    return rows
