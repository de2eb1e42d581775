"""Files of the commonest form: read in one pass, to the letter as pydicom reads them; all others left to it."""

import random
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import config, dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    generate_uid,
)

from readerstudy.dicom.plain import read_plain
from tests.readerstudy.imaging.mutations import mutated


@pytest.fixture(autouse=True)
def _as_the_reading_process_does(monkeypatch):
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


def raw(dataset: Dataset) -> dict:
    """Return what was read of each element; pydicom has converted the character set already."""
    return {
        tag: tuple(element)[:7]
        for tag, element in dataset._dict.items()
        if tag not in (0x00080005, 0x00020000) and element.is_raw
    }


def assert_same(data: bytes) -> bool:
    """Check a file that was read against `dcmread`; returns whether it was of the plain form."""
    try:
        plain = read_plain(data)
    except Exception:
        # Left to pydicom as well (`parsing.read_image`).
        return False
    if plain is None:
        return False
    usual = dcmread(BytesIO(data))
    assert list(plain.keys()) == list(usual.keys())
    read = raw(plain)
    assert raw(usual) == {tag: read[tag] for tag in raw(usual)}
    assert plain._character_set == usual._character_set
    assert (plain.original_encoding, plain.original_character_set) == (
        usual.original_encoding,
        usual.original_character_set,
    )
    assert plain.get("SpecificCharacterSet") == usual.get("SpecificCharacterSet")
    assert list(plain.file_meta.keys()) == list(usual.file_meta.keys())
    assert plain.file_meta.TransferSyntaxUID == usual.file_meta.TransferSyntaxUID
    return True


def written(*changes: DataElement, syntax: str = ExplicitVRLittleEndian) -> bytes:
    """Return a small complete file, with some elements of another kind."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, generate_uid(entropy_srcs=["plain"])
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "Müller^Test", "1", ""
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.Rows, dataset.Columns = 2, 2
    dataset.ImagePositionPatient = [1, 2, 3]
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    dataset.ReferencedImageSequence = Sequence([item])
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.PixelData = b"\0" * 4
    for element in changes:
        dataset.add(element)
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def test_a_plain_file_is_read():
    data = written()
    assert assert_same(data)
    dataset = read_plain(data)
    assert str(dataset.PatientName) == "Müller^Test"
    assert dataset.ReferencedImageSequence[0].ReferencedSOPInstanceUID == "1.2.3"
    assert dataset.AccessionNumber == ""
    assert dataset.PixelData == b"\0" * 4


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_syntaxes_are_left_to_pydicom(syntax):
    assert read_plain(written(syntax=syntax)) is None


def test_undefined_lengths_are_left_to_pydicom():
    item = Dataset()
    item.ReferencedSOPInstanceUID = "1.2.3"
    sequence = DataElement("ReferencedImageSequence", "SQ", Sequence([item]))
    sequence.is_undefined_length = True
    data = written(sequence)
    assert b"SQ\0\0\xff\xff\xff\xff" in data
    assert read_plain(data) is None


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda data: b"",
        lambda data: data[:140],
        lambda data: data[:-1],
        lambda data: data + b"\0",
        lambda data: data + b"\0" * 8,
        lambda data: data[:128] + b"DICX" + data[132:],
        lambda data: data.replace(b"US\x02\0", b"ZZ\x02\0", 1),
        # The header group said to be longer than the file, and shorter than it is.
        lambda data: data[:140] + b"\xff\xff\xff\x7f" + data[144:],
        lambda data: data[:140] + b"\x08\0\0\0" + data[144:],
        # Rows before everything else: tags that do not ascend.
        lambda data: data + b"\x28\0\x10\0US\x02\0\x02\0",
    ],
)
def test_what_is_not_whole_is_left_to_pydicom(spoilt):
    data = spoilt(written())
    try:
        assert read_plain(data) is None
    except Exception as error:
        raise AssertionError("a guard is missing") from error


def test_every_shared_file_is_read_as_pydicom_reads_it(shared_data):
    n_plain = n_files = 0
    for path in sorted(path for path in shared_data.rglob("*") if path.is_file()):
        if path.stat().st_size > 4 * 2**20:
            continue
        data = path.read_bytes()
        if data[128:132] != b"DICM":
            continue
        n_files += 1
        n_plain += assert_same(data)
    assert n_files > 500
    assert n_plain > 200


def test_damaged_files_are_read_as_pydicom_reads_them(shared_data):
    rng, n_plain = random.Random(11), 0
    paths = [path for path in sorted(shared_data.rglob("*.dcm")) if path.stat().st_size < 200_000]
    for path in rng.sample(paths, 100):
        data = path.read_bytes()
        n_plain += sum(assert_same(mutated(data, rng)) for _ in range(10))
    assert n_plain > 50


@given(st.binary(max_size=300))
def test_whatever_follows_the_mark_is_read_as_pydicom_reads_it(body):
    assert_same(b"\0" * 128 + b"DICM" + body)
    assert_same(written()[:-12] + body)
