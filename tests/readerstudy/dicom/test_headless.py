"""Images without preamble and mark are read as what they are, and nothing else is taken for one."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGLSLossless

from readerstudy.dicom import parsing
from readerstudy.dicom.headless import START_BYTES, missing_header
from readerstudy.dicom.limits import Limits
from readerstudy.dicom.parsing import identifiers_of, read_image
from readerstudy.dicom.pixels import frames_of, pixel_form
from readerstudy.dicom.refusal import Refused
from readerstudy.dicom.values import transfer_syntax_of
from tests.readerstudy.imaging.images import image

SYNTAXES = [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
CR = b"1.2.840.10008.5.1.4.1.1.1\0"


def pixels(path: Path) -> np.ndarray:
    dataset = read_image(path, Limits())
    (frame,) = frames_of(dataset, pixel_form(dataset, Limits()))
    return frame


@pytest.fixture
def whole(tmp_path):
    """Write a sound image in a transfer syntax; returns its bytes."""

    def written(syntax: str, size: int = 24) -> bytes:
        dataset = pydicom.dcmread(image(tmp_path / "whole.dcm", size))
        little = syntax != ExplicitVRBigEndian
        if not little:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        out = io.BytesIO()
        plain = pydicom.Dataset()
        plain.file_meta = dataset.file_meta
        for element in dataset:
            plain[element.tag] = element
        plain.file_meta.TransferSyntaxUID = syntax
        implicit = syntax == ImplicitVRLittleEndian
        plain.save_as(out, implicit_vr=implicit, little_endian=little, enforce_file_format=True)
        return out.getvalue()

    return written


def without_header_group(data: bytes) -> bytes:
    return data[144 + int.from_bytes(data[140:144], "little") :]


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("cut", [lambda data: data[132:], without_header_group], ids=["no mark", "no header"])
@pytest.mark.parametrize("whole_up_to", [parsing._WHOLE, 1000], ids=["at once", "piece by piece"])
def test_an_image_without_its_header_is_the_image_with_it(
    whole, tmp_path, monkeypatch, syntax, cut, whole_up_to
):
    complete, bare = tmp_path / "complete.dcm", tmp_path / "bare.dcm"
    complete.write_bytes(whole(syntax))
    bare.write_bytes(cut(whole(syntax)))
    monkeypatch.setattr(parsing, "_WHOLE", whole_up_to)
    assert np.array_equal(pixels(bare), pixels(complete))
    found, expected = read_image(bare, Limits()), read_image(complete, Limits())
    assert transfer_syntax_of(found) == syntax
    assert [element.value for element in found] == [element.value for element in expected]
    # Told to the coordinator where the encoding was read off the file, not where it is stated.
    told = "encoding told by its first elements" in identifiers_of(found).note
    assert told == (cut is without_header_group)
    assert identifiers_of(expected).note == ""


def test_a_header_group_without_its_length_is_a_header_group(whole, tmp_path):
    data = whole(ExplicitVRLittleEndian)
    length = int.from_bytes(data[140:144], "little")
    group = data[144 : 144 + length]
    # From the transfer syntax on, as one old toolkit writes it.
    bare = tmp_path / "bare.dcm"
    bare.write_bytes(group[group.index(b"\x02\0\x10\0UI") :] + without_header_group(data))
    assert pixels(bare).shape == (24, 24)


def test_compressed_pixels_of_which_nobody_states_the_compression_are_refused(whole, tmp_path):
    """However long they are: as plain pixels they would be noise."""
    dataset = pydicom.dcmread(io.BytesIO(whole(ExplicitVRLittleEndian)))
    dataset.PixelData = encapsulate([bytes(24 * 24 * 2 + 64)])
    dataset["PixelData"].VR = "OB"
    dataset.file_meta.TransferSyntaxUID = JPEGLSLossless
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    path = tmp_path / "bare.dcm"
    path.write_bytes(without_header_group(out.getvalue()))
    with pytest.raises(Refused, match="does not say how it is encoded"):
        read_image(path, Limits())


def test_what_has_its_mark_lacks_nothing(whole):
    assert missing_header(whole(ExplicitVRLittleEndian)) == b""


SHORT = b"\x08\0\x08\0CS\x04\0AXIA"
CLASS = b"\x08\0\x16\0UI" + len(CR).to_bytes(2, "little") + CR


def test_the_beginning_that_is_asked_for():
    assert missing_header(CLASS)
    assert missing_header(SHORT + CLASS)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"this is not a DICOM file",
        b"<html><script>alert(1)</script></html>" * 20,
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"\xff\xd8\xff\xe0\0\x10JFIF" + bytes(200),
        b"PK\x03\x04" + bytes(200),
        b"%PDF-1.7\n" + b"0 " * 100,
        b"\x5c\x01\0\0" + bytes(348),
        b"\x7fELF" + bytes(200),
        bytes(START_BYTES),
        b"\xff" * START_BYTES,
        # Almost: no SOP class, another kind of UID, no UID at all, another VR, an element that never ends, one that is
        # longer than any, tags that descend, another group between, a stray byte in front.
        SHORT * 3,
        SHORT,
        CLASS.replace(b"1.2.840.10008", b"1.2.840.10009"),
        CLASS.replace(b"1.2.840", b"patient"),
        CLASS.replace(b"UI", b"LO"),
        CLASS[:-4],
        b"\x08\0\x06\0SQ\0\0\xff\xff\xff\xff" + CLASS,
        b"\x08\0\x08\0UT\0\0\0\x08\0\0" + b"x" * 2048 + CLASS,
        CLASS.replace(b"\x16\0UI", b"\x18\0UI") + CLASS,
        SHORT + SHORT + CLASS,
        b"\x09\0\x10\0LO\x04\0ACME" + CLASS,
        b" " + CLASS,
        b"\x02\0\x10\0UI\x04\0junk" + CLASS,
        b"DICM" + CLASS,
    ],
)
def test_nothing_else_is_taken_for_an_image(start):
    assert missing_header(start) is None


@given(st.binary(max_size=400))
def test_whatever_comes_is_judged_without_an_error(start):
    assert missing_header(start) in (None, b"")
    for head in (b"\x08\0\x08\0", b"\x08\0\0\0", b"\0\x08\0\x08", b"\x02\0\0\0UL\x04\0", SHORT):
        missing_header(head + start)


@pytest.mark.shared
def test_a_real_radiograph_without_mark_has_the_pixels_that_pydicom_finds(shared_data):
    path = shared_data / "xr_real" / "CR-MONO1-10-chest.dcm"
    expected = pydicom.dcmread(path, force=True)
    expected.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    assert np.array_equal(pixels(path), expected.pixel_array)


@pytest.mark.shared
def test_of_all_shared_files_without_mark_only_images_are_read(shared_data):
    taken, refused = [], 0
    for path in sorted(path for path in shared_data.rglob("*") if path.is_file()):
        with path.open("rb") as stream:
            start = stream.read(START_BYTES)
        if start[128:132] == b"DICM" or not start:
            continue
        try:
            read_image(path, Limits())
            taken.append(path.name)
        except Refused:
            refused += 1
    assert taken == ["CR-MONO1-10-chest.dcm"]
    assert refused > 40
