"""
The localiser: where the structures lie, as heat maps on two views of a coarse volume.

The volume (4 mm voxels, patient axes) is seen from the side, with the x slices as channels, and from the
front, with the y slices as channels; two 2-D networks give one map per structure each. Two views cost a
fiftieth of a 3-D network on a CPU, and together they fix all three coordinates.

The answer is made symmetric: the volume and its mirror image are both seen, and the mirrored answer is
turned back with left and right exchanged. So a mirrored patient has exactly mirrored points.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class LocaliserConfig:
    """
    Shape of a localiser.

    Parameters
    ----------
    structures : tuple of str
        In the order of the maps; each name ends in ``-right`` or ``-left``.
    shape : tuple of int
        Voxels along x, y, z.
    voxel_mm : float
    channels : int
    """

    structures: tuple[str, ...]
    shape: tuple[int, int, int] = (40, 40, 64)
    voxel_mm: float = 4.0
    channels: int = 24

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> LocaliserConfig:
        """Read the ``localiser`` part of a manifest."""
        values = dict(content)
        values["structures"] = tuple(values["structures"])
        values["shape"] = tuple(values["shape"])
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {
            "structures": list(self.structures),
            "shape": list(self.shape),
            "voxel_mm": self.voxel_mm,
            "channels": self.channels,
        }

    @property
    def mirrored(self) -> list[int]:
        """Index of each structure's partner on the other side."""
        other = {"right": "left", "left": "right"}
        names = [f"{name.rsplit('-', 1)[0]}-{other[name.rsplit('-', 1)[1]]}" for name in self.structures]
        return [self.structures.index(name) for name in names]


def _conv(n_in: int, n_out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False), nn.GroupNorm(4, n_out), nn.ReLU(inplace=True)
    )


