"""What a grader does on joints it has not seen, beside what the other findings alone would tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from inference.engine.crops import CropSpec
from inference.engine.networks.grader import Grader
from inference.engine.networks.ordinal import corn_probabilities
from inference.engine.stacks import Array
from inference.engine.training.grader import auc_at, predict_logits
from inference.engine.training.phantom_joints import JointCrops


def evaluate_findings(
    grader: Grader,
    specs: Mapping[str, CropSpec],
    joints: JointCrops,
    *,
    findings: tuple[str, ...],
    cuts: Mapping[str, int],
    temperatures: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    """
    Figures per finding.

    Returns
    -------
    dict of finding to dict
        ``auc`` with all series, with a 95 % interval from resampled bodies; ``auc_<kind>_alone``; ``exact``
        and ``within_one`` share of the most probable grade; ``co_occurrence_auc`` of the baseline that sees
        the other findings' true grades and no image; ``n``, ``n_positive``, ``n_bodies``. Joints whose grade
        is unknown (negative) are left out; NaN where the rest does not define a figure.
    """
    logits = predict_logits(grader, specs, joints)
    alone = {kind: predict_logits(grader, specs, joints, kinds=(kind,)) for kind in specs}
    result: dict[str, dict[str, Any]] = {}
    for number, finding in enumerate(findings):
        known, cut = joints.grades[:, number] >= 0, cuts[finding]
        grades, bodies = joints.grades[known, number], joints.bodies[known]
        own = logits[finding][torch.from_numpy(known)]
        low, high = _interval(own, grades, cut, bodies)
        best = corn_probabilities(own / temperatures.get(finding, 1.0)).argmax(dim=-1).numpy()
        row: dict[str, Any] = {
            "cut": cut,
            "n": len(grades),
            "n_bodies": len(np.unique(bodies)),
            "n_positive": int((grades >= cut).sum()),
            "auc": round(auc_at(own, grades, cut), 4),
            "auc_low": low,
            "auc_high": high,
            "exact": _share(best == grades),
            "within_one": _share(np.abs(best - grades) <= 1),
            "co_occurrence_auc": co_occurrence_auc(joints.grades[known], bodies, number, cut),
        }
        for kind, values in alone.items():
            row[f"auc_{kind}_alone"] = round(auc_at(values[finding], joints.grades[:, number], cut), 4)
        result[finding] = row
    return result


def _share(holds: Array) -> float:
    return round(float(np.mean(holds)), 4) if len(holds) else float("nan")


def _interval(logits: torch.Tensor, grades: Array, cut: int, bodies: Array) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    groups = [np.flatnonzero(bodies == body) for body in np.unique(bodies)]
    values = [float("nan")]
    for _ in range(400 if groups else 0):
        chosen = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        values.append(auc_at(logits[torch.from_numpy(chosen)], grades[chosen], cut))
    if not np.isfinite(values).any():
        return float("nan"), float("nan")
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def co_occurrence_auc(grades: Array, groups: Array, number: int, cut: int) -> float:
    """
    What the other findings of the same joint tell about one finding, without any image.

    Parameters
    ----------
    grades : ndarray of int, shape (n, n_findings)
    groups : ndarray of int, shape (n,)
        Patient of each joint; folds keep patients whole.
    number : int
        Column of the finding that is predicted.
    cut : int
        Grade from which it is positive.

    Returns
    -------
    float
        Cross-validated area under the curve of a random forest; NaN where one class is missing.
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    target = (grades[:, number] >= cut).astype(int)
    if not len(target) or target.min() == target.max() or len(np.unique(groups)) < 2:
        return float("nan")
    others = np.delete(grades, number, axis=1)
    score = np.zeros(len(target))
    n_folds = min(5, len(np.unique(groups)))
    for train, test in GroupKFold(n_folds).split(others, target, groups):
        forest = RandomForestClassifier(200, min_samples_leaf=5, random_state=0)
        forest.fit(others[train], target[train])
        classes = list(forest.classes_)
        score[test] = forest.predict_proba(others[test])[:, classes.index(1)] if 1 in classes else 0.0
    return round(float(roc_auc_score(target, score)), 4)
