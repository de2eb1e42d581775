"""De-identified copies: the profile applied to every attribute, its marks, UIDs as the readers know them."""

import numpy as np
import pydicom
import pytest
from django.utils import timezone

from readerstudy.dicom.basic_profile import ACTIONS, action_for
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.services import OriginalsNotKept, export_deidentified, withdraw_images
from tests.readerstudy.imaging.canaries import Canaries, write_canary_series


@pytest.fixture
def canaries(tmp_path) -> Canaries:
    out = Canaries("CNRY")
    write_canary_series(tmp_path / "in", out, n_slices=2)
    return out


def copies(image_set: ImageSet, folder) -> list:
    count = export_deidentified(image_set=image_set, folder=folder, patient_id="P-0001", at=timezone.now())
    paths = sorted(folder.rglob("*.dcm"))
    assert len(paths) == count
    return paths


def test_the_table_is_whole():
    # 617 single attributes; curves, overlays and private attributes are repeating rows beside them.
    assert len(ACTIONS) == 617
    assert (action_for(0x00100010), action_for(0x00080050), action_for(0x0020000D)) == ("Z", "Z", "U")
    assert [action_for(tag) for tag in (0x60003000, 0x60024000, 0x50100001, 0x00091001)] == ["X"] * 4
    assert action_for(0x00280010) == "K"


def test_no_attribute_of_the_profile_keeps_what_it_said(take_in, tmp_path, scope, canaries):
    take_in(tmp_path / "in", keep_originals=True)
    paths = copies(ImageSet.objects.get(scope=scope), tmp_path / "out")

    # The profile leaves these attributes alone (none is in its table).
    kept = (
        "ImageType",
        "BodyPartExamined",
        "ViewPosition",
        "RescaleType",
        "WindowExplanation",
        "Manufacturer",
    )
    for path in paths:
        data = path.read_bytes()
        found = [where for where, value in canaries.planted.items() if value in data]
        assert [where for where in found if not where.endswith(kept)] == []


def test_copies_carry_the_marks_and_the_readers_uids_and_pixels(take_in, tmp_path, scope, canaries):
    take_in(tmp_path / "in", keep_originals=True)
    paths = copies(ImageSet.objects.get(scope=scope), tmp_path / "out")

    known = set(Instance.objects.values_list("blinded_uid", "series__blinded_uid"))
    originals = [pydicom.dcmread(path) for path in sorted((tmp_path / "in").rglob("*.dcm"))]
    for path in paths:
        dataset = pydicom.dcmread(path)
        assert (dataset.SOPInstanceUID, dataset.SeriesInstanceUID) in known
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
        assert (dataset.PatientIdentityRemoved, dataset.PatientID) == ("YES", "P-0001")
        with pydicom.config.disable_value_validation():
            method = str(dataset.DeidentificationMethod)
        assert 0 < len(method) <= 64, "a value of VR LO"
        assert dataset.DeidentificationMethodCodeSequence[0].CodeValue == "113100"
        assert dataset.LongitudinalTemporalInformationModified == "REMOVED"
        assert dataset.preamble == b"\0" * 128
        (original,) = (o for o in originals if o.ImagePositionPatient == dataset.ImagePositionPatient)
        assert np.array_equal(dataset.pixel_array, original.pixel_array & 0x0FFF)


def test_withdrawn_images_cannot_be_copied(take_in, tmp_path, scope, canaries):
    take_in(tmp_path / "in", keep_originals=True)
    image_set = ImageSet.objects.get(scope=scope)
    withdraw_images(image_set=image_set, at=timezone.now())
    with pytest.raises(OriginalsNotKept):
        export_deidentified(image_set=image_set, folder=tmp_path / "out", patient_id="P", at=timezone.now())
    assert not (tmp_path / "out").exists()
