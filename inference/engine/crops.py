"""
Joint crops: the small canonical volume round one structure that the network grades.

A crop is cut along the slices of its own series, so that thick slices are never mixed across planes:
``crop[depth, height, width]`` with

======== ============================ ============== ===================
plane    depth grows                  height grows   width grows
======== ============================ ============== ===================
axial    to the head                  to the back    away from the midline
sagittal away from the midline        to the feet    to the back
======== ============================ ============== ===================

"Away from the midline" makes a left joint the mirror image of a right one: a mirrored patient gives the
same crops with the sides exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engine.stacks import AXIAL, SAGITTAL, Array, ImageStack, SliceGroup


@dataclass(frozen=True)
class CropSpec:
    """
    Size of a crop.

    Parameters
    ----------
    depth, height, width : int
        Samples along each axis.
    depth_mm, in_plane_mm : float
        Distance of neighbouring samples.
    """

    depth: int
    height: int
    width: int
    depth_mm: float
    in_plane_mm: float

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.depth, self.height, self.width

    def grown(self, depth: int, in_plane: int) -> CropSpec:
        """The same sampling with a margin of `depth` and `in_plane` samples on each side."""
        return CropSpec(
            self.depth + 2 * depth,
            self.height + 2 * in_plane,
            self.width + 2 * in_plane,
            self.depth_mm,
            self.in_plane_mm,
        )


#: A joint whose crop lies outside the images by more than this share is not covered.
LEAST_COVERAGE = 0.6


def side_sign(structure: str) -> float:
    """Direction of "away from the midline" on the patient's x axis: +1 left, -1 right or no side."""
    return 1.0 if structure.endswith("-left") else -1.0


def joint_crop(
    stack: ImageStack, pixels: Array, point_mm: Array, lateral: float, spec: CropSpec
) -> Array | None:
    """
    Cut one crop.

    Parameters
    ----------
    stack : ImageStack
        Geometry of the series; axial or sagittal.
    pixels : ndarray, shape of ``stack.pixels``
        Normalised values.
    point_mm : ndarray, shape (3,)
        Centre of the crop in the stack's frame of reference.
    lateral : float
        See `side_sign`.
    spec : CropSpec

    Returns
    -------
    ndarray or None
        float32, shape ``spec.shape``, zero outside the images; None where the series does not cover the point.

    Raises
    ------
    ValueError
        If the stack is neither axial nor sagittal.
    """
    if stack.plane not in (AXIAL, SAGITTAL):
        raise ValueError(f"a crop is cut from axial or sagittal slices, not {stack.plane} ones")
    group = min(stack.groups, key=lambda g: g.distance_mm(point_mm))
    reach = spec.depth * spec.depth_mm / 2
    spacing = float(np.median(np.diff(group.offsets_mm))) if len(group.offsets_mm) > 1 else spec.depth_mm
    if group.distance_mm(point_mm) > max(spacing, spec.depth_mm) * 1.01:
        return None
    turn = lateral if stack.plane == SAGITTAL else 1.0
    places = turn * (group.offsets_mm - point_mm @ group.normal)
    step = max(spacing, spec.depth_mm)
    near = np.flatnonzero(np.abs(places) < reach + step)
    planes, inside = [], []
    for index in near:
        image, covered = _slice_patch(
            stack, pixels, int(group.indices[index]), point_mm, lateral, spec, group
        )
        planes.append(image)
        inside.append(covered)
    if not planes or max(inside) < LEAST_COVERAGE:
        return None
    wanted = (np.arange(spec.depth) - (spec.depth - 1) / 2) * spec.depth_mm
    weights = triangle_weights(wanted, places[near], step)
    crop: Array = np.tensordot(weights, np.stack(planes), axes=1).astype(np.float32)
    return crop


