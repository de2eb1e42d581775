"""
Images without the 128 bytes of preamble and the DICM mark (PS3.10 section 7.1), as old archives export them.

Such a file begins with its header group, or with its data set and says nowhere how that is encoded. It is never read
by force: it gets the header that it lacks in front, where its first elements leave no doubt, and goes the way of
every other file.
"""

import re
from struct import Struct

from pydicom import uid
from pydicom.datadict import dictionary_VR

#: As much of a file as `missing_header` wants to see.
START_BYTES = 4096
#: Who wrote a header group, as it says itself (Implementation Version Name, PS3.10 table 7.1-1): one supplied here.
SUPPLIED = "RS_SUPPLIED"
_PREAMBLE = b"\0" * 128
_MARK = b"DICM"
_UID = re.compile(rb"1\.2\.840\.10008\.[0-9.]{1,50}\0?")
_HEADER_GROUP, _IDENTIFYING_GROUP = 0x0002, 0x0008
_TRANSFER_SYNTAX, _SOP_CLASS = 0x0010, 0x0016
# Values of the elements before these two are short: group length, character set, image type, dates.
_LONGEST = 1024
_SHORT = frozenset(
    (*(b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN"),
     *(b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"))
)  # fmt: skip
_LONG = frozenset((b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"UC", b"UN", b"UR", b"UT"))


def missing_header(start: bytes) -> bytes | None:
    """
    Return what a file lacks before its first byte to be one of Part 10.

    Parameters
    ----------
    start : bytes
        The first `START_BYTES` of the file, or all of it.

    Returns
    -------
    bytes or None
        Empty where the file has its mark. None where it does not begin, beyond doubt, with a header group that names a
        transfer syntax, or with the data set of an object of the standard.
    """
    if start[128:132] == _MARK:
        return b""
    if _value(start, _HEADER_GROUP, _TRANSFER_SYNTAX, explicit=True, order="<") is not None:
        return _PREAMBLE + _MARK
    for explicit, order, syntax in (
        (True, "<", uid.ExplicitVRLittleEndian),
        (False, "<", uid.ImplicitVRLittleEndian),
        (True, ">", uid.ExplicitVRBigEndian),
    ):
        if _value(start, _IDENTIFYING_GROUP, _SOP_CLASS, explicit=explicit, order=order) is not None:
            return _PREAMBLE + _MARK + _header_group(syntax)
    return None


def _header_group(syntax: str) -> bytes:
    text = syntax.encode()
    text += b"\0" * (len(text) % 2)
    group = b"\x02\0\x10\0UI" + len(text).to_bytes(2, "little") + text
    writer = SUPPLIED.encode() + b" " * (len(SUPPLIED) % 2)
    group += b"\x02\0\x13\0SH" + len(writer).to_bytes(2, "little") + writer
    return b"\x02\0\0\0UL\x04\0" + len(group).to_bytes(4, "little") + group


def _value(start: bytes, group: int, wanted: int, *, explicit: bool, order: str) -> bytes | None:
    """
    Return the UID at (group, wanted) where nothing but short elements of that group, ascending, stands before it.

    An element is of a known VR where it states one, and else in the standard's dictionary.
    """
    tag, short, long = Struct(f"{order}HH"), Struct(f"{order}H"), Struct(f"{order}L")
    position, last = 0, -1
    while position + 12 <= len(start):
        found, number = tag.unpack_from(start, position)
        if found != group or not last < number <= wanted:
            return None
        code = start[position + 4 : position + 6]
        if not explicit:
            code = _vr_of(group, number)
            (length,) = long.unpack_from(start, position + 4)
            position += 8
        elif code in _SHORT:
            (length,) = short.unpack_from(start, position + 6)
            position += 8
        else:
            (length,) = long.unpack_from(start, position + 8)
            position += 12
        value = start[position : position + length]
        if code not in _SHORT | _LONG or length > _LONGEST or len(value) < length:
            return None
        if number == wanted:
            return value if code == b"UI" and _UID.fullmatch(value) else None
        position, last = position + length, number
    return None


def _vr_of(group: int, number: int) -> bytes:
    if number == 0:
        return b"UL"
    try:
        return dictionary_VR(group << 16 | number).encode()
    except KeyError:
        return b""
