"""
Where the structures lie on a radiograph: one small network per view, heat maps of the levels.

A picture is turned to the canonical directions of one side (see `radiographs`) and gives one map per level for the
structures of that side; for the other side it is seen in the mirror. So a mirrored patient has exactly mirrored
places. On a lateral view both sides lie on top of each other and have one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from inference.engine.networks.localiser import ViewNetwork, peak_of
from inference.engine.radiographs import Radiograph, coarse_picture, middle_px

#: Share of the mass within this distance of a place is its certainty, as for the other localiser.
NEAR_MM = 8.0


@dataclass(frozen=True)
class RadiographLocaliserConfig:
    """
    Shape of the localiser.

    Parameters
    ----------
    views : tuple of str
        One network each.
    levels : tuple of str
        In the order of the maps: names of structures without their sides.
    shape : tuple of int
        Pixels along height and width.
    pixel_mm : float
    channels : int
    """

    views: tuple[str, ...]
    levels: tuple[str, ...]
    shape: tuple[int, int] = (112, 88)
    pixel_mm: float = 4.0
    channels: int = 12

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> RadiographLocaliserConfig:
        """Read the ``radiograph_localiser`` part of a manifest."""
        values = dict(content)
        for name in ("views", "levels", "shape"):
            values[name] = tuple(values[name])
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        return {
            "views": list(self.views),
            "levels": list(self.levels),
            "shape": list(self.shape),
            "pixel_mm": self.pixel_mm,
            "channels": self.channels,
        }


class RadiographLocaliser(nn.Module):
    """The networks. See the module's docstring."""

    def __init__(self, config: RadiographLocaliserConfig) -> None:
        super().__init__()
        self.config = config
        self.networks = nn.ModuleDict(
            {view: ViewNetwork(1, config.channels, len(config.levels)) for view in config.views}
        )

    def maps(self, view: str, pictures: Tensor) -> Tensor:
        """
        Logit maps of the levels.

        Parameters
        ----------
        view : str
        pictures : Tensor, shape (n, rows, columns)
            As `coarse_picture` makes them.

        Returns
        -------
        Tensor, shape (n, n_levels, rows, columns)
        """
        return cast(Tensor, self.networks[view](pictures[:, None]))

    @torch.no_grad()
    def locate(self, picture: Radiograph, side: str) -> dict[str, tuple[float, float, float]]:
        """
        Places of one side's structures.

        Returns
        -------
        dict of level to (row, column, certainty)
            On the stored picture; certainty in [0, 1].
        """
        shape, step = self.config.shape, self.config.pixel_mm
        values = torch.from_numpy(coarse_picture(picture, side, shape, step))
        device = next(self.parameters()).device
        rows, columns, sure = peak_of(self.maps(picture.view, values[None].to(device)), NEAR_MM / step)
        places = torch.stack([rows[0], columns[0]], dim=-1).double().cpu().numpy()
        found = picture.oriented(side).to_stored_px(places, middle_px(picture), shape, step)
        return {
            level: (float(place[0]), float(place[1]), float(certainty))
            for level, place, certainty in zip(self.config.levels, np.asarray(found), sure[0], strict=True)
        }
