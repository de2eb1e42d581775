"""Whether a lesion is there, and which tiles say so: a model that learnt from one word per case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from inference.engine.bundle import LoadedPresence
from inference.engine.crops import CropSpec, crop_affine, joint_crop
from inference.engine.facets import CaseResult, clock
from inference.engine.intensity import scale_crop
from inference.engine.saliency import ATTENTION, HeatMaps, cell_affine
from inference.engine.stacks import Array, CaseImages, ImageStack

#: Windows that a series is seen in, at most; what reaches further is not seen, and a note says so.
MOST_WINDOWS = 8


@dataclass(frozen=True)
class Windows:
    """
    A series in windows that follow one another along the patient.

    Attributes
    ----------
    values : ndarray, shape (n, depth, height, width)
    affine : ndarray, shape (4, 4)
        Of the windows as one block of n * depth slices.
    left_out_mm : float
        Length of the series beyond the last window.
    """

    values: Array
    affine: Array
    left_out_mm: float


def windows_of(stack: ImageStack, spec: CropSpec) -> Windows | None:
    """Windows along the middle of a series' longest run of slices; None where they lie outside it."""
    group = max(stack.groups, key=lambda each: len(each.indices))
    length = float(np.ptp(group.offsets_mm)) + spec.depth_mm
    wanted = max(1, ceil(length / (spec.depth * spec.depth_mm) - 0.25))
    n = min(wanted, MOST_WINDOWS)
    whole = CropSpec(spec.depth * n, spec.height, spec.width, spec.depth_mm, spec.in_plane_mm)
    rows, columns = stack.pixels.shape[1:]
    ends = [
        stack.origins_mm[index]
        + stack.along_rows_mm[index] * (rows - 1) / 2
        + stack.along_columns_mm[index] * (columns - 1) / 2
        for index in (group.indices[0], group.indices[-1])
    ]
    middle = (ends[0] + ends[1]) / 2
    # No side: width grows to the patient's left, whatever lies there.
    crop = joint_crop(stack, stack.pixels, middle, 1.0, whole)
    if crop is None:
        return None
    values = scale_crop(stack.modality, crop).reshape(n, *spec.shape)
    beyond = max(0.0, length - n * spec.depth * spec.depth_mm) if wanted > n else 0.0
    return Windows(values, crop_affine(stack, middle, 1.0, whole), beyond)


@torch.no_grad()
def find_presence(
    model: LoadedPresence, case: CaseImages, *, check: Callable[[], None] = lambda: None
) -> CaseResult:
    """
    Say whether a lesion is there, and where the answer comes from.

    The surest window speaks for the case.

    Parameters
    ----------
    model : LoadedPresence
    case : CaseImages
    check : callable
        Called between stages; raising stops the work.
    """
    result = CaseResult()
    manifest = model.manifest
    chosen, faults = manifest.inputs.choose(case)
    result.notes = sorted({*faults, *manifest.inputs.choose_radiographs(case)[1]})
    result.refusal = manifest.inputs.refusal(chosen, result.notes)
    if result.refusal:
        return result
    kind = model.network.config.kind
    stack, spec = chosen[kind], manifest.inputs.requirements[kind].crop
    with clock(result, "crop"):
        windows = windows_of(stack, spec)
    if windows is None:
        result.refusal = "The series does not cover the window that the model looks at."
        return result
    if windows.left_out_mm:
        result.notes.append(f"{windows.left_out_mm:.0f} mm of the series were not looked at.")
    result.series = {kind: stack.identifier}
    logits, shares = [], []
    with clock(result, "grade"):
        for window in windows.values:
            check()
            logit, share = model.network(model.network.tiles(torch.from_numpy(window)[None]))
            logits.append(float(logit[0]))
            shares.append(share[0].double().numpy())
    surest = 1 / (1 + np.exp(-max(logits) / float(manifest.content["temperature"])))
    (structure,), (finding,) = manifest.outputs.structures, manifest.outputs.given
    result.probabilities[structure, finding] = (float(1 - surest), float(surest))
    block = np.concatenate(shares)
    values = np.round(block / max(float(block.max()), 1e-12) * 255).astype(np.uint8)
    affine = cell_affine(
        windows.affine,
        (len(windows.values) * spec.depth, spec.height, spec.width),
        values.shape,
        model.network.encoder.slab,
    )
    result.heat = [
        HeatMaps(
            kind,
            stack.identifier,
            stack.frame_of_reference,
            ATTENTION,
            ((structure, finding),),
            values[None],
            affine[None],
        )
    ]
    return result
