"""From the images of one case to probabilities per item: choose series, find joints, crop, grade."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from inference.engine.bundle import LoadedModel
from inference.engine.coarse import coarse_volume
from inference.engine.crops import crop_affine, joint_crop, side_sign
from inference.engine.intensity import scale_crop, scale_series
from inference.engine.networks.grader import Grader
from inference.engine.networks.ordinal import corn_probabilities
from inference.engine.radiographs import Radiograph, radiograph_crop, side_of
from inference.engine.saliency import GRAD_CAM, HeatMaps, answers_with_maps, cell_affine, scaled_maps
from inference.engine.specification import (
    CT_AXIAL,
    KIND_WORDS,
    MR_SAGITTAL,
    RADIOGRAPHS,
    VIEW_OF,
    modality_of,
)
from inference.engine.stacks import Array, CaseImages, ImageStack

if TYPE_CHECKING:
    from inference.engine.lesions import FoundLesion

#: A joint whose place is less certain than this is left out. On unseen phantoms 99 of 100 are above 0.65; on
#: images unlike the training material the maps spread out and fall below.
LEAST_CERTAINTY = 0.5
AUTOMATIC, CORRECTED = "automatic", "corrected"


@dataclass(frozen=True)
class FoundPoint:
    """
    A structure's place in one frame of reference.

    Attributes
    ----------
    point_mm : tuple of float
        LPS.
    certainty : float
        Of the place, in [0, 1]; 1 for a confirmed one.
    source : str
        ``automatic`` or ``corrected`` (given with the case).
    """

    point_mm: tuple[float, float, float]
    certainty: float
    source: str


@dataclass(frozen=True)
class FoundPixel:
    """A structure's place on one radiograph: row, column; certainty and source as `FoundPoint`."""

    place_px: tuple[float, float]
    certainty: float
    source: str


