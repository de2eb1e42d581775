"""De-identified copies are begun on a page, made by a worker, and taken as one file by coordinator and PI alone."""

import csv
import io
import os
import zipfile
from datetime import timedelta
from pathlib import Path

import pydicom
import pytest
from django.urls import reverse
from django.utils import timezone

from readerstudy.core.jobs import JobContext, run_job
from readerstudy.core.models import AuditEvent, Job
from readerstudy.imaging.models import ImageSet
from readerstudy.imaging.services import receive
from readerstudy.studies import tasks  # noqa: F401  (registers the handler, as the worker does)
from readerstudy.studies.services import copies
from readerstudy.studies.services.cases import withdraw_case
from readerstudy.studies.services.copies import archive_path, remove_old_copies
from tests import factories
from tests.blinding.planting import PHI, write_series

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def study(settings, tmp_path):
    """A study of three cases: included, excluded, and included without its originals."""
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    study = factories.reader_study(slug="mine", is_demonstration=True)
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    for name, status, kept in (("A", "included", True), ("B", "excluded", True), ("C", "included", False)):
        write_series(tmp_path / name, patient=name)
        before = set(ImageSet.objects.values_list("pk", flat=True))
        receive(scope=study.public_id, source=tmp_path / name, at=timezone.now(), keep_originals=kept)
        images = ImageSet.objects.exclude(pk__in=before).get()
        reason = "poor-image-quality" if status == "excluded" else ""
        factories.case(study=study, image_set=images, pseudonym=name, status=status, exclusion_reason=reason)
    return study


@pytest.fixture
def coordinator(client, study):
    client.force_login(study.roles.get().user)
    return client


PAGE = "/studies/mine/images/copies/"


def asked(client, which="included") -> Job:
    assert client.post(PAGE, {"which": which}).status_code == 302
    return Job.objects.latest("pk")


def made(client, which="included") -> Job:
    job = run_job(asked(client, which).pk)
    assert job.state == "done", job.error
    return job


def taken(client, job):
    answer = client.get(f"{PAGE}{job.public_id}/")
    assert answer.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))


def test_copies_are_asked_for_made_and_taken(coordinator, study):
    page = coordinator.get(PAGE).content.decode()
    assert "The included cases with images (2)" in page
    job = asked(coordinator)
    page = coordinator.get(PAGE).content.decode()
    assert "Waiting for a worker" in page
    assert 'data-refresh="3"' in page
    assert coordinator.get(f"{PAGE}{job.public_id}/").status_code == 404
    run_job(job.pk)
    page = coordinator.get(PAGE).content.decode()
    assert "1 case left out: its originals were not kept" in page

    answer = coordinator.get(f"{PAGE}{job.public_id}/")
    assert answer["Content-Disposition"] == 'attachment; filename="mine-demonstration-dicom.zip"'
    assert answer["Cache-Control"] == "no-store"
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    assert "every patient in these files is synthetic" in archive.read("README.txt").decode()
    rows = list(csv.DictReader(io.StringIO(archive.read("cases.csv").decode())))
    assert [(row["case_id"], row["images"], bool(row["left_out_because"])) for row in rows] == [
        ("A", "2", False),
        ("C", "0", True),
    ]
    images = [name for name in archive.namelist() if name.endswith(".dcm")]
    assert len(images) == 2
    for name in images:
        assert name.startswith("A/")
        data = archive.read(name)
        assert pydicom.dcmread(io.BytesIO(data)).PatientIdentityRemoved == "YES"
        assert not [text for text in PHI.values() if text.encode() in data]
    events = list(AuditEvent.objects.filter(event__startswith="studies.copies").order_by("pk"))
    assert [each.event.rsplit(".", 1)[1] for each in events] == ["requested", "made", "downloaded"]
    assert {each.actor_name for each in events} == {"Dr coordinator"}
    assert events[-1].detail["n_images"] == 2


def test_every_case_is_another_choice(coordinator):
    names = taken(coordinator, made(coordinator, "every")).namelist()
    assert {name.split("/")[0] for name in names if name.endswith(".dcm")} == {"A", "B"}


def test_one_at_a_time_and_a_known_choice(coordinator):
    asked(coordinator)
    answer = coordinator.post(PAGE, {"which": "every"}, follow=True).content.decode()
    assert "are being made already" in answer
    Job.objects.all().delete()
    assert "Choose which cases" in coordinator.post(PAGE, {"which": "x"}, follow=True).content.decode()
    assert not Job.objects.exists()


