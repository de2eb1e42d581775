"""The coordinator's page of images: for coordinators only, and every door leads to the same import."""

import json
from pathlib import Path

import pydicom
import pytest
from dicomweb_client import DICOMwebClient
from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.imaging.models import ImportBatch
from readerstudy.imaging.services import add_uploaded_file, begin_upload
from readerstudy.studies import tasks  # noqa: F401  (registers the handler, as the worker does)
from readerstudy.studies.images import pages
from readerstudy.studies.models import Case, ReaderStudy
from tests.factories.studies import make_study, make_team
from tests.readerstudy.imaging.images import NOT_DICOM
from tests.readerstudy.imaging.wsgi_client import HOST, session

pytestmark = [pytest.mark.django_db, pytest.mark.shared]


@pytest.fixture
def study(settings, tmp_path):
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    return make_study()


@pytest.fixture
def team(study):
    return make_team(study)


@pytest.fixture
def axial_slices(shared_data) -> list[Path]:
    return sorted((shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat").iterdir())[:3]


def run_jobs(study) -> Job:
    job = Job.objects.filter(study_id=study.public_id, kind="studies.import_images").latest("pk")
    return run_job(job.pk)


def test_an_upload_ends_as_a_case(client, study, team, axial_slices):
    client.force_login(team["coordinator"])
    answer = client.post(
        reverse("studies:begin_upload", kwargs={"slug": study.slug}),
        {"centre": "1", "laterality": "by-convention"},
    )
    assert answer.status_code == 201
    addresses = answer.json()
    names = [f"folder/{path.name}" for path in axial_slices]
    for path, name in zip(axial_slices, names, strict=True):
        asked = client.post(
            addresses["missing"], json.dumps({"names": names}), content_type="application/json"
        )
        assert name in asked.json()["missing"]
        sent = client.generic(
            "POST",
            addresses["files"],
            path.read_bytes(),
            "application/octet-stream",
            query_params={"name": name},
        )
        assert sent.status_code == 201
    assert client.post(addresses["finish"], {"centre": "1"}).status_code == 202
    assert client.post(addresses["finish"], {"centre": "1"}).status_code == 409

    assert run_jobs(study).state == Job.State.DONE

    batch = ImportBatch.objects.get(public_id=addresses["batch"])
    assert (batch.state, batch.n_stored) == ("done", 3)
    case = Case.objects.get(study=study)
    assert case.image_set.imaging_studies.get().laterality == "by-convention"
    table = client.get(
        reverse("studies:import_report_csv", kwargs={"slug": study.slug, "batch": batch.public_id})
    )
    assert table.content.decode().splitlines()[1] == f"1,{names[0]},stored,"


def test_stow_ends_as_a_case(client, study, team, axial_slices):
    client.force_login(team["coordinator"])
    body = b"".join(
        b"--edge\r\nContent-Type: application/dicom\r\n\r\n" + path.read_bytes() + b"\r\n"
        for path in axial_slices
    )
    answer = client.generic(
        "POST",
        reverse("studies:stow", kwargs={"slug": study.slug}),
        body + b"--edge--\r\n",
        'multipart/related; type="application/dicom"; boundary=edge',
    )
    assert answer.status_code == 200
    assert len(answer.json()["00081199"]["Value"]) == 3
    assert Case.objects.filter(study=study).count() == 1


@pytest.mark.parametrize(
    "role", ["first_reader", "second_reader", "adjudicator", "coordinator of another study"]
)
def test_for_everybody_else_there_is_nothing(client, study, team, role):
    people = team | {
        "coordinator of another study": make_team(make_study("other"), suffix="-elsewhere")["coordinator"]
    }
    client.force_login(people[role])
    batch = begin_upload(scope=study.public_id, at=timezone.now(), actor=None)
    named = {"slug": study.slug}
    numbered = {**named, "batch": batch.public_id}
    asked = [
        client.get(reverse("studies:images", kwargs=named)),
        client.get(reverse("studies:import_report", kwargs=numbered)),
        client.get(reverse("studies:import_report_csv", kwargs=numbered)),
        client.post(reverse("studies:begin_upload", kwargs=named)),
        client.post(reverse("studies:upload_missing", kwargs=numbered)),
        client.post(reverse("studies:upload_file", kwargs=numbered)),
        client.post(reverse("studies:finish_upload", kwargs=numbered)),
        client.post(reverse("studies:take_in_upload", kwargs=numbered)),
        client.post(reverse("studies:give_up_upload", kwargs=numbered)),
        client.post(reverse("studies:take_from_archive", kwargs=named)),
        client.get(reverse("studies:text_in_pixels", kwargs=named)),
        client.post(reverse("studies:stow", kwargs=named)),
    ]
    assert {answer.status_code for answer in asked} == {404}


@pytest.fixture
def broken_off(study, team, client, axial_slices):
    """An upload of which two files have arrived; the coordinator is signed in."""
    client.force_login(team["coordinator"])
    batch = begin_upload(scope=study.public_id, at=timezone.now(), actor=None)
    for path in axial_slices[:2]:
        with path.open("rb") as stream:
            add_uploaded_file(batch=batch, name=path.name, stream=stream)
    return batch


def test_an_upload_that_broke_off_is_on_the_page_and_what_arrived_is_taken_in(client, study, broken_off):
    named = {"slug": study.slug, "batch": broken_off.public_id}
    listed = client.get(reverse("studies:images", kwargs={"slug": study.slug})).content.decode()
    assert "2 files have arrived" in listed
    report = reverse("studies:import_report", kwargs=named)
    page = client.get(report).content.decode()
    assert "This upload is not finished" in page
    assert "After 7 days" in page
    taken = client.post(reverse("studies:take_in_upload", kwargs=named), {"centre": "PKU"}, follow=True)
    assert taken.redirect_chain == [(report, 302)]
    assert run_jobs(study).state == Job.State.DONE
    assert Case.objects.get(study=study).patient.centre.code == "PKU"
    broken_off.refresh_from_db()
    assert (broken_off.state, broken_off.n_stored) == ("done", 2)
    # The page as it stood before: neither act is done on a finished import.
    for view in ("take_in_upload", "give_up_upload"):
        answer = client.post(reverse(f"studies:{view}", kwargs=named), follow=True)
        assert "This upload was finished before." in answer.content.decode()
    assert "This upload is not finished" not in client.get(report).content.decode()


def test_an_upload_that_broke_off_is_given_up(client, study, broken_off):
    named = {"slug": study.slug, "batch": broken_off.public_id}
    page = client.post(reverse("studies:give_up_upload", kwargs=named), follow=True).content.decode()
    assert "This upload was given up; what had arrived was erased." in page
    assert not Job.objects.filter(study_id=study.public_id).exists()
    # The browser's own way notices it, and begins anew.
    asked = client.post(
        reverse("studies:upload_missing", kwargs=named), '{"names": ["a"]}', content_type="application/json"
    )
    assert asked.status_code == 409


@pytest.mark.parametrize("state", ["locked", "unblinded"])
def test_a_study_that_takes_no_more_images_says_so_before_anything_is_sent(
    client, study, team, axial_slices, state
):
    client.force_login(team["coordinator"])
    now = timezone.now()
    ReaderStudy.objects.filter(pk=study.pk).update(state=state, locked_at=now, unblinded_at=now)
    named = {"slug": study.slug}
    page = client.get(reverse("studies:images", kwargs=named)).content.decode()
    assert "images are imported before it is locked" in page
    assert "data-upload" not in page
    begun = client.post(
        reverse("studies:begin_upload", kwargs=named), {"centre": "1", "laterality": "unknown"}
    )
    assert begun.status_code == 409
    body = (
        b"--edge\r\nContent-Type: application/dicom\r\n\r\n"
        + axial_slices[0].read_bytes()
        + b"\r\n--edge--\r\n"
    )
    kind = 'multipart/related; type="application/dicom"; boundary=edge'
    stowed = client.generic("POST", reverse("studies:stow", kwargs=named), body, kind)
    assert (stowed.status_code, "before it is locked" in stowed.content.decode()) == (400, True)
    assert not ImportBatch.objects.exists()


def test_every_import_is_found_however_many_came_after(client, study, team, monkeypatch):
    client.force_login(team["coordinator"])
    monkeypatch.setattr(pages, "IMPORTS_PER_PAGE", 2)
    batches = [begin_upload(scope=study.public_id, at=timezone.now(), actor=None) for _ in range(3)]
    address = reverse("studies:images", kwargs={"slug": study.slug})
    shown = [client.get(f"{address}?page={number}").content.decode() for number in (1, 2)]
    assert [[str(batch.public_id) in page for batch in batches] for page in shown] == [
        [False, True, True],
        [True, False, False],
    ]
    report = reverse("studies:import_report", kwargs={"slug": study.slug, "batch": batches[0].public_id})
    assert "This upload is not finished" in client.get(report).content.decode()


def test_a_formula_in_a_file_name_stays_text(client, study, team):
    client.force_login(team["coordinator"])
    batch = begin_upload(scope=study.public_id, at=timezone.now(), actor=None)
    address = reverse("studies:upload_file", kwargs={"slug": study.slug, "batch": batch.public_id})
    client.generic("POST", address, b"x", query_params={"name": "=1+1"})
    finish = reverse("studies:finish_upload", kwargs={"slug": study.slug, "batch": batch.public_id})
    assert client.post(finish, {"centre": "1"}).status_code == 202
    run_jobs(study)
    table = client.get(
        reverse("studies:import_report_csv", kwargs={"slug": study.slug, "batch": batch.public_id})
    )
    assert "1,'=1+1,refused," in table.content.decode()


@pytest.mark.parametrize(("language", "said"), [("en", NOT_DICOM), ("zh-hans", "缺少 DICM 标记")])
def test_the_page_says_in_its_language_why_a_file_was_refused(client, study, team, language, said):
    client.force_login(team["coordinator"])
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    batch = begin_upload(scope=study.public_id, at=timezone.now(), actor=None)
    named = {"slug": study.slug, "batch": batch.public_id}
    client.generic(
        "POST", reverse("studies:upload_file", kwargs=named), b"no image", query_params={"name": "letter.txt"}
    )
    assert client.post(reverse("studies:finish_upload", kwargs=named), {"centre": "1"}).status_code == 202
    run_jobs(study)
    page = client.get(reverse("studies:import_report", kwargs=named)).content.decode()
    assert said in page
    # A table for programs is the same whoever asks for it.
    table = client.get(reverse("studies:import_report_csv", kwargs=named)).content.decode()
    assert NOT_DICOM in table


def test_dicomweb_client_stores_images(client, study, team, axial_slices):
    client.force_login(team["coordinator"])
    person = session()
    person.cookies["sessionid"] = client.cookies["sessionid"].value
    person.cookies["csrftoken"] = person.headers["X-CSRFToken"] = "a" * 32
    address = reverse("studies:stow", kwargs={"slug": study.slug}).removesuffix("/studies")
    storing = DICOMwebClient(url=f"{HOST}{address}", session=person)
    answer = storing.store_instances([pydicom.dcmread(path) for path in axial_slices])
    assert len(answer.ReferencedSOPSequence) == 3
    assert Case.objects.filter(study=study).count() == 1
