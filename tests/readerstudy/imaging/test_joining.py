"""One patient under two numbers: shown as one set, recognised by either, taken apart again, erased as a whole."""

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pydicom
import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from readerstudy.core.audit import sentence
from readerstudy.core.models import AuditEvent
from readerstudy.imaging import stores
from readerstudy.imaging.authorise import authorise
from readerstudy.imaging.models import ImageSet, ImagingStudy, ImportOutcome, Instance, Series
from readerstudy.imaging.selectors import import_report, pixel_digests, read_volume, study_table
from readerstudy.imaging.services import (
    CannotJoin,
    CannotTakeOut,
    export_deidentified,
    join_image_sets,
    patient_numbers,
    take_out_images,
    withdraw_images,
)
from readerstudy.imaging.services.placing import OTHER_PATIENT, OTHER_PIXELS, WITHDRAWN
from tests.readerstudy.imaging.addresses import addresses
from tests.readerstudy.imaging.wsgi_client import HOST, session

pytestmark = pytest.mark.shared

RADIOGRAPHS, SLICES = "RS-CT-TS1", "RS-LT2-05"
WORDS = ["AP X-ray", "Axial T2", "Lateral X-ray"]


def joined(stays: ImageSet, comes: ImageSet) -> ImageSet:
    join_image_sets(stays=stays, comes=comes, at=timezone.now(), actor=None)
    stays.refresh_from_db()
    comes.refresh_from_db()
    return stays


def taken_out(image_set: ImageSet, *studies: ImagingStudy) -> ImageSet:
    uids = [study.blinded_uid for study in studies]
    return take_out_images(image_set=image_set, imaging_studies=uids, at=timezone.now(), actor=None)


def labels(image_set: ImageSet) -> list[str]:
    return sorted(row.label for row in study_table(image_set))


