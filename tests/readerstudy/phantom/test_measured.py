"""
The truth tables against what can be measured in the pixels.

The measurements know the files' attributes and anatomy in general (bone is bright, a joint gap is a dark line
between two bright ones); they use none of the phantom's own shapes.
"""

import numpy as np
import pydicom
import pytest
from scipy import ndimage

from readerstudy.dicom.geometry import affine_from_image_plane, patient_mm_to_voxel, voxel_to_patient_mm
from readerstudy.phantom import SCANNERS, joint_crop, render_ct, sample_body, with_grades
from readerstudy.phantom.files import draw_identity
from readerstudy.phantom.files.objects import Study, slice_objects

FINE_MM = 0.25
UP = np.array([0.0, 0.0, 1.0])


def fine_ct(body, structure, tmp_path, seed):
    """Write and read back a fine CT of one joint; Hounsfield units and affine from the files alone."""
    rng = np.random.default_rng(seed)
    volume = joint_crop(
        body, structure, shape=(100, 128, 128), spacing_mm=(FINE_MM,) * 3, jitter_mm=1.0, rng=rng
    )
    identity = draw_identity(
        np.random.default_rng(0), case_id="PH1", patient_id="PP1", sex=body.sex, age=body.age
    )
    study = Study(seed, identity, SCANNERS["A"], "CT", 1, "2.25.1")
    objects = slice_objects(study, volume, series_number=1, description="CT BONE", window=(480, 2000))
    for number, ds in enumerate(objects):
        ds.save_as(tmp_path / f"{number:04d}.dcm", enforce_file_format=True)
    files = [pydicom.dcmread(p) for p in sorted(tmp_path.glob("*.dcm"))]
    first, second = files[0], files[1]
    step = np.array(second.ImagePositionPatient, float) - np.array(first.ImagePositionPatient, float)
    normal = np.cross(first.ImageOrientationPatient[:3], first.ImageOrientationPatient[3:])
    read = affine_from_image_plane(
        first.ImagePositionPatient, first.ImageOrientationPatient, first.PixelSpacing, float(step @ normal)
    )
    return np.stack([f.pixel_array.astype(float) for f in files]), read


def profile(image, affine, point, direction, reach=9.0, step=0.05):
    """Values along a line through a point of the patient."""
    along = np.arange(-reach, reach + step / 2, step)
    points = np.asarray(point) + along[:, None] * direction
    index = patient_mm_to_voxel(affine, points)
    return along, ndimage.map_coordinates(image, index.T, order=1)


def gap_on_profile(along, values):
    """
    Width and middle of the dark stretch nearest the profile's middle; None without one.

    The width is the missing density between the two bright plates, divided by the contrast of bone and soft
    tissue (60 HU): right for gaps thinner than the point spread too, where a width at half height is not.
    """
    smooth = ndimage.gaussian_filter1d(values, 2)
    middle = len(smooth) // 2
    valley = middle - 24 + int(np.argmin(smooth[middle - 24 : middle + 24]))
    left = valley - 50 + int(np.argmax(smooth[valley - 50 : valley]))
    right = valley + int(np.argmax(smooth[valley : valley + 50]))
    plate = (smooth[left] + smooth[right]) / 2
    if min(smooth[left], smooth[right]) < 600 or smooth[valley] > 0.9 * plate:
        return None
    missing = np.clip(plate - smooth[left : right + 1], 0, None) / (plate - 60.0)
    step = along[1] - along[0]
    return missing.sum() * step, (missing * along[left : right + 1]).sum() / missing.sum()


def normal_direction(image, affine, point):
    """The direction in which the density changes most around a point: across the gap."""
    index = patient_mm_to_voxel(affine, point)
    k, r, c = (round(float(v)) for v in index)
    piece = ndimage.gaussian_filter(image[k - 16 : k + 17, r - 16 : r + 17, c - 16 : c + 17], 1.5)
    gradient = np.stack([g.ravel() for g in np.gradient(piece)])
    _, vectors = np.linalg.eigh(gradient @ gradient.T)
    direction = affine[:3, :3] @ vectors[:, -1]
    return direction / np.linalg.norm(direction)


