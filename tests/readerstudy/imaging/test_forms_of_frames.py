"""Which form of a frame a client gets, and what a view of some series shows."""

import zlib

import imagecodecs
import numpy as np
import pydicom
import pytest

from readerstudy.dicom.windowing import window_to_8_bit
from readerstudy.imaging.models import Series
from readerstudy.imaging.negotiation import frame_form
from readerstudy.imaging.selectors import study_table
from tests.readerstudy.imaging.addresses import addresses
from tests.readerstudy.imaging.wsgi_client import HOST, session

OCTETS = "application/octet-stream"
HTJ2K, LITTLE_ENDIAN = "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.1"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", (HTJ2K, OCTETS, True)),
        ("*/*", (HTJ2K, OCTETS, True)),
        ('multipart/related; type="application/octet-stream"; transfer-syntax=*', (HTJ2K, OCTETS, True)),
        ('multipart/related; type="application/octet-stream"', (LITTLE_ENDIAN, OCTETS, True)),
        (f'multipart/related; type="image/jphc"; transfer-syntax={HTJ2K}', (HTJ2K, "image/jphc", True)),
        ("image/jphc", (HTJ2K, "image/jphc", False)),
        ("application/octet-stream", (LITTLE_ENDIAN, OCTETS, False)),
        ('multipart/related; type="image/jls", application/octet-stream;q=0.5', (LITTLE_ENDIAN, OCTETS, False)),
        ("image/jpeg;q=0.9, image/jphc;q=0.1", (HTJ2K, "image/jphc", False)),
        ("image/jpeg", None),
        ("text/html", None),
        ("image/jphc;q=0", None),
        ("image/jphc;q=nonsense", None),
        (';;;,,,"', None),
        ("; , image/jphc", (HTJ2K, "image/jphc", False)),
    ],
)  # fmt: skip
def test_the_accept_header_decides(accept, form):
    found = frame_form(accept, HTJ2K)
    assert (found and (found.transfer_syntax, found.media_type, found.multipart)) == form