class ViewNetwork(nn.Module):
    """A small U-shaped 2-D network: maps of the input's size."""

    def __init__(self, n_in: int, width: int, n_out: int) -> None:
        super().__init__()
        self.full = nn.Sequential(_conv(n_in, width), _conv(width, width))
        self.halved = nn.Sequential(_conv(width, 2 * width, 2), _conv(2 * width, 2 * width))
        self.quarter = nn.Sequential(_conv(2 * width, 4 * width, 2), _conv(4 * width, 4 * width))
        self.eighth = nn.Sequential(_conv(4 * width, 4 * width, 2), _conv(4 * width, 4 * width))
        self.up_quarter = _conv(8 * width, 2 * width)
        self.up_half = _conv(4 * width, width)
        self.up_full = _conv(2 * width, width)
        self.out = nn.Conv2d(width, n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        full = self.full(x)
        half = self.halved(full)
        quarter = self.quarter(half)
        eighth = self.eighth(quarter)
        up = self.up_quarter(torch.cat([quarter, _to(eighth, quarter)], dim=1))
        up = self.up_half(torch.cat([half, _to(up, half)], dim=1))
        up = self.up_full(torch.cat([full, _to(up, full)], dim=1))
        return cast(Tensor, self.out(up))


def _to(small: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(small, size=like.shape[-2:], mode="bilinear", align_corners=False)


class Localiser(nn.Module):
    """The network. See the module's docstring."""

    def __init__(self, config: LocaliserConfig) -> None:
        super().__init__()
        self.config = config
        n_x, n_y, _ = config.shape
        n = len(config.structures)
        # One more channel tells MR from CT.
        self.side_view = ViewNetwork(n_x + 1, config.channels, n)
        self.front_view = ViewNetwork(n_y + 1, config.channels, n)

    def views(self, volumes: Tensor, is_mr: Tensor) -> tuple[Tensor, Tensor]:
        """
        Logit maps of one orientation.

        Parameters
        ----------
        volumes : Tensor, shape (n, x, y, z)
        is_mr : Tensor, shape (n,)

        Returns
        -------
        from_side : Tensor, shape (n, n_structures, y, z)
        from_front : Tensor, shape (n, n_structures, x, z)
        """
        n, n_x, n_y, n_z = volumes.shape
        flag = is_mr.to(volumes.dtype)[:, None, None, None]
        side = torch.cat([volumes, flag.expand(n, 1, n_y, n_z)], dim=1)
        front = torch.cat([volumes.transpose(1, 2), flag.expand(n, 1, n_x, n_z)], dim=1)
        return self.side_view(side), self.front_view(front)

    def forward(self, volumes: Tensor, is_mr: Tensor) -> tuple[Tensor, Tensor]:
        """Logit maps made symmetric; see `views` for shapes."""
        side, front = self.views(volumes, is_mr)
        side_m, front_m = self.views(volumes.flip(1), is_mr)
        partner = self.config.mirrored
        return (side + side_m[:, partner]) / 2, (front + front_m.flip(2)[:, partner]) / 2

    def locate(self, volumes: Tensor, is_mr: Tensor) -> tuple[Tensor, Tensor]:
        """
        Places of the structures.

        Returns
        -------
        places : Tensor, shape (n, n_structures, 3)
            Voxel coordinates x, y, z (fractions), 0 = centre of the first voxel.
        certainty : Tensor, shape (n, n_structures)
            Share of the maps' mass within 8 mm of the place, the smaller of the two views, in [0, 1].
        """
        side, front = self(volumes, is_mr)
        y, z_side, sure_side = peak_of(side, 8.0 / self.config.voxel_mm)
        x, z_front, sure_front = peak_of(front, 8.0 / self.config.voxel_mm)
        places = torch.stack([x, y, (z_side + z_front) / 2], dim=-1)
        apart = (z_side - z_front).abs() * self.config.voxel_mm
        agree = torch.clamp(1.5 - apart / 12.0, 0, 1)
        return places, torch.minimum(sure_side, sure_front) * agree


def peak_of(maps: Tensor, radius: float) -> tuple[Tensor, Tensor, Tensor]:
    """Centre of mass round the highest place of each map, and the share of mass there."""
    n, count, rows, columns = maps.shape
    mass = torch.softmax(maps.reshape(n, count, -1), dim=-1)
    best = mass.argmax(dim=-1)
    row, column = best // columns, best % columns
    r = torch.arange(rows, device=maps.device)[None, None, :, None]
    c = torch.arange(columns, device=maps.device)[None, None, None, :]
    near = ((r - row[..., None, None]) ** 2 + (c - column[..., None, None]) ** 2) <= radius**2
    local = mass.reshape(n, count, rows, columns) * near
    share = local.sum(dim=(2, 3))
    centre_r = (local * r).sum(dim=(2, 3)) / share.clamp_min(1e-9)
    centre_c = (local * c).sum(dim=(2, 3)) / share.clamp_min(1e-9)
    return centre_r, centre_c, share


def localiser_loss(
    side: Tensor, front: Tensor, places: Tensor, known: Tensor, *, sigma: float = 1.0
) -> Tensor:
    """
    Cross-entropy between the maps and a small Gaussian at each true place.

    Parameters
    ----------
    side, front : Tensor
        Logit maps of `Localiser.forward` or `views`.
    places : Tensor, shape (n, n_structures, 3)
        True voxel coordinates.
    known : Tensor of bool, shape (n, n_structures)
        Structures that lie in the volume.
    sigma : float
        Of the Gaussian, in voxels.
    """
    loss = side.sum() * 0.0
    for maps, axes in ((side, [1, 2]), (front, [0, 2])):
        loss = loss + map_loss(maps, places[..., axes], known, sigma=sigma)
    return loss


def map_loss(maps: Tensor, places: Tensor, known: Tensor, *, sigma: float = 1.0) -> Tensor:
    """
    Cross-entropy between one view's maps and a small Gaussian at each true place.

    Parameters
    ----------
    maps : Tensor, shape (n, n_structures, rows, columns)
        Logits.
    places : Tensor, shape (n, n_structures, 2)
        Row and column.
    known, sigma
        As `localiser_loss` takes them.
    """
    rows, columns = maps.shape[2:]
    r = torch.arange(rows, device=places.device)[None, None, :, None] - places[..., 0, None, None]
    c = torch.arange(columns, device=places.device)[None, None, None, :] - places[..., 1, None, None]
    target = torch.exp(-(r**2 + c**2) / (2 * sigma**2)).flatten(2)
    target = target / target.sum(dim=-1, keepdim=True).clamp_min(1e-9)
    cross = -(target * torch.log_softmax(maps.flatten(2), dim=-1)).sum(dim=-1)
    return (cross * known).sum() / known.sum().clamp_min(1)
