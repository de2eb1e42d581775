"""
Values of single attributes, without the cost of a whole element each.

pydicom turns every raw element into an object before it gives a value, and asks three dictionaries whether an
absent one exists; with sixty attributes asked for per file that is a third of the time of taking an image in.
"""

from functools import lru_cache
from typing import Any

from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

# One object for each tag that is asked for. A key that is the same object is found without a comparison, which the tags
# of pydicom do in Python; `plain` reads files with these objects.
_TAGS: dict[str, BaseTag] = {}
KNOWN_TAGS: dict[int, BaseTag] = {}
_ASCII_TEXT = frozenset({"CS", "DA", "LO", "SH"})


def raw_of(dataset: Dataset, keyword: str) -> DataElement | RawDataElement | None:
    """Return an element as it lies in the data set, None where the attribute is absent."""
    tag = _TAGS.get(keyword)
    if tag is None:
        number = int(Tag(keyword))
        tag = _TAGS[keyword] = KNOWN_TAGS.setdefault(number, BaseTag(number))
    # Not `get_item`: it makes a tag of the tag at every call.
    return dataset._dict.get(tag)


def value_of(dataset: Dataset, keyword: str) -> Any:
    """
    Return what ``dataset.get(keyword)`` returns, None where the attribute is absent; a person's name may be a text.

    Plain values (one short text, one number, a list of decimals) come straight from their bytes; everything
    else, and everything that is not as the standard says, goes through pydicom and fails as it fails there.
    """
    raw = raw_of(dataset, keyword)
    if raw is None:
        return None
    if isinstance(raw, RawDataElement) and raw.is_little_endian:
        if raw.value and len(raw.value) <= 256:
            plain = _plain_value(raw.VR, raw.value)
            if plain is not None:
                return plain
        elif raw.value == b"" and raw.VR in _ASCII_TEXT:
            return ""
    return dataset.get(keyword)


def transfer_syntax_of(dataset: Dataset) -> str:
    """Return the transfer syntax UID that the file's header group states, "" where it states none."""
    return str(value_of(dataset.file_meta, "TransferSyntaxUID") or "")


# The images of a series repeat most values byte for byte.
@lru_cache(maxsize=2048)
def _plain_value(vr: str | None, data: bytes) -> Any:
    """Return the value of raw bytes where it is plain beyond doubt, else None. Lists are shared: not to be changed."""
    if vr == "US":
        return int.from_bytes(data, "little") if len(data) == 2 else None
    if not data.isascii() or not data.replace(b"\0", b" ").decode("ascii").isprintable():
        return None
    text = data.decode("ascii").rstrip("\0 ")
    if not text or "\0" in text:
        return None
    if vr == "DS":
        parts = text.split("\\")
        if not all(_is_decimal(part.strip(" ")) for part in parts):
            return None
        numbers = [float(part) for part in parts]
        return numbers if len(numbers) > 1 else numbers[0]
    if vr == "IS":
        return int(text) if len(text) <= 12 and _unsigned(text.strip(" ")).isdigit() else None
    if vr == "UI":
        return text if "\\" not in text and " " not in text else None
    if vr == "CS" and "\\" in text:
        codes = text.split("\\")
        return codes if all(code == code.strip(" ") for code in codes) else None
    if vr == "PN":
        # A name with one group of components and no spaces to judge.
        return text if not set(text) & set("\\=") and text == text.strip(" ") else None
    if vr in _ASCII_TEXT:
        # Leading spaces are pydicom's to judge; these characters are the same in every character set.
        return text if "\\" not in text and text[0] != " " else None
    return None


def _unsigned(number: str) -> str:
    return number[1:] if number[:1] in ("+", "-") else number


def _is_decimal(part: str) -> bool:
    digits = _unsigned(part).replace(".", "", 1)
    return digits.isdigit() and len(part) <= 16