@dataclass
class CaseResult:
    """
    What the model says about a case.

    Attributes
    ----------
    refusal : str
        Why nothing was graded; empty where something was.
    probabilities : dict of (structure, finding) to tuple of float
        Per grade, summing to 1.
    left_out : dict of structure to str
        Structures that were not graded, with the reason.
    points : dict of frame of reference to (dict of structure to FoundPoint)
    pixels : dict of identifier to (dict of structure to FoundPixel)
        Places on the radiographs that were used.
    series : dict of kind to str
        Identifier of the series used; of both radiographs where a view has one for each side.
    lesions : list of FoundLesion
        What a detector marks, the surest first.
    heat : list of HeatMaps
        Where the network looked, one entry per kind of series; empty where it was not asked or cannot say.
    notes : list of str
        Series that were looked at and left, in words.
    seconds : dict of stage to float
    """

    refusal: str = ""
    probabilities: dict[tuple[str, str], tuple[float, ...]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    points: dict[str, dict[str, FoundPoint]] = field(default_factory=dict)
    pixels: dict[str, dict[str, FoundPixel]] = field(default_factory=dict)
    series: dict[str, str] = field(default_factory=dict)
    lesions: list[FoundLesion] = field(default_factory=list)
    heat: list[HeatMaps] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def input_points(self) -> str:
        """``corrected`` where any point was given with the case, else ``automatic``."""
        sources = {p.source for points in self.points.values() for p in points.values()}
        sources |= {p.source for places in self.pixels.values() for p in places.values()}
        return CORRECTED if CORRECTED in sources else AUTOMATIC


def grade_case(
    model: LoadedModel,
    case: CaseImages,
    *,
    check: Callable[[], None] = lambda: None,
    batch_joints: int = 10,
    saliency: bool = False,
    assessable_on: Mapping[str, Collection[str]] | None = None,
) -> CaseResult:
    """
    Grade every structure of a case.

    Parameters
    ----------
    model : LoadedModel
    case : CaseImages
    check : callable
        Called between stages; raising stops the work.
    batch_joints : int
        Structures that pass the network together. Halved, down to one, when memory runs out.
    saliency : bool
        Whether to say where the network looked. An ONNX grader cannot, and on radiographs nothing is said.
    assessable_on : mapping of finding to collection of str, optional
        Modalities (CT, MR, XR) on which the protocol asks for each finding: what a joint's series do not let a
        reader assess is not given out either.

    Returns
    -------
    CaseResult
    """
    result = CaseResult()
    manifest = model.manifest
    chosen, faults = manifest.inputs.choose(case)
    pictures, more = manifest.inputs.choose_radiographs(case)
    result.notes = sorted({*faults, *more})
    result.refusal = manifest.inputs.refusal([*chosen, *pictures], result.notes)
    if result.refusal:
        return result
    check()
    with clock(result, "locate"):
        result.points = all_points(model, case, chosen)
        result.pixels = all_pixels(model, case, pictures)
    check()
    structures = manifest.outputs.structures
    with clock(result, "crop"):
        crops, there = _all_crops(model, chosen, pictures, result)
    result.series = {kind: stack.identifier for kind, stack in chosen.items()}
    for kind, own in pictures.items():
        result.series[kind] = ", ".join(sorted({picture.identifier for picture in own.values()}))
    graded = [number for number, name in enumerate(structures) if name not in result.left_out]
    if not graded:
        result.refusal = "No structure could be graded. " + "; ".join(
            f"{name}: {why}" for name, why in sorted(result.left_out.items())[:2]
        )
        return result
    check()
    with clock(result, "grade"):
        maps: _Maps | None = {} if saliency and isinstance(model.grader, Grader) else None
        probabilities = _grade(model, crops, there, graded, batch_joints, maps)
    unseen: set[str] = set()
    unasked: set[tuple[str, str]] = set()
    for number in graded:
        kinds = [kind for kind in there if there[kind][number]]
        seen = manifest.outputs.given_from(kinds)
        given = manifest.outputs.given_from(kinds, assessable_on)
        unseen |= manifest.outputs.given.keys() - seen.keys()
        words = " and ".join(sorted({modality_of(kind) for kind in kinds})).replace("XR", "X-ray")
        unasked |= {(finding, words) for finding in seen.keys() - given.keys()}
        for finding in given:
            row = probabilities[finding][number]
            result.probabilities[structures[number], finding] = tuple(float(p) for p in row)
    if maps:
        result.heat = _heat_maps(model, chosen, result, maps)
    for finding in sorted(unseen):
        kinds_wanted = " or ".join(KIND_WORDS[kind] for kind in manifest.outputs.seen_on[finding])
        result.notes.append(f"{finding} is given only where there is {kinds_wanted}.")
    for finding, words in sorted(unasked):
        result.notes.append(
            f"{finding} is not given from {words} alone: the protocol does not assess it there."
        )
    if graded and not result.probabilities:
        result.refusal = (
            "Nothing of what the case's images show is given by the model and asked by the protocol."
        )
    return result


#: Maps of each kind of series by the number of the structure and the finding.
_Maps = dict[str, dict[tuple[int, str], Array]]


def _heat_maps(
    model: LoadedModel, chosen: Mapping[str, ImageStack], result: CaseResult, maps: _Maps
) -> list[HeatMaps]:
    """Maps of the items that were given, on cells with a place in the patient."""
    assert isinstance(model.grader, Grader)  # noqa: S101  (maps are made of such graders only)
    structures = model.manifest.outputs.structures
    given = {
        kind: {
            (structures[number], finding): values
            for (number, finding), values in own.items()
            if (structures[number], finding) in result.probabilities
        }
        for kind, own in maps.items()
    }
    found = []
    for kind, (items, values) in scaled_maps(given).items():
        if kind in RADIOGRAPHS:
            continue  # its cells have no place in the patient
        stack, spec = chosen[kind], model.manifest.inputs.requirements[kind].crop
        points = result.points[stack.frame_of_reference]
        slab = model.grader.encoder(kind).slab
        affines = [
            cell_affine(
                crop_affine(stack, np.array(points[name].point_mm), side_sign(name), spec),
                spec.shape,
                values.shape[1:],
                slab,
            )
            for name, _ in items
        ]
        found.append(
            HeatMaps(
                kind,
                stack.identifier,
                stack.frame_of_reference,
                GRAD_CAM,
                items,
                values,
                np.stack(affines),
            )
        )
    return found


@contextmanager
def clock(result: CaseResult, stage: str) -> Iterator[None]:
    started = time.perf_counter()
    yield
    result.seconds[stage] = time.perf_counter() - started


def all_points(
    model: LoadedModel, case: CaseImages, chosen: Mapping[str, ImageStack]
) -> dict[str, dict[str, FoundPoint]]:
    """Given points, and found ones for what was not given, for every frame of a chosen series."""
    points: dict[str, dict[str, FoundPoint]] = {}
    for frame in sorted({stack.frame_of_reference for stack in chosen.values()}):
        given = case.points_mm.get(frame, {})
        own = {
            name: FoundPoint((float(p[0]), float(p[1]), float(p[2])), 1.0, CORRECTED)
            for name, p in given.items()
            if name in model.manifest.outputs.structures
        }
        if len(own) < len(model.manifest.outputs.structures):
            found = locate(model, [s for s in case.stacks if s.frame_of_reference == frame])
            own = {**found, **own}
        points[frame] = own
    return points


@torch.no_grad()
def locate(model: LoadedModel, stacks: list[ImageStack]) -> dict[str, FoundPoint]:
    """
    Find the structures in the series of one frame of reference.

    The most telling series is used: CT, else sagittal MR, else any other with four parallel slices.
    """
    config = model.localiser.config

    def rank(stack: ImageStack) -> tuple[int, int, str]:
        kind = f"{stack.modality}-{stack.plane}"
        order = {CT_AXIAL: 0, "CT-sagittal": 1, MR_SAGITTAL: 2}
        return order.get(kind, 3), -len(stack.pixels), stack.identifier

    usable = [s for s in stacks if s.has_geometry and max(len(g.indices) for g in s.groups) >= 4]
    if not usable:
        return {}
    stack = min(usable, key=rank)
    coarse = coarse_volume(stack, scale_series(stack), config.shape, config.voxel_mm)
    volume = torch.from_numpy(coarse.values)[None].to(model.device)
    is_mr = torch.tensor([float(stack.modality == "MR")], device=model.device)
    places, certainty = model.localiser.locate(volume, is_mr)
    points = coarse.to_patient_mm(places[0].double().cpu().numpy())
    return {
        name: FoundPoint((float(p[0]), float(p[1]), float(p[2])), float(sure), AUTOMATIC)
        for name, p, sure in zip(config.structures, points, certainty[0], strict=True)
    }


def all_pixels(
    model: LoadedModel, case: CaseImages, pictures: Mapping[str, Mapping[str, Radiograph]]
) -> dict[str, dict[str, FoundPixel]]:
    """Given places, and found ones for what was not given, on every chosen radiograph."""
    places: dict[str, dict[str, FoundPixel]] = {}
    finder = model.radiograph_localiser
    for kind, own in pictures.items():
        for side, picture in own.items():
            here = places.setdefault(picture.identifier, {})
            wanted = [name for name in model.manifest.outputs.structures if side_of(name) == side]
            for name, (row, column) in case.points_px.get(picture.identifier, {}).items():
                if name in wanted:
                    here[name] = FoundPixel((float(row), float(column)), 1.0, CORRECTED)
            if finder is None or VIEW_OF[kind] not in finder.config.views or all(n in here for n in wanted):
                continue
            found = finder.locate(picture, side)
            for name in wanted:
                row, column, sure = found.get(name.rsplit("-", 1)[0], (0.0, 0.0, 0.0))
                here.setdefault(name, FoundPixel((row, column), sure, AUTOMATIC))
    return places


def _all_crops(
    model: LoadedModel,
    chosen: Mapping[str, ImageStack],
    pictures: Mapping[str, Mapping[str, Radiograph]],
    result: CaseResult,
) -> tuple[dict[str, Array], dict[str, Array]]:
    structures = model.manifest.outputs.structures
    crops: dict[str, Array] = {}
    there: dict[str, Array] = {}
    for kind, requirement in model.manifest.inputs.requirements.items():
        crops[kind] = np.zeros((len(structures), *requirement.crop.shape), dtype=np.float32)
        there[kind] = np.zeros(len(structures), dtype=bool)
        for number, name in enumerate(structures):
            picture = pictures.get(kind, {}).get(side_of(name))
            place = result.pixels[picture.identifier].get(name) if picture is not None else None
            if picture is None or place is None or place.certainty < LEAST_CERTAINTY:
                continue
            patch = radiograph_crop(picture, place.place_px, side_of(name), requirement.crop)
            if patch is not None:
                crops[kind][number] = scale_crop("XR", patch)
                there[kind][number] = True
        stack = chosen.get(kind)
        if stack is None:
            continue
        points = result.points.get(stack.frame_of_reference, {})
        for number, name in enumerate(structures):
            point = points.get(name)
            if point is None or point.certainty < LEAST_CERTAINTY:
                continue
            crop = joint_crop(
                stack, stack.pixels, np.array(point.point_mm), side_sign(name), requirement.crop
            )
            if crop is not None:
                crops[kind][number] = scale_crop(stack.modality, crop)
                there[kind][number] = True
    for number, name in enumerate(structures):
        if any(there[kind][number] for kind in there):
            continue
        sure = [points[name].certainty for points in result.points.values() if name in points]
        sure += [places[name].certainty for places in result.pixels.values() if name in places]
        if not sure or max(sure) < LEAST_CERTAINTY:
            result.left_out[name] = "its place was not found with enough certainty"
        else:
            result.left_out[name] = "it lies outside the series that the model takes"
    return crops, there


@torch.no_grad()
def _grade(
    model: LoadedModel,
    crops: Mapping[str, Array],
    there: Mapping[str, Array],
    graded: list[int],
    batch_joints: int,
    maps: _Maps | None = None,
) -> dict[str, Array]:
    """
    Probabilities of the graded structures, rows of the others zero.

    `maps`, where it is given, is filled with what raised the grades.
    """
    temperatures = model.manifest.content["temperatures"]
    # An ONNX grader takes its input from the CPU wherever the joints were found.
    device = model.device if isinstance(model.grader, torch.nn.Module) else "cpu"
    n = len(next(iter(there.values())))
    whole_case = model.grader.config.attention == "case"
    step = n if whole_case else max(1, batch_joints)
    while True:
        try:
            rows: dict[str, Array] = {}
            order = list(range(n)) if whole_case else graded
            for start in range(0, len(order), step):
                part = order[start : start + step]
                cut = {
                    kind: torch.from_numpy(values[part])[None].to(device) for kind, values in crops.items()
                }
                present = {
                    kind: torch.from_numpy(values[part])[None].to(device) for kind, values in there.items()
                }
                levels = torch.tensor([number // 2 for number in part], device=device)
                if maps is None:
                    logits = model.grader(cut, present, levels)
                else:
                    assert isinstance(model.grader, Grader)  # noqa: S101  (only such are asked)
                    logits, own = answers_with_maps(model.grader, cut, present, levels)
                    for kind, by_finding in own.items():
                        for finding, values in by_finding.items():
                            for row, number in enumerate(part):
                                if there[kind][number]:
                                    maps.setdefault(kind, {})[number, finding] = values[row]
                for finding, value in logits.items():
                    scaled = value[0].double().cpu() / float(temperatures.get(finding, 1.0))
                    probabilities = corn_probabilities(scaled).numpy()
                    table = rows.setdefault(finding, np.zeros((n, probabilities.shape[1])))
                    table[part] = probabilities
            return rows
        except (torch.OutOfMemoryError, MemoryError):
            if step == 1 or whole_case:
                raise
            step = max(1, step // 2)
