"""Lesions and necks: boxes, masks, looks by rule, tables."""

import csv

import numpy as np
import pydicom
import pytest

from readerstudy.dicom.geometry import voxel_to_patient_mm
from readerstudy.phantom.body import mirror_body, sample_body, sample_cervical_body
from readerstudy.phantom.body.lesions import CLASSES
from readerstudy.phantom.files import write_folder
from readerstudy.phantom.files.readings import write_readings
from readerstudy.phantom.render import AXIAL, SAGITTAL, plane_affine
from readerstudy.phantom.scene import Canvas, compose


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_class_of_lesion_occurs_and_none_without_asking():
    kinds = {m.kind for s in range(40) for m in sample_body(np.random.default_rng(s), lesions=True).lesions}
    assert kinds == set(CLASSES)
    assert sample_body(np.random.default_rng(0)).lesions == ()


def test_lesions_do_not_change_the_rest_of_the_body():
    plain, marked = (sample_body(np.random.default_rng(3), lesions=flag) for flag in (False, True))
    assert plain.joints["L4-5-left"].gap_mm == marked.joints["L4-5-left"].gap_mm
    assert np.array_equal(plain.texture, marked.texture)


def test_box_is_the_smallest_around_the_ellipsoid():
    body = sample_body(np.random.default_rng(5), lesions=True)
    for lesion in body.lesions:
        rng = np.random.default_rng(0)
        direction = rng.standard_normal((20000, 3))
        direction /= np.linalg.norm(direction, axis=1)[:, None]
        surface = direction * lesion.half_mm @ lesion.axes.T
        assert np.allclose(np.ptp(surface, axis=0), lesion.box_mm, rtol=0.01)


def test_mirrored_lesions_lie_on_the_other_side():
    body = sample_body(np.random.default_rng(5), lesions=True)
    for lesion, other in zip(body.lesions, mirror_body(body).lesions, strict=True):
        assert np.allclose(other.centre_mm, lesion.centre_mm * [-1, 1, 1])
        assert np.allclose(other.box_mm, lesion.box_mm)


@pytest.mark.parametrize("kind", CLASSES)
def test_each_class_is_seen_where_it_was_put(kind):
    """On T2 the picture with and without a lesion differs inside its box, and hardly outside."""
    for seed in range(60):
        marked = sample_body(np.random.default_rng(seed), lesions=True)
        one = [m for m in marked.lesions if m.kind == kind]
        if one:
            break
    plain = sample_body(np.random.default_rng(seed))
    marked = type(marked)(**{**vars(marked), "lesions": (one[0],)})
    affine = plane_affine(one[0].centre_mm, (48, 80, 80), (1, 1, 1), AXIAL)
    canvas = Canvas((48, 80, 80), affine)
    difference = np.abs(compose(marked, canvas, ("T2",))[0] - compose(plain, canvas, ("T2",))[0])
    index = np.stack(np.meshgrid(*(np.arange(n) for n in canvas.shape), indexing="ij"), axis=-1)
    distance = np.abs(voxel_to_patient_mm(affine, index) - one[0].centre_mm)
    near = np.all(distance <= one[0].box_mm / 2 + 3, axis=-1)
    assert (difference > 0.1).sum() > 8
    assert difference[~near].max() < 0.05


def test_masks_and_boxes_agree_with_the_files(tmp_path):
    for seed in range(20):
        if len(sample_body(np.random.default_rng([seed, 0]), lesions=True).lesions) > 2:
            break
    write_folder(tmp_path, cases=1, seed=seed, protocol="lumbar-degeneration-detection", modalities=("MR",))
    lesions = table(tmp_path / "lesions.csv")
    mask = np.load(tmp_path / "masks/PH0001/mr-t2-sagittal.npy", allow_pickle=False)
    planes = np.load(tmp_path / "masks/PH0001/mr-t2-sagittal-affine.npy", allow_pickle=False)
    files = [pydicom.dcmread(p) for p in sorted((tmp_path / "PH0001/mr-t2-sagittal").glob("*.dcm"))]
    assert mask.shape == (len(files), files[0].Rows, files[0].Columns)
    for plane, ds in zip(planes, files, strict=True):
        assert np.allclose(plane[:3, 3], ds.ImagePositionPatient, atol=1e-3)
    found = 0
    for number, lesion in enumerate(lesions, start=1):
        assert lesion["frame_of_reference"] == files[0].FrameOfReferenceUID
        k, r, c = np.nonzero(mask == number)
        if not len(k):
            continue  # smaller than the distance between slices
        found += 1
        points = np.einsum("nij,nj->ni", planes[k], np.stack([k * 0, r, c, k * 0 + 1], axis=1))[:, :3]
        centre = np.array([float(lesion[f"{a}_mm"]) for a in "xyz"])
        half = np.array([float(lesion[f"d{a}_mm"]) for a in "xyz"]) / 2
        assert np.all(np.abs(points - centre) <= half + 1e-3)
    assert found >= 1
    write_readings(tmp_path, seed=1)
    marks = table(tmp_path / "marks.csv")
    assert {m["reader_id"] for m in marks} >= {"reader-1", "reader-2"}
    assert {m["lesion_id"] for m in marks} == {""}


