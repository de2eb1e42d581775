"""
A run of parallel slices in the canonical directions of its plane, for networks that see whole slices.

``values[depth, height, width]`` with

======== ================ =============== ===================
plane    depth grows      height grows    width grows
======== ================ =============== ===================
axial    to the head      to the back     to the patient's left
sagittal to the left      to the feet     to the back
======== ================ =============== ===================

Slices are resampled within themselves only; oblique ones keep their tilt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engine.crops import triangle_weights
from inference.engine.stacks import AXIAL, SAGITTAL, Array, ImageStack, SliceGroup


@dataclass(frozen=True)
class Planes:
    """
    Slices in canonical directions.

    Attributes
    ----------
    values : ndarray, shape (depth, height, width)
        float32.
    affine : ndarray, shape (4, 4)
        Takes ``(depth, height, width, 1)`` to ``(x, y, z, 1)`` in LPS millimetres.
    """

    values: Array
    affine: Array

    def to_patient_mm(self, places: Array) -> Array:
        """Patient coordinates of places ``(depth, height, width)``, shape (..., 3)."""
        result: Array = np.asarray(places) @ self.affine[:3, :3].T + self.affine[:3, 3]
        return result

    def to_place(self, points_mm: Array) -> Array:
        """Places of patient coordinates, shape (..., 3)."""
        turned = np.linalg.inv(self.affine[:3, :3])
        result: Array = (np.asarray(points_mm) - self.affine[:3, 3]) @ turned.T
        return result


def canonical_planes(stack: ImageStack, pixels: Array, group: SliceGroup, in_plane_mm: float) -> Planes:
    """
    Bring one run of parallel slices into the canonical directions.

    Parameters
    ----------
    stack : ImageStack
        Axial or sagittal.
    pixels : ndarray, shape of ``stack.pixels``
        Normalised values.
    group : SliceGroup
    in_plane_mm : float
        Pixel spacing of the result.

    Raises
    ------
    ValueError
        If the stack is neither axial nor sagittal.
    """
    if stack.plane not in (AXIAL, SAGITTAL):
        raise ValueError(f"slices must be axial or sagittal, not {stack.plane}")
    first = int(group.indices[0])
    column_step, row_step = stack.along_columns_mm[first], stack.along_rows_mm[first]
    if stack.plane == AXIAL:
        height_to, width_to = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    else:
        height_to, width_to = np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0])
    column_unit = column_step / np.linalg.norm(column_step)
    row_unit = row_step / np.linalg.norm(row_step)
    transposed = abs(column_unit @ width_to) < abs(row_unit @ width_to)
    along_width, along_height = (row_step, column_step) if transposed else (column_step, row_step)
    block = pixels[group.indices]
    block = block.transpose(0, 2, 1) if transposed else block
    middle = (
        stack.origins_mm[group.indices]
        + (block.shape[1] - 1) / 2 * along_height
        + (block.shape[2] - 1) / 2 * along_width
    )
    weights, steps = [], []
    for along, to, n in ((along_height, height_to, block.shape[1]), (along_width, width_to, block.shape[2])):
        spacing = float(np.linalg.norm(along))
        sign = 1.0 if along @ to >= 0 else -1.0
        places = sign * (np.arange(n) - (n - 1) / 2) * spacing
        count = max(1, int(n * spacing / in_plane_mm + 1e-6))
        wanted = (np.arange(count) - (count - 1) / 2) * in_plane_mm
        weights.append(triangle_weights(wanted, places, max(spacing, in_plane_mm)))
        steps.append(sign * along / spacing * in_plane_mm)
    values = (weights[0] @ block @ weights[1].T).astype(np.float32)
    affine = np.eye(4)
    affine[:3, 0] = (middle[-1] - middle[0]) / (len(middle) - 1) if len(middle) > 1 else group.normal
    affine[:3, 1], affine[:3, 2] = steps
    affine[:3, 3] = middle[0] - (values.shape[1] - 1) / 2 * steps[0] - (values.shape[2] - 1) / 2 * steps[1]
    return Planes(values, affine)
