"""
Where a network looked: maps over the patient, on the cells that the network really has.

For a grader Grad-CAM [1]_ on the encoder's last maps: how much each cell raises the expected grade of one finding
at one joint. A map is as coarse as those maps are; it is never interpolated, and its cells are given in millimetres.

References
----------
.. [1] Selvaraju RR, Cogswell M, Das A, et al. Grad-CAM: visual explanations from deep networks via
       gradient-based localization. ICCV 2017. arXiv:1610.02391
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engine.networks.grader import Grader
from inference.engine.stacks import Array

GRAD_CAM, ATTENTION = "grad-cam", "attention"


@dataclass(frozen=True)
class HeatMaps:
    """
    Maps over one kind of series of one case.

    Attributes
    ----------
    kind, series, frame_of_reference : str
        Kind and identifier of the series, and the frame in which the places hold.
    method : str
        ``grad-cam`` or ``attention``.
    items : tuple of (structure, finding)
        What each map is of.
    values : ndarray of uint8, shape (n, depth, height, width)
        255 is the strongest cell of the item in whichever series.
    affines : ndarray, shape (n, 4, 4)
        Take the middle of cell ``(depth, height, width, 1)`` to ``(x, y, z, 1)`` in LPS millimetres.
    """

    kind: str
    series: str
    frame_of_reference: str
    method: str
    items: tuple[tuple[str, str], ...]
    values: NDArray[np.uint8]
    affines: Array

    @property
    def cell_mm(self) -> tuple[float, float, float]:
        """Edges of a cell: the true resolution of the map."""
        edges = np.linalg.norm(self.affines[0, :3, :3], axis=0)
        return float(edges[0]), float(edges[1]), float(edges[2])


def expected_grades(logits: Tensor) -> Tensor:
    """Expected grade from conditional logits, shape (...,): the sum of the chances to pass each step."""
    return torch.sigmoid(logits).cumprod(dim=-1).sum(dim=-1)


def answers_with_maps(
    grader: Grader,
    crops: Mapping[str, Tensor],
    present: Mapping[str, Tensor],
    levels: Tensor,
) -> tuple[dict[str, Tensor], dict[str, dict[str, Array]]]:
    """
    A grader's answers to one case, and Grad-CAM of each.

    The encoders run once; the gradients go back to their last maps only. Where a side branch marks small lesions,
    what it adds to the answer counts as well.

    Parameters
    ----------
    grader, crops, present, levels
        As `Grader.forward` takes them, for one case.

    Returns
    -------
    logits : dict of finding to Tensor
        As `Grader.forward` gives them.
    maps : dict of kind to (dict of finding to ndarray, shape (n_joints, depth, height, width))
        Not negative, in grades; zero for joints whose crop is not there.
    """
    leaves: dict[str, Tensor] = {}
    with torch.enable_grad():
        tokens, there = grader.tokens(crops, present, leaves=leaves)
        logits = grader.combine(tokens, there, levels)
        maps: dict[str, dict[str, Array]] = {kind: {} for kind in leaves}
        for finding, value in logits.items():
            # Joints do not see one another, or hardly: one backward pass serves all of them.
            gradients = torch.autograd.grad(
                expected_grades(value).sum(), list(leaves.values()), retain_graph=True, allow_unused=True
            )
            for (kind, deep), gradient in zip(leaves.items(), gradients, strict=True):
                known = present[kind][0]
                cam = _cam(deep.detach(), gradient, grader.encoder(kind).channel_axis)
                full = cam.new_zeros((len(known), *cam.shape[1:]))
                full[known] = cam
                maps[kind][finding] = full.double().cpu().numpy()
    return {finding: value.detach() for finding, value in logits.items()}, maps


def _cam(deep: Tensor, gradient: Tensor | None, channel: int) -> Tensor:
    """Maps weighted by their mean gradient, negative parts cut; shape (n, depth, height, width)."""
    if gradient is None:
        return deep.new_zeros([n for axis, n in enumerate(deep.shape) if axis != channel])
    others = [axis for axis in range(1, 5) if axis != channel]
    weights = gradient.mean(dim=others, keepdim=True)
    return (weights * deep).sum(dim=channel).clamp_min(0)


def cell_affine(crop_affine: Array, crop_shape: Sequence[int], map_shape: Sequence[int], slab: int) -> Array:
    """
    Where the cells of a map lie.

    Every step of the encoders halves with an odd kernel and equal margins, so that cell i of a map that is s times
    coarser lies on sample s i of the crop. A slab lies on its middle slice.

    Parameters
    ----------
    crop_affine : ndarray, shape (4, 4)
        As `crops.crop_affine` gives it.
    crop_shape, map_shape : sequence of int
        Depth, height and width.
    slab : int
        Slices that a slab joins; 1 where the encoder has no slabs.
    """
    steps = np.array([round(n / m) for n, m in zip(crop_shape, map_shape, strict=True)], dtype=float)
    affine = np.array(crop_affine, dtype=float)
    affine[:3, 3] += affine[:3, 0] * (slab - 1) / 2
    affine[:3, :3] *= steps
    return affine


def scaled_maps(
    maps: Mapping[str, Mapping[tuple[str, str], Array]],
) -> dict[str, tuple[tuple[tuple[str, str], ...], NDArray[np.uint8]]]:
    """
    Maps in 256 steps: 255 is the strongest cell of an item over all series. Items without any are left out.

    Parameters
    ----------
    maps : mapping of kind to (mapping of item to ndarray, shape (depth, height, width))

    Returns
    -------
    dict of kind to (items, values)
    """
    strongest: dict[tuple[str, str], float] = {}
    for own in maps.values():
        for item, values in own.items():
            strongest[item] = max(strongest.get(item, 0.0), float(values.max()))
    result = {}
    for kind, own in maps.items():
        items = tuple(item for item in own if strongest[item] > 0)
        if items:
            rows = [np.round(own[item] / strongest[item] * 255).astype(np.uint8) for item in items]
            result[kind] = items, np.stack(rows)
    return result
