"""Phantom cases on disk: geometry, identity, truth tables, same seed same bytes, conformance."""

import csv
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from readerstudy.dicom.geometry import affine_from_image_plane, patient_mm_to_voxel
from readerstudy.phantom import write_folder
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


def test_dciodvfy_finds_no_error(folder):
    tool = shutil.which("dciodvfy", path=str(Path(sys.executable).parent))
    if tool is None:
        pytest.skip("dciodvfy is not installed (package dicom3tools)")
    for series in sorted((folder / "PH0001").iterdir()):
        for path in (series / "0001.dcm", max(series.glob("*.dcm"))):
            done = subprocess.run([tool, str(path)], capture_output=True, text=True, check=False)
            errors = [x for x in (done.stdout + done.stderr).splitlines() if x.startswith("Error")]
            assert not errors, (path, errors)


def test_unknown_centre_is_refused(tmp_path):
    with pytest.raises(ValueError, match="unknown centre"):
        write_folder(tmp_path, cases=1, seed=1, centres=("Z",))
