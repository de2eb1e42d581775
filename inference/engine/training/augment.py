"""Small changes to crops that must not change a grade: shifts, contrast, noise, missing series."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from inference.engine.crops import CropSpec
from inference.engine.training.phantom_joints import MARGIN_DEPTH, MARGIN_IN_PLANE, margin_of


def cut(crops: Tensor, spec: CropSpec, shifts: Tensor) -> Tensor:
    """
    Take the network's window out of crops with margin.

    Parameters
    ----------
    crops : Tensor of uint8, shape (n, depth + margin, height + margin, width + margin)
    spec : CropSpec
    shifts : Tensor of int64, shape (n, 3)
        First sample of each window.

    Returns
    -------
    Tensor of float32, shape (n, depth, height, width)
    """
    windows = [
        crop[d : d + spec.depth, h : h + spec.height, w : w + spec.width]
        for crop, (d, h, w) in zip(crops, shifts.tolist(), strict=True)
    ]
    return torch.stack(windows).to(torch.float32)


def scale(kind: str, windows: Tensor) -> Tensor:
    """Bytes to the network's grey values, as `intensity.scale_crop` makes them."""
    if kind.startswith("CT"):
        return windows / 127.5
    mean = windows.mean(dim=(1, 2, 3), keepdim=True)
    # The population's spread, as NumPy's.
    spread = windows.std(dim=(1, 2, 3), keepdim=True, correction=0).clamp_min(1e-6)
    return 0.5 + 0.25 * (windows - mean) / spread


def centred(kind: str, crops: Tensor, spec: CropSpec) -> Tensor:
    """Unchanged crops: the middle window."""
    depth, plane = margin_of(spec)
    middle = torch.tensor([[depth, plane, plane]]).expand(len(crops), 3)
    return scale(kind, cut(crops, spec, middle))


def changed(kind: str, crops: Tensor, spec: CropSpec, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """
    Randomly shifted crops with changed contrast and added noise.

    Returns
    -------
    windows : Tensor, shape (n, depth, height, width)
    shifts : Tensor of int64, shape (n, 3)
        As `cut` takes them.
    """
    n = len(crops)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, 1, 1, 1, generator=generator)

    depth = torch.randint(0, 2 * MARGIN_DEPTH + 1, (n, 1), generator=generator)
    if not margin_of(spec)[0]:
        depth = torch.zeros_like(depth)
    plane = torch.randint(0, 2 * MARGIN_IN_PLANE + 1, (n, 2), generator=generator)
    shifts = torch.cat([depth, plane], dim=1)
    windows = scale(kind, cut(crops, spec, shifts))
    windows = (windows - 0.5) * uniform(0.85, 1.15) + 0.5 + uniform(-0.05, 0.05)
    # One small field repeated costs a tenth of fresh noise per voxel, and its place is random.
    noise = torch.randn(n, 1, *windows.shape[2:], generator=generator)
    return windows + noise * uniform(0.0, 0.04), shifts


def drop_series(present: Mapping[str, Tensor], share: float, generator: torch.Generator) -> dict[str, Tensor]:
    """
    Pretend that series are missing, never the last one of a joint.

    Parameters
    ----------
    present : mapping of kind to Tensor of bool, shape (n,)
    share : float
        Probability for each series.
    """
    kept: dict[str, Tensor] = {}
    names = list(present)
    draws = {name: torch.rand(len(present[name]), generator=generator) >= share for name in names}
    anything = torch.zeros_like(present[names[0]])
    for name in names:
        kept[name] = present[name] & draws[name]
        anything = anything | kept[name]
    for name in names:
        kept[name] = torch.where(anything, kept[name], present[name])
    return kept
