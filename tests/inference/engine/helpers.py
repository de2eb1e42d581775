"""Small synthetic volumes with structure, for geometry tests."""

import numpy as np
from scipy import ndimage

from inference.engine.stacks import ImageStack


def textured_points(points_mm):
    """A smooth, asymmetric function of patient coordinates (LPS mm), shape (...,)."""
    x, y, z = np.moveaxis(np.asarray(points_mm, dtype=float), -1, 0)
    return (
        100
        + 40 * np.sin(x / 7.0 + 0.3)
        + 30 * np.cos(y / 9.0) * np.sin(z / 11.0 + 1.0)
        + 20 * np.sin((x + 2 * z) / 13.0)
    )


def stack_from_function(affine, shape, *, modality="MR", function=textured_points, **names):
    """Sample a function of patient coordinates on a regular stack ``[slice, row, column]``."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    points = index @ np.asarray(affine)[:3, :3].T + np.asarray(affine)[:3, 3]
    return ImageStack.from_affine(
        function(points).astype(np.float32), affine, modality=modality, frame_of_reference="F", **names
    )


def affine(slice_step, row_step, column_step, origin):
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = slice_step, row_step, column_step, origin
    return matrix


def axial_affine(spacing=(2.0, 0.7, 0.7), origin=(-45.0, -40.0, -30.0)):
    return affine((0, 0, spacing[0]), (0, spacing[1], 0), (spacing[2], 0, 0), origin)


def sagittal_affine(spacing=(3.0, 0.8, 0.8), origin=(-30.0, -50.0, 50.0)):
    return affine((spacing[0], 0, 0), (0, 0, -spacing[1]), (0, spacing[2], 0), origin)


def reordered(stack, order):
    """The same slices in another order."""
    return ImageStack(
        identifier=stack.identifier,
        modality=stack.modality,
        pixels=stack.pixels[order],
        origins_mm=stack.origins_mm[order],
        along_columns_mm=stack.along_columns_mm[order],
        along_rows_mm=stack.along_rows_mm[order],
        frame_of_reference=stack.frame_of_reference,
        weighting=stack.weighting,
    )


def flipped_storage(stack, *, rows=False, columns=False, transposed=False):
    """The same picture stored with rows or columns backwards or exchanged, with the geometry that says so."""
    pixels, origins = stack.pixels, stack.origins_mm
    column, row = stack.along_columns_mm, stack.along_rows_mm
    if rows:
        pixels, origins, row = pixels[:, ::-1], origins + (pixels.shape[1] - 1) * row, -row
    if columns:
        pixels, origins, column = pixels[:, :, ::-1], origins + (pixels.shape[2] - 1) * column, -column
    if transposed:
        pixels, row, column = pixels.transpose(0, 2, 1), column, row
    return ImageStack(
        identifier=stack.identifier,
        modality=stack.modality,
        pixels=np.ascontiguousarray(pixels),
        origins_mm=origins,
        along_columns_mm=column,
        along_rows_mm=row,
        frame_of_reference=stack.frame_of_reference,
        weighting=stack.weighting,
    )


def mirrored_patient(stack):
    """The same pixels of a patient seen in a mirror: x becomes -x."""
    turn = np.array([-1.0, 1.0, 1.0])
    return ImageStack(
        identifier=stack.identifier,
        modality=stack.modality,
        pixels=stack.pixels,
        origins_mm=stack.origins_mm * turn,
        along_columns_mm=stack.along_columns_mm * turn,
        along_rows_mm=stack.along_rows_mm * turn,
        frame_of_reference=stack.frame_of_reference,
        weighting=stack.weighting,
    )


def blob(points_mm, shape, affine_matrix, radius_mm=3.0):
    """A smooth bright ball, for finding it again."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    places = index @ affine_matrix[:3, :3].T + affine_matrix[:3, 3]
    distance = np.linalg.norm(places - np.asarray(points_mm), axis=-1)
    return ndimage.gaussian_filter((distance < radius_mm).astype(np.float32), 0.5)
