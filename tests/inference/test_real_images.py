"""Real lumbar MR and CT and simulated radiographs: each case is run or refused with a reason; geometry by the masks."""

import gzip
import struct
from itertools import pairwise

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from inference.case_images import load_case_images
from inference.engine.coarse import coarse_volume
from inference.engine.crops import CropSpec, joint_crop
from inference.engine.specification import XR_AP, InputSpecification, SeriesRequirement
from inference.engine.stacks import ImageStack
from inference.models import InferenceRun
from inference.services.runs import start_run
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import Case

pytestmark = [pytest.mark.django_db, pytest.mark.shared]

#: A model that grades from an AP view alone.
TAKES_AP = InputSpecification({XR_AP: SeriesRequirement(CropSpec(1, 8, 8, 1.0, 1.0), 2.0)}, ((XR_AP,),))
VB2 = ("vb2_05", "vb2_09", "vb2_13", "vb2_18", "vb2_20", "vb2_23")


def read_nifti(path):
    """Voxels of a gzipped NIfTI-1 file, indexed as stored (first axis fastest in the file)."""
    raw = gzip.decompress(path.read_bytes())
    shape = struct.unpack_from("<8h", raw, 40)[1:4]
    code, start = struct.unpack_from("<h", raw, 70)[0], int(struct.unpack_from("<f", raw, 108)[0])
    dtype = {2: "<u1", 4: "<i2", 8: "<i4", 16: "<f4", 64: "<f8", 256: "<i1", 512: "<u2"}[code]
    return np.frombuffer(raw, dtype=dtype, count=int(np.prod(shape)), offset=start).reshape(shape, order="F")


@pytest.fixture
def take_in(study):
    def take(*folders):
        for folder in folders:
            call_command("import_dicom", "facets", str(folder))
        call_command("screen_cases", "facets", include_all=True, numbering="5", accept_sides=True)
        return list(Case.objects.filter(study=study).order_by("pk"))

    return take


def stacks_of(case):
    images, _ = load_case_images(case)
    return {f"{s.modality}-{s.plane}" if s.has_geometry else s.modality: s for s in images.stacks}


def with_pixels(stack, pixels):
    return ImageStack(
        stack.identifier,
        stack.modality,
        pixels,
        stack.origins_mm,
        stack.along_columns_mm,
        stack.along_rows_mm,
        stack.frame_of_reference,
        stack.weighting,
    )


def test_every_real_case_is_run_or_refused_with_a_reason(study, model, shared_data, take_in):
    cases = take_in(*[shared_data / name for name in ("lumbar_mr", "lumbar_ct", "lumbar_xr_simulated")])
    assert len(cases) >= 15
    study_run = start_run(study=study, model=model, actor=None, at=timezone.now())
    for job_id in study_run.runs.values_list("job_id", flat=True):
        assert run_job(Job.objects.get(public_id=job_id).pk).state == Job.State.DONE
    for run in study_run.runs.select_related("case"):
        kinds = set(stacks_of(run.case))
        if run.state == InferenceRun.State.REFUSED:
            assert run.refusal_reason
        if not kinds & {"MR-axial", "CT-axial"}:
            assert "needs axial CT or axial MR" in run.refusal_reason
        if "CT-axial" in kinds:
            assert "mm wide, the model takes 0.9 mm or finer" in run.refusal_reason
        if kinds >= {"MR-axial", "MR-sagittal"}:
            # Inside the specification: graded, or left out joint by joint because the place is too uncertain.
            assert run.points
            assert set(run.left_out.values()) <= {
                "its place was not found with enough certainty",
                "it lies outside the series that the model takes",
            }


