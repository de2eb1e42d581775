"""Uploads file by file, and STOW-RS: the same outcomes as for a folder."""

import io
import os
from datetime import timedelta

import pydicom
import pytest
from django.utils import timezone

from readerstudy.core.models import AuditEvent, Job
from readerstudy.dicom.limits import Limits
from readerstudy.imaging.intake_queue import UploadedFiles, inbox_name
from readerstudy.imaging.models import ImageSet, ImportBatch, Instance
from readerstudy.imaging.reasons import UPLOAD_GIVEN_UP, UPLOAD_TOO_OLD
from readerstudy.imaging.selectors import import_report
from readerstudy.imaging.services import (
    UploadRefused,
    add_uploaded_file,
    arrived_files,
    begin_upload,
    clear_old_arrivals,
    give_up_upload,
    missing_uploads,
    receive,
    store_instances,
)
from readerstudy.imaging.services.uploading import KEPT_DAYS

pytestmark = pytest.mark.shared


@pytest.fixture
def files(shared_data):
    folder = shared_data / "lumbar_mr" / "vb2_05" / "02_T2_AX_disc_reformat"
    return {f"CANARY^NAME/{path.name}": path.read_bytes() for path in sorted(folder.iterdir())}


def test_an_upload_goes_on_where_it_broke_off_and_is_taken_in(db, data_root, scope, files):
    batch = begin_upload(scope=scope, at=timezone.now(), actor=None)
    names = list(files)
    for name in names[:7]:
        add_uploaded_file(batch=batch, name=name, stream=io.BytesIO(files[name]))
    assert missing_uploads(batch=batch, names=names) == names[7:]
    # File names may hold a patient's name: on disk they are sealed.
    inbox = [path for path in data_root.rglob("*") if path.is_file()]
    assert not any(b"CANARY^NAME" in str(path).encode() + path.read_bytes() for path in inbox)
    for name in names:
        add_uploaded_file(batch=batch, name=name, stream=io.BytesIO(files[name]))

    batch = receive(scope=scope, source=UploadedFiles(), batch=batch, at=timezone.now())

    assert (batch.state, batch.n_stored) == ("done", 15)
    assert [row.name for row in import_report(batch)] == names
    assert not list((data_root / "staging").iterdir())
    with pytest.raises(UploadRefused, match="closed"):
        add_uploaded_file(batch=batch, name="late.dcm", stream=io.BytesIO(b"x"))


def begun(scope, files, at=None):
    """Begin an upload of which three files arrive."""
    batch = begin_upload(scope=scope, at=at or timezone.now(), actor=None)
    for name in list(files)[:3]:
        add_uploaded_file(batch=batch, name=name, stream=io.BytesIO(files[name]))
    return batch


def kept_on_disk(data_root):
    return [path for path in (data_root / "staging").rglob("*") if path.is_file()]


def test_what_has_arrived_of_an_upload_that_is_given_up_is_erased(db, data_root, scope, files):
    batch, other = begun(scope, files), begun(scope, files)
    assert arrived_files(batch) == 3
    give_up_upload(batch=batch, at=timezone.now(), actor=None)
    batch.refresh_from_db()
    assert (batch.state, batch.problem) == ("given_up", UPLOAD_GIVEN_UP)
    assert AuditEvent.objects.get(event="imaging.upload.given_up").detail["n"] == 3
    assert arrived_files(batch) == 0
    assert arrived_files(other) == 3
    for act in (
        lambda: give_up_upload(batch=batch, at=timezone.now(), actor=None),
        lambda: add_uploaded_file(batch=batch, name="late.dcm", stream=io.BytesIO(b"x")),
        lambda: missing_uploads(batch=batch, names=["late.dcm"]),
    ):
        with pytest.raises(UploadRefused):
            act()
    give_up_upload(batch=other, at=timezone.now(), actor=None)
    assert kept_on_disk(data_root) == []


def test_a_file_that_arrives_while_its_upload_is_given_up_does_not_stay(db, data_root, scope, files):
    batch = begun(scope, files)

    class Slow(io.BytesIO):
        def read(self, size=-1):
            if not self.tell():
                give_up_upload(batch=batch, at=timezone.now(), actor=None)
            return super().read(size)

    with pytest.raises(UploadRefused, match="closed"):
        add_uploaded_file(batch=batch, name="slow.dcm", stream=Slow(b"x" * 100))
    assert kept_on_disk(data_root) == []


