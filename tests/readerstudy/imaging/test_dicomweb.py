"""QIDO-RS and WADO-RS, read by dicomweb-client; nothing exists without a capability."""

import uuid
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from django.utils import timezone

from readerstudy.imaging.services import close_presentation
from tests.readerstudy.imaging.addresses import addresses
from tests.readerstudy.imaging.wsgi_client import HOST, session

pytestmark = pytest.mark.shared
AS_STORED = (("application/octet-stream", "*"),)
LITTLE_ENDIAN = (("application/octet-stream", "1.2.840.10008.1.2.1"),)


def originals(folder: Path) -> list[pydicom.Dataset]:
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def test_dicomweb_client_finds_studies_series_and_instances(client_of, lumbar_set):
    client = client_of(lumbar_set)

    (study,) = client.search_for_studies()
    uid = study["0020000D"]["Value"][0]
    series = client.search_for_series(uid)
    instances = client.search_for_instances(uid, series[0]["0020000E"]["Value"][0])

    assert study["00080061"]["Value"] == ["MR"]
    assert study["00100020"] == {"vr": "LO"}
    assert [entry["0008103E"]["Value"][0] for entry in series] == ["Sagittal T2", "Axial T2"]
    assert [entry["00200013"]["Value"][0] for entry in instances] == list(range(1, 27))


def test_frames_are_the_pixels_of_the_files_in_spatial_order(client_of, lumbar_set, shared_data):
    client = client_of(lumbar_set)
    (study,) = client.search_for_studies()
    uid = study["0020000D"]["Value"][0]
    files = originals(shared_data / "lumbar_mr" / "vb2_05" / "01_T2_SAG")
    by_position = {float(file.ImagePositionPatient[0]): file for file in files}
    series = client.search_for_series(uid)[0]["0020000E"]["Value"][0]

    metadata = client.retrieve_series_metadata(uid, series)

    positions = [entry["00200032"]["Value"][0] for entry in metadata]
    assert positions == sorted(positions)
    for entry in metadata:
        instance = entry["00080018"]["Value"][0]
        (frame,) = client.retrieve_instance_frames(uid, series, instance, [1], media_types=AS_STORED)
        assert np.array_equal(
            imagecodecs.htj2k_decode(frame), by_position[entry["00200032"]["Value"][0]].pixel_array
        )
    (raw,) = client.retrieve_instance_frames(
        uid, series, metadata[0]["00080018"]["Value"][0], [1], media_types=LITTLE_ENDIAN
    )
    assert raw == by_position[positions[0]].PixelData


def test_attributes_are_the_allowed_ones_only(client_of, lumbar_set):
    client = client_of(lumbar_set)
    (study,) = client.search_for_studies()
    for entry in client.retrieve_study_metadata(study["0020000D"]["Value"][0]):
        assert set(entry) <= {
            "00080008", "00080016", "00080018", "00080060", "00083002", "0008103E", "00180050", "00180088",
            "00990010", "00991001",  # our own: check sums of the frames
            "0020000D", "0020000E", "00200011", "00200013", "00200032", "00200037", "00200052", "00280002",
            "00280004", "00280010", "00280011", "00280030", "00280100", "00280101", "00280102", "00280103",
            "00281050", "00281051",
        }  # fmt: skip


@pytest.mark.both_databases
@pytest.mark.parametrize("fast", [True, False], ids=["fast path", "Django"])
def test_without_a_capability_everything_is_absent(open_images, lumbar_set, fast):
    case, presentation = open_images(lumbar_set)
    absent = session(token="wrong", fast=fast).get(f"{HOST}/dicomweb/{presentation}/studies/2.25.1/metadata")
    assert absent.status_code == 404
    paths = addresses(lumbar_set)
    holder = session(token=case.token, fast=fast)
    assert {holder.get(f"{HOST}/dicomweb/{presentation}{path}").status_code for path in paths} == {200}

    for path in paths:
        for client, root in (
            (session(fast=fast), presentation),
            (session(token="wrong", fast=fast), presentation),
            (session(token=case.token, fast=fast), uuid.uuid4()),
        ):
            answer = client.get(f"{HOST}/dicomweb/{root}{path}")
            assert (answer.status_code, answer.content) == (404, absent.content)
        assert session(fast=fast).post(f"{HOST}/dicomweb/{presentation}{path}").status_code == 404

    close_presentation(presentation=presentation, at=timezone.now())
    assert {holder.get(f"{HOST}/dicomweb/{presentation}{path}").status_code for path in paths} == {404}


