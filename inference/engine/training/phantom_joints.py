"""
Training material from phantoms: joint crops with their grades, and coarse volumes with their joints.

Crops go through the same functions as the crops of a real case. They are kept with a margin, so that a
training step can shift them, as 8-bit grey values in ``.npy`` files that are mapped, not read whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np

from inference.engine.coarse import coarse_volume
from inference.engine.crops import CropSpec, joint_crop, side_sign
from inference.engine.intensity import scale_crop, scale_series
from inference.engine.radiographs import OBLIQUE, Radiograph, radiograph_crop, side_of
from inference.engine.specification import CT_AXIAL, MR_AXIAL, VIEW_OF, XR_AP, XR_LATERAL, XR_OBLIQUE
from inference.engine.stacks import Array, ImageStack
from readerstudy.phantom import (
    SCANNERS,
    Body,
    Joint,
    Scanner,
    Volume,
    render_ct,
    render_disc_axials,
    render_mr,
    sample_body,
)
from readerstudy.phantom import joint_crop as render_joint
from readerstudy.phantom.radiograph import ORIENTATION, View, render_radiograph
from readerstudy.phantom.radiograph import Radiograph as Projection

T = TypeVar("T")

#: Margin kept round the crops, in samples along depth and in the plane.
MARGIN_DEPTH, MARGIN_IN_PLANE = 1, 5
#: Views of the phantoms that show the joints of one side or of both, by kind.
PROJECTIONS: Mapping[str, Mapping[str, View]] = {
    XR_AP: {"right": "AP", "left": "AP"},
    XR_LATERAL: {"right": "LL", "left": "LL"},
    XR_OBLIQUE: {"right": "RPO", "left": "LPO"},
}
#: What the side branch of the encoder marks: places of each finding at this grade or above.
LESIONS = (
    "osteophytes-1",
    "osteophytes-2",
    "osteophytes-3",
    "erosion-1",
    "erosion-2",
    "cyst-1",
)
MAX_LESIONS = 24
FINDINGS = ("narrowing", "hypertrophy", "osteophytes", "erosion", "cyst")
STRUCTURES = tuple(
    f"{level}-{side}" for level in ("L1-2", "L2-3", "L3-4", "L4-5", "L5-S1") for side in ("right", "left")
)


@dataclass(frozen=True)
class JointCrops:
    """
    Crops of many joints.

    Attributes
    ----------
    crops : mapping of kind to ndarray of uint8, shape (n, depth, height, width)
        With margin. CT: 0 to 255 is 0 to 2 on the network's scale; MR: each crop fills 0 to 255.
    grades : ndarray of int64, shape (n, n_findings)
        In the order of `FINDINGS`.
    lesions : ndarray of float32, shape (n, MAX_LESIONS, 5)
        Places of spurs, pits and cysts: channel (first of its finding in `LESIONS`, -1 = empty row), grade
        of the finding, and millimetres from the joint's centre to the head, to the back, away from the midline.
    bodies, structures : ndarray of int64, shape (n,)
        Number of the body and index of the structure.
    made_in_seconds : float
        How long making them took, when they were made.
    """

    crops: Mapping[str, Array]
    grades: Array
    lesions: Array
    bodies: Array
    structures: Array
    made_in_seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.grades)

    def subset(self, chosen: Array) -> JointCrops:
        """The joints chosen by a boolean or index array; crops stay mapped where they are."""
        return JointCrops(
            {kind: crops[chosen] for kind, crops in self.crops.items()},
            self.grades[chosen],
            self.lesions[chosen],
            self.bodies[chosen],
            self.structures[chosen],
        )


def margin_of(spec: CropSpec) -> tuple[int, int]:
    """Samples kept round a crop along depth and in the plane; a radiograph has no depth to be shifted along."""
    return (MARGIN_DEPTH if spec.depth > 1 else 0), MARGIN_IN_PLANE


def with_margin(spec: CropSpec) -> CropSpec:
    """A crop's sampling with its margin."""
    return spec.grown(*margin_of(spec))


def projected(picture: Projection, kind: str, identifier: str) -> Radiograph:
    """A phantom's projection as the engine sees it: without its place in the patient."""
    columns_to, rows_to = ORIENTATION[picture.view]
    return Radiograph(
        identifier,
        picture.array,
        (picture.pixel_mm, picture.pixel_mm),
        VIEW_OF[kind],
        columns_to,
        rows_to,
        picture.view if VIEW_OF[kind] == OBLIQUE else "",
    )


