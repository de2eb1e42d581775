"""DICOMweb archives: a real Orthanc is searched and fetched from; a faulty one is met with a plain message."""

import logging
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from django.utils import timezone

from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.imaging import tasks  # noqa: F401  (registers the handler, as the worker does)
from readerstudy.imaging.archive import (
    Archive,
    ArchiveStudies,
    ArchiveUnavailable,
    ArchiveUnknown,
    NotDelivered,
    only_part,
)
from readerstudy.imaging.benchmark import servers
from readerstudy.imaging.models import ImageSet, ImportBatch, Instance, Series
from readerstudy.imaging.selectors import import_report
from readerstudy.imaging.services import create_batch, receive, request_fill


@pytest.fixture(scope="module")
def orthanc_address(tmp_path_factory) -> str:
    """A running Orthanc with its DICOMweb plugin, on a free port of 127.0.0.1."""
    folder = tmp_path_factory.mktemp("orthanc")
    try:
        with servers.orthanc(folder) as (port, _):
            yield f"http://127.0.0.1:{port}"
    except servers.ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def orthanc(orthanc_address, settings, shared_data) -> str:
    """Orthanc, configured as the archive ``pacs``, holding a real lumbar MR; returns its study UID."""
    settings.READERSTUDY_ARCHIVES = {
        "pacs": {
            "title": "Test archive",
            "url": f"{orthanc_address}/dicom-web",
            "user": servers.ORTHANC_USER,
            "password": servers.ORTHANC_PASSWORD,
        }
    }
    for path in sorted((shared_data / "lumbar_mr" / "vb2_05").rglob("*.dcm")):
        requests.post(
            f"{orthanc_address}/instances",
            data=path.read_bytes(),
            auth=(servers.ORTHANC_USER, servers.ORTHANC_PASSWORD),
            timeout=30,
        ).raise_for_status()
    (study,) = Archive("pacs").search(patient_id="RS-LT2-05")
    return study.study_uid


@pytest.mark.shared
def test_orthanc_is_searched_and_its_study_taken_as_if_from_files(
    orthanc, db, data_root, scope, take_in, shared_data
):
    archive = Archive("pacs")
    (found,) = archive.search(study_date="20240101", modality="MR", description="*lumbar*")
    assert (found.patient_id, found.n_series, found.n_instances) == ("RS-LT2-05", 2, 41)
    assert found.modalities == ("MR",)
    assert archive.search(patient_id="NOBODY") == []
    assert len(archive.search(patient_name="Research^RS*", description="MR lumbar*")) == 1

    batch = receive(scope=scope, source=ArchiveStudies("pacs", (orthanc,)), at=timezone.now())

    assert (batch.state, batch.n_stored, batch.n_refused) == ("done", 41, 0)
    labels = Series.objects.order_by("number").values_list("label", "n_instances")
    assert set(labels) == {("Sagittal T2", 26), ("Axial T2", 15)}
    assert take_in(shared_data / "lumbar_mr" / "vb2_05").n_duplicate == 41
    assert not (data_root / "staging" / str(batch.public_id)).exists()


@pytest.mark.shared
def test_the_fill_job_fetches_in_the_background(orthanc, db, data_root, scope):
    batch = request_fill(scope=scope, source=ArchiveStudies("pacs", (orthanc,)), at=timezone.now())
    job = run_job(Job.objects.get(payload__batch=str(batch.public_id)).pk)
    assert (job.state, job.progress_done) == (Job.State.DONE, 41)
    assert ImportBatch.objects.get(pk=batch.pk).n_stored == 41
    # The job row names the import, not the patient's UIDs.
    assert orthanc not in str(job.payload)


