"""Phantom cases on disk: geometry, identity, truth tables, same seed same bytes, conformance."""

import csv
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.encaps import generate_frames

from readerstudy.dicom.geometry import affine_from_image_plane, patient_mm_to_voxel
from readerstudy.phantom import write_folder
from readerstudy.phantom.files import Form
from readerstudy.phantom.files.encode import SYNTAXES, encode
from readerstudy.phantom.findings import N_GRADES, STRUCTURES


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("phantom")
    write_folder(out, cases=1, seed=11, centres=("A",))
    return out


def table(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def digest(folder):
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return [(str(p.relative_to(folder)), hashlib.sha256(p.read_bytes()).hexdigest()) for p in files]


def test_truth_tables_hold_every_item(folder):
    reference = table(folder / "reference.csv")
    assert {(r["structure"], r["finding"]) for r in reference} == {
        (s, f) for s in STRUCTURES for f in N_GRADES
    }
    assert all(0 <= int(r["grade"]) < N_GRADES[r["finding"]] for r in reference)
    assert {r["structure"] for r in table(folder / "joints.csv")} == set(STRUCTURES)
    assert table(folder / "cases.csv")[0]["laterality"] == "established"


def test_every_joint_lies_within_the_ct_and_its_side_is_right(folder):
    files = [pydicom.dcmread(p) for p in sorted((folder / "PH0001/ct-axial-bone").glob("*.dcm"))]
    first, last = files[0], files[-1]
    spacing = (last.ImagePositionPatient[2] - first.ImagePositionPatient[2]) / (len(files) - 1)
    affine = affine_from_image_plane(
        first.ImagePositionPatient, first.ImageOrientationPatient, first.PixelSpacing, spacing
    )
    shape = np.array([len(files), first.Rows, first.Columns])
    joints = table(folder / "joints.csv")
    assert {first.FrameOfReferenceUID} == {j["frame_of_reference"] for j in joints}
    columns = {}
    for joint in joints:
        index = patient_mm_to_voxel(affine, [float(joint[k]) for k in ("x_mm", "y_mm", "z_mm")])
        assert np.all(index > 4)
        assert np.all(index < shape - 4)
        columns[joint["level"], joint["side"]] = index[2]
    for level in {j["level"] for j in joints}:
        assert columns[level, "left"] > columns[level, "right"]


def test_headers_carry_a_fictional_identity_and_say_synthetic(folder):
    for path in folder.rglob("0001.dcm"):
        ds = pydicom.dcmread(path)
        assert ds.PatientID.startswith("FICT-")
        assert ds.QualityControlSubject == "YES"
        assert "SYNTHETIC" in ds.StudyDescription
        assert ds[0x0019, 0x1001].value.startswith(str(ds.PatientName))


def test_same_seed_same_bytes(folder, tmp_path):
    write_folder(tmp_path / "again", cases=1, seed=11, centres=("A",))
    assert digest(tmp_path / "again") == digest(folder)


def errors_of_dciodvfy(path):
    tool = shutil.which("dciodvfy", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("dciodvfy is not installed (package dicom3tools)")
    done = subprocess.run([tool, str(path)], capture_output=True, text=True, check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "dciodvfy said nothing"
    return [line for line in lines if line.startswith("Error")]


def test_dciodvfy_finds_no_error(folder):
    series = sorted(p for p in (folder / "PH0001").iterdir())
    assert len(series) == 8
    for one in series:
        for path in (one / "0001.dcm", max(one.glob("*.dcm"))):
            assert errors_of_dciodvfy(path) == [], path


def decoded(ds):
    if ds.file_meta.TransferSyntaxUID == SYNTAXES["htj2k"]:  # pydicom has no decoder for it here
        frame = next(generate_frames(ds.PixelData, number_of_frames=1))
        return imagecodecs.htj2k_decode(frame)
    return ds.pixel_array


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_pixels_survive_every_transfer_syntax(folder, tmp_path, syntax):
    write_folder(tmp_path, cases=1, seed=11, modalities=("XR",), form=Form(syntax=syntax))
    plain = pydicom.dcmread(folder / "PH0001/xr-ap/0001.dcm")
    coded = pydicom.dcmread(tmp_path / "PH0001/xr-ap/0001.dcm")
    assert coded.file_meta.TransferSyntaxUID == SYNTAXES[syntax]
    assert coded.SOPInstanceUID == plain.SOPInstanceUID
    assert np.array_equal(decoded(coded), plain.pixel_array)
    if syntax != "deflated":  # which dciodvfy cannot open; the data set is the same as the plain one's
        assert errors_of_dciodvfy(tmp_path / "PH0001/xr-ap/0001.dcm") == []


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_signed_pixels_survive_every_transfer_syntax(folder, tmp_path, syntax):
    plain = pydicom.dcmread(folder / "PH0001/ct-axial-bone/0040.dcm")
    expected = plain.pixel_array
    fresh = pydicom.Dataset({e.tag: e for e in plain})
    fresh.file_meta = plain.file_meta
    encode(fresh, syntax).save_as(tmp_path / "ct.dcm", enforce_file_format=True)
    assert np.array_equal(decoded(pydicom.dcmread(tmp_path / "ct.dcm")), expected)


def test_multi_frame_holds_the_same_planes(folder, tmp_path):
    form = Form(multiframe=True)
    write_folder(tmp_path, cases=1, seed=11, modalities=("MR",), form=form)
    for name in ("mr-t1-sagittal", "mr-t2-axial"):
        [path] = (tmp_path / "PH0001" / name).glob("*.dcm")
        whole = pydicom.dcmread(path)
        pixels = whole.pixel_array
        found = {}
        for frame, item in zip(pixels, whole.PerFrameFunctionalGroupsSequence, strict=True):
            found[tuple(item.PlanePositionSequence[0].ImagePositionPatient)] = frame
        singles = [pydicom.dcmread(p) for p in (folder / "PH0001" / name).glob("*.dcm")]
        assert len(singles) == whole.NumberOfFrames
        for single in singles:
            assert np.array_equal(found[tuple(single.ImagePositionPatient)], single.pixel_array)
        assert errors_of_dciodvfy(path) == []
    write_folder(tmp_path / "again", cases=1, seed=11, modalities=("MR",), form=form)
    again, here = tmp_path / "again/PH0001/mr-t2-axial", tmp_path / "PH0001/mr-t2-axial"
    assert digest(again) == digest(here)


def test_bar_code_tells_the_number_of_every_picture(tmp_path):
    write_folder(tmp_path, cases=1, seed=2, modalities=("MR", "XR"), form=Form(bar_code=True))
    for path in tmp_path.rglob("*.dcm"):
        ds = pydicom.dcmread(path)
        middles = ds.pixel_array[4, 4:128:8].astype(int)
        number = int("".join("1" if v > 1000 else "0" for v in middles), 2)
        expected = ds.SeriesNumber if ds.Modality == "DX" else ds.InstanceNumber
        assert number == expected


def test_joint_falls_where_the_radiograph_table_says(folder):
    """On the AP view of a straight beam, x and z of a joint are the column and the row."""
    joints = {j["structure"]: j for j in table(folder / "joints.csv")}
    rows = [r for r in table(folder / "radiograph_joints.csv") if r["view"] == "AP"]
    pixel = float(pydicom.dcmread(folder / "PH0001/xr-ap/0001.dcm").ImagerPixelSpacing[0])
    first, *others = rows
    for other in others:
        dx = float(joints[other["structure"]]["x_mm"]) - float(joints[first["structure"]]["x_mm"])
        dz = float(joints[other["structure"]]["z_mm"]) - float(joints[first["structure"]]["z_mm"])
        assert float(other["column_px"]) - float(first["column_px"]) == pytest.approx(dx / pixel, abs=1.0)
        assert float(other["row_px"]) - float(first["row_px"]) == pytest.approx(-dz / pixel, abs=1.0)


def test_several_workers_write_the_same_bytes(tmp_path):
    for workers in (1, 2):
        write_folder(
            tmp_path / str(workers),
            cases=2,
            seed=3,
            centres=("B", "C"),
            modalities=("XR",),
            workers=workers,
        )
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_unknown_centre_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown centre"):
        write_folder(tmp_path, cases=1, seed=1, centres=("Z",))
