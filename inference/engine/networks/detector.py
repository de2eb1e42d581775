"""
The lesion detector: heat maps of lesion centres and a box at each place, per series of one plane.

Every slice is seen with its two neighbours; at the coarsest step neighbouring slices are joined once more, so
that a place is judged from seven slices. What comes out are class logits and a box at half the input's
resolution in the plane and every slice across it: places in three dimensions.

References
----------
.. [1] Zhou X, Wang D, Kraehenbuehl P. Objects as points. arXiv:1904.07850
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Half edges are predicted as logarithms of multiples of this many millimetres.
UNIT_MM = 5.0


@dataclass(frozen=True)
class DetectorConfig:
    """
    Shape of a detector.

    Parameters
    ----------
    classes : tuple of str
    in_plane_mm : mapping of kind to float
        Pixel spacing on which each kind of series is seen; one network per kind.
    channels : tuple of int
        At a half, a quarter, an eighth and a sixteenth of the resolution.
    """

    classes: tuple[str, ...]
    in_plane_mm: Mapping[str, float]
    channels: tuple[int, int, int, int] = (16, 32, 48, 64)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> DetectorConfig:
        """Read the ``network`` part of a manifest."""
        return cls(
            tuple(content["classes"]),
            {kind: float(step) for kind, step in content["in_plane_mm"].items()},
            tuple(content["channels"]),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "classes": list(self.classes),
            "in_plane_mm": dict(self.in_plane_mm),
            "channels": list(self.channels),
        }


def _conv(n_in: int, n_out: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, kernel, stride, kernel // 2, bias=False),
        nn.GroupNorm(4, n_out),
        nn.ReLU(inplace=True),
    )


class PlaneDetector(nn.Module):
    """
    The network of one kind of series.

    Parameters
    ----------
    n_classes : int
    channels : tuple of int
    """

    def __init__(self, n_classes: int, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        a, b, c, d = channels
        self.n_classes = n_classes
        self.first = nn.Sequential(_conv(3, a, 2, 5), _conv(a, a))
        self.second = nn.Sequential(_conv(a, b, 2), _conv(b, b))
        self.third = nn.Sequential(_conv(b, c, 2), _conv(c, c))
        self.across = _conv(3 * c, d, 2)
        self.fourth = _conv(d, d)
        self.up_eighth = _conv(c + d, c)
        self.up_quarter = _conv(b + c, b)
        self.up_half = _conv(a + b, 2 * a)
        self.score = nn.Conv2d(2 * a, n_classes, 1)
        # Three offsets and three edges, one box per place whatever the class.
        self.box = nn.Conv2d(2 * a, 6, 1)
        # Lesions are rare: start from "nowhere".
        nn.init.constant_(cast(Tensor, self.score.bias), -4.0)

    def forward(self, slabs: Tensor) -> tuple[Tensor, Tensor]:
        """
        Maps of one run of slices.

        Parameters
        ----------
        slabs : Tensor, shape (depth, height, width)

        Returns
        -------
        scores : Tensor, shape (n_classes, depth, height', width')
            Logits; half the resolution.
        boxes : Tensor, shape (6, depth, height', width')
            Millimetres from the place to the lesion's centre along depth, height and width, over `UNIT_MM`;
            logarithm of the half edges along the patient's x, y and z, over `UNIT_MM`.
        """
        half = self.first(_neighbours(slabs[:, None]))
        quarter = self.second(half)
        eighth = self.third(quarter)
        deep = self.fourth(self.across(_neighbours(eighth)))
        up = self.up_eighth(torch.cat([eighth, _to(deep, eighth)], dim=1))
        up = self.up_quarter(torch.cat([quarter, _to(up, quarter)], dim=1))
        up = self.up_half(torch.cat([half, _to(up, half)], dim=1))
        return self.score(up).transpose(0, 1), self.box(up).transpose(0, 1)


def _neighbours(slices: Tensor) -> Tensor:
    """Each slice with the one before and the one after, shape (depth, 3 channels, height, width)."""
    edge = torch.zeros_like(slices[:1])
    before, after = torch.cat([edge, slices[:-1]]), torch.cat([slices[1:], edge])
    return torch.cat([before, slices, after], dim=1)


def _to(small: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(small, size=like.shape[-2:], mode="nearest")


class Detector(nn.Module):
    """One `PlaneDetector` per kind of series."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        self.config = config
        self.planes = nn.ModuleDict(
            {
                kind.replace("-", "_"): PlaneDetector(len(config.classes), config.channels)
                for kind in config.in_plane_mm
            }
        )

    def of(self, kind: str) -> PlaneDetector:
        """The network of a kind of series."""
        return cast(PlaneDetector, self.planes[kind.replace("-", "_")])