@pytest.mark.parametrize("structure", ["L1-2-right", "L3-4-left", "L4-5-right", "L5-S1-left"])
@pytest.mark.parametrize("grade", [0, 1, 2])
def test_gap_and_centre_measured_on_a_fine_ct_agree_with_the_truth(structure, grade, tmp_path):
    seed = 100 + grade
    body = sample_body(np.random.default_rng(seed), grades={})
    body = with_grades(body, structure, {"narrowing": grade}, np.random.default_rng(seed))
    joint = body.joints[structure]
    image, affine = fine_ct(body, structure, tmp_path, seed)
    direction = normal_direction(image, affine, joint.centre_mm)
    up = UP - direction * (UP @ direction)
    along = [profile(image, affine, joint.centre_mm + dz * up, direction) for dz in (-2, -1, 0, 1, 2)]
    found = [gap_on_profile(*line) for line in along]
    assert all(f is not None for f in found)
    assert np.median([f[0] for f in found]) == pytest.approx(joint.gap_mm, abs=0.3)
    assert abs(found[2][1]) < 0.5


def test_a_closed_gap_shows_no_dark_line(tmp_path):
    body = sample_body(np.random.default_rng(9), grades={})
    body = with_grades(body, "L4-5-left", {"narrowing": 3})
    image, affine = fine_ct(body, "L4-5-left", tmp_path, 9)
    point = body.joints["L4-5-left"].centre_mm
    direction = normal_direction(image, affine, point)
    _, values = profile(image, affine, point, direction, reach=1.0)
    assert values.min() > 600


def end_of_gap(image, affine, start, across, step):
    """Follow the dark line from a point in steps of 0.2 mm until it ends; the length of the way."""
    point, direction, way = np.asarray(start), np.asarray(step) / np.linalg.norm(step), 0.0
    missed = 0
    while way < 20 and missed < 3:
        following = point + 0.2 * direction
        found = gap_on_profile(*profile(image, affine, following, across, reach=5.0))
        way += 0.2
        if found is None or abs(found[1]) > 0.6:
            missed += 1
            point = following
            continue
        missed = 0
        landed = following + found[1] * across
        # Turn with the line, slowly: one step is too short to tell its direction.
        direction = 0.8 * direction + 0.2 * (landed - point) / np.linalg.norm(landed - point)
        direction /= np.linalg.norm(direction)
        across = across - direction * (across @ direction)
        across = across / np.linalg.norm(across)
        point = landed
    return way - 0.2 * missed


@pytest.mark.parametrize("structure", ["L2-3-right", "L4-5-left"])
def test_centre_of_the_joint_lies_midway_between_the_ends_of_its_gap(structure, tmp_path):
    """Followed upwards and downwards, forwards and backwards, the dark line is equally long."""
    body = sample_body(np.random.default_rng(21), grades={})
    centre = body.joints[structure].centre_mm
    image, affine = fine_ct(body, structure, tmp_path, 21)
    across = normal_direction(image, affine, centre)
    up = UP - across * (UP @ across)
    along = np.cross(across, up)
    for direction in (up, along):
        ways = [end_of_gap(image, affine, centre, across, sign * direction) for sign in (1, -1)]
        assert min(ways) > 4
        assert abs(ways[0] - ways[1]) / 2 < 0.5, (direction, ways)


@pytest.mark.parametrize("seed", range(2))
def test_side_and_level_read_from_a_whole_ct(seed):
    """Bone at a stated joint lies on the stated side of the spinous processes, levels in order of height."""
    body = sample_body(np.random.default_rng(seed))
    volume = render_ct(body, rng=np.random.default_rng(seed))
    bone = volume.array > 500
    for structure, joint in body.joints.items():
        k, r, c = (round(float(v)) for v in patient_mm_to_voxel(volume.affine, joint.centre_mm))
        # Behind the joints the spinous process is the only bone near the midline.
        rows = slice(r + 34, r + 58)
        columns = np.flatnonzero(bone[k - 4 : k + 5, rows, c - 70 : c + 70].any(axis=(0, 1))) + c - 70
        middle = voxel_to_patient_mm(volume.affine, [k, r, np.median(columns)])
        assert (joint.centre_mm[0] > middle[0]) == structure.endswith("left")
        piece = bone[k - 3 : k + 4, r - 8 : r + 9, c - 8 : c + 9]
        assert piece.mean() > 0.08
