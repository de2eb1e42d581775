"""A grid of voxels, and signed distances evaluated on pieces of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[Any]
Box = tuple[slice, slice, slice]

_TILE = 64
# Of float32: a dozen temporaries stay within the second-level cache.
_PIECE_VOXELS = 65_536


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

    @staticmethod
    def pieces(box: Box | None) -> Iterator[Box]:
        """
        A box in pieces small enough for a processor's cache, where arithmetic is bound by memory otherwise.

        Parameters
        ----------
        box : tuple of three slices, or None
            Nothing comes of None.

        Yields
        ------
        tuple of three slices
            Together they cover the box once.
        """
        if box is None:
            return
        lengths = [s.stop - s.start for s in box]
        rows = max(1, min(lengths[1], _PIECE_VOXELS // lengths[2]))
        slices = max(1, _PIECE_VOXELS // (rows * lengths[2]))
        for first in range(box[0].start, box[0].stop, slices):
            for row in range(box[1].start, box[1].stop, rows):
                yield (
                    slice(first, min(first + slices, box[0].stop)),
                    slice(row, min(row + rows, box[1].stop)),
                    box[2],
                )

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
        for row, start in zip(steps.tolist(), offset.tolist(), strict=True):
            # The first indices make a small plane; only the last sum is as large as the box.
            parts = [step * places for step, places in zip(row, index, strict=True) if abs(step) > 1e-9]
            value: Array = np.full((1, 1, 1), start) if not parts else start + parts[0]
            for part in parts[1:-1]:
                value = value + part
            value = value.astype(np.float32)
            result.append(value + parts[-1].astype(np.float32) if len(parts) > 1 else value)
        return result[0], result[1], result[2]

    def points_mm(self, places: Sequence[Array]) -> tuple[Array, Array, Array]:
        """
        Patient coordinates of voxels.

        Parameters
        ----------
        places : sequence of three ndarray
            Slice, row and column indices.

        Returns
        -------
        tuple of three ndarray
            x, y, z in LPS millimetres, float32.
        """
        a, b, c = (p.astype(np.float32) for p in places)
        matrix = self.affine[:3].astype(np.float32)
        x, y, z = (row[0] * a + row[1] * b + row[2] * c + row[3] for row in matrix)
        return x, y, z

    @property
    def whole(self) -> Box:
        """The box that is the whole grid."""
        a, b, c = (slice(0, n) for n in self.shape)
        return a, b, c


def smooth_min(first: Array, second: Array, blend_mm: float) -> Array:
    """Union of two signed distances with a fillet of about ``blend_mm``."""
    overlap = first - second
    np.abs(overlap, out=overlap)
    np.subtract(np.float32(blend_mm), overlap, out=overlap)
    np.maximum(overlap, 0, out=overlap)
    overlap *= overlap
    overlap *= np.float32(0.25 / blend_mm)
    result: Array = np.minimum(first, second)
    result -= overlap
    return result


def ellipsoid(x: Array, y: Array, z: Array, rx: float, ry: float, rz: float) -> Array:
    """Approximate signed distance (mm) to an ellipsoid at the origin, exact on its surface."""
    f32 = np.float32
    xx, yy, zz = x * x, y * y, z * z
    unit: Array = np.sqrt(xx * f32(1 / rx**2) + yy * f32(1 / ry**2) + zz * f32(1 / rz**2))
    slope = np.sqrt(xx * f32(1 / rx**4) + yy * f32(1 / ry**4) + zz * f32(1 / rz**4))
    np.maximum(slope, f32(1e-4), out=slope)
    np.divide(unit, slope, out=slope)
    unit -= 1
    unit *= slope
    return unit


def capsule(
    x: Array, y: Array, z: Array, start: Any, stop: Any, radius: float, end_radius: float | None = None
) -> Array:
    """Signed distance (mm) to a rod with round ends, its radius changing evenly from start to stop."""
    ax, ay, az = (float(v) for v in start)
    bx, by, bz = (float(v) for v in stop)
    dx, dy, dz = bx - ax, by - ay, bz - az
    inverse = 1.0 / max(dx * dx + dy * dy + dz * dz, 1e-6)
    f32 = np.float32
    px, py, pz = x - f32(ax), y - f32(ay), z - f32(az)
    along: Array = px * f32(dx * inverse) + py * f32(dy * inverse) + pz * f32(dz * inverse)
    np.clip(along, 0, 1, out=along)
    distance = np.zeros_like(along)
    for place, step in ((px, dx), (py, dy), (pz, dz)):
        aside = along * f32(-step)
        aside += place
        aside *= aside
        distance += aside
    np.sqrt(distance, out=distance)
    last = radius if end_radius is None else end_radius
    along *= f32(last - radius)
    along += f32(radius)
    distance -= along
    return distance


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
    result: Array = distance * np.float32(-1 / edge_mm)
    result += np.float32(0.5)
    np.clip(result, 0, 1, out=result)
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
    index = np.empty((3, points_mm[0].size), np.float32)
    for row, p, s, o in zip(index, points_mm, signs, offset_mm.tolist(), strict=True):
        np.add(p.ravel() * s, o, out=row)
        row *= np.float32(1 / cell_mm)
    found: Array = ndimage.map_coordinates(
        texture_tile(), index, order=1, mode="grid-wrap", output=np.float32
    )
    return found.reshape(points_mm[0].shape)
