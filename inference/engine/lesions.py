"""From the images of one case to lesions: boxes in patient millimetres with a class and a score."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import torch
from torch.nn import functional

from inference.engine.bundle import LoadedDetector
from inference.engine.facets import CaseResult, clock
from inference.engine.intensity import scale_series
from inference.engine.lesion_scores import ScoreWeights
from inference.engine.networks.detector import UNIT_MM, Detector
from inference.engine.planes import Planes, canonical_planes
from inference.engine.stacks import Array, CaseImages, ImageStack

#: Places below this are never looked at, and at most this many of one series are kept.
LEAST_SCORE, MOST_PER_SERIES = 0.05, 40


@dataclass(frozen=True)
class FoundLesion:
    """
    A lesion.

    Attributes
    ----------
    lesion_class : str
    score : float
        In (0, 1); higher is surer. No probability is claimed.
    centre_mm, half_mm : tuple of float
        Centre and half edges of its box along the patient's axes (LPS).
    frame_of_reference : str
    planes : tuple of str
        Kinds of series that showed it.
    """

    lesion_class: str
    score: float
    centre_mm: tuple[float, float, float]
    half_mm: tuple[float, float, float]
    frame_of_reference: str = ""
    planes: tuple[str, ...] = ()

    @property
    def corners_mm(self) -> Array:
        """Lowest and highest corner, shape (2, 3)."""
        centre, half = np.array(self.centre_mm), np.array(self.half_mm)
        corners: Array = np.stack([centre - half, centre + half])
        return corners


def find_lesions(
    model: LoadedDetector, case: CaseImages, *, check: Callable[[], None] = lambda: None
) -> CaseResult:
    """
    Mark the lesions of a case.

    Parameters
    ----------
    model : LoadedDetector
    case : CaseImages
    check : callable
        Called between stages; raising stops the work.
    """
    result = CaseResult()
    chosen, faults = model.manifest.inputs.choose(case)
    result.notes = sorted({*faults, *model.manifest.inputs.choose_radiographs(case)[1]})
    result.refusal = model.manifest.inputs.refusal(chosen, result.notes)
    if result.refusal:
        return result
    result.series = {kind: stack.identifier for kind, stack in chosen.items()}
    with clock(result, "grade"):
        found = [
            lesions_of_series(model.detector, kind, stack, check=check) for kind, stack in chosen.items()
        ]
        result.lesions = join_planes(found, model.weights_of(chosen))
    return result


@torch.no_grad()
def lesions_of_series(
    detector: Detector, kind: str, stack: ImageStack, *, check: Callable[[], None] = lambda: None
) -> list[FoundLesion]:
    """
    Lesions that one series shows, the surest first.

    Parameters
    ----------
    detector : Detector
    kind : str
        Of series; names the network.
    stack : ImageStack
    check : callable
        Called between runs of slices; raising stops the work.
    """
    pixels = scale_series(stack)
    found: list[FoundLesion] = []
    for group in stack.groups:
        check()
        planes = canonical_planes(stack, pixels, group, detector.config.in_plane_mm[kind])
        found += [
            replace(lesion, frame_of_reference=stack.frame_of_reference, planes=(kind,))
            for lesion in lesions_of_planes(detector, kind, planes)
        ]
    return keep_apart(found)[:MOST_PER_SERIES]


@torch.no_grad()
def lesions_of_planes(detector: Detector, kind: str, planes: Planes) -> list[FoundLesion]:
    """Lesions that one run of slices shows: the peaks of the heat maps with their boxes."""
    scores, boxes = detector.of(kind)(torch.from_numpy(planes.values))
    maps = torch.sigmoid(scores)
    highest = functional.max_pool3d(maps[None], (3, 5, 5), 1, (1, 2, 2))[0]
    peaks = ((maps == highest) & (maps >= LEAST_SCORE)).nonzero()
    values = maps[tuple(peaks.T)]
    order = torch.argsort(values, descending=True, stable=True)[:MOST_PER_SERIES]
    steps = np.linalg.norm(planes.affine[:3, :3], axis=0)
    found = []
    for label, *cell in peaks[order].tolist():
        offset = boxes[:3, cell[0], cell[1], cell[2]].double().numpy() * UNIT_MM / steps
        place = np.array([cell[0], 2 * cell[1], 2 * cell[2]], dtype=float) + np.clip(offset, -4, 4)
        half = np.exp(boxes[3:, cell[0], cell[1], cell[2]].double().clamp(-2, 2).numpy()) * UNIT_MM
        centre = planes.to_patient_mm(place)
        found.append(
            FoundLesion(
                detector.config.classes[label],
                float(maps[label, cell[0], cell[1], cell[2]]),
                (float(centre[0]), float(centre[1]), float(centre[2])),
                (float(half[0]), float(half[1]), float(half[2])),
            )
        )
    return found


def overlap(first: FoundLesion, second: FoundLesion) -> float:
    """Intersection over union of two boxes."""
    a, b = first.corners_mm, second.corners_mm
    shared = np.prod(np.clip(np.minimum(a[1], b[1]) - np.maximum(a[0], b[0]), 0, None))
    whole = np.prod(a[1] - a[0]) + np.prod(b[1] - b[0]) - shared
    return float(shared / whole)


def same_lesion(first: FoundLesion, second: FoundLesion) -> bool:
    """Whether two boxes of one class mean one lesion: they share a fifth, or one centre lies in the other."""
    if first.lesion_class != second.lesion_class or first.frame_of_reference != second.frame_of_reference:
        return False
    apart = np.abs(np.array(first.centre_mm) - np.array(second.centre_mm))
    inside = bool(np.all(apart <= first.half_mm) or np.all(apart <= second.half_mm))
    return inside or overlap(first, second) >= 0.2


def keep_apart(lesions: Sequence[FoundLesion]) -> list[FoundLesion]:
    """Of those that mean one lesion the surest; sorted by score."""
    kept: list[FoundLesion] = []
    for lesion in sorted(lesions, key=lambda each: (-each.score, each.lesion_class, each.centre_mm)):
        if not any(same_lesion(lesion, other) for other in kept):
            kept.append(lesion)
    return kept


def join_planes(
    per_plane: Sequence[Sequence[FoundLesion]], weights: ScoreWeights | None = None
) -> list[FoundLesion]:
    """
    One list of what several series found.

    A lesion that several series show takes the mean of their boxes, weighted by score.

    Parameters
    ----------
    per_plane : sequence of sequence of FoundLesion
    weights : ScoreWeights, optional
        Say how sure each mark is from what every series said. Without them a mark of several series has the chance
        that not all of them are mistaken, and one of a single series its own score.
    """
    joined = [joined_mark(members, weights) for members in grouped_planes(per_plane)]
    return sorted(joined, key=lambda each: (-each.score, each.lesion_class, each.centre_mm))


def joined_mark(members: Sequence[FoundLesion], weights: ScoreWeights | None = None) -> FoundLesion:
    """One mark of those of one lesion; parameters as `join_planes`."""
    seen = {member.planes[0]: member.score for member in members}
    total = sum(seen.values())
    centre, half = (
        np.sum([member.score * np.array(getattr(member, name)) for member in members], axis=0) / total
        for name in ("centre_mm", "half_mm")
    )
    if weights is not None:
        score = weights.score(members[0].lesion_class, seen)
    else:
        score = members[0].score if len(members) == 1 else 1 - prod(1 - each for each in seen.values())
    return replace(
        members[0],
        score=score,
        centre_mm=(float(centre[0]), float(centre[1]), float(centre[2])),
        half_mm=(float(half[0]), float(half[1]), float(half[2])),
        planes=tuple(sorted(seen)),
    )


def grouped_planes(per_plane: Sequence[Sequence[FoundLesion]]) -> list[list[FoundLesion]]:
    """What several series found, the marks of one lesion together: at most one of each series, the surest first."""
    groups: list[list[FoundLesion]] = []
    for lesion in sorted(
        (each for plane in per_plane for each in plane),
        key=lambda each: (-each.score, each.lesion_class, each.centre_mm),
    ):
        own = next(
            (
                members
                for members in groups
                if all(lesion.planes != member.planes for member in members)
                and any(same_lesion(lesion, member) for member in members)
            ),
            None,
        )
        if own is None:
            groups.append([lesion])
        else:
            own.append(lesion)
    return groups
