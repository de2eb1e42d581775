"""Crops mean places in the patient: storage order does not matter, sides are mirror images, geometry is exact."""

import numpy as np
import pytest

from inference.engine.crops import CropSpec, joint_crop, side_sign
from inference.engine.stacks import ImageStack
from tests.inference.engine.helpers import (
    affine,
    axial_affine,
    flipped_storage,
    mirrored_patient,
    reordered,
    sagittal_affine,
    stack_from_function,
    textured_points,
)

SPEC = CropSpec(depth=6, height=32, width=32, depth_mm=2.0, in_plane_mm=0.7)
POINT = np.array([7.3, -4.1, 5.2])
STACKS = {
    "axial": stack_from_function(axial_affine(), (32, 128, 128)),
    "sagittal": stack_from_function(sagittal_affine(), (20, 120, 120)),
}


def crop_of(stack, point=POINT, side="-left", spec=SPEC):
    return joint_crop(stack, stack.pixels, np.asarray(point), side_sign(side), spec)


def crop_points(plane, point, lateral, spec):
    """Patient coordinates of every sample of a crop, from the table in the module's docstring."""
    d, h, w = [
        (np.arange(n) - (n - 1) / 2) * step
        for n, step in zip(spec.shape, (spec.depth_mm, spec.in_plane_mm, spec.in_plane_mm), strict=True)
    ]
    if plane == "axial":
        directions = ((0, 0, 1), (0, 1, 0), (lateral, 0, 0))
    else:
        directions = ((lateral, 0, 0), (0, 0, -1), (0, 1, 0))
    grid = np.stack(np.meshgrid(d, h, w, indexing="ij"), axis=-1)
    return np.asarray(point) + grid @ np.array(directions, dtype=float)


@pytest.mark.parametrize("plane", STACKS)
@pytest.mark.parametrize("side", ["-left", "-right"])
def test_a_crop_shows_the_places_its_table_names(plane, side):
    wanted = textured_points(crop_points(plane, POINT, side_sign(side), SPEC))
    # Linear interpolation of waves of 44 mm and more on steps of at most 3 mm.
    assert np.abs(crop_of(STACKS[plane], side=side) - wanted).max() < 3.0


@pytest.mark.parametrize("plane", STACKS)
@pytest.mark.parametrize("side", ["-left", "-right"])
@pytest.mark.parametrize(
    "storage",
    [
        {"rows": True},
        {"columns": True},
        {"transposed": True},
        {"rows": True, "columns": True, "transposed": True},
    ],
)
def test_the_way_pixels_are_stored_does_not_change_a_crop(plane, side, storage):
    stack = STACKS[plane]
    np.testing.assert_allclose(
        crop_of(flipped_storage(stack, **storage), side=side), crop_of(stack, side=side), atol=1e-3
    )


@pytest.mark.parametrize("plane", STACKS)
def test_slice_order_does_not_change_a_single_bit(plane):
    stack = STACKS[plane]
    order = np.random.default_rng(3).permutation(len(stack.pixels))
    assert np.array_equal(crop_of(reordered(stack, order)), crop_of(stack))


@pytest.mark.parametrize("plane", STACKS)
def test_a_mirrored_patient_gives_the_same_crop_at_the_other_side(plane):
    stack, turn = STACKS[plane], np.array([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(
        crop_of(mirrored_patient(stack), point=POINT * turn, side="-right"),
        crop_of(stack, side="-left"),
        atol=1e-3,
    )


def test_the_wrong_side_gives_another_crop():
    stack = STACKS["axial"]
    assert np.abs(crop_of(stack, side="-left") - crop_of(stack, side="-right")).max() > 5


@pytest.mark.parametrize("angle", [5.0, 12.0, 20.0])
def test_turning_patient_and_slices_together_changes_nothing(angle):
    """Oblique axials are cut along themselves, not resampled across."""
    turn = np.deg2rad(angle)
    rotation = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    straight = STACKS["axial"]
    oblique = ImageStack(
        identifier="",
        modality="MR",
        pixels=straight.pixels,
        origins_mm=straight.origins_mm @ rotation.T,
        along_columns_mm=straight.along_columns_mm @ rotation.T,
        along_rows_mm=straight.along_rows_mm @ rotation.T,
        frame_of_reference="F",
    )
    np.testing.assert_allclose(crop_of(oblique, point=rotation @ POINT), crop_of(straight), atol=1e-3)


@pytest.mark.parametrize("spacing", [(1.0, 0.35, 0.35), (2.0, 0.5, 0.5), (2.5, 0.9, 0.9), (1.5, 0.7, 0.9)])
def test_spacing_changes_a_crop_only_as_far_as_interpolation_does(spacing):
    shape = tuple(int(np.ceil(90 / s)) for s in spacing)
    other = stack_from_function(axial_affine(spacing), shape)
    assert np.abs(crop_of(other) - crop_of(STACKS["axial"])).max() < 4.0


def test_each_point_takes_the_slices_along_its_own_disc():
    """Three slices per disc, each group with its own tilt: the group at the point is used, the others are not."""
    groups = []
    for number, (tilt, height) in enumerate([(-10.0, -40.0), (0.0, 0.0), (14.0, 40.0)]):
        turn = np.deg2rad(tilt)
        normal = np.array([0, -np.sin(turn), np.cos(turn)])
        row = np.array([0, np.cos(turn), np.sin(turn)])
        centre = np.array([0.0, 0.0, height])
        for step in (-4.0, 0.0, 4.0):
            origin = centre + step * normal - 45 * np.array([1, 0, 0]) - 45 * row
            groups.append((origin, row, np.full((128, 128), 10.0 * (number + 1), dtype=np.float32)))
    stack = ImageStack(
        identifier="",
        modality="MR",
        pixels=np.stack([g[2] for g in groups]),
        origins_mm=np.stack([g[0] for g in groups]),
        along_columns_mm=np.tile([0.7, 0, 0], (9, 1)),
        along_rows_mm=np.stack([0.7 * g[1] for g in groups]),
    )
    assert [len(group.indices) for group in stack.groups] == [3, 3, 3]
    for number, height in enumerate((-40.0, 0.0, 40.0)):
        crop = crop_of(stack, point=(5.0, 2.0, height))
        assert np.unique(crop[crop > 0].round(3)).tolist() == [10.0 * (number + 1)]


def test_a_point_outside_the_series_gives_no_crop():
    stack = STACKS["axial"]
    assert crop_of(stack, point=(0, 0, 200)) is None
    assert crop_of(stack, point=(300, 0, 0)) is None


def test_planes_are_told_by_the_normal():
    assert STACKS["axial"].plane == "axial"
    assert STACKS["sagittal"].plane == "sagittal"
    coronal = affine((0, 3, 0), (0, 0, -1), (1, 0, 0), (0, 0, 0))
    assert stack_from_function(coronal, (4, 8, 8)).plane == "coronal"
    with pytest.raises(ValueError, match="axial or sagittal"):
        crop_of(stack_from_function(coronal, (4, 8, 8)))


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="slices, rows and columns"):
        ImageStack("", "CT", np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)))
    with pytest.raises(ValueError, match="origins_mm must have shape"):
        ImageStack("", "CT", np.zeros((2, 3, 3)), np.zeros((3, 3)), np.zeros((2, 3)), np.zeros((2, 3)))
