"""Targets and loss of the encoder's side branch: where in a crop small lesions lie."""

from __future__ import annotations

import torch
from torch import Tensor

from inference.engine.crops import CropSpec
from inference.engine.networks.encoders import SlabEncoder
from inference.engine.training.phantom_joints import LESIONS, MARGIN_DEPTH, MARGIN_IN_PLANE

_FINDING_CHANNELS = {0: 3, 3: 2, 5: 1}  # first channel of a finding: number of its channels


def lesion_targets(lesions: Tensor, shifts: Tensor, spec: CropSpec, cells: tuple[int, int]) -> Tensor:
    """
    Soft maps of the lesions' places.

    Parameters
    ----------
    lesions : Tensor, shape (n, max_lesions, 5)
        See `JointCrops.lesions`.
    shifts : Tensor of int64, shape (n, 3)
        First sample of each window in the crop with margin.
    spec : CropSpec
    cells : tuple of int
        Rows and columns of the map.

    Returns
    -------
    Tensor, shape (n, n_slabs, n_channels, rows, columns)
        1 at a lesion, falling off as a Gaussian of 1.4 mm in the plane and, from 1.65 mm inside the slab's faces,
        of 1.6 mm across: a lesion anywhere in a thick slab of MR is a hit.
    """
    n_slabs = spec.depth // SlabEncoder.slab
    # Millimetres of the window's middle from the joint's centre.
    moved = shifts.to(torch.float32) - torch.tensor([MARGIN_DEPTH, MARGIN_IN_PLANE, MARGIN_IN_PLANE])
    offset = moved * torch.tensor([spec.depth_mm, spec.in_plane_mm, spec.in_plane_mm])

    def centres(count: int, length_mm: float) -> Tensor:
        return ((torch.arange(count) + 0.5) / count - 0.5) * length_mm

    slab = centres(n_slabs, spec.depth * spec.depth_mm)
    row = centres(cells[0], spec.height * spec.in_plane_mm)
    column = centres(cells[1], spec.width * spec.in_plane_mm)
    at = lesions[..., 2:] - offset[:, None, :]
    half_slab = spec.depth * spec.depth_mm / n_slabs / 2
    across = ((slab - at[..., 0, None]).abs() - (half_slab - 1.65)).clamp_min(0)
    near_slab = torch.exp(-(across**2) / (2 * 1.6**2))
    near_row = torch.exp(-((row - at[..., 1, None]) ** 2) / (2 * 1.4**2))
    near_column = torch.exp(-((column - at[..., 2, None]) ** 2) / (2 * 1.4**2))
    target = torch.zeros(len(lesions), n_slabs, len(LESIONS), *cells)
    for first, count in _FINDING_CHANNELS.items():
        own = lesions[..., 0] == first
        for step in range(count):
            wanted = (own & (lesions[..., 1] >= step + 1)).to(torch.float32)
            maps = (wanted[..., None] * near_slab)[..., None, None] * (
                near_row[..., None] * near_column[..., None, :]
            )[:, :, None]
            target[:, :, first + step] = maps.amax(dim=1)
    return target


def lesion_loss(logits: Tensor, target: Tensor) -> Tensor:
    """
    Focal loss on soft maps: few lesions must not drown among many empty cells.

    Parameters
    ----------
    logits, target : Tensor, of one shape

    References
    ----------
    .. [1] Zhou X et al. Objects as points. arXiv:1904.07850 (equation 1)
    """
    # The nearest cell of a lesion is a hit, however the lesion lies in it.
    hit = target > 0.55
    p = torch.sigmoid(logits).clamp(1e-5, 1 - 1e-5)
    positive = -((1 - p) ** 2) * torch.log(p) * hit
    negative = -((1 - target) ** 4) * p**2 * torch.log(1 - p) * ~hit
    return (positive.sum() + negative.sum()) / hit.sum().clamp_min(1)
