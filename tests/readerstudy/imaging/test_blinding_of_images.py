"""Nothing that a file says about a person is served, logged, or written outside the two protected stores."""

import gzip
import logging
import os
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from readerstudy.imaging import stores
from readerstudy.imaging.models import ImageSet, Instance
from readerstudy.imaging.selectors import import_report, study_table
from readerstudy.imaging.services import identity_of, withdraw_images
from tests.readerstudy.imaging.addresses import addresses
from tests.readerstudy.imaging.canaries import Canaries, write_canary_series
from tests.readerstudy.imaging.wsgi_client import HOST, session

PROTECTED = ("identities", "originals")


def found_in(data: bytes, canaries: Canaries) -> list[str]:
    return [where for where, value in canaries.planted.items() if value in data]


def files_outside_protected_stores(data_root: Path) -> dict[str, bytes]:
    out = {}
    for path in data_root.rglob("*"):
        name = str(path.relative_to(data_root))
        if not path.is_file() or name.split("/")[0] in PROTECTED:
            continue
        data = path.read_bytes()
        out[name] = name.encode() + data + (gzip.decompress(data) if name.endswith(".gz") else b"")
    return out


def database() -> bytes:
    parts = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            for row in cursor.fetchall():
                parts += [bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in row]
    return b"\n".join(parts)


@pytest.fixture(scope="module")
def planted(tmp_path_factory) -> tuple[Path, Canaries]:
    """The folder of the objects and what was planted in them; written once, only read."""
    folder, out = tmp_path_factory.mktemp("canaries") / "in", Canaries("CNRY")
    write_canary_series(folder, out, n_slices=3)
    return folder, out


@pytest.fixture
def canaries(planted) -> Canaries:
    return planted[1]


@pytest.fixture
def canary_set(take_in, planted, scope, caplog) -> ImageSet:
    with caplog.at_level(logging.DEBUG):
        batch = take_in(planted[0], keep_originals=True)
    assert (batch.n_stored, batch.n_refused) == (3, 0), import_report(batch)
    return ImageSet.objects.get(scope=scope)


def test_the_objects_hold_what_is_searched_for(canary_set, canaries, scope):
    """The control: every planted string is there to be found, in the original as it was kept."""
    kept = b""
    for instance in Instance.objects.all():
        kept += stores.original(scope, canary_set.public_id, instance.blinded_uid)
    missing = set(canaries.planted) - set(found_in(kept, canaries))
    assert all("file name" in where or where == "folder name" for where in missing), missing
    assert len(canaries.planted) > 2500
    assert identity_of(canary_set).patient_id.encode() == canaries.planted["0:(0010,0020)"]


def test_no_planted_string_is_on_disk_outside_the_protected_stores(canary_set, canaries, data_root):
    files = files_outside_protected_stores(data_root)
    assert len([name for name in files if name.startswith("cache/")]) == 4
    for name, data in files.items():
        assert not found_in(data, canaries), name
    assert not found_in(database(), canaries)
    # Inside the protected stores they are encrypted.
    for store in PROTECTED:
        for path in (data_root / store).rglob("*"):
            if path.is_file():
                assert not found_in(str(path).encode() + path.read_bytes(), canaries)
                assert path.stat().st_mode & 0o077 == 0
    assert not list((data_root / "staging").iterdir())


@pytest.mark.parametrize("alias", ["", "second showing"])
def test_no_planted_string_is_served_or_logged(canary_set, canaries, open_images, caplog, alias):
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        case, presentation = open_images(canary_set, alias=alias)
        client = session(token=case.token)
        for path in addresses(canary_set, alias=alias):
            answer = client.get(f"{HOST}/dicomweb/{presentation}{path}")
            assert answer.status_code == 200, path
            assert not found_in(answer.content + str(answer.headers).encode(), canaries), path
        # Asking for a planted value matches nothing.
        patient = canaries.planted["0:(0010,0020)"].decode()
        assert client.get(f"{HOST}/dicomweb/{presentation}/studies?PatientID={patient}").json() == []
    assert not found_in(str(study_table(canary_set, alias=alias)).encode(), canaries)
    assert not found_in("\n".join(record.getMessage() for record in caplog.records).encode(), canaries)


def test_coordinators_read_file_names_back_and_withdrawal_erases_them(
    canary_set, canaries, data_root, open_images, scope
):
    names = [stores.open_name(scope, row.name_sealed) for row in _outcomes(canary_set)]
    assert canaries.planted["folder name"].decode() in names[0]
    case, presentation = open_images(canary_set)
    address = f"{HOST}/dicomweb/{presentation}/studies"
    assert session(token=case.token).get(address).status_code == 200

    with ExitStack() as held:
        # As a web server that keeps files open does.
        opened = [held.enter_context(path.open("rb")) for path in data_root.rglob("*") if path.is_file()]
        assert {os.fstat(stream.fileno()).st_size > 0 for stream in opened} == {True}
        withdraw_images(image_set=canary_set, at=timezone.now())
        assert {os.fstat(stream.fileno()).st_size for stream in opened} == {0}

    assert [row.name_sealed for row in _outcomes(canary_set)] == [b"", b"", b""]
    assert identity_of(canary_set).patient_id == ""
    assert [path for path in data_root.rglob("*") if path.is_file()] == []
    assert session(token=case.token).get(address).status_code == 404


def _outcomes(image_set: ImageSet):
    from readerstudy.imaging.models import ImportOutcome

    return ImportOutcome.objects.filter(image_set=image_set)


def test_two_reader_studies_share_no_uid(take_in, planted, scope):
    take_in(planted[0])
    other = uuid.uuid4()
    take_in(planted[0], scope=other)

    first, second = (study_table(ImageSet.objects.get(scope=each)) for each in (scope, other))
    assert first[0].label == second[0].label
    assert not {*vars(first[0]).values()} & {
        second[0].study_uid,
        second[0].series_uid,
        second[0].frame_of_reference,
    }


def test_a_repeat_shows_the_same_pixels_under_other_addresses(canary_set, open_images):
    def shown(alias: str) -> tuple[set[str], set[bytes], set[str]]:
        case, presentation = open_images(canary_set, alias=alias)
        client = session(token=case.token)
        uids, frames, etags = set(), set(), set()
        for path in addresses(canary_set, alias=alias, every_instance=True):
            if path.endswith("/frames/1"):
                answer = client.get(
                    f"{HOST}/dicomweb/{presentation}{path}", headers={"Accept": "application/octet-stream"}
                )
                uids |= {part for part in path.split("/") if part.startswith("2.25.")}
                frames.add(answer.content)
                etags.add(answer.headers["ETag"])
        return uids, frames, etags

    first, repeat = shown(""), shown("second showing")
    assert first[1] == repeat[1]
    assert len(first[1]) == 3
    assert not first[0] & repeat[0]
    assert not first[2] & repeat[2]
