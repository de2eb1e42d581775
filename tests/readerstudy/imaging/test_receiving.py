"""Import: every file ends as stored, duplicate, conflict or refused, with a reason."""

import shutil

import pydicom
import pytest
from django.db import transaction
from django.utils import timezone

from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, ImportOutcome, Instance, Series
from readerstudy.imaging.services import create_batch, identity_of, receive
from readerstudy.imaging.services.receiving import SourceMissing
from readerstudy.imaging.services.subjects import mark_looked_at
from tests.readerstudy.dicom.writing import write
from tests.readerstudy.imaging.images import NOT_DICOM

pytestmark = pytest.mark.shared

BAD_FILES = {
    "trunc_half.dcm": "the pixels are shorter than the header says",
    "deflate_bomb_60MB.dcm": "the file inflates to many times its size, as no image does",
    "nested_3000.dcm": "the file nests sequences deeper than any real object",
    "ts_unknown.dcm": "the pixels are encoded in a way that cannot be decoded here (transfer syntax)",
    "text_script.dcm": "the patient identifier holds characters or a length that no hospital number has",
    "uid_traversal.dcm": "the SOP instance UID is not a UID (digits and dots, at most 64 characters)",
    "no-pixel-data.dcm": "the object is not an image for reading (SOP class)",
    "text_as.dcm": NOT_DICOM,
}


def outcomes_by_name(batch) -> dict[str, tuple[str, str]]:
    return {
        stores.open_name(batch.scope, row.name_sealed): (row.outcome, row.reason)
        for row in batch.outcomes.all()
    }


def test_a_lumbar_case_becomes_one_set_of_two_described_series(lumbar_set):
    sagittal, axial = Series.objects.filter(imaging_study__image_set=lumbar_set).order_by("number")

    assert (sagittal.label, sagittal.plane, sagittal.n_instances) == ("Sagittal T2", "sagittal", 26)
    assert (axial.label, axial.plane, axial.n_instances) == ("Axial T2", "axial", 15)
    assert sagittal.frame_of_reference_uid == axial.frame_of_reference_uid != ""
    assert sagittal.has_geometry
    assert sagittal.has_spacing
    assert identity_of(lumbar_set).patient_id == "RS-LT2-05"


def test_bad_files_are_refused_or_in_conflict_and_the_good_ones_land(take_in, shared_data, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in BAD_FILES:
        source = next(path for path in (shared_data / "malformed").rglob(name))
        shutil.copy(source, folder / name)
    made = shared_data / "malformed" / "made"
    shutil.copytree(made / "series_two_patients_one_study", folder / "two_patients")
    shutil.copytree(made / "series_duplicate_sop", folder / "duplicate_uid")
    shutil.copytree(shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat", folder / "good")

    batch = take_in(folder)

    found = outcomes_by_name(batch)
    for name, reason in BAD_FILES.items():
        assert found[name] == ("refused", reason)
    patients = [found[f"two_patients/{number:02d}.dcm"] for number in range(1, 7)]
    # The study belongs to whoever came first in it: all others of that study are in conflict, none lands beside.
    first = found["duplicate_uid/01.dcm"]
    assert first == ("stored", "")
    assert all(outcome == "conflict" and "another patient" in reason for outcome, reason in patients)
    same_uid = [found[f"duplicate_uid/{number:02d}.dcm"] for number in range(2, 7)]
    assert all(outcome == "conflict" and "other pixels" in reason for outcome, reason in same_uid)
    assert all(outcome == "stored" for name, (outcome, _) in found.items() if name.startswith("good/"))
    assert batch.n_stored == 16
    assert batch.n_refused == len(BAD_FILES)
    assert batch.state == "done"


@pytest.mark.both_databases
def test_importing_again_changes_nothing(take_in, lumbar_set, shared_data):
    before = list(Instance.objects.order_by("pk").values_list("blinded_uid", "index", "pixel_digest"))

    batch = take_in(shared_data / "lumbar_mr" / "vb2_05")

    assert (batch.n_stored, batch.n_duplicate) == (0, 41)
    assert list(Instance.objects.order_by("pk").values_list("blinded_uid", "index", "pixel_digest")) == before


@pytest.mark.both_databases
def test_a_resumed_import_goes_on_where_it_stopped(db, data_root, scope, shared_data):
    source = shared_data / "lumbar_mr" / "vb2_05"
    batch = create_batch(scope=scope, source="first try", at=timezone.now())
    calls = []

    class Killed(Exception):
        pass

    def interrupted():
        calls.append(1)
        if len(calls) > 1:
            raise Killed
        return transaction.atomic()

    with pytest.raises(Killed):
        receive(scope=scope, source=source, at=timezone.now(), batch=batch, commit=interrupted)
    assert ImportOutcome.objects.filter(batch=batch).count() == 41

    batch = receive(scope=scope, source=source, at=timezone.now(), batch=batch)

    assert (batch.state, batch.n_stored, batch.n_duplicate) == ("done", 41, 0)
    assert not (data_root / "staging" / str(batch.public_id)).exists()


def test_a_missing_folder_is_said_plainly(take_in, tmp_path):
    with pytest.raises(SourceMissing):
        take_in(tmp_path / "nothing here")


def test_studies_of_one_patient_come_into_one_set(take_in, shared_data, scope):
    take_in(shared_data / "lumbar_ct" / "ts_example")
    take_in(shared_data / "lumbar_xr_simulated" / "ts_example")

    image_set = ImageSet.objects.get(scope=scope)
    labels = Series.objects.filter(imaging_study__image_set=image_set).values_list("label", flat=True)
    assert sorted(labels) == ["AP X-ray", "Axial CT", "Lateral X-ray", "Sagittal CT"]


def test_writing_is_told_of_where_it_is_looked_for_and_later_images_are_looked_at_again(
    take_in, shared_data, tmp_path, scope, settings
):
    slices = sorted((shared_data / "lumbar_mr" / "vb2_05" / "01_T2_SAG").glob("*.dcm"))
    for number, path in enumerate(slices[:12]):
        folder = tmp_path / ("first", "second", "third")[number // 4]
        folder.mkdir(exist_ok=True)
        dataset = pydicom.dcmread(path)
        if number % 4 == 1:
            dataset.PixelData = write(dataset.pixel_array, "SURNAME 1961", size=14).tobytes()
        dataset.save_as(folder / path.name)

    take_in(tmp_path / "first")
    series = Series.objects.get(imaging_study__image_set__scope=scope)
    assert series.burned_in == ""

    settings.READERSTUDY_LOOK_FOR_TEXT = True
    take_in(tmp_path / "second")
    series.refresh_from_db()
    assert (series.burned_in, series.burned_in_checked_at) == ("seen", None)

    mark_looked_at(scope=scope, series=[series.blinded_uid], actor=None, at=timezone.now())
    series.refresh_from_db()
    assert series.burned_in_checked_at
    take_in(tmp_path / "third")
    series.refresh_from_db()
    assert (series.burned_in, series.burned_in_checked_at) == ("seen", None)
