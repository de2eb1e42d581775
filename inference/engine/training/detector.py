"""Training of the lesion detector, and its figures: sensitivity by false marks per case (fROC)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from inference.engine.lesions import FoundLesion
from inference.engine.networks.detector import Detector, DetectorConfig, LesionTargets, detector_loss
from inference.engine.training.checkpoint import load_checkpoint, save_checkpoint
from inference.engine.training.phantom_lesions import TrainingPlanes


@dataclass(frozen=True)
class DetectorSettings:
    """
    How to train a detector.

    Parameters
    ----------
    epochs : int
    learning_rate : float
    window : int
        Rows and columns of the part of each picture that one step sees.
    seed : int
    """

    epochs: int
    learning_rate: float = 2e-3
    window: int = 96
    seed: int = 1


def train_detector(
    config: DetectorConfig,
    material: Mapping[str, Sequence[TrainingPlanes]],
    settings: DetectorSettings,
    *,
    checkpoint: Path | None = None,
    after_epoch: Callable[[int, float, float], None] | None = None,
) -> Detector:
    """
    Train one network per kind of series.

    Parameters
    ----------
    config : DetectorConfig
    material : mapping of kind to sequence of TrainingPlanes
    settings : DetectorSettings
    checkpoint : Path, optional
        Written after each epoch; where it is there, training goes on from it.
    after_epoch : callable, optional
        Called with the epoch's number, mean loss and seconds.
    """
    torch.manual_seed(settings.seed)
    model = Detector(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=1e-3)
    everything = [(kind, planes) for kind in config.in_plane_mm for planes in material[kind]]
    steps = settings.epochs * len(everything)
    first = 0
    if checkpoint is not None and checkpoint.exists():
        first = load_checkpoint(checkpoint, model=model, optimiser=optimiser)["epochs"]
    for epoch in range(first, settings.epochs):
        started, total = time.perf_counter(), 0.0
        model.train()
        rng = np.random.default_rng([settings.seed, epoch])
        for step, number in enumerate(rng.permutation(len(everything))):
            kind, planes = everything[int(number)]
            for group in optimiser.param_groups:
                group["lr"] = _rate(settings, epoch * len(everything) + step, steps)
            values, lesions = window_of(planes, kind, settings.window, rng)
            scores, boxes = model.of(kind)(values)
            loss = detector_loss(
                scores,
                boxes,
                lesions,
                depth_mm=planes.depth_mm,
                in_plane_mm=config.in_plane_mm[kind],
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimiser.step()
            total += float(loss.detach())
        if checkpoint is not None:
            save_checkpoint(checkpoint, model=model, optimiser=optimiser, progress={"epochs": epoch + 1})
        if after_epoch is not None:
            after_epoch(epoch, total / len(everything), time.perf_counter() - started)
    return model.eval()


def _rate(settings: DetectorSettings, step: int, steps: int) -> float:
    warm = max(1, steps // 20)
    if step < warm:
        return settings.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, steps - warm)
    return settings.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))


def window_of(
    planes: TrainingPlanes, kind: str, size: int, rng: np.random.Generator
) -> tuple[torch.Tensor, LesionTargets]:
    """
    A random part of a picture, mirrored at times, with changed contrast and noise.

    The patient's left and right are exchanged by the depth of sagittal slices and the width of axial ones.
    """
    _, height, width = planes.values.shape
    corner = [0, 0]
    for axis, n in ((0, height), (1, width)):
        if n <= size:
            continue
        if len(planes.places) and rng.random() < 0.75:
            lesion = planes.places[int(rng.integers(len(planes.places)))]
            at = lesion[1 + axis] - size / 2 + rng.uniform(-0.35, 0.35) * size
        else:
            at = rng.uniform(0, n - size)
        corner[axis] = int(np.clip(at, 0, n - size))
    top, left = corner
    values = planes.values[:, top : top + size, left : left + size].astype(np.float32) / 255 * 1.5
    places = planes.places - np.array([0, top, left])
    inside = np.all((places[:, 1:] >= 0) & (places[:, 1:] < np.array(values.shape[1:])), axis=1)
    places, classes, half = places[inside], planes.classes[inside], planes.half_mm[inside]
    if rng.random() < 0.5:
        axis = 0 if kind.endswith("sagittal") else 2
        values = np.flip(values, axis)
        places = places.copy()
        places[:, axis] = values.shape[axis] - 1 - places[:, axis]
    values = values * rng.uniform(0.85, 1.15) + rng.uniform(-0.05, 0.05)
    values = values + rng.normal(0, rng.uniform(0, 0.04), values.shape)
    return torch.from_numpy(values.astype(np.float32)), LesionTargets(
        torch.from_numpy(classes),
        torch.from_numpy(places.astype(np.float32)),
        torch.from_numpy(half.astype(np.float32)),
    )


@dataclass(frozen=True)
class DetectionFigures:
    """
    How a detector does on cases with known lesions.

    Attributes
    ----------
    n_cases, n_lesions : int
    sensitivity : float
        Share of the lesions hit at the threshold that gives the wanted false marks per case.
    false_marks : float
        Per case, at that threshold.
    threshold : float
    by_class : mapping of class to tuple of int
        Lesions hit and lesions there, at that threshold.
    """

    n_cases: int
    n_lesions: int
    sensitivity: float
    false_marks: float
    threshold: float
    by_class: Mapping[str, tuple[int, int]]

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "by_class": {name: list(pair) for name, pair in self.by_class.items()}}


def detection_figures(
    found: Sequence[Sequence[FoundLesion]],
    truth: Sequence[Sequence[FoundLesion]],
    *,
    classes: Sequence[str],
    false_marks_per_case: float = 1.0,
) -> DetectionFigures:
    """
    Sensitivity at a number of false marks per case.

    A mark hits a lesion of its class whose box holds the mark's centre; each lesion is hit once, by the surest mark.
    Every other mark is false.

    Parameters
    ----------
    found, truth : sequence of sequence of FoundLesion
        Per case.
    classes : sequence of str
    false_marks_per_case : float
    """
    marks: list[tuple[float, int, int]] = []  # score, case, lesion hit (-1: none)
    for case, (own, lesions) in enumerate(zip(found, truth, strict=True)):
        free = list(range(len(lesions)))
        for mark in sorted(own, key=lambda each: -each.score):
            centre = np.array(mark.centre_mm)
            hit = next(
                (
                    i
                    for i in free
                    if lesions[i].lesion_class == mark.lesion_class
                    and bool(np.all(np.abs(centre - lesions[i].centre_mm) <= lesions[i].half_mm))
                ),
                -1,
            )
            if hit >= 0:
                free.remove(hit)
            marks.append((mark.score, case, hit))
    marks.sort(key=lambda mark: -mark[0])
    false, threshold = 0, 1.0
    allowed = false_marks_per_case * len(found)
    for score, _, hit in marks:
        if hit < 0 and false + 1 > allowed:
            break
        false += hit < 0
        threshold = score
    hits = {(case, hit) for score, case, hit in marks if hit >= 0 and score >= threshold}
    by_class = {
        name: (
            sum(truth[case][hit].lesion_class == name for case, hit in hits),
            sum(lesion.lesion_class == name for lesions in truth for lesion in lesions),
        )
        for name in classes
    }
    n = sum(len(lesions) for lesions in truth)
    return DetectionFigures(
        len(found),
        n,
        len(hits) / n if n else float("nan"),
        false / len(found) if found else float("nan"),
        threshold,
        by_class,
    )