@pytest.mark.shared
def test_a_browser_that_has_a_frame_is_told_so_and_forms_do_not_mix(lumbar_set, open_images):
    case, presentation = open_images(lumbar_set)
    client = session(token=case.token)
    path = next(path for path in addresses(lumbar_set) if path.endswith("frames/1"))
    address = f"{HOST}/dicomweb/{presentation}{path}"
    stored = client.get(address, headers={"Accept": "*/*"})
    raw = client.get(address, headers={"Accept": "application/octet-stream"})
    assert stored.headers["ETag"] != raw.headers["ETag"]
    again = client.get(address, headers={"Accept": "*/*", "If-None-Match": stored.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    other = client.get(
        address, headers={"Accept": "application/octet-stream", "If-None-Match": stored.headers["ETag"]}
    )
    assert other.status_code == 200
    several = client.get(address.replace("frames/1", "frames/1,1"), headers={"Accept": "*/*"})
    assert several.content.count(b"Content-Type: application/octet-stream") == 2


@pytest.mark.shared
def test_a_view_of_some_series_shows_those_alone(lumbar_set, open_images):
    axial = Series.objects.get(label="Axial T2").blinded_uid
    only = frozenset({axial})
    for alias in ("", "again"):
        case, presentation = open_images(lumbar_set, only_series=only, alias=alias)
        client = session(token=case.token)
        found = client.get(f"{HOST}/dicomweb/{presentation}/series").json()
        (row,) = study_table(lumbar_set, alias=alias, only_series=only)
        assert [entry["0020000E"]["Value"][0] for entry in found] == [row.series_uid]
        sagittal = next(row for row in study_table(lumbar_set, alias=alias) if row.label == "Sagittal T2")
        hidden = f"/studies/{sagittal.study_uid}/series/{sagittal.series_uid}/metadata"
        assert client.get(f"{HOST}/dicomweb/{presentation}{hidden}").status_code == 404


@pytest.mark.shared
def test_a_rendered_frame_is_the_linear_window_of_the_files_values(take_in, shared_data, scope, open_images):
    take_in(shared_data / "lumbar_ct" / "ts_example" / "02_CT_SAG_reformat")
    series = Series.objects.get()
    case, presentation = open_images(series.imaging_study.image_set)
    client = session(token=case.token)
    base = f"{HOST}/dicomweb/{presentation}/studies/{series.imaging_study.blinded_uid}/series/{series.blinded_uid}"
    entry = client.get(f"{base}/metadata").json()[7]
    x = entry["00200032"]["Value"][0]
    files = [
        pydicom.dcmread(path) for path in (shared_data / "lumbar_ct/ts_example/02_CT_SAG_reformat").iterdir()
    ]
    (file,) = (file for file in files if abs(float(file.ImagePositionPatient[0]) - x) < 1e-3)
    expected = window_to_8_bit(file.pixel_array * 1.0 - 1024, center=400, width=1800)

    answer = client.get(
        f"{base}/instances/{entry['00080018']['Value'][0]}/rendered", headers={"Accept": "image/png"}
    )

    shown = imagecodecs.png_decode(answer.content)
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= 1


@pytest.mark.shared
@pytest.mark.parametrize("viewport", ["0,10", "10", "a,b", "99999,5"])
def test_an_impossible_viewport_is_refused(lumbar_set, open_images, viewport):
    case, presentation = open_images(lumbar_set)
    path = next(path for path in addresses(lumbar_set) if path.endswith("/rendered"))
    answer = session(token=case.token).get(f"{HOST}/dicomweb/{presentation}{path}?viewport={viewport}")
    assert answer.status_code == 400


@pytest.mark.shared
def test_searching_matches_attributes_of_the_answer_only(lumbar_set, open_images):
    case, presentation = open_images(lumbar_set)
    client = session(token=case.token)

    def found(query: str) -> int:
        return len(client.get(f"{HOST}/dicomweb/{presentation}/instances?{query}").json())

    assert found("") == 41
    assert (found("Modality=MR"), found("00080060=CT"), found("InstanceNumber=3")) == (41, 0, 2)
    assert (found("limit=10"), found("limit=10&offset=36"), found("offset=41")) == (10, 5, 0)
    # Attributes of the original, of the database or of nobody match nothing.
    for query in (
        "PatientID=RS-LT2-05",
        "PatientName=*Research*",
        "series__imaging_study__image_set=1",
        "x=1",
    ):
        assert found(query) == 0
    bad = client.get(f"{HOST}/dicomweb/{presentation}/instances?limit=-1")
    assert bad.status_code == 400


@pytest.mark.shared
def test_metadata_state_a_check_sum_of_each_frame_that_no_other_frame_has(lumbar_set, open_images):
    """In the set's own view and in a repeat's, where the same pixels have another name and another sum."""
    seen: list[int] = []
    for alias in ("", "again"):
        case, presentation = open_images(lumbar_set, alias=alias)
        client = session(token=case.token)
        base = f"{HOST}/dicomweb/{presentation}"
        (row, *_) = study_table(lumbar_set, alias=alias)
        series = f"{base}/studies/{row.study_uid}/series/{row.series_uid}"
        for entry in client.get(f"{series}/metadata").json():
            uid = entry["00080018"]["Value"][0]
            answer = client.get(f"{series}/instances/{uid}/frames/1", headers={"Accept": "*/*"})
            boundary = answer.headers["Content-Type"].split("boundary=")[1].strip('"').encode()
            _, _, part = answer.content.partition(b"\r\n\r\n")
            pixels = part[: part.rindex(b"\r\n--" + boundary)]
            (seal,) = entry["00991001"]["Value"]
            assert seal == zlib.crc32(f"{uid}/1\n".encode() + pixels)
            seen.append(seal)
    assert len(set(seen)) == len(seen)