@pytest.mark.parametrize("name", VB2)
def test_vertebrae_lie_where_the_masks_say(shared_data, take_in, name):
    """
    The mask, carried through the engine's geometry, comes out where arithmetic on the headers puts it, and each
    group of axial slices lies between the two bodies of its disc.
    """
    import pydicom

    (case,) = take_in(shared_data / "lumbar_mr" / name)
    stacks = stacks_of(case)
    sagittal, axial = stacks["MR-sagittal"], stacks["MR-axial"]
    mask = read_nifti(shared_data / "lumbar_mr_masks" / f"{name}_vertebral_bodies.nii.gz")
    volume = np.moveaxis(mask, 2, 0).astype(np.float32)
    assert volume.shape == sagittal.pixels.shape

    # Places of the bodies from the files' own headers, by the standard's formula (PS3.3 C.7.6.2.1.1).
    headers = []
    for path in (shared_data / "lumbar_mr" / name).rglob("*.dcm"):
        header = pydicom.dcmread(path, stop_before_pixels=True)
        if abs(np.cross(header.ImageOrientationPatient[:3], header.ImageOrientationPatient[3:])[0]) > 0.9:
            headers.append(header)
    headers.sort(key=lambda h: h.InstanceNumber)
    # The mask counts slices as the files do; the product orders them by place.
    origins = np.array([h.ImagePositionPatient for h in headers], dtype=float)
    order = [int(np.argmin(np.linalg.norm(origins - o, axis=1))) for o in sagittal.origins_mm]
    assert sorted(order) == list(range(len(headers)))
    truth = {}
    for label in range(1, 8):
        slices, rows, columns = np.nonzero(volume == label)
        if not len(slices):
            continue
        places = []
        for s, r, c in zip(slices, rows, columns, strict=True):
            cosines = np.array(headers[s].ImageOrientationPatient, dtype=float)
            spacing = [float(v) for v in headers[s].PixelSpacing]
            position = np.array(headers[s].ImagePositionPatient, dtype=float)
            places.append(position + cosines[:3] * spacing[1] * c + cosines[3:] * spacing[0] * r)
        truth[label] = np.mean(places, axis=0)

    for label, place in truth.items():
        one = with_pixels(sagittal, (volume[order] == label).astype(np.float32))
        coarse = coarse_volume(one, one.pixels, (40, 40, 96), 4.0)
        weights = coarse.values
        index = np.stack(np.meshgrid(*[np.arange(n) for n in weights.shape], indexing="ij"), axis=-1)
        middle = (index * weights[..., None]).sum(axis=(0, 1, 2)) / weights.sum()
        # UIDs are blinded, places are not: within half a coarse voxel of the truth.
        assert np.linalg.norm(coarse.to_patient_mm(middle) - place) < 2.0
        crop = joint_crop(one, one.pixels, place, 1.0, CropSpec(3, 9, 9, 2.0, 1.0))
        assert crop is not None
        assert crop[1, 4, 4] > 0.9

    assert len(axial.groups) == 5
    bodies = sorted(truth)[-5:]
    for upper, lower in pairwise(bodies):
        between = (truth[upper] + truth[lower]) / 2
        group = min(axial.groups, key=lambda g: g.distance_mm(between))
        assert group.distance_mm(between) < 4.0
        # The disc's slices lie below the upper body and above the lower one.
        assert group.offsets_mm.max() < truth[upper] @ group.normal
        assert group.offsets_mm.min() > truth[lower] @ group.normal


def test_radiographs_are_read_with_what_their_files_say(shared_data, take_in):
    (case,) = take_in(shared_data / "lumbar_xr_simulated")
    images, notes = load_case_images(case)
    assert not notes
    assert not images.stacks
    found = {picture.view: picture for picture in images.radiographs}
    assert set(found) == {"AP", "lateral"}
    assert (found["AP"].columns_to, found["AP"].rows_to) == ("L", "F")
    assert (found["lateral"].columns_to, found["lateral"].rows_to) == ("P", "F")
    # Their files give the spacing of the detector only.
    assert {(picture.spacing_mm, picture.at_detector) for picture in found.values()} == {((0.5, 0.5), True)}
    chosen, notes = TAKES_AP.choose_radiographs(images)
    assert chosen == {"XR-AP": {"right": found["AP"], "left": found["AP"]}}
    assert notes == ["AP X-ray: its pixels are measured at the detector, where the patient is magnified."]


def test_real_radiographs_that_do_not_say_enough_are_left_with_a_reason(shared_data, take_in):
    import pydicom

    cases = take_in(shared_data / "xr_real")
    pictures = {}
    for case in cases:
        images, _ = load_case_images(case)
        _, notes = TAKES_AP.choose_radiographs(images)
        for picture in images.radiographs:
            pictures[picture.pixels.shape] = picture, notes
    tibia, why = pictures[1760, 1760]
    assert not tibia.spacing_mm
    assert "AP X-ray: its file does not say how many millimetres a pixel is." in why
    # A file that shows bone dark is turned round, so that bone is bright to the engine.
    animal, why = pictures[169, 211]
    header = pydicom.dcmread(shared_data / "xr_real" / "dx_image.dcm")
    assert header.PhotometricInterpretation == "MONOCHROME1"
    shades = np.corrcoef(animal.pixels.ravel(), header.pixel_array.ravel())[0, 1]
    assert shades == pytest.approx(-1, abs=1e-6)