@dataclass(frozen=True)
class LesionTargets:
    """
    Lesions of one run of slices in its own terms.

    Attributes
    ----------
    classes : Tensor of int64, shape (n,)
    places : Tensor, shape (n, 3)
        Centre as ``(depth, height, width)``, in samples of the input.
    half_mm : Tensor, shape (n, 3)
        Half edges of the box along the patient's x, y and z.
    """

    classes: Tensor
    places: Tensor
    half_mm: Tensor


def detector_loss(
    scores: Tensor, boxes: Tensor, lesions: LesionTargets, *, depth_mm: float, in_plane_mm: float
) -> Tensor:
    """
    Focal loss on soft maps of the centres, and absolute error of the boxes near them.

    Parameters
    ----------
    scores, boxes : Tensor
        As `PlaneDetector` gives them.
    lesions : LesionTargets
    depth_mm, in_plane_mm : float
        Spacing of the input.
    """
    _, depth, height, width = scores.shape
    target = torch.zeros_like(scores)
    box_loss = scores.new_zeros(())
    # Cell r of the halved map lies at sample 2 r of the input (5 x 5, stride 2, padding 2).
    d = torch.arange(depth) * depth_mm
    h, w = torch.arange(height) * 2 * in_plane_mm, torch.arange(width) * 2 * in_plane_mm
    steps = torch.tensor([depth_mm, in_plane_mm, in_plane_mm])
    weights = scores.new_zeros(())
    for label, place, half in zip(lesions.classes, lesions.places, lesions.half_mm, strict=True):
        at = place * steps
        size = half.min().clamp(2.0, 6.0)
        spread = torch.stack([(0.3 * size).clamp_min(0.35 * depth_mm), 0.45 * size, 0.45 * size])
        spread[1:] = spread[1:].clamp_min(0.8 * in_plane_mm)
        parts = [torch.exp(-((axis - at[i]) ** 2) / (2 * spread[i] ** 2)) for i, axis in enumerate((d, h, w))]
        peak = parts[0][:, None, None] * parts[1][:, None] * parts[2]
        # A lesion between two slices still has a nearest one: its best cell counts as a hit.
        peak = peak / peak.max().clamp_min(1e-3)
        peak = peak.clamp(max=1.0)
        target[label] = torch.maximum(target[label], peak)
        near = peak > 0.3
        mass = peak * near
        found = boxes[:, near]
        index = near.nonzero().to(torch.float32)
        cells = torch.stack(
            [index[:, 0] * depth_mm, index[:, 1] * 2 * in_plane_mm, index[:, 2] * 2 * in_plane_mm]
        )
        wanted = torch.cat(
            [(at[:, None] - cells) / UNIT_MM, torch.log(half / UNIT_MM)[:, None].expand(3, found.shape[1])]
        )
        error = functional.smooth_l1_loss(found, wanted, reduction="none", beta=0.2).mean(dim=0)
        box_loss = box_loss + (error * mass[near]).sum()
        weights = weights + mass.sum()
    hit = target > 0.6
    p = torch.sigmoid(scores).clamp(1e-5, 1 - 1e-5)
    positive = -((1 - p) ** 2) * torch.log(p) * hit
    negative = -((1 - target) ** 4) * p**2 * torch.log(1 - p) * ~hit
    score_loss = (positive.sum() + negative.sum()) / hit.sum().clamp_min(4)
    return score_loss + box_loss / weights.clamp_min(1.0)