def neck(kind, seed=1):
    return sample_cervical_body(np.random.default_rng(seed), tumour=kind)


def test_tumours_look_as_their_class_says():
    """Larger, without a rim and with bone destroyed, the worse the class."""
    sizes, bright = {}, {}
    for kind in ("benign", "borderline", "malignant"):
        bodies = [neck(kind, seed) for seed in range(6)]
        sizes[kind] = np.mean([b.lesions[0].half_mm.mean() for b in bodies])
        shells = []
        for body in bodies:
            lesion = body.lesions[0]
            affine = plane_affine(lesion.centre_mm, (40, 64, 64), (1, 0.7, 0.7), AXIAL)
            canvas = Canvas((40, 64, 64), affine)
            ct = compose(body, canvas, ("CT",))[0]
            index = np.stack(np.meshgrid(*(np.arange(n) for n in canvas.shape), indexing="ij"), axis=-1)
            local = (voxel_to_patient_mm(affine, index) - lesion.centre_mm) @ lesion.axes / lesion.half_mm
            radius = np.linalg.norm(local, axis=-1)
            shells.append((ct[(radius > 1.0) & (radius < 1.2)] > 600).mean())
        bright[kind] = np.mean(shells)
    assert sizes["benign"] < sizes["borderline"] < sizes["malignant"]
    assert bright["benign"] > 0.5 > bright["borderline"]
    assert bright["malignant"] < 0.3


def test_cobb_angle_and_ossification_are_in_the_anatomy():
    for seed in range(10):
        body = neck("none", seed)
        first, last = body.vertebrae[0].axes[:, 2], body.vertebrae[5].axes[:, 2]
        tilt = [np.rad2deg(np.arctan2(-v[1], v[2])) for v in (first, last)]
        assert tilt[1] - tilt[0] == pytest.approx(body.cobb_deg, abs=0.5)
    ossified = next(b for b in (neck("none", s) for s in range(30)) if b.ossification)
    strip = ossified.ossification
    upper, lower = (ossified.vertebrae[strip.first], ossified.vertebrae[strip.last])
    middle = (upper.centre_mm + lower.centre_mm) / 2
    canvas = Canvas((1, 220, 220), plane_affine(middle, (1, 220, 220), (1, 0.4, 0.4), SAGITTAL))
    bare = type(ossified)(**{**vars(ossified), "ossification": None})
    difference = compose(ossified, canvas, ("CT",))[0] - compose(bare, canvas, ("CT",))[0]
    area = (difference > 400).sum() * 0.16
    length = np.linalg.norm(upper.centre_mm - lower.centre_mm)
    assert area == pytest.approx(length * strip.thickness_mm, rel=0.35)


def test_a_neck_is_written_with_its_tables(tmp_path):
    write_folder(tmp_path, cases=1, seed=4, protocol="cervical-spine-tumour", modalities=("MR", "XR"))
    [row] = table(tmp_path / "reference.csv")
    assert row["structure"] == "case"
    assert row["grade"] in "0123"
    regions = {r["region"] for r in table(tmp_path / "regions.csv")}
    assert regions == {"cobb", "alignment", "ossification", "disc", "canal", "cord"}
    ds = pydicom.dcmread(tmp_path / "PH0001/xr-ll/0001.dcm")
    assert ds.BodyPartExamined == "CSPINE"
    assert not (tmp_path / "joints.csv").exists()
