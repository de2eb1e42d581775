"""A grid of voxels, and signed distances evaluated on pieces of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]
Box = tuple[slice, slice, slice]

_TILE = 64


@dataclass(frozen=True)
class Canvas:
    """
    A regular grid in the patient.

    Attributes
    ----------
    shape : tuple of int
        ``(slices, rows, columns)``.
    affine : ndarray, shape (4, 4)
        ``(slice, row, column, 1)`` to LPS millimetres; the three axes perpendicular.
    edge_mm : float
        Width over which a surface fades from outside to inside; one voxel in the plane when not given.
    """

    shape: tuple[int, int, int]
    affine: Array
    edge_mm: float = 0.0

    def __post_init__(self) -> None:
        if not self.edge_mm:
            object.__setattr__(self, "edge_mm", float(self.spacing_mm[1:].mean()))

    @property
    def spacing_mm(self) -> Array:
        """Distance between neighbours along (slice, row, column)."""
        spacing: Array = np.linalg.norm(self.affine[:3, :3], axis=0)
        return spacing

    def box(self, centre_mm: Array, reach_mm: Any) -> Box | None:
        """
        Smallest index box around a sphere (one reach) or none if it misses the grid.

        Parameters
        ----------
        centre_mm : ndarray, shape (3,)
        reach_mm : float

        Returns
        -------
        tuple of three slices, or None
        """
        middle = np.linalg.solve(self.affine[:3, :3], centre_mm - self.affine[:3, 3])
        reach = reach_mm / self.spacing_mm
        low = np.maximum(np.floor(middle - reach).astype(int), 0)
        high = np.minimum(np.ceil(middle + reach).astype(int) + 1, self.shape)
        if np.any(high <= low):
            return None
        a, b, c = (slice(int(m), int(n)) for m, n in zip(low, high, strict=True))
        return a, b, c

    def local_mm(self, box: Box, centre_mm: Array, axes: Array) -> tuple[Array, Array, Array]:
        """
        Coordinates of the box's voxels in a part's own frame.

        Parameters
        ----------
        box : tuple of three slices
        centre_mm : ndarray, shape (3,)
        axes : ndarray, shape (3, 3)
            Columns are the part's directions in the patient.

        Returns
        -------
        tuple of three ndarray
            float32, broadcastable to the box's shape: a coordinate that does not change along an index
            has length 1 there.
        """
        steps = axes.T @ self.affine[:3, :3]
        offset = axes.T @ (self.affine[:3, 3] - centre_mm)
        index = [
            np.arange(s.start, s.stop, dtype=np.float64).reshape(shape)
            for s, shape in zip(box, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True)
        ]
        result = []
        for row, start in zip(steps, offset, strict=True):
            value: Array = np.full((1, 1, 1), start)
            for step, places in zip(row, index, strict=True):
                if abs(step) > 1e-9:
                    value = value + step * places
            result.append(value.astype(np.float32))
        return result[0], result[1], result[2]

    @property
    def whole(self) -> Box:
        """The box that is the whole grid."""
        a, b, c = (slice(0, n) for n in self.shape)
        return a, b, c


def smooth_min(first: Array, second: Array, blend_mm: float) -> Array:
    """Union of two signed distances with a fillet of about ``blend_mm``."""
    overlap = np.maximum(blend_mm - np.abs(first - second), 0)
    result: Array = np.minimum(first, second) - overlap * overlap * np.float32(0.25 / blend_mm)
    return result


def ellipsoid(x: Array, y: Array, z: Array, rx: float, ry: float, rz: float) -> Array:
    """Approximate signed distance (mm) to an ellipsoid at the origin, exact on its surface."""
    f32 = np.float32
    unit = np.sqrt((x * f32(1 / rx)) ** 2 + (y * f32(1 / ry)) ** 2 + (z * f32(1 / rz)) ** 2)
    slope = np.sqrt((x * f32(1 / rx**2)) ** 2 + (y * f32(1 / ry**2)) ** 2 + (z * f32(1 / rz**2)) ** 2)
    result: Array = unit * (unit - 1) / np.maximum(slope, f32(1e-4))
    return result


def capsule(
    x: Array, y: Array, z: Array, start: Any, stop: Any, radius: float, end_radius: float | None = None
) -> Array:
    """Signed distance (mm) to a rod with round ends, its radius changing evenly from start to stop."""
    ax, ay, az = (float(v) for v in start)
    bx, by, bz = (float(v) for v in stop)
    dx, dy, dz = bx - ax, by - ay, bz - az
    inverse = 1.0 / max(dx * dx + dy * dy + dz * dz, 1e-6)
    f32 = np.float32
    along = (x - f32(ax)) * f32(dx * inverse) + (y - f32(ay)) * f32(dy * inverse)
    along = np.clip(along + (z - f32(az)) * f32(dz * inverse), 0, 1)
    distance = np.sqrt(
        (x - f32(ax) - along * f32(dx)) ** 2
        + (y - f32(ay) - along * f32(dy)) ** 2
        + (z - f32(az) - along * f32(dz)) ** 2
    )
    last = radius if end_radius is None else end_radius
    result: Array = distance - (f32(radius) + along * f32(last - radius))
    return result


def round_box(x: Array, y: Array, z: Array, half: tuple[float, float, float], rounding: float) -> Array:
    """Signed distance (mm) to a box at the origin whose edges are rounded; ``half`` includes the rounding."""
    f32 = np.float32
    qx, qy, qz = (np.abs(v) - f32(h - rounding) for v, h in zip((x, y, z), half, strict=True))
    outside = np.sqrt(np.maximum(qx, 0) ** 2 + np.maximum(qy, 0) ** 2 + np.maximum(qz, 0) ** 2)
    inside = np.minimum(np.maximum(qx, np.maximum(qy, qz)), 0)
    result: Array = outside + inside - f32(rounding)
    return result


def coverage(distance: Array, edge_mm: float) -> Array:
    """Share of a voxel inside a surface, from the signed distance of its centre."""
    result: Array = np.clip(np.float32(0.5) - distance * np.float32(1 / edge_mm), 0, 1)
    return result


@cache
def texture_tile() -> Array:
    """
    One periodic cube of smooth noise, mean 0, standard deviation 1, the same in every process.

    Returns
    -------
    ndarray, shape (64, 64, 64), float32
    """
    noise = np.random.default_rng(20260101).standard_normal((_TILE, _TILE, _TILE)).astype(np.float32)
    smooth = ndimage.gaussian_filter(noise, 0.9, mode="wrap")
    tile: Array = (smooth / smooth.std()).astype(np.float32)
    return tile


def texture_at(
    points_mm: tuple[Array, Array, Array], cell_mm: float, offset_mm: Array, chirality: int
) -> Array:
    """
    Noise at patient points, tied to the body: the same marrow in every series of it.

    Parameters
    ----------
    points_mm : tuple of three ndarray
        x, y, z in LPS, all of one shape.
    cell_mm : float
        Size of a grain.
    offset_mm : ndarray, shape (3,)
        The body's own place in the noise.
    chirality : {1, -1}
        -1 looks the noise up in the mirror.

    Returns
    -------
    ndarray
        Of the points' shape, mean about 0, standard deviation below 1.
    """
    signs = (chirality, 1, 1)
    index = np.stack(
        [
            (p * s + o).ravel() * np.float32(1 / cell_mm)
            for p, s, o in zip(points_mm, signs, offset_mm.astype(np.float32), strict=True)
        ]
    )
    found: Array = ndimage.map_coordinates(
        texture_tile(), index, order=1, mode="grid-wrap", output=np.float32
    )
    return found.reshape(points_mm[0].shape)
