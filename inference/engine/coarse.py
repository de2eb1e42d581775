"""The coarse volume in patient axes on which the localiser works."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from inference.engine.stacks import Array, ImageStack


@dataclass(frozen=True)
class CoarseVolume:
    """
    A volume in patient axes.

    Attributes
    ----------
    values : ndarray, shape (n_x, n_y, n_z)
        float32; index grows with the patient's x, y and z (LPS); zero outside the series.
    origin_mm : ndarray, shape (3,)
        Centre of voxel (0, 0, 0).
    voxel_mm : float
    """

    values: Array
    origin_mm: Array
    voxel_mm: float

    def to_patient_mm(self, places: Array) -> Array:
        """Patient coordinates of voxel coordinates, shape (..., 3)."""
        result: Array = self.origin_mm + np.asarray(places) * self.voxel_mm
        return result

    def to_voxel(self, points_mm: Array) -> Array:
        """Voxel coordinates of patient coordinates, shape (..., 3)."""
        result: Array = (np.asarray(points_mm) - self.origin_mm) / self.voxel_mm
        return result


def coarse_volume(
    stack: ImageStack, pixels: Array, shape: tuple[int, int, int], voxel_mm: float
) -> CoarseVolume:
    """
    Resample a series of parallel slices.

    Parameters
    ----------
    stack : ImageStack
        Its largest group of parallel slices is used.
    pixels : ndarray
        Normalised values of the stack.
    shape : tuple of int
        Voxels along x, y, z; the volume is centred on the group.
    voxel_mm : float

    Returns
    -------
    CoarseVolume

    Raises
    ------
    ValueError
        If no group holds four slices.
    """
    group = max(stack.groups, key=lambda g: (len(g.indices), -g.offsets_mm[0]))
    if len(group.indices) < 4:
        raise ValueError("the series has no four parallel slices")
    block = pixels[group.indices]
    first = group.indices[0]
    spacing = np.diff(group.offsets_mm)
    step = group.normal * float(spacing.mean())
    # In-plane shift between slices (sheared stacks) is taken along.
    origins = stack.origins_mm[group.indices]
    step = (origins[-1] - origins[0]) / (len(origins) - 1) if len(origins) > 1 else step
    columns = np.stack([step, stack.along_rows_mm[first], stack.along_columns_mm[first]], axis=1)
    origin = origins[0]
    # Average blocks first: 4 mm voxels must not pick single noisy pixels.
    # Odd block sizes only: an even one would shift the picture by half a pixel, one way.
    factors = [2 * int(0.4 * voxel_mm / float(np.linalg.norm(columns[:, axis]))) + 1 for axis in range(3)]
    block = ndimage.uniform_filter(block, size=factors, mode="nearest")
    middle = origin + columns @ ((np.array(block.shape) - 1) / 2)
    grid_origin = middle - (np.array(shape) - 1) / 2 * voxel_mm
    # voxel -> patient -> index of the block
    to_index = np.linalg.inv(columns)
    matrix = to_index * voxel_mm
    offset = to_index @ (grid_origin - origin)
    values = ndimage.affine_transform(
        block.astype(np.float32),
        matrix,
        offset=offset,
        output_shape=shape,
        order=1,
        mode="constant",
        cval=0.0,
    )
    return CoarseVolume(values, grid_origin, voxel_mm)
