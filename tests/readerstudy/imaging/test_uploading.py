"""Uploads file by file, and STOW-RS: the same outcomes as for a folder."""

import io

import pydicom
import pytest
from django.utils import timezone

from readerstudy.dicom.limits import Limits
from readerstudy.imaging.intake_queue import UploadedFiles
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.selectors import import_report
from readerstudy.imaging.services import (
    UploadRefused,
    add_uploaded_file,
    begin_upload,
    missing_uploads,
    receive,
    store_instances,
)

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