def scanner_for(rng: np.random.Generator) -> Scanner:
    """One of the fictional centres' scanners."""
    return SCANNERS[str(rng.choice(sorted(SCANNERS)))]


def volume_stack(volume: Volume, identifier: str) -> ImageStack:
    """A phantom volume as the engine sees it."""
    ct = volume.contrast == "CT"
    return ImageStack.from_affine(
        volume.array,
        volume.affine,
        modality="CT" if ct else "MR",
        weighting="" if ct else volume.contrast,
        identifier=identifier,
    )


def disc_stack(volumes: Iterable[Volume]) -> ImageStack:
    """The T2 stacks along the discs as one axial series, as a scanner writes them."""
    parts = [volume_stack(volume, "axial") for volume in volumes]
    return ImageStack(
        "axial",
        "MR",
        np.concatenate([part.pixels for part in parts]),
        np.concatenate([part.origins_mm for part in parts]),
        np.concatenate([part.along_columns_mm for part in parts]),
        np.concatenate([part.along_rows_mm for part in parts]),
        "",
        "T2",
    )


def body_crops(
    body: Body,
    rng: np.random.Generator,
    scanner: Scanner,
    specs: Mapping[str, CropSpec],
) -> tuple[dict[str, Array], Array]:
    """
    Crops of the ten joints of one body.

    Parameters
    ----------
    body : Body
    rng : numpy.random.Generator
    scanner : Scanner
    specs : mapping of kind to CropSpec
        Without margin; kinds CT-axial, MR-axial and radiographs.

    Returns
    -------
    crops : dict of kind to ndarray of uint8, shape (10, ...)
        With margin.
    grades : ndarray of int64, shape (10, 5)
    """
    made: dict[str, list[Array]] = {kind: [] for kind in specs}
    discs: dict[str, ImageStack] = {}
    if MR_AXIAL in specs:
        # Wide enough for both joints of a level with their margin.
        pixels = int(np.ceil(112.0 / scanner.mr_pixel_mm / 2)) * 2
        volumes = render_disc_axials(body, "T2", scanner=scanner, rng=rng, pixels=pixels)
        discs = {level: volume_stack(volume, level) for level, volume in volumes.items()}
    views = sorted({view for kind in specs for view in PROJECTIONS.get(kind, {}).values()})
    pictures = {view: render_radiograph(body, view, scanner=scanner, rng=rng) for view in views}
    for structure in STRUCTURES:
        joint = body.joints[structure]
        lateral = side_sign(structure)
        for kind, spec in specs.items():
            grown = with_margin(spec)
            if kind in PROJECTIONS:
                picture = pictures[PROJECTIONS[kind][side_of(structure)]]
                point = picture.pixel_of(joint.centre_mm)
                patch = radiograph_crop(projected(picture, kind, ""), point, side_of(structure), grown)
                if patch is None:
                    patch = np.zeros(grown.shape, dtype=np.float32)
                made[kind].append(crop_bytes("XR", patch))
                continue
            if kind == CT_AXIAL:
                spacing = (scanner.ct_slice_mm, scanner.ct_pixel_mm, scanner.ct_pixel_mm)
                reach = (grown.depth * grown.depth_mm, *[grown.width * grown.in_plane_mm] * 2)
                size = tuple(int(np.ceil(r / s)) + 4 for r, s in zip(reach, spacing, strict=True))
                volume = render_joint(
                    body,
                    structure,
                    shape=(size[0], size[1], size[2]),
                    spacing_mm=spacing,
                    jitter_mm=0.6,  # the joint does not sit on the centre of a voxel
                    scanner=scanner,
                    rng=rng,
                )
                stack = volume_stack(volume, structure)
            else:
                stack = discs[joint.level]
            crop = joint_crop(stack, stack.pixels, joint.centre_mm, lateral, grown)
            if crop is None:
                crop = np.zeros(grown.shape, dtype=np.float32)
            made[kind].append(crop_bytes(stack.modality, crop))
    grades = np.array(
        [[body.joints[structure].grades[finding] for finding in FINDINGS] for structure in STRUCTURES]
    )
    return {kind: np.stack(crops) for kind, crops in made.items()}, grades.astype(np.int64)


