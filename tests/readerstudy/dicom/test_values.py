"""The quick way to an attribute's value gives what pydicom gives, or lets pydicom speak."""

import re
import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import config, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.valuerep import PersonName

from readerstudy.dicom.values import value_of

ROOT = Path(__file__).resolve().parents[3]
SOURCES = [
    ROOT / "readerstudy" / "dicom" / f"{name}.py" for name in ("attributes", "intake", "parsing", "pixels")
]
WORDS = {word for path in SOURCES for word in re.findall(r"\"([A-Z][A-Za-z]+)\"", path.read_text())}
KEYWORDS = sorted(word for word in WORDS if tag_for_keyword(word) is not None)


@pytest.fixture(autouse=True)
def as_in_the_child(monkeypatch):
    monkeypatch.setattr(config.settings, "reading_validation_mode", config.IGNORE)


def outcome(ask):
    """Return a value in plain types, or the kind of error."""
    try:
        value = ask()
    except Exception as error:
        return type(error)
    if isinstance(value, float):
        return repr(float(value))  # equal for NaN too
    if isinstance(value, str | bytes | PersonName) or value is None:
        return str(value) if value is not None else None
    if hasattr(value, "__iter__"):
        return [outcome(lambda part=part: part) for part in value]
    return value


VR_OF = {"DS": "PixelSpacing", "IS": "InstanceNumber", "US": "Rows", "UI": "FrameOfReferenceUID"}
VR_OF |= {
    "CS": "ImageType",
    "PN": "PatientName",
    "LO": "PatientID",
    "SH": "AccessionNumber",
    "DA": "StudyDate",
}


def holding(vr, data):
    dataset = Dataset()
    tag = Tag(VR_OF[vr])
    dataset._dict[tag] = RawDataElement(tag, vr, len(data), data, 0, False, True)
    return dataset


@pytest.mark.parametrize(("vr", "data"), [("IS", b"++0"), ("IS", b"+-7"), ("DS", b"--1.5"), ("DS", b"-")])
def test_a_number_has_one_sign_at_most(vr, data):
    assert outcome(lambda: value_of(holding(vr, data), VR_OF[vr])) == outcome(
        lambda: holding(vr, data).get(VR_OF[vr])
    )


@pytest.mark.parametrize("vr", sorted(VR_OF))
@given(
    data=st.one_of(
        st.binary(max_size=40),
        st.text("0123456789+-.\\eE \0ABab_^=", max_size=30).map(lambda text: text.encode()),
        st.floats(allow_nan=False).map(lambda x: repr(x).encode()),
        st.integers(-(10**13), 10**13).map(lambda n: str(n).encode()),
    )
)
@settings(max_examples=400, deadline=None)
def test_any_bytes_give_what_pydicom_gives(vr, data):
    keyword = VR_OF[vr]
    assert outcome(lambda: value_of(holding(vr, data), keyword)) == outcome(
        lambda: holding(vr, data).get(keyword)
    )


def test_what_is_absent_is_absent():
    assert value_of(Dataset(), "PatientID") is None


def test_big_endian_numbers_are_left_to_pydicom():
    dataset = Dataset()
    tag = Tag("Rows")
    dataset._dict[tag] = RawDataElement(tag, "US", 2, struct.pack(">H", 258), 0, False, False)
    assert value_of(dataset, "Rows") == 258


def test_real_files_give_what_pydicom_gives(shared_data):
    """Every attribute that an import asks for, in every readable file of the shared data."""
    n_values = 0
    for path in sorted(shared_data.rglob("*.dcm")):
        if path.stat().st_size > 8 * 2**20:
            continue
        data = path.read_bytes()
        try:
            quick, plain = (dcmread(BytesIO(data), stop_before_pixels=True) for _ in range(2))
        except Exception:  # noqa: S112  (hostile ones are for other tests)
            continue
        for keyword in KEYWORDS:
            told = outcome(lambda k=keyword, d=quick: value_of(d, k))
            assert told == outcome(lambda k=keyword, d=plain: d.get(k)), (path.name, keyword)
            n_values += told is not None
    assert n_values > 1000