def test_an_upload_that_nobody_goes_on_with_is_given_up_after_days(db, data_root, scope, files):
    now = timezone.now()
    long_ago = now - timedelta(days=KEPT_DAYS, hours=1)
    old, fresh = begun(scope, files, long_ago), begun(scope, files, long_ago)
    empty = begin_upload(scope=scope, at=long_ago, actor=None)
    left = data_root / "staging" / "stow-of-a-killed-server"
    left.mkdir()
    (left / "body").write_bytes(b"x")
    for folder in (data_root / "staging" / inbox_name(old.public_id), left):
        os.utime(folder, (long_ago.timestamp(),) * 2)

    clear_old_arrivals(now=now)

    assert [ImportBatch.objects.get(pk=each.pk).state for each in (old, fresh, empty)] == [
        "given_up",
        "arriving",
        "given_up",
    ]
    old.refresh_from_db()
    assert old.problem == UPLOAD_TOO_OLD % {"days": 7}
    assert [path.name for path in (data_root / "staging").iterdir()] == [inbox_name(fresh.public_id)]


def test_files_of_an_import_whose_turn_is_still_to_come_wait_as_long_as_it_takes(db, data_root, scope, files):
    """No worker ran for weeks: what was finished in time is taken in all the same."""
    now = timezone.now()
    long_ago = (now - timedelta(days=30)).timestamp()
    waiting, failed = begun(scope, files), begun(scope, files)
    ImportBatch.objects.filter(pk__in=[waiting.pk, failed.pk]).update(state="running")
    for batch, state in ((waiting, Job.State.QUEUED), (failed, Job.State.FAILED)):
        Job.objects.create(
            kind="studies.import_images",
            queue="io",
            state=state,
            payload={"batch": str(batch.public_id)},
            created_at=now,
        )
        os.utime(data_root / "staging" / inbox_name(batch.public_id), (long_ago, long_ago))

    clear_old_arrivals(now=now)

    assert (arrived_files(waiting), arrived_files(failed)) == (3, 0)


def test_a_file_past_the_limit_is_not_kept(db, data_root, scope, settings):
    settings.READERSTUDY_IMPORT_LIMITS = {"file_bytes": 2**20}
    batch = begin_upload(scope=scope, at=timezone.now(), actor=None)
    with pytest.raises(UploadRefused, match="larger than 1 MiB"):
        add_uploaded_file(batch=batch, name="large.dcm", stream=io.BytesIO(b"\0" * (2**20 + 1)))
    assert missing_uploads(batch=batch, names=["large.dcm"]) == ["large.dcm"]
    assert [path for path in data_root.rglob("*") if path.is_file()] == []
    assert Limits().file_bytes > 2**20


def stow(parts: list[bytes], boundary: str = "stow-boundary") -> tuple[str, io.BytesIO]:
    body = b"".join(
        f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode() + part + b"\r\n" for part in parts
    )
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'
    return kind, io.BytesIO(body + f"--{boundary}--\r\n".encode())


def test_stow_stores_what_is_sound_and_names_what_is_not(db, data_root, scope, files, shared_data):
    sound = list(files.values())[:3]
    broken = (shared_data / "malformed" / "made" / "trunc_half.dcm").read_bytes()
    other = pydicom.dcmread(io.BytesIO(sound[0]))
    other.PixelData = bytes(len(other.PixelData))
    changed = io.BytesIO()
    other.save_as(changed)

    kind, body = stow([*sound, broken, changed.getvalue()])
    result = store_instances(scope=scope, content_type=kind, stream=body, at=timezone.now(), actor=None)

    assert result.status == 202
    uids = [pydicom.dcmread(io.BytesIO(part)).SOPInstanceUID for part in sound]
    assert [item["00081155"]["Value"][0] for item in result.answer["00081199"]["Value"]] == uids
    (conflict,) = result.answer["00081198"]["Value"]
    assert (conflict["00081155"]["Value"], conflict["00081197"]["Value"]) == ([uids[0]], [0x0111])
    assert len(result.answer["0008119A"]["Value"]) == 1
    assert Instance.objects.count() == 3
    assert ImageSet.objects.get(scope=scope)
    assert not list((data_root / "staging").iterdir())

    kind, body = stow(sound)
    again = store_instances(scope=scope, content_type=kind, stream=body, at=timezone.now(), actor=None)
    assert (again.status, set(again.answer)) == (200, {"00081199"})


def test_stow_refuses_other_bodies(db, data_root, scope):
    common = {"scope": scope, "at": timezone.now(), "actor": None}
    assert store_instances(content_type="application/json", stream=io.BytesIO(b"{}"), **common).status == 415
    kind, _ = stow([])
    with pytest.raises(UploadRefused, match="no DICOM object"):
        store_instances(content_type=kind, stream=io.BytesIO(b""), **common)
    with pytest.raises(UploadRefused):
        # The end of the only part is missing: nothing is guessed.
        store_instances(
            content_type=kind, stream=io.BytesIO(b"--stow-boundary\r\n\r\n\r\n" + b"DICM" * 99), **common
        )
