"""Voxel to patient and back, with numbers worked by hand."""

import numpy as np
import pytest

from readerstudy.dicom.geometry import (
    affine_from_image_plane,
    patient_mm_to_voxel,
    rotation_about,
    voxel_to_patient_mm,
)


def test_axial_slice_places_columns_to_the_left_and_rows_to_the_back():
    affine = affine_from_image_plane([-100, -80, 30], [1, 0, 0, 0, 1, 0], [0.5, 0.25], 3.0)
    assert voxel_to_patient_mm(affine, (2, 10, 40)).tolist() == [-90.0, -75.0, 36.0]


def test_sagittal_slice_with_slices_towards_the_left():
    # Rows run to the back, columns to the feet: the normal points to the patient's right (-x).
    affine = affine_from_image_plane([10, -50, 120], [0, 1, 0, 0, 0, -1], [1, 1], -4.0)
    assert voxel_to_patient_mm(affine, (1, 20, 30)).tolist() == [14.0, -20.0, 100.0]


def test_conversions_are_inverse_for_an_oblique_plane():
    axes = rotation_about(0, 25) @ rotation_about(2, -10)
    affine = affine_from_image_plane([3, 4, 5], [*axes[:, 0], *axes[:, 1]], [0.7, 0.7], 3.5)
    index = np.random.default_rng(0).uniform(-5, 50, size=(20, 3))
    assert np.allclose(patient_mm_to_voxel(affine, voxel_to_patient_mm(affine, index)), index)


def test_rotation_is_right_handed():
    assert np.allclose(rotation_about(0, 90) @ [0, 1, 0], [0, 0, 1])
    assert np.allclose(rotation_about(2, 90) @ [1, 0, 0], [0, 1, 0])


def test_skewed_orientation_is_refused():
    with pytest.raises(ValueError, match="perpendicular"):
        affine_from_image_plane([0, 0, 0], [1, 0, 0, 0.5, 0.8, 0], [1, 1], 1)