def joint_lesions(joint: Joint) -> Array:
    """
    Places of a phantom joint's spurs, pits and cysts.

    Parameters
    ----------
    joint : Joint

    Returns
    -------
    ndarray of float32, shape (MAX_LESIONS, 5)
        See `JointCrops.lesions`.
    """
    found: list[tuple[int, int, float, float, float]] = []
    half_gap = joint.gap_mm / 2
    for process, end, place, length, _ in joint.spurs:
        for share in (0.3, 0.8):
            across = process * (half_gap + 2.0 + 0.2 * share * length)
            if abs(end) > 1:  # at the upper or lower tip of the process
                along, height = place, np.sign(end) * (joint.half_height - 0.5 + share * 0.8 * length)
            else:
                along, height = end * (joint.half_width - 0.5 + share * length), place
            found.append((0, joint.grades["osteophytes"], across, along, height))
    for process, along, height, _ in joint.pits:
        found.append((3, joint.grades["erosion"], process * half_gap, along, height))
    for process, along, height, depth, _ in joint.cysts:
        found.append((5, joint.grades["cyst"], process * (half_gap + depth), along, height))
    table = np.full((MAX_LESIONS, 5), -1.0, dtype=np.float32)
    lateral = side_sign(joint.structure)
    for row, (channel, grade, s, t, v) in enumerate(found[:MAX_LESIONS]):
        # The articular surface is a piece of a cylinder, see `readerstudy.phantom.Joint`.
        angle = t / joint.radius
        u, w = (joint.radius + s) * np.sin(angle), (joint.radius + s) * np.cos(angle) - joint.radius
        x, y, z = joint.axes @ np.array([u, v, w])
        table[row] = channel, grade, z, y, lateral * x
    return table


def crop_bytes(modality: str, crop: Array) -> Array:
    """
    A crop as 8-bit grey values.

    Parameters
    ----------
    modality : str
    crop : ndarray of float

    Returns
    -------
    ndarray of uint8
        CT: 0 to 255 is 0 to 2 on the network's scale. MR: the crop fills 0 to 255.
    """
    if modality == "CT":
        scaled = scale_crop("CT", crop) * 127.5
    else:
        low, high = np.percentile(crop, [0.1, 99.9])
        scaled = (crop - low) * (255.0 / max(float(high - low), 1e-6))
    result: Array = np.clip(np.round(scaled), 0, 255).astype(np.uint8)
    return result


def make_joint_crops(
    folder: Path,
    *,
    n_bodies: int,
    seed: int,
    specs: Mapping[str, CropSpec],
    correlation: Literal["independent", "correlated"] = "independent",
    processes: int = 1,
) -> JointCrops:
    """
    Make crops of many bodies, or map those that an earlier call with the same arguments made.

    Parameters
    ----------
    folder : Path
    n_bodies : int
        Ten joints each. Body i is a function of `seed` and i alone.
    seed : int
    specs : mapping of kind to CropSpec
    correlation : {"independent", "correlated"}
    processes : int
        Bodies are drawn in so many; the crops are the same.

    Returns
    -------
    JointCrops
    """
    recipe = {
        "n_bodies": n_bodies,
        "seed": seed,
        "correlation": correlation,
        "specs": {kind: [*spec.shape, spec.depth_mm, spec.in_plane_mm] for kind, spec in specs.items()},
        "margin": [MARGIN_DEPTH, MARGIN_IN_PLANE],
    }
    note = folder / "recipe.json"
    if not (note.exists() and json.loads(note.read_text()) == recipe):
        folder.mkdir(parents=True, exist_ok=True)
        note.unlink(missing_ok=True)
        began = time.perf_counter()
        n = n_bodies * len(STRUCTURES)
        files = {
            kind: np.lib.format.open_memmap(
                folder / f"{kind}.npy",
                mode="w+",
                dtype=np.uint8,
                shape=(n, *with_margin(spec).shape),
            )
            for kind, spec in specs.items()
        }
        grades = np.zeros((n, len(FINDINGS)), dtype=np.int64)
        lesions = np.zeros((n, MAX_LESIONS, 5), dtype=np.float32)
        draw = partial(_numbered_crops, seed=seed, specs=dict(specs), correlation=correlation)
        for number, (crops, own, marks) in enumerate(in_order(draw, n_bodies, processes)):
            place = slice(number * len(STRUCTURES), (number + 1) * len(STRUCTURES))
            grades[place], lesions[place] = own, marks
            for kind, values in crops.items():
                files[kind][place] = values
        for file in files.values():
            file.flush()
        np.save(folder / "grades.npy", grades)
        np.save(folder / "lesions.npy", lesions)
        (folder / "seconds.json").write_text(json.dumps(time.perf_counter() - began))
        note.write_text(json.dumps(recipe))
    grades = np.load(folder / "grades.npy", allow_pickle=False)
    return JointCrops(
        {kind: np.load(folder / f"{kind}.npy", mmap_mode="r", allow_pickle=False) for kind in specs},
        grades,
        np.load(folder / "lesions.npy", allow_pickle=False),
        np.repeat(np.arange(n_bodies), len(STRUCTURES)),
        np.tile(np.arange(len(STRUCTURES)), n_bodies),
        float(json.loads((folder / "seconds.json").read_text())),
    )