def test_a_broken_try_goes_on_where_it_stopped(coordinator, study, monkeypatch):
    job = asked(coordinator, "every")
    original, copied = copies.export_deidentified, []

    def breaks(*, patient_id, **more):
        if len(copied) == 1:
            raise OSError("the disk is full")
        copied.append(patient_id)
        return original(patient_id=patient_id, **more)

    monkeypatch.setattr(copies, "export_deidentified", breaks)
    assert run_job(job.pk).state == "queued"
    assert not archive_path(study.public_id, job.public_id).exists()

    def goes_on(*, patient_id, **more):
        copied.append(patient_id)
        return original(patient_id=patient_id, **more)

    monkeypatch.setattr(copies, "export_deidentified", goes_on)
    Job.objects.update(not_before=None)
    assert run_job(job.pk).state == "done"
    assert len(copied) == len(set(copied)) == 3
    assert len(taken(coordinator, job).namelist()) == 2 + 4


def test_a_withdrawn_case_takes_every_archive_with_it(coordinator, study):
    job = made(coordinator)
    case = study.cases.get(pseudonym="A")
    withdraw_case(case=case, actor=None, at=timezone.now())
    assert coordinator.get(f"{PAGE}{job.public_id}/").status_code == 404
    assert "removed" in coordinator.get(PAGE).content.decode()
    root = Path(archive_path(study.public_id, job.public_id)).parent
    assert list(root.iterdir()) == []


def test_a_case_withdrawn_while_copies_are_made_is_not_among_them(coordinator, study, monkeypatch):
    job = asked(coordinator)
    original = copies._table

    def withdrawn_meanwhile(rows):
        monkeypatch.undo()
        withdraw_case(case=study.cases.get(pseudonym="A"), actor=None, at=timezone.now())
        return original(rows)

    monkeypatch.setattr(copies, "_table", withdrawn_meanwhile)
    assert run_job(job.pk).state == "queued"
    assert not archive_path(study.public_id, job.public_id).exists()
    Job.objects.update(not_before=None)
    assert run_job(job.pk).state == "done"
    assert not [name for name in taken(coordinator, job).namelist() if name.startswith("A/")]


def test_stopped_and_removed_copies_leave_nothing(coordinator, study):
    job = asked(coordinator)
    coordinator.post(f"{PAGE}{job.public_id}/end/")
    assert "stopped" in coordinator.get(PAGE).content.decode()
    job = made(coordinator)
    assert archive_path(study.public_id, job.public_id).exists()
    coordinator.post(f"{PAGE}{job.public_id}/end/")
    assert list(archive_path(study.public_id, job.public_id).parent.iterdir()) == []


def test_after_some_days_they_go(coordinator, study):
    job = made(coordinator)
    archive = archive_path(study.public_id, job.public_id)
    remove_old_copies(now=timezone.now() + timedelta(days=6))
    assert archive.exists()
    assert oct(os.stat(archive).st_mode)[-3:] == "600"
    remove_old_copies(now=timezone.now() + timedelta(days=8))
    assert list(archive.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("role", "status"),
    [("investigator", 200), ("reader", 404), ("adjudicator", 404), ("panel", 404), ("auditor", 404),
     ("screener", 404), ("coordinator of another study", 404)],
)  # fmt: skip
def test_coordinator_and_investigator_take_them_and_nobody_else(client, study, role, status):
    client.force_login(study.roles.get().user)
    job = made(client)
    other = factories.reader_study(slug="other") if role.endswith("study") else study
    client.force_login(factories.study_role(role.split()[0], study=other).user)
    assert client.get(PAGE).status_code == status
    assert client.get(f"{PAGE}{job.public_id}/").status_code == status
    if status == 404:
        assert client.post(PAGE, {"which": "every"}).status_code == 404
        assert client.post(f"{PAGE}{job.public_id}/end/").status_code == 404
        assert Job.objects.count() == 1
        assert archive_path(study.public_id, job.public_id).exists()
    # Nor under the name of a study of one's own.
    if role.endswith("study"):
        own = reverse("studies:copies_download", kwargs={"slug": "other", "copy": job.public_id})
        assert client.get(own).status_code == 404


def test_copies_stopped_while_they_are_packed_leave_nothing(coordinator, study, monkeypatch):
    job = asked(coordinator)
    original = copies._table

    def stopped_meanwhile(rows):
        coordinator.post(f"{PAGE}{job.public_id}/end/")
        return original(rows)

    monkeypatch.setattr(copies, "_table", stopped_meanwhile)
    # The heart beats at every step: a test's database has no thread that beats beside it.
    check = JobContext.check
    monkeypatch.setattr(JobContext, "check", lambda context: (context.beat(), check(context))[1])
    assert run_job(job.pk).state == "cancelled"
    assert list(archive_path(study.public_id, job.public_id).parent.iterdir()) == []