class Faulty(BaseHTTPRequestHandler):
    """An archive that fails in one chosen way."""

    fault = ""
    good = b""
    release = threading.Event()
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        if self.fault == "down":
            self._hang_up()
        elif self.fault == "slow":
            self.release.wait(20)
        elif self.fault == "error":
            self.send_error(500)
        elif "/frames" in self.path or not self.path.rstrip("/").endswith("instances/1.2.3.4"):
            self._send(b"[]" if self.fault != "not json" else b"<html>", "application/dicom+json")
        else:
            self._object()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, body: bytes, kind: str, *, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def _object(self) -> None:
        kind = 'multipart/related; type="application/dicom"; boundary=part'
        head = b"--part\r\nContent-Type: application/dicom\r\n"
        whole = head + b"\r\n" + self.good + b"\r\n--part--\r\n"
        if self.fault == "truncated":
            self._send(whole[: len(whole) // 2], kind, length=len(whole))
            self._hang_up()
        elif self.fault == "no end":
            self._send(whole[: len(whole) // 2], kind)
        elif self.fault == "wrong length":
            stated = head + b"Content-Length: 7\r\n\r\n" + self.good + b"\r\n--part--\r\n"
            self._send(stated, kind)
        else:
            self._send(whole, kind)


@contextmanager
def faulty_archive(settings, fault: str, good: bytes = b""):
    """Configure and run the faulty archive as ``pacs``."""
    handler = type("OneFault", (Faulty,), {"fault": fault, "good": good, "release": threading.Event()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    settings.READERSTUDY_ARCHIVES = {
        "pacs": {"title": "Faulty", "url": f"http://127.0.0.1:{server.server_port}"}
    }
    try:
        yield
    finally:
        handler.release.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("down", "cannot be reached, or ended the connection"),
        ("slow", "gave no answer within 0.5 s"),
        ("error", "answers with an error (500)"),
        ("not json", "gave an answer that is not DICOMweb"),
    ],
)
def test_a_faulty_archive_gives_a_plain_message_in_time(settings, caplog, fault, message):
    settings.READERSTUDY_ARCHIVE_TIMEOUT_SECONDS = 0.5
    with faulty_archive(settings, fault), caplog.at_level(logging.INFO):
        start = time.monotonic()
        with pytest.raises(ArchiveUnavailable, match="Nothing was changed") as raised:
            Archive("pacs").search(patient_id="SECRET-7")
        assert "SECRET-7" not in caplog.text + str(raised.value)
        assert time.monotonic() - start < 3
        assert message in str(raised.value)


def test_an_archive_that_is_not_there_gives_a_plain_message(settings):
    settings.READERSTUDY_ARCHIVES = {"pacs": {"url": f"http://127.0.0.1:{servers.free_port()}"}}
    with pytest.raises(ArchiveUnavailable, match="cannot be reached"):
        Archive("pacs").search()
    with pytest.raises(ArchiveUnknown):
        Archive("http://127.0.0.1/elsewhere")


@pytest.mark.parametrize("fault", ["truncated", "no end", "wrong length"])
def test_a_damaged_answer_is_never_taken_for_an_image(settings, tmp_path, fault):
    with faulty_archive(settings, fault, good=b"DICM" * 1000), pytest.raises(NotDelivered):
        Archive("pacs").fetch("1.2", "1.2.3", "1.2.3.4", tmp_path / "x", limit=10**6)
    assert not (tmp_path / "x").exists()


def test_a_whole_answer_is_taken_and_a_large_one_is_not(settings, tmp_path):
    with faulty_archive(settings, "", good=b"DICM" * 100_000):
        Archive("pacs").fetch("1.2", "1.2.3", "1.2.3.4", tmp_path / "x", limit=10**6)
        assert (tmp_path / "x").read_bytes() == b"DICM" * 100_000
        with pytest.raises(NotDelivered, match="more than one image"):
            Archive("pacs").fetch("1.2", "1.2.3", "1.2.3.4", tmp_path / "y", limit=1000)
    assert only_part(b"whole", "application/dicom") == b"whole"


@pytest.mark.shared
def test_another_image_than_the_one_asked_for_is_refused(
    settings, db, data_root, scope, shared_data, monkeypatch
):
    other = next((shared_data / "lumbar_ct" / "ts_example" / "01_CT_AX_3mm").iterdir()).read_bytes()
    with faulty_archive(settings, "", good=other):
        monkeypatch.setattr(Archive, "instances", lambda self, study: iter([("1.2.3", "1.2.3.4")]))
        batch = receive(scope=scope, source=ArchiveStudies("pacs", ("1.2",)), at=timezone.now())
    (row,) = import_report(batch)
    assert (row.outcome, row.reason) == (
        "refused",
        "the archive delivered another image than the one asked for",
    )


@pytest.mark.shared
def test_an_import_goes_on_when_the_archive_is_back(orthanc, settings, db, data_root, scope, monkeypatch):
    source = ArchiveStudies("pacs", (orthanc,))
    batch = create_batch(scope=scope, source=source.as_text(), at=timezone.now())
    fetch, calls = Archive.fetch, []

    def breaks_off(self, *args, **options):
        calls.append(1)
        if len(calls) == 30:
            raise ArchiveUnavailable("The archive Test archive cannot be reached.")
        return fetch(self, *args, **options)

    monkeypatch.setattr(Archive, "fetch", breaks_off)
    with pytest.raises(ArchiveUnavailable):
        receive(scope=scope, source=source, at=timezone.now(), batch=batch)
    batch = receive(scope=scope, source=source, at=timezone.now(), batch=batch)
    assert (batch.state, batch.n_stored, batch.n_duplicate) == ("done", 41, 0)
    assert Instance.objects.count() == 41
    assert ImageSet.objects.count() == 1