def files_below(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def outcomes(batch) -> set[tuple[str, str]]:
    return {(row.outcome, row.reason) for row in import_report(batch)}


@pytest.fixture
def slices(shared_data) -> list[Path]:
    return sorted((shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat").iterdir())


@pytest.fixture
def folder_of(tmp_path):
    """Write DICOM files, changed or not, into a new folder."""

    def made(name: str, paths: list[Path], **changed: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for path in paths:
            dataset = pydicom.dcmread(path)
            for attribute, value in changed.items():
                setattr(dataset, attribute, value)
            dataset.save_as(folder / path.name)
        return folder

    return made


@pytest.fixture
def radiographs(take_in, shared_data, scope) -> ImageSet:
    """Two radiographs under the number of one archive."""
    batch = take_in(shared_data / "lumbar_xr_simulated" / "ts_example", keep_originals=True)
    return batch.image_sets.get()


@pytest.fixture
def first_slices(take_in, folder_of, slices, radiographs) -> ImageSet:
    """The first five slices of an MR series under the number of another archive."""
    return take_in(folder_of("first slices", slices[:5]), keep_originals=True).image_sets.get()


@pytest.fixture
def whole(radiographs, first_slices) -> ImageSet:
    """Both, joined."""
    return joined(radiographs, first_slices)


def test_joining_changes_no_file_and_shows_the_images_of_both(
    radiographs, first_slices, data_root, client_of, open_images
):
    before, digests = files_below(data_root), set(pixel_digests(radiographs) + pixel_digests(first_slices))
    opened, presentation = open_images(radiographs)

    whole = joined(radiographs, first_slices)

    assert files_below(data_root) == before
    assert labels(whole) == WORDS
    assert study_table(first_slices) == ()
    with pytest.raises(CommandError, match=f"are shown by the set {whole.public_id}"):
        call_command("open_images", str(first_slices.public_id))
    assert set(pixel_digests(whole)) == digests
    # Whoever had looked before looks at something else now.
    bearer = {"cookies": "", "authorization": f"Bearer {opened.token}", "now": timezone.now()}
    assert authorise(presentation=presentation, **bearer) is None
    client = client_of(whole)
    assert {each["0020000D"]["Value"][0] for each in client.search_for_studies()} == {
        row.blinded_uid for row in ImagingStudy.objects.all()
    }
    for row in Instance.objects.select_related("series__imaging_study"):
        study, series = row.series.imaging_study.blinded_uid, row.series.blinded_uid
        assert len(client.retrieve_series_metadata(study, series)) == row.series.n_instances
        frames = client.retrieve_instance_frames(
            study, series, row.blinded_uid, [1], media_types=(("application/octet-stream", "*"),)
        )
        assert frames[0]


@pytest.mark.parametrize("options", [{}, {"alias": "again"}])
def test_every_address_of_the_joined_set_answers(whole, client_of, open_images, options):
    opened, presentation = open_images(whole, **options)
    asked = session(token=opened.token)
    found = addresses(whole, alias=options.get("alias", ""), every_instance=True)
    assert len(found) > 70
    for address in found:
        answer = asked.get(f"{HOST}/dicomweb/{presentation}{address}")
        assert (address, answer.status_code) == (address, 200)
        for number in (RADIOGRAPHS, SLICES):
            assert number.encode() not in answer.content


def test_the_model_reads_the_pixels_of_either_number(whole):
    axial = Series.objects.get(modality="MR")
    assert read_volume(axial).values.shape[0] == 5


@pytest.mark.both_databases
def test_later_imports_under_either_number_come_into_the_one_set(
    whole, take_in, folder_of, slices, shared_data, client_of
):
    client_of(whole).search_for_studies()  # the gathered view was made, and is made anew
    batch = take_in(folder_of("later", slices), keep_originals=True)
    assert (batch.n_stored, batch.n_duplicate, batch.n_conflict) == (len(slices) - 5, 5, 0)
    assert list(batch.image_sets) == [whole]
    first = take_in(shared_data / "lumbar_ct" / "ts_example")  # the number of the radiographs
    assert list(first.image_sets) == [whole]

    assert labels(whole) == sorted([*WORDS, "Axial CT", "Sagittal CT"])
    assert Series.objects.get(modality="MR").n_instances == len(slices)
    axial = Series.objects.get(modality="MR")
    found = client_of(whole).retrieve_series_metadata(axial.imaging_study.blinded_uid, axial.blinded_uid)
    assert len(found) == len(slices)


def test_a_new_study_under_the_number_that_came_is_shown_by_the_set_that_stays(
    whole, first_slices, take_in, folder_of, slices
):
    new = {
        "StudyInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3.4.5",
        "FrameOfReferenceUID": "1.2.3.4.6",
    }
    folder = folder_of("a second study", slices[:1], SOPInstanceUID="1.2.3.4.7", **new)
    (folder / slices[0].name).rename(folder / "new.dcm")
    batch = take_in(folder, keep_originals=True)
    assert batch.n_stored == 1
    assert list(batch.image_sets) == [whole]
    study = ImagingStudy.objects.latest("pk")
    assert (study.image_set, study.home) == (whole, first_slices)
    assert study.blinded_uid in stores.read_identity(first_slices.scope, first_slices.public_id)["studies"]
    assert stores.original(whole.scope, first_slices.public_id, Instance.objects.latest("pk").blinded_uid)


def test_the_same_image_under_the_other_number_is_a_duplicate_once_they_are_one_patient(
    radiographs, first_slices, take_in, folder_of, slices
):
    other_number = folder_of("other number", slices[:5], PatientID=RADIOGRAPHS)
    assert outcomes(take_in(other_number)) == {("conflict", OTHER_PATIENT)}

    joined(radiographs, first_slices)

    batch = take_in(other_number)
    assert (batch.n_duplicate, batch.n_conflict) == (5, 0)
    changed = pydicom.dcmread(other_number / slices[0].name)
    changed.PixelData = bytes(len(changed.PixelData))
    changed.save_as(other_number / slices[0].name)
    assert outcomes(take_in(other_number)) == {
        ("conflict", OTHER_PIXELS),
        ("duplicate", "the same image is already there"),
    }
    # What is new of a study that the other number began lies beside it.
    batch = take_in(folder_of("more", slices[5:6], PatientID=RADIOGRAPHS))
    assert batch.n_stored == 1
    assert Series.objects.get(modality="MR").n_instances == 6


def test_withdrawal_erases_what_came_under_every_number(
    whole, first_slices, take_in, data_root, slices, folder_of, client_of, shared_data
):
    client_of(whole).search_for_studies()
    client_of(whole, alias="again").search_for_studies()
    stray = stores.set_path(first_slices.scope, first_slices.public_id) / "base" / "2.25.1" / "2.25.2"
    stray.mkdir(parents=True)
    (stray / "2.25.3_1").write_bytes(b"left by a crash, without a row")

    withdraw_images(image_set=whole, at=timezone.now())

    for store in ("cache", "originals", "identities"):
        assert files_below(data_root / store) == {}
    assert patient_numbers(whole) == ()
    assert set(ImportOutcome.objects.values_list("name_sealed", flat=True)) == {b""}
    for folder in (folder_of("back", slices), shared_data / "lumbar_xr_simulated"):
        assert outcomes(take_in(folder)) == {("refused", WITHDRAWN)}


@pytest.mark.both_databases
def test_a_number_that_is_taken_out_stands_as_before_with_its_later_images(
    radiographs, first_slices, take_in, folder_of, slices, data_root, client_of
):
    fields = ("pk", "image_set", "drawer")
    before, rows = files_below(data_root), list(ImagingStudy.objects.order_by("pk").values_list(*fields))
    whole = joined(radiographs, first_slices)
    client_of(whole).search_for_studies()

    back = taken_out(whole, ImagingStudy.objects.get(modalities="MR"))

    assert back == first_slices
    assert list(ImagingStudy.objects.order_by("pk").values_list(*fields)) == rows
    assert (labels(back), labels(whole)) == (["Axial T2"], ["AP X-ray", "Lateral X-ray"])
    assert len(client_of(whole).search_for_studies()) == len(client_of(back).search_for_studies()) == 1
    assert (patient_numbers(whole), patient_numbers(back)) == ((RADIOGRAPHS,), (SLICES,))
    stores.remove_views(whole.scope, whole.public_id)
    assert files_below(data_root) == before
    batch = take_in(folder_of("later", slices))
    assert list(batch.image_sets) == [back]
    withdraw_images(image_set=whole, at=timezone.now())
    assert labels(back) == ["Axial T2"]
    assert read_volume(Series.objects.get(modality="MR")).values.shape[0] == len(slices)


def test_one_study_leaves_alone_and_neither_side_erases_the_others_pixels(
    take_in, shared_data, scope, client_of, data_root
):
    take_in(shared_data / "lumbar_ct" / "ts_example", keep_originals=True)
    take_in(shared_data / "lumbar_xr_simulated" / "ts_example", keep_originals=True)
    whole = ImageSet.objects.get(scope=scope)
    ct = ImagingStudy.objects.get(modalities="CT")
    client_of(whole, alias="again").search_for_studies()

    alone = taken_out(whole, ct)

    assert (labels(alone), labels(whole)) == (["Axial CT", "Sagittal CT"], ["AP X-ray", "Lateral X-ray"])
    # The folder of the number holds both; each is served what it shows.
    assert [each["0020000D"]["Value"][0] for each in client_of(alone).search_for_studies()] == [
        ct.blinded_uid
    ]
    (shown,) = client_of(whole).search_for_studies()
    assert shown["0020000D"]["Value"][0] != ct.blinded_uid
    assert list(take_in(shared_data / "lumbar_xr_simulated" / "ts_example").image_sets) == [whole]

    withdraw_images(image_set=whole, at=timezone.now())

    folder = Series.objects.filter(imaging_study=ct).first()
    assert read_volume(folder).values.any()
    assert patient_numbers(whole) == ()
    held = {path.name for path in (data_root / "originals").rglob("*.sealed")}
    assert held == {
        f"{uid}.sealed"
        for uid in Instance.objects.filter(series__imaging_study=ct).values_list("blinded_uid", flat=True)
    }
    withdraw_images(image_set=alone, at=timezone.now())
    for store in ("cache", "originals", "identities"):
        assert files_below(data_root / store) == {}


def test_a_study_that_was_filed_under_the_wrong_number_comes_to_its_patient(
    take_in, shared_data, scope, first_slices, radiographs, folder_of
):
    take_in(shared_data / "lumbar_ct" / "ts_example")
    ct = ImagingStudy.objects.get(modalities="CT")
    alone = taken_out(radiographs, ct)
    right = joined(first_slices, alone)
    assert labels(right) == ["Axial CT", "Axial T2", "Sagittal CT"]
    paths = sorted((shared_data / "lumbar_ct" / "ts_example").rglob("*.dcm"))[:2]
    # The archive has corrected the number meanwhile, or has not.
    for name, number in (("corrected", SLICES), ("not corrected", RADIOGRAPHS)):
        assert outcomes(take_in(folder_of(name, paths, PatientID=number))) == {
            ("duplicate", "the same image is already there")
        }
    assert taken_out(right, ct) == alone


def test_what_was_joined_is_joined_on_with_all_its_numbers(
    whole, first_slices, take_in, folder_of, slices, data_root, client_of
):
    other = {
        "PatientID": "A-THIRD-ONE",
        "StudyInstanceUID": "1.2.3.4",
        "SeriesInstanceUID": "1.2.3.4.5",
        "FrameOfReferenceUID": "1.2.3.4.6",
        "SOPInstanceUID": "1.2.3.4.7",
    }
    third = take_in(folder_of("third", slices[:1], **other)).image_sets.get()

    all_three = joined(third, whole)

    assert labels(all_three) == sorted([*WORDS, "Axial T2"])
    assert patient_numbers(all_three) == ("A-THIRD-ONE", RADIOGRAPHS, SLICES)
    assert len(client_of(all_three).search_for_studies()) == 3
    batch = take_in(folder_of("later", slices))
    assert (list(batch.image_sets), batch.n_stored) == ([all_three], len(slices) - 5)
    # Two numbers leave together, and come back.
    two = ImagingStudy.objects.exclude(blinded_uid=third.imaging_studies.order_by("pk").last().blinded_uid)
    both = taken_out(all_three, *two)
    assert (both, patient_numbers(both)) == (whole, (RADIOGRAPHS, SLICES))
    assert patient_numbers(all_three) == ("A-THIRD-ONE",)
    all_three = joined(third, both)
    # One number leaves, the others stay together.
    alone = taken_out(all_three, ImagingStudy.objects.exclude(modalities="MR").get())
    assert alone == whole
    assert (labels(alone), patient_numbers(alone)) == (["AP X-ray", "Lateral X-ray"], (RADIOGRAPHS,))
    withdraw_images(image_set=all_three, at=timezone.now())
    held = [Path(name).parts[2].removesuffix(".sealed") for name in files_below(data_root)]
    assert set(held) == {str(whole.public_id)}
    assert outcomes(take_in(folder_of("back", slices))) == {("refused", WITHDRAWN)}


def test_copies_of_the_joined_set_hold_both_under_one_pseudonym(whole, tmp_path):
    n = export_deidentified(image_set=whole, folder=tmp_path / "out", patient_id="P-1", at=timezone.now())
    copies = [pydicom.dcmread(path) for path in (tmp_path / "out").rglob("*.dcm")]
    assert n == len(copies) == 7
    assert {copy.PatientID for copy in copies} == {"P-1"}
    assert {copy.SOPInstanceUID for copy in copies} == set(
        Instance.objects.values_list("blinded_uid", flat=True)
    )


def test_what_cannot_be_joined_or_taken_out_stays(radiographs, first_slices, take_in, shared_data):
    other = ImageSet.objects.create(
        scope=uuid.uuid4(), subject_key="another reader study", created_at=timezone.now()
    )
    for pair in ((radiographs, radiographs), (radiographs, other)):
        with pytest.raises(CannotJoin):
            joined(*pair)
    with pytest.raises(CannotTakeOut):
        taken_out(radiographs, *radiographs.imaging_studies.all())
    whole = joined(radiographs, first_slices)
    with pytest.raises(CannotJoin):
        joined(whole, first_slices)
    # The set's own number cannot leave: what came under the other one does.
    with pytest.raises(CannotTakeOut):
        taken_out(whole, ImagingStudy.objects.exclude(modalities="MR").get())
    withdraw_images(image_set=whole, at=timezone.now())
    with pytest.raises(CannotJoin):
        joined(other, whole)


def test_the_audit_trail_tells_of_it_without_a_number(whole):
    taken_out(whole, ImagingStudy.objects.get(modalities="MR"))
    events = AuditEvent.objects.filter(event__in=["imaging.images.joined", "imaging.images.taken_out"])
    assert [sentence(each) for each in events.order_by("pk")] == [
        "joined 1 imaging studies of one patient under another number",
        "took 1 imaging studies out into a set of their own",
    ]
    for each in events:
        assert not any(number in str(each.detail) for number in (RADIOGRAPHS, SLICES))


KILLED = """
import os, signal, sys, django
django.setup()
from django.utils import timezone
from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services import joining

def die(*args, **options):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[3] == "before the commit":
    joining.record = die
else:
    stores.remove_views = die
stays, comes = (ImageSet.objects.get(pk=pk) for pk in sys.argv[1:3])
joining.join_image_sets(stays=stays, comes=comes, at=timezone.now(), actor=None)
"""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("moment", ["before the commit", "after the commit"])
def test_a_process_that_dies_leaves_both_apart_or_both_joined(
    moment, radiographs, first_slices, data_root, client_of, settings
):
    client_of(radiographs, alias="again").search_for_studies()
    before = files_below(data_root)
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "READERSTUDY_DATABASE_URL": f"sqlite://{connection.settings_dict['NAME']}",
        "READERSTUDY_DATA_ROOT": str(data_root),
        "READERSTUDY_KEY_FILE": str(django_settings.READERSTUDY_KEY_FILE),
    }
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, str(radiographs.pk), str(first_slices.pk), moment],
        env=environment,
        cwd=django_settings.BASE_DIR,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr

    assert files_below(data_root) == before
    whole = ["AP X-ray", "Lateral X-ray"] if moment == "before the commit" else WORDS
    assert labels(radiographs) == whole
    for options in ({}, {"alias": "again"}):
        # A view from before has another name: nothing is served half.
        shown = client_of(radiographs, **options).search_for_studies()
        assert len(shown) == radiographs.imaging_studies.count()
    if moment == "before the commit":
        joined(radiographs, first_slices)
        assert labels(radiographs) == WORDS
