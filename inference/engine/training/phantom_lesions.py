"""Training material from phantoms for the lesion detector: runs of slices with the lesions that they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from inference.engine.intensity import scale_series
from inference.engine.lesions import FoundLesion
from inference.engine.planes import Planes, canonical_planes
from inference.engine.specification import MR_AXIAL, MR_SAGITTAL
from inference.engine.stacks import Array, CaseImages
from inference.engine.training.phantom_joints import disc_stack, scanner_for, volume_stack
from readerstudy.phantom import Body, Scanner, render_disc_axials, render_mr, sample_body
from readerstudy.phantom.body.lesions import CLASSES, draw_lesions

LESION_CLASSES = CLASSES
#: Pixels of the sagittal and of the axial pictures that are drawn; fewer axial ones make the field smaller.
PIXELS = (224, 160)


@dataclass(frozen=True)
class ShownLesions:
    """
    Runs of slices of one body, and all its lesions.

    Attributes
    ----------
    case : CaseImages
        One sagittal series, one axial series along the discs, T2.
    lesions : tuple of FoundLesion
        The truth, in the form in which a detector answers; score 1.
    """

    case: CaseImages
    lesions: tuple[FoundLesion, ...]


def body_with_lesions(rng: np.random.Generator, *, crowded: bool) -> Body:
    """A body with lesions drawn once, or twice over where there shall be many to learn from."""
    body = sample_body(rng, correlation="independent", lesions=True)
    if not crowded:
        return body
    lesions = {lesion.lesion_id: lesion for lesion in body.lesions}
    for lesion in draw_lesions(rng, body.discs, body.vertebrae, 1.0):
        other = {"bulge": "herniation", "herniation": "bulge"}.get(lesion.kind)
        if other is None or f"{lesion.level}-{other}" not in lesions:
            lesions.setdefault(lesion.lesion_id, lesion)
    return replace(body, lesions=tuple(lesions.values()))


def show_lesions(
    body: Body, rng: np.random.Generator, scanner: Scanner, *, pixels: tuple[int, int] = PIXELS
) -> ShownLesions:
    """Sagittal and axial T2 of a body, with the boxes of its lesions."""
    sagittal = volume_stack(render_mr(body, scanner=scanner, rng=rng, pixels=pixels[0]), "sagittal")
    discs = render_disc_axials(body, "T2", scanner=scanner, rng=rng, pixels=pixels[1])
    axial = disc_stack(discs.values())
    truth = tuple(
        FoundLesion(lesion.kind, 1.0, _three(lesion.centre_mm), _three(lesion.box_mm / 2), "")
        for lesion in body.lesions
    )
    return ShownLesions(CaseImages((sagittal, axial)), truth)


def make_shown_lesions(
    *, n_bodies: int, seed: int, crowded: bool, pixels: tuple[int, int] = PIXELS
) -> list[ShownLesions]:
    """
    Cases of so many bodies; a function of the seed.

    Parameters
    ----------
    n_bodies, seed : int
    crowded : bool
        Many lesions a body, to learn from; else as often as phantoms have them.
    pixels : tuple of int
        See `PIXELS`.
    """
    made = []
    for number in range(n_bodies):
        rng = np.random.default_rng([seed, number])
        scanner = scanner_for(rng)
        body = body_with_lesions(rng, crowded=crowded)
        made.append(show_lesions(body, rng, scanner, pixels=pixels))
    return made


@dataclass(frozen=True)
class TrainingPlanes:
    """
    One run of slices to learn from.

    Attributes
    ----------
    values : ndarray of uint8, shape (depth, height, width)
        0 to 255 is 0 to 1.5 on the network's scale.
    classes : ndarray of int64, shape (n,)
    places : ndarray, shape (n, 3)
        Centres of the lesions as ``(depth, height, width)``.
    half_mm : ndarray, shape (n, 3)
        Half edges along the patient's axes.
    depth_mm : float
        Distance of neighbouring slices.
    """

    values: Array
    classes: Array
    places: Array
    half_mm: Array
    depth_mm: float


def training_planes(shown: ShownLesions, in_plane_mm: Mapping[str, float]) -> dict[str, list[TrainingPlanes]]:
    """Runs of slices of one case per kind of series, with the lesions whose centre lies among the slices."""
    result: dict[str, list[TrainingPlanes]] = {MR_SAGITTAL: [], MR_AXIAL: []}
    for stack in shown.case.stacks:
        kind = MR_SAGITTAL if stack.plane == "sagittal" else MR_AXIAL
        pixels = scale_series(stack)
        for group in stack.groups:
            planes = canonical_planes(stack, pixels, group, in_plane_mm[kind])
            result[kind].append(_with_lesions(planes, shown.lesions))
    return result


def _with_lesions(planes: Planes, lesions: tuple[FoundLesion, ...]) -> TrainingPlanes:
    shape = planes.values.shape
    classes, places, half = [], [], []
    for lesion in lesions:
        place = planes.to_place(np.array(lesion.centre_mm))
        if -0.7 <= place[0] <= shape[0] - 0.3 and np.all(place[1:] >= 0) and np.all(place[1:] < shape[1:]):
            classes.append(LESION_CLASSES.index(lesion.lesion_class))
            places.append(place)
            half.append(lesion.half_mm)
    return TrainingPlanes(
        np.clip(planes.values / 1.5 * 255, 0, 255).round().astype(np.uint8),
        np.array(classes, dtype=np.int64),
        np.array(places, dtype=np.float64).reshape(-1, 3),
        np.array(half, dtype=np.float64).reshape(-1, 3),
        float(np.linalg.norm(planes.affine[:3, 0])),
    )


def _three(values: Array) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
