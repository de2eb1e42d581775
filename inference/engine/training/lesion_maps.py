"""Targets and loss of the encoder's side branch: where in a crop small lesions lie."""

from __future__ import annotations

import torch
from torch import Tensor

from inference.engine.crops import CropSpec
from inference.engine.networks.encoders import SLICES_OF_A_SLAB
from inference.engine.specification import RADIOGRAPHS, XR_AP, XR_LATERAL, XR_OBLIQUE
from inference.engine.training.phantom_joints import LESIONS, margin_of

_FINDING_CHANNELS = {0: 3, 3: 2, 5: 1}  # first channel of a finding: number of its channels
#: Findings that a radiograph shows, by first channel: the outline of a joint, not its surfaces.
_ON_RADIOGRAPHS = {0: 3}
# Where a patch's width grows, from (to the head, to the back, away from the midline); see `radiographs`.
_WIDTH_OF = {XR_AP: (0.0, 0.0, 1.0), XR_LATERAL: (0.0, 1.0, 0.0), XR_OBLIQUE: (0.0, -(0.5**0.5), 0.5**0.5)}


def lesion_targets(
    lesions: Tensor, shifts: Tensor, spec: CropSpec, cells: tuple[int, int], kind: str = ""
) -> Tensor:
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
    kind : str
        Of series; on a radiograph lesions lie where their shadows do.

    Returns
    -------
    Tensor, shape (n, n_slabs, n_channels, rows, columns)
        1 at a lesion, falling off as a Gaussian of 1.4 mm in the plane and, from 1.65 mm inside the slab's faces,
        of 1.6 mm across: a lesion anywhere in a thick slab of MR is a hit.
    """
    is_flat = kind in RADIOGRAPHS
    n_slabs = 1 if is_flat else spec.depth // SLICES_OF_A_SLAB
    # Millimetres of the window's middle from the joint's centre.
    depth_margin, plane_margin = margin_of(spec)
    moved = shifts.to(torch.float32) - torch.tensor([depth_margin, plane_margin, plane_margin])
    offset = moved * torch.tensor([spec.depth_mm, spec.in_plane_mm, spec.in_plane_mm])

    def centres(count: int, length_mm: float) -> Tensor:
        return ((torch.arange(count) + 0.5) / count - 0.5) * length_mm

    slab = centres(n_slabs, spec.depth * spec.depth_mm)
    row = centres(cells[0], spec.height * spec.in_plane_mm)
    column = centres(cells[1], spec.width * spec.in_plane_mm)
    places = lesions[..., 2:]
    if is_flat:
        width = (places * torch.tensor(_WIDTH_OF[kind])).sum(dim=-1)
        places = torch.stack([torch.zeros_like(width), -places[..., 0], width], dim=-1)
    at = places - offset[:, None, :]
    half_slab = spec.depth * spec.depth_mm / n_slabs / 2
    across = ((slab - at[..., 0, None]).abs() - (half_slab - 1.65)).clamp_min(0)
    near_slab = torch.exp(-(across**2) / (2 * 1.6**2))
    near_row = torch.exp(-((row - at[..., 1, None]) ** 2) / (2 * 1.4**2))
    near_column = torch.exp(-((column - at[..., 2, None]) ** 2) / (2 * 1.4**2))
    target = torch.zeros(len(lesions), n_slabs, len(LESIONS), *cells)
    for first, count in (_ON_RADIOGRAPHS if is_flat else _FINDING_CHANNELS).items():
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
