"""
The commonest form of a DICOM file, read in one pass.

pydicom's `dcmread` copes with every form that files have ever had; of a file that has none of their difficulties
it takes three times as long to list the elements. This module reads files of one form: Part 10 with a complete
header group, explicit VR little endian, elements in ascending order, each of a standard VR and of a stated length,
nothing behind them (PS3.5 section 7.1, PS3.10 section 7.1). It gives pydicom's own raw elements, which pydicom converts
when they are asked for, and leaves every other file to `dcmread`.
"""

from functools import lru_cache
from struct import Struct
from typing import cast

from pydicom.charset import convert_encodings, default_encoding
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element, empty_value_for_VR
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import BaseTag
from pydicom.uid import ExplicitVRLittleEndian

from readerstudy.dicom.values import KNOWN_TAGS

_HEAD = Struct("<HH2sH").unpack_from
_LENGTH = Struct("<L").unpack_from
_SHORT = {
    text.encode(): text
    for text in (
        *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "PN"),
        *("SH", "SL", "SS", "ST", "TM", "UI", "UL", "US"),
    )
}
# VRs whose length has 32 bits (PS3.5 table 7.1-1).
_LONG = {text.encode(): text for text in ("OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT")}
# After the preamble and the mark comes the header group's length, an element of 12 bytes (PS3.10 section 7.1).
_START = 132
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_LAST_OF_HEADER, _FIRST_ITEM, _PIXEL_DATA = 0x0002FFFF, 0xFFFE0000, 0x7FE00010
_CHARACTER_SET, _TRANSFER_SYNTAX = BaseTag(0x00080005), BaseTag(0x00020010)
_EXPLICIT = ExplicitVRLittleEndian.encode() + b"\0"

Elements = dict[BaseTag, DataElement | RawDataElement]


def read_plain(data: bytes) -> Dataset | None:
    """
    Return what ``dcmread(BytesIO(data))`` returns where the file is of the plain form, else None.

    Parameters
    ----------
    data : bytes
        A whole file.

    Returns
    -------
    Dataset or None
        With ``file_meta``; without preamble, file name and buffer.
    """
    if data[128 : _START + 8] != b"DICM" + _GROUP_LENGTH:
        return None
    header_end = _START + 12 + int.from_bytes(data[_START + 8 : _START + 12], "little")
    header = _elements(data, _START, header_end, after=-1) if header_end < len(data) else None
    syntax = header.get(_TRANSFER_SYNTAX) if header else None
    if not header or syntax is None or syntax.value != _EXPLICIT or max(header) > _LAST_OF_HEADER:
        return None
    elements = _elements(data, header_end, len(data), after=_LAST_OF_HEADER)
    if not elements:
        return None
    dataset = Dataset(elements)
    stated = elements.get(_CHARACTER_SET)
    encoding = _encoding(cast("RawDataElement", stated)) if stated else default_encoding
    dataset.set_original_encoding(is_implicit_vr=False, is_little_endian=True, character_encoding=encoding)
    dataset.file_meta = FileMetaDataset(header)
    dataset.file_meta.set_original_encoding(
        is_implicit_vr=False, is_little_endian=True, character_encoding=default_encoding
    )
    return dataset


# Files of one series state it in the same bytes at the same place.
@lru_cache(maxsize=64)
def _encoding(stated: RawDataElement) -> list[str]:
    """Return Python's names of a stated character set."""
    return convert_encodings(convert_raw_data_element(stated).value)


def _elements(data: bytes, start: int, end: int, *, after: int) -> Elements | None:
    """Return the raw elements from `start` to `end`, their tags above `after`; None where they are not plain."""
    out: Elements = {}
    known = KNOWN_TAGS.get
    last, position = after, start
    while position < end:
        if position + 8 > end:
            return None
        group, number, code, length = _HEAD(data, position)
        position += 8
        vr = _SHORT.get(code)
        if vr is None:
            vr = _LONG.get(code)
            if vr is None or position + 4 > end:
                return None
            (length,) = _LENGTH(data, position)
            position += 4
        number |= group << 16
        stop = position + length
        # An undefined length is past every end.
        if not last < number < _FIRST_ITEM or stop > end:
            return None
        value: bytes | None
        if number == _PIXEL_DATA:
            # Not copied. pydicom hands on whatever stands here, and NumPy takes it.
            value = cast("bytes", memoryview(data)[position:stop])
        else:
            value = data[position:stop] if length else cast("bytes | None", empty_value_for_VR(vr, raw=True))
        tag = known(number) or BaseTag(number)
        out[tag] = RawDataElement(tag, vr, length, value, position, False, True)
        last, position = number, stop
    return out
