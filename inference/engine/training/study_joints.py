"""
Training material from a study: the joint crops of its cases, with the grades of its reference standard.

One file per case, written once, so that a stopped training goes on where it was; then one mapped file per kind
of series, so that a thousand patients need no more memory than ten.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.engine.bundle import LoadedModel
from inference.engine.crops import joint_crop, side_sign
from inference.engine.facets import LEAST_CERTAINTY, all_pixels, all_points
from inference.engine.radiographs import radiograph_crop, side_of
from inference.engine.stacks import Array, CaseImages
from inference.engine.training.phantom_joints import (
    MAX_LESIONS,
    JointCrops,
    crop_bytes,
    with_margin,
)

UNKNOWN = -1


@dataclass(frozen=True)
class CaseGrades:
    """
    One case's reference grades.

    Attributes
    ----------
    case : str
        Names its file.
    patient : int
        Number of the patient: joints of one patient stay together.
    grades : mapping of (structure, finding) to int
        Items without a grade (not assessable, absent) are not in it.
    """

    case: str
    patient: int
    grades: Mapping[tuple[str, str], int]


def write_case_crops(model: LoadedModel, images: CaseImages, path: Path) -> str:
    """
    Cut the joints of one case and keep them.

    Parameters
    ----------
    model : LoadedModel
        Its input specification says what is cut, its joint finder where, save where places were given.
    images : CaseImages
    path : Path
        ``.npz`` to write; in place at once or not at all.

    Returns
    -------
    str
        Why nothing was cut, in words; empty where something was.
    """
    inputs, structures = model.manifest.inputs, model.manifest.outputs.structures
    chosen, notes = inputs.choose(images)
    pictures, more = inputs.choose_radiographs(images)
    refusal = inputs.refusal([*chosen, *pictures], sorted({*notes, *more}))
    crops: dict[str, Array] = {}
    if not refusal:
        points = all_points(model, images, chosen)
        pixels = all_pixels(model, images, pictures)
        for kind, requirement in inputs.requirements.items():
            grown = with_margin(requirement.crop)
            crops[kind] = np.zeros((len(structures), *grown.shape), dtype=np.uint8)
            for side, picture in pictures.get(kind, {}).items():
                for number, name in enumerate(structures):
                    place = pixels[picture.identifier].get(name) if side_of(name) == side else None
                    if place is None or place.certainty < LEAST_CERTAINTY:
                        continue
                    patch = radiograph_crop(picture, place.place_px, side, grown)
                    if patch is not None:
                        crops[kind][number] = crop_bytes("XR", patch)
            stack = chosen.get(kind)
            if stack is None:
                continue
            own = points.get(stack.frame_of_reference, {})
            for number, name in enumerate(structures):
                point = own.get(name)
                if point is None or point.certainty < LEAST_CERTAINTY:
                    continue
                crop = joint_crop(stack, stack.pixels, np.array(point.point_mm), side_sign(name), grown)
                if crop is not None:
                    crops[kind][number] = crop_bytes(stack.modality, crop)
        if not any(values.any() for values in crops.values()):
            refusal, crops = "no joint was found with enough certainty, or none lies in the series", {}
    staging = path.with_suffix(".part.npz")
    np.savez(staging, **{"refusal": np.array(refusal), **crops})  # type: ignore[arg-type]
    os.replace(staging, path)
    return refusal


def refusal_of(path: Path) -> str:
    """What `write_case_crops` returned when it wrote the file."""
    with np.load(path, allow_pickle=False) as kept:
        return str(kept["refusal"])


def gather(
    model: LoadedModel, cases: Sequence[CaseGrades], files: Path, folder: Path, findings: Sequence[str]
) -> JointCrops:
    """
    Put the joints of many cases together.

    Joints without an image or without any grade are left out.

    Parameters
    ----------
    model : LoadedModel
    cases : sequence of CaseGrades
    files : Path
        Folder with ``<case>.npz`` of `write_case_crops`.
    folder : Path
        For the mapped files; what is there is replaced.
    findings : sequence of str
        Columns of the grades, in this order; -1 where an item has no grade.

    Returns
    -------
    JointCrops
    """
    structures = model.manifest.outputs.structures
    specs = {kind: each.crop for kind, each in model.manifest.inputs.requirements.items()}
    rows: list[tuple[CaseGrades, int]] = []
    for each in cases:
        with np.load(files / f"{each.case}.npz", allow_pickle=False) as kept:
            if str(kept["refusal"]):
                continue
            seen = np.any([kept[kind].reshape(len(structures), -1).any(axis=1) for kind in specs], axis=0)
        for number, structure in enumerate(structures):
            if seen[number] and any((structure, finding) in each.grades for finding in findings):
                rows.append((each, number))
    folder.mkdir(parents=True, exist_ok=True)
    crops: dict[str, Array] = {}
    for kind, spec in specs.items():
        shape = (len(rows), *with_margin(spec).shape)
        if not rows:
            crops[kind] = np.zeros(shape, np.uint8)
            continue
        mapped = np.lib.format.open_memmap(folder / f"{kind}.npy", mode="w+", dtype=np.uint8, shape=shape)
        for place, (each, number) in enumerate(rows):
            if place == 0 or rows[place - 1][0] is not each:
                with np.load(files / f"{each.case}.npz", allow_pickle=False) as kept:
                    of_case = kept[kind]
            mapped[place] = of_case[number]
        mapped.flush()
        crops[kind] = np.load(folder / f"{kind}.npy", mmap_mode="r", allow_pickle=False)
    grades = [
        [each.grades.get((structures[number], finding), UNKNOWN) for finding in findings]
        for each, number in rows
    ]
    return JointCrops(
        crops,
        np.array(grades, dtype=np.int64).reshape(len(rows), len(findings)),
        np.full((len(rows), MAX_LESIONS, 5), -1.0, dtype=np.float32),
        np.array([each.patient for each, _ in rows], dtype=np.int64),
        np.array([number for _, number in rows], dtype=np.int64),
    )


def together(first: JointCrops, second: JointCrops) -> JointCrops:
    """The joints of two sets as one, in memory: for few patients only."""
    return JointCrops(
        {kind: np.concatenate([values, second.crops[kind]]) for kind, values in first.crops.items()},
        np.concatenate([first.grades, second.grades]),
        np.concatenate([first.lesions, second.lesions]),
        np.concatenate([first.bodies, second.bodies]),
        np.concatenate([first.structures, second.structures]),
    )