def _numbered_crops(
    number: int,
    *,
    seed: int,
    specs: Mapping[str, CropSpec],
    correlation: Literal["independent", "correlated"],
) -> tuple[dict[str, Array], Array, Array]:
    """Crops, grades and lesions of body `number`."""
    rng = np.random.default_rng([seed, number])
    body = sample_body(rng, correlation=correlation)
    crops, grades = body_crops(body, rng, scanner_for(rng), specs)
    return crops, grades, np.stack([joint_lesions(body.joints[name]) for name in STRUCTURES])


def in_order(work: Callable[[int], T], n: int, processes: int) -> Iterator[T]:
    """Results for 0 to n - 1, made here or in processes of their own."""
    if processes == 1:
        yield from map(work, range(n))
        return
    # Fresh processes: a forked one would inherit the threads of torch.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, range(n))


@dataclass(frozen=True)
class CoarseVolumes:
    """
    Coarse volumes with the places of their joints.

    Attributes
    ----------
    values : ndarray of float16, shape (n, n_x, n_y, n_z)
    is_mr : ndarray of bool, shape (n,)
    places : ndarray, shape (n, n_structures, 3)
        Voxel coordinates of the joints.
    """

    values: Array
    is_mr: Array
    places: Array


def make_coarse_volumes(
    *, n_bodies: int, seed: int, shape: tuple[int, int, int], voxel_mm: float, processes: int = 1
) -> CoarseVolumes:
    """
    One CT and one sagittal MR of each of many bodies, on the localiser's grid.

    Parameters
    ----------
    n_bodies : int
    seed : int
    shape : tuple of int
        Voxels along x, y, z.
    voxel_mm : float
    processes : int
        Bodies are drawn in so many; the volumes are the same.
    """
    draw = partial(_numbered_volumes, seed=seed, shape=shape, voxel_mm=voxel_mm)
    rows = [row for pair in in_order(draw, n_bodies, processes) for row in pair]
    values, is_mr, places = zip(*rows, strict=True)
    return CoarseVolumes(np.stack(values), np.array(is_mr), np.stack(places).astype(np.float32))


def _numbered_volumes(
    number: int, *, seed: int, shape: tuple[int, int, int], voxel_mm: float
) -> list[tuple[Array, bool, Array]]:
    """Values, "is MR" and places of the CT and the MR of body `number`."""
    rng = np.random.default_rng([seed, number, 7])
    variant = str(rng.choice(["five", "five", "five", "four", "six", "transitional"]))
    body = sample_body(rng, variant=variant, max_scoliosis_deg=14.0)  # type: ignore[arg-type]
    scanner = scanner_for(rng)
    points = np.stack([body.joints[structure].centre_mm for structure in STRUCTURES])
    ct = render_ct(body, scanner=scanner, rng=rng, spacing_mm=(2.0, 2.0, 2.0), pixels=80)
    mr = render_mr(body, scanner=scanner, rng=rng, pixels=134)
    made = []
    for volume in (ct, mr):
        stack = volume_stack(volume, str(number))
        coarse = coarse_volume(stack, scale_series(stack), shape, voxel_mm)
        made.append((coarse.values.astype(np.float16), volume.contrast != "CT", coarse.to_voxel(points)))
    return made
