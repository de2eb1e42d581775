"""
Training on a study with few patients: everything stays as it was but the heads.

The encoder and the attention of an earlier model are frozen. A joint's features are what that model's heads read; new
heads are class means (prototypes) or a few steps of gradient descent from the old heads (ANIL). Both are linear, so
what comes out is an ordinary model version. Judged by repeated cross-validation over the training and validation
patients together, stratified, with every patient whole in one fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit
from torch import Tensor

from inference.engine.bundle import LoadedModel
from inference.engine.calibration import fit_temperatures
from inference.engine.crops import CropSpec
from inference.engine.manifest import CARD_NAME, Manifest
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.small_sample import LEAST_PATIENTS
from inference.engine.stacks import Array
from inference.engine.training.augment import centred
from inference.engine.training.grader import auc_at
from inference.engine.training.phantom_joints import JointCrops
from inference.engine.training.study import (
    Scale,
    TrainingRefused,
    grader_of,
    save_trained,
    starting_weights,
)
from inference.engine.training.study_card import small_card
from inference.engine.training_plan import ANIL, TrainingPlan

N_FOLDS = 5
ANIL_STEPS, ANIL_RATE = 20, 0.5


@dataclass(frozen=True)
class Head:
    """
    A linear head on standardised features.

    Attributes
    ----------
    weights : ndarray, shape (n_steps, n_features)
    bias : ndarray, shape (n_steps,)
    """

    weights: Array
    bias: Array

    def logits(self, features: Array) -> Tensor:
        return torch.from_numpy(features @ self.weights.T + self.bias)


@torch.no_grad()
def joint_features(grader: Grader, specs: Mapping[str, CropSpec], joints: JointCrops) -> Array:
    """What the heads of a grader read of each joint, shape (n, width)."""
    grader.eval()
    parts = []
    for start in range(0, len(joints), 64):
        crops, present = {}, {}
        for kind, spec in specs.items():
            values = torch.from_numpy(np.array(joints.crops[kind][start : start + 64]))
            crops[kind] = centred(kind, values, spec)[:, None]
            present[kind] = (values.flatten(1).amax(dim=1) > 0)[:, None]
        parts.append(grader.collect(*grader.tokens(crops, present))[:, 0])
    result: Array = torch.cat(parts).double().numpy()
    return result


def fit_head(
    features: Array, grades: Array, patients: Array, n_grades: int, *, start: Head | None = None
) -> Head:
    """
    Fit one finding's head.

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
        Standardised.
    grades : ndarray of int, shape (n,)
        Negative where unknown.
    patients : ndarray, shape (n,)
    n_grades : int
    start : Head, optional
        Gradient descent begins here (ANIL); prototypes where absent.

    Returns
    -------
    Head
        A step of the scale with fewer than five patients on one side takes the share of its joints and no feature.
    """
    weights, bias = np.zeros((n_grades - 1, features.shape[1])), np.zeros(n_grades - 1)
    for step in range(n_grades - 1):
        part = grades >= step
        x, passes = features[part], grades[part] > step
        sides = [len(np.unique(patients[part][passes == side])) for side in (False, True)]
        if min(sides) < LEAST_PATIENTS:
            share = (passes.sum() + 0.5) / (len(passes) + 1)
            bias[step] = np.log(share / (1 - share))
        elif start is None:
            means = [x[passes == side].mean(axis=0) for side in (False, True)]
            spread = np.concatenate([x[passes == side] - means[int(side)] for side in (False, True)])
            scale = max(float((spread**2).mean()), 1e-3) * x.shape[1]
            # Distance to one mean less distance to the other is linear in the features.
            weights[step] = 2 * (means[1] - means[0]) / scale
            bias[step] = float((means[0] ** 2).sum() - (means[1] ** 2).sum()) / scale
        else:
            w, b = start.weights[step].copy(), float(start.bias[step])
            balance = np.where(passes, 0.5 / passes.sum(), 0.5 / (~passes).sum())
            for _ in range(ANIL_STEPS):
                error = (expit(x @ w + b) - passes) * balance
                w -= ANIL_RATE / np.sqrt(x.shape[1]) * (error @ x)
                b -= ANIL_RATE * float(error.sum())
            weights[step], bias[step] = w, b
    return Head(weights, bias)


def check_patients(scales: Sequence[Scale], joints: JointCrops) -> dict[str, tuple[int, int]]:
    """
    Count the patients with a joint below and at or above each finding's cut.

    Raises
    ------
    TrainingRefused
        If a finding has fewer than five of either. Names all such findings.
    """
    counts, short = {}, []
    for number, scale in enumerate(scales):
        grades = joints.grades[:, number]
        below = len(np.unique(joints.bodies[(grades >= 0) & (grades < scale.cut)]))
        above = len(np.unique(joints.bodies[grades >= scale.cut]))
        counts[scale.finding] = below, above
        if min(below, above) < LEAST_PATIENTS:
            short.append(f"{scale.finding} ({below} patients below its cut, {above} at or above)")
    if short:
        raise TrainingRefused(
            f"A small-sample training needs {LEAST_PATIENTS} patients of each class; there are fewer for "
            f"{', '.join(short)}. Nothing was trained."
        )
    return counts


def folds_of(
    positive: Mapping[int, bool], rng: np.random.Generator, n_folds: int = N_FOLDS
) -> dict[int, int]:
    """Fold of each patient, dealt out evenly within the patients with and without a positive joint."""
    result = {}
    for side in (False, True):
        own = sorted(patient for patient, has in positive.items() if has == side)
        for place, index in enumerate(rng.permutation(len(own))):
            result[own[int(index)]] = place % n_folds
    return result


def cross_validate_finding(
    features: Array,
    joints: JointCrops,
    number: int,
    scale: Scale,
    *,
    repeats: int,
    rng: np.random.Generator,
    start: Head | None,
) -> tuple[dict[str, Any], Tensor]:
    """
    Repeated, stratified cross-validation of one finding's head, by patient.

    Returns
    -------
    figures : dict
        ``auc`` (mean of the repeats), ``auc_low``, ``auc_high`` (2.5th and 97.5th percentile over resampled
        patients and repeats), ``repeats``, ``n``, ``n_positive``.
    logits : Tensor, shape (n, n_grades - 1)
        Of the first repeat, each joint by the head that did not see its patient; NaN where the grade is unknown.
    """
    grades, patients = joints.grades[:, number], joints.bodies
    known = grades >= 0
    positive = {
        int(p): bool((grades[(patients == p) & known] >= scale.cut).any()) for p in np.unique(patients[known])
    }
    rounds = []
    for _ in range(repeats):
        folds = folds_of(positive, rng)
        fold = np.array([folds.get(int(p), -1) for p in patients])
        logits = np.full((len(grades), scale.n_grades - 1), np.nan)
        for number_of_fold in range(N_FOLDS):
            test, train = known & (fold == number_of_fold), known & (fold != number_of_fold)
            if not test.any():
                continue
            head = fit_head(features[train], grades[train], patients[train], scale.n_grades, start=start)
            logits[test] = head.logits(features[test]).numpy()
        rounds.append(torch.from_numpy(logits))
    areas = [auc_at(each[torch.from_numpy(known)], grades[known], scale.cut) for each in rounds]
    groups = [np.flatnonzero(known & (patients == p)) for p in positive]
    resampled = []
    for _ in range(400):
        chosen = np.concatenate([groups[i] for i in rng.integers(0, len(groups), len(groups))])
        own = rounds[int(rng.integers(repeats))]
        resampled.append(auc_at(own[torch.from_numpy(chosen)], grades[chosen], scale.cut))
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    figures = {
        "cut": scale.cut,
        "auc": round(float(np.mean(areas)), 4),
        "auc_low": round(float(low), 4),
        "auc_high": round(float(high), 4),
        "repeats": repeats,
        "n": int(known.sum()),
        "n_positive": int((grades[known] >= scale.cut).sum()),
        "n_patients": len(positive),
    }
    return figures, rounds[0]


def train_small_sample(
    plan: TrainingPlan,
    base: LoadedModel,
    scales: Sequence[Scale],
    joints: JointCrops,
    *,
    facts: Mapping[str, Any],
    out: Path,
    after_finding: Callable[[int], None] = lambda n: None,
) -> Manifest:
    """
    Fit and judge heads for few patients, and write the model version.

    Parameters
    ----------
    plan : TrainingPlan
    base : LoadedModel
        Its encoder and attention are kept.
    scales : sequence of Scale
    joints : JointCrops
        Of the training and validation patients together.
    facts : mapping
        As `train_on_study`.
    out : Path
    after_finding : callable
        Called with the number of findings that are done.

    Raises
    ------
    TrainingRefused
        If a finding has fewer than five patients of a class.
    """
    counts = check_patients(scales, joints)
    specs = {kind: each.crop for kind, each in base.manifest.inputs.requirements.items()}
    n_grades = {each.finding: each.n_grades for each in scales}
    config = GraderConfig.from_json({**base.grader.config.to_json(), "n_grades": n_grades})
    grader = Grader(config).eval()
    earlier = grader_of(base)
    taken = starting_weights(earlier, config)
    grader.load_state_dict({**grader.state_dict(), **taken})
    raw = joint_features(earlier, specs, joints)
    centre, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-6)
    features = (raw - centre) / spread
    rng = np.random.default_rng(plan.seed)
    figures, logits, truth = {}, {}, {}
    for number, scale in enumerate(scales):
        start = _old_head(earlier, scale, centre, spread) if plan.head == ANIL else None
        figures[scale.finding], own = cross_validate_finding(
            features, joints, number, scale, repeats=plan.repeats, rng=rng, start=start
        )
        figures[scale.finding] |= dict(
            zip(("patients_below", "patients_above"), counts[scale.finding], strict=True)
        )
        known = joints.grades[:, number] >= 0
        logits[scale.finding] = own[torch.from_numpy(known)]
        truth[scale.finding] = torch.from_numpy(joints.grades[known, number])
        head = fit_head(features, joints.grades[:, number], joints.bodies, scale.n_grades, start=start)
        with torch.no_grad():
            layer = grader.heads[scale.finding]
            layer.weight.copy_(torch.from_numpy(head.weights / spread))  # type: ignore[operator]
            layer.bias.copy_(torch.from_numpy(head.bias - head.weights @ (centre / spread)))  # type: ignore[operator]
        after_finding(number + 1)
    temperatures = {name: round(value, 4) for name, value in fit_temperatures(logits, truth).items()}
    manifest = save_trained(
        plan,
        base,
        grader,
        joints,
        facts={
            **facts,
            "weights_taken_over": len(taken),
            "small_sample": figures,
            "training": {"joints": len(joints), "torch": torch.__version__, "epochs": []},
        },
        n_grades=n_grades,
        temperatures=temperatures,
        out=out,
    )
    (out / CARD_NAME).write_text(small_card(manifest))
    return manifest


def _old_head(grader: Grader, scale: Scale, centre: Array, spread: Array) -> Head:
    """The earlier model's head on standardised features; zeros where it graded the finding otherwise or not."""
    n_features = len(centre)
    if grader.config.n_grades.get(scale.finding) != scale.n_grades:
        return Head(np.zeros((scale.n_grades - 1, n_features)), np.zeros(scale.n_grades - 1))
    state = grader.heads[scale.finding].state_dict()
    weights, bias = state["weight"].double().numpy(), state["bias"].double().numpy()
    return Head(weights * spread, bias + weights @ centre)