def _slice_patch(
    stack: ImageStack,
    pixels: Array,
    index: int,
    point_mm: Array,
    lateral: float,
    spec: CropSpec,
    group: SliceGroup,
) -> tuple[Array, float]:
    """One slice's patch, shape (height, width), and the share of it that lies inside the slice."""
    (along_height, height_to), (along_width, width_to), transposed = _patch_axes(stack, index, lateral)
    image = pixels[index].T if transposed else pixels[index]
    offset = point_mm - stack.origins_mm[index]
    patch_weights, starts, covered = [], [], 1.0
    for along, to, n_samples, n_pixels in (
        (along_height, height_to, spec.height, image.shape[0]),
        (along_width, width_to, spec.width, image.shape[1]),
    ):
        spacing = float(np.linalg.norm(along))
        sign = 1.0 if along @ to >= 0 else -1.0
        # Millimetres of each pixel from the point, growing along `to`.
        centre = float(offset @ along) / spacing**2
        half = (n_samples / 2 * spec.in_plane_mm + max(spacing, spec.in_plane_mm)) / spacing
        start, stop = max(0, int(np.floor(centre - half))), min(n_pixels, int(np.ceil(centre + half)) + 1)
        if start >= stop:
            return np.zeros((spec.height, spec.width)), 0.0
        places = sign * (np.arange(start, stop) - centre) * spacing
        wanted = (np.arange(n_samples) - (n_samples - 1) / 2) * spec.in_plane_mm
        ends = sign * (np.array([-0.5, n_pixels - 0.5]) - centre) * spacing
        covered *= float(np.mean((wanted >= ends.min()) & (wanted <= ends.max())))
        patch_weights.append(triangle_weights(wanted, places, max(spacing, spec.in_plane_mm)))
        starts.append((start, stop))
    (r0, r1), (c0, c1) = starts
    patch: Array = patch_weights[0] @ image[r0:r1, c0:c1] @ patch_weights[1].T
    return patch, covered


def _patch_axes(
    stack: ImageStack, index: int, lateral: float
) -> tuple[tuple[Array, Array], tuple[Array, Array], bool]:
    """
    Which of a slice's own axes are a patch's height and width.

    Returns
    -------
    height, width : tuple of ndarray
        The slice's step along that axis in millimetres, and where the patch's axis shall point.
    transposed : bool
        Whether the width runs along the slice's rows.
    """
    column_step, row_step = stack.along_columns_mm[index], stack.along_rows_mm[index]
    # Height and width of the patch, as signed unit vectors among the slice's own two axes.
    if stack.plane == AXIAL:
        height_to, width_to = np.array([0.0, 1.0, 0.0]), np.array([lateral, 0.0, 0.0])
    else:
        height_to, width_to = np.array([0.0, 0.0, -1.0]), np.array([0.0, 1.0, 0.0])
    column_unit = column_step / np.linalg.norm(column_step)
    row_unit = row_step / np.linalg.norm(row_step)
    transposed = bool(abs(column_unit @ width_to) < abs(row_unit @ width_to))
    along_width, along_height = (row_step, column_step) if transposed else (column_step, row_step)
    return (along_height, height_to), (along_width, width_to), transposed


def crop_affine(stack: ImageStack, point_mm: Array, lateral: float, spec: CropSpec) -> Array:
    """
    Where the samples of a crop lie.

    Parameters
    ----------
    stack, point_mm, lateral, spec
        As `joint_crop` takes them.

    Returns
    -------
    ndarray, shape (4, 4)
        Takes ``(depth, height, width, 1)`` to ``(x, y, z, 1)`` in LPS millimetres.
    """
    group = min(stack.groups, key=lambda g: g.distance_mm(point_mm))
    nearest = int(group.indices[np.argmin(np.abs(group.offsets_mm - point_mm @ group.normal))])
    height, width, _ = _patch_axes(stack, nearest, lateral)
    affine = np.eye(4)
    affine[:3, 0] = (lateral if stack.plane == SAGITTAL else 1.0) * group.normal * spec.depth_mm
    for axis, (along, to) in enumerate((height, width), start=1):
        sign = 1.0 if along @ to >= 0 else -1.0
        affine[:3, axis] = sign * along / np.linalg.norm(along) * spec.in_plane_mm
    middle = (np.array(spec.shape) - 1) / 2
    affine[:3, 3] = point_mm - affine[:3, :3] @ middle
    return affine


def triangle_weights(wanted: Array, places: Array, width: float) -> Array:
    """
    Interpolation weights, shape (n_wanted, n_places): linear, and averaging where samples lie closer.

    Rows without a sample in reach are zero.
    """
    weights = np.clip(1 - np.abs(wanted[:, None] - places[None, :]) / width, 0, None)
    total = weights.sum(axis=1, keepdims=True)
    # At the very edge of the images a lone sample counts fully; beyond it there is nothing.
    result: Array = np.divide(weights, total, out=np.zeros_like(weights), where=total > 1e-6)
    return result
