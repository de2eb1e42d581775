"""
Where a voxel lies in the patient.

One convention throughout: arrays are indexed ``[slice, row, column]``; index ``(0, 0, 0)`` is the centre
of the first voxel; patient coordinates are DICOM's LPS (x to the patient's left, y to the back, z to the
head) in millimetres. An *affine* is a 4 x 4 matrix that takes ``(slice, row, column, 1)`` to
``(x, y, z, 1)`` (DICOM PS3.3 C.7.6.2.1.1, with the axes in array order).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def affine_from_image_plane(
    position_mm: ArrayLike,
    orientation: ArrayLike,
    pixel_spacing_mm: ArrayLike,
    slice_spacing_mm: float,
) -> Array:
    """
    Affine of a stack of parallel slices, from the attributes of its first slice.

    Parameters
    ----------
    position_mm : array_like, shape (3,)
        Image Position (Patient): centre of the first pixel of the first slice.
    orientation : array_like, shape (6,)
        Image Orientation (Patient): unit vector along a row (growing column index), then the unit vector
        along a column (growing row index).
    pixel_spacing_mm : array_like, shape (2,)
        Pixel Spacing: distance between rows, then distance between columns.
    slice_spacing_mm : float
        Signed distance from one slice to the next along the normal (row direction x column direction).

    Returns
    -------
    ndarray, shape (4, 4)
        Affine from ``(slice, row, column)`` to LPS millimetres.

    Raises
    ------
    ValueError
        If the two directions are not perpendicular unit vectors (tolerance 1e-3).
    """
    directions = np.asarray(orientation, dtype=float).reshape(2, 3)
    along_row, along_column = directions
    if not np.allclose(directions @ directions.T, np.eye(2), atol=1e-3):
        raise ValueError(f"orientation must hold two perpendicular unit vectors, got {directions.tolist()}")
    between_rows, between_columns = np.asarray(pixel_spacing_mm, dtype=float)
    affine = np.eye(4)
    affine[:3, 0] = np.cross(along_row, along_column) * slice_spacing_mm
    affine[:3, 1] = along_column * between_rows
    affine[:3, 2] = along_row * between_columns
    affine[:3, 3] = np.asarray(position_mm, dtype=float)
    return affine


def voxel_to_patient_mm(affine: ArrayLike, index: ArrayLike) -> Array:
    """
    Patient coordinates of voxel indices.

    Parameters
    ----------
    affine : array_like, shape (4, 4)
    index : array_like, shape (..., 3)
        ``(slice, row, column)``, fractions allowed.

    Returns
    -------
    ndarray, shape (..., 3)
        ``(x, y, z)`` in LPS millimetres.
    """
    matrix = np.asarray(affine, dtype=float)
    result: Array = np.asarray(index, dtype=float) @ matrix[:3, :3].T + matrix[:3, 3]
    return result


def patient_mm_to_voxel(affine: ArrayLike, point_mm: ArrayLike) -> Array:
    """
    Voxel indices (fractional) of patient coordinates; the inverse of `voxel_to_patient_mm`.

    Parameters
    ----------
    affine : array_like, shape (4, 4)
    point_mm : array_like, shape (..., 3)
        ``(x, y, z)`` in LPS millimetres.

    Returns
    -------
    ndarray, shape (..., 3)
        ``(slice, row, column)``.
    """
    matrix = np.asarray(affine, dtype=float)
    offset = np.asarray(point_mm, dtype=float) - matrix[:3, 3]
    result: Array = offset @ np.linalg.inv(matrix[:3, :3]).T
    return result


def rotation_about(axis: int, angle_deg: float) -> Array:
    """
    Right-handed rotation about one coordinate axis.

    Parameters
    ----------
    axis : {0, 1, 2}
    angle_deg : float

    Returns
    -------
    ndarray, shape (3, 3)
    """
    angle = np.deg2rad(angle_deg)
    cos, sin = np.cos(angle), np.sin(angle)
    first, second = [(1, 2), (2, 0), (0, 1)][axis]
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cos
    matrix[first, second], matrix[second, first] = -sin, sin
    return matrix