@pytest.mark.parametrize("fast", [True, False], ids=["fast path", "Django"])
def test_a_program_is_never_answered_with_a_page(open_images, lumbar_set, fast):
    """What is not offered or not allowed has a status and a line of text, with a capability or without."""
    case, presentation = open_images(lumbar_set)
    root = f"{HOST}/dicomweb/{presentation}"
    *_, at_instance = sorted((path for path in addresses(lumbar_set) if path.endswith("/frames/1")), key=len)
    at_instance = at_instance.removesuffix("/frames/1")
    at_series = at_instance.partition("/instances/")[0]
    at_study = at_series.partition("/series/")[0]
    # DICOM files and bulk data are not offered; the rest is nobody's address.
    unknown = (
        at_study, at_series, at_instance, f"{at_instance}/bulkdata/7fe00010", f"{at_instance}/frames",
        f"{at_study}/rendered", "/", "/studies/", "/studies/one/series", "/patients",
    )  # fmt: skip
    for client, allowed in ((session(token=case.token, fast=fast), 405), (session(fast=fast), 404)):
        for path in unknown:
            for method in ("GET", "POST", "DELETE"):
                answer = client.request(method, root + path)
                assert (answer.status_code, answer.content) == (404, b"Not found.\n"), (method, path)
                assert answer.headers["Content-Type"].startswith("text/plain")
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            for path in ("/studies", f"{at_instance}/frames/1", f"{at_instance}/metadata"):
                answer = client.request(method, root + path)
                assert answer.status_code == allowed
                assert answer.headers["Content-Type"].startswith("text/plain")
            answer = client.request(method, f"{root}/verdict")
            assert (answer.status_code, answer.content) == (404, b"Not found.\n")


def test_dicomweb_client_goes_through_every_call(client_of, lumbar_set):
    client = client_of(lumbar_set)
    (study,) = client.search_for_studies(search_filters={"ModalitiesInStudy": "MR"})
    assert client.search_for_studies(search_filters={"ModalitiesInStudy": "CT"}) == []
    uid = study["0020000D"]["Value"][0]
    # Series and instances of everything, of the study, filtered, and page by page.
    every = client.search_for_series()
    assert every == client.search_for_series(uid)
    assert client.search_for_series(uid, search_filters={"SeriesNumber": "2"}) == every[1:2]
    assert client.search_for_series(uid, limit=1, offset=1) == every[1:2]
    series = every[0]["0020000E"]["Value"][0]
    instances = client.search_for_instances(uid, series)
    pages = [client.search_for_instances(uid, series, limit=5, offset=offset) for offset in range(0, 40, 5)]
    assert [entry for page in pages for entry in page] == instances
    assert len(client.search_for_instances(uid)) == len(client.retrieve_study_metadata(uid))
    assert client.search_for_instances(limit=3) == client.search_for_instances()[:3]

    instance = instances[0]["00080018"]["Value"][0]
    (first, *_) = client.retrieve_series_metadata(uid, series)
    assert client.retrieve_instance_metadata(uid, series, instance) == first
    (stored,) = client.retrieve_instance_frames(uid, series, instance, [1], media_types=AS_STORED)
    assert list(client.iter_instance_frames(uid, series, instance, [1], media_types=AS_STORED)) == [stored]
    size = (first["00280010"]["Value"][0], first["00280011"]["Value"][0])
    for picture in (
        client.retrieve_instance_rendered(uid, series, instance, media_types=("image/png",)),
        client.retrieve_instance_frames_rendered(uid, series, instance, [1], media_types=("image/png",)),
    ):
        assert imagecodecs.png_decode(picture).shape[:2] == size


def test_what_a_client_wishes_for_beside_the_usual_is_added(client_of, lumbar_set):
    client = client_of(lumbar_set)
    wished = ["ImagePositionPatient", "00280030", "PatientName", "nonsense"]
    (study, *_), (row, *_) = client.search_for_studies(), client.search_for_series(fields=wished)
    uids = study["0020000D"]["Value"][0], row["0020000E"]["Value"][0]
    whole = client.retrieve_series_metadata(*uids)
    usual = client.search_for_instances(*uids)

    rows = client.search_for_instances(*uids, fields=wished)

    assert len(rows) == len(whole) > 1
    for row_of_image, before, entry in zip(rows, usual, whole, strict=True):
        assert row_of_image == before | {tag: entry[tag] for tag in ("00200032", "00280030")}
    for row_of_image, entry in zip(client.search_for_instances(*uids, fields=["all"]), whole, strict=True):
        assert row_of_image.items() >= entry.items()
    # Of a series what all its images state alike, of which the place is no part.
    assert row["00280030"] == whole[0]["00280030"]
    assert "00200032" not in row
