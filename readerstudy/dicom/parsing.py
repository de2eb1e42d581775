"""Strict reading of one DICOM file: what is not a sound image object is refused with a reason."""

import re
import zlib
from dataclasses import dataclass
from io import SEEK_CUR, SEEK_END, SEEK_SET, BufferedReader, BytesIO, FileIO, RawIOBase
from pathlib import Path
from typing import Any, BinaryIO

from pydicom import dcmread, uid
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from readerstudy.dicom.headless import START_BYTES, SUPPLIED, missing_header
from readerstudy.dicom.limits import Limits
from readerstudy.dicom.plain import read_plain
from readerstudy.dicom.refusal import Refused
from readerstudy.dicom.values import raw_of, transfer_syntax_of, value_of

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")

#: SOP classes whose pixels a doctor reads (PS3.4 table B.5-1). What is not here is not an image to grade:
#: segmentations, dose, structured reports, presentation states, whole slides, waveforms, parametric maps.
IMAGE_CLASSES = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
        "1.2.840.10008.5.1.4.1.1.1.2",  # Mammography, for presentation
        "1.2.840.10008.5.1.4.1.1.1.2.1",
        "1.2.840.10008.5.1.4.1.1.1.3",  # Intra-oral
        "1.2.840.10008.5.1.4.1.1.1.3.1",
        "1.2.840.10008.5.1.4.1.1.2",  # CT
        "1.2.840.10008.5.1.4.1.1.2.1",  # Enhanced CT
        "1.2.840.10008.5.1.4.1.1.2.2",  # Legacy Converted Enhanced CT
        "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound multi-frame
        "1.2.840.10008.5.1.4.1.1.4",  # MR
        "1.2.840.10008.5.1.4.1.1.4.1",  # Enhanced MR
        "1.2.840.10008.5.1.4.1.1.4.3",  # Enhanced MR colour
        "1.2.840.10008.5.1.4.1.1.4.4",  # Legacy Converted Enhanced MR
        "1.2.840.10008.5.1.4.1.1.6.1",  # Ultrasound
        "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
        "1.2.840.10008.5.1.4.1.1.7.2",  # multi-frame grayscale byte
        "1.2.840.10008.5.1.4.1.1.7.3",  # multi-frame grayscale word
        "1.2.840.10008.5.1.4.1.1.7.4",  # multi-frame true colour
        "1.2.840.10008.5.1.4.1.1.12.1",  # X-Ray angiographic
        "1.2.840.10008.5.1.4.1.1.12.1.1",
        "1.2.840.10008.5.1.4.1.1.12.2",  # X-Ray radiofluoroscopic
        "1.2.840.10008.5.1.4.1.1.12.2.1",
        "1.2.840.10008.5.1.4.1.1.13.1.1",  # X-Ray 3D angiographic
        "1.2.840.10008.5.1.4.1.1.13.1.3",  # Breast tomosynthesis
        "1.2.840.10008.5.1.4.1.1.20",  # Nuclear medicine
        "1.2.840.10008.5.1.4.1.1.128",  # PET
        "1.2.840.10008.5.1.4.1.1.128.1",
        "1.2.840.10008.5.1.4.1.1.130",
    }
)


def is_uid(text: str) -> bool:
    """Return whether `text` has the form of a UID (digits and dots, at most 64 characters)."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


def _stated_uid(dataset: Dataset, keyword: str, words: str) -> str:
    text = str(value_of(dataset, keyword) or "")
    if text and not is_uid(text):
        raise Refused(f"the {words} is not a UID (digits and dots, at most 64 characters)")
    return text


@dataclass(frozen=True)
class Identifiers:
    """
    The UIDs under which an image is filed.

    Parameters
    ----------
    sop_class, instance, series, study : str
        As the file states them, or found as `note` says.
    note : str
        What had to be found another way; "" for a complete file.
    """

    sop_class: str
    instance: str
    series: str
    study: str
    note: str


def identifiers_of(dataset: Dataset) -> Identifiers:
    """
    Return the UIDs of an image.

    Some anonymisers empty UIDs. Class and instance are then taken from the file's own header group. Images
    without series or study UID belong together when they share frame of reference, modality and image size;
    alone otherwise. The note says so, and that a file came without the header that states its encoding.

    Raises
    ------
    Refused
        If a UID is malformed, or class or instance are stated nowhere.
    """
    notes = []
    if value_of(dataset.file_meta, "ImplementationVersionName") == SUPPLIED:
        notes.append("the file came without its header: encoding told by its first elements")
    sop_class = _stated_uid(dataset, "SOPClassUID", "SOP class")
    instance = _stated_uid(dataset, "SOPInstanceUID", "SOP instance UID")
    if not sop_class or not instance:
        sop_class = sop_class or _stated_uid(dataset.file_meta, "MediaStorageSOPClassUID", "SOP class")
        instance = instance or _stated_uid(
            dataset.file_meta, "MediaStorageSOPInstanceUID", "SOP instance UID"
        )
        notes.append("class and instance UID taken from the file's header group")
    if not sop_class:
        raise Refused("the file has no SOP class")
    if not instance:
        raise Refused("the file has no SOP instance UID")
    series = _stated_uid(dataset, "SeriesInstanceUID", "series UID")
    study = _stated_uid(dataset, "StudyInstanceUID", "study UID")
    if not series or not study:
        # Not UIDs, only keys of the blinded ones: the words keep them apart from every real UID.
        place = str(value_of(dataset, "FrameOfReferenceUID") or instance)
        size = f"{value_of(dataset, 'Modality')} {value_of(dataset, 'Rows')}x{value_of(dataset, 'Columns')}"
        series = series or f"no series UID: {place} {study} {size}"
        study = study or f"no study UID: {place}"
        notes.append("no series or study UID: grouped by frame of reference")
    return Identifiers(sop_class, instance, series, study, "; ".join(notes))


def _check_inflation(stream: BinaryIO, compressed_size: int, limits: Limits) -> None:
    """Refuse a deflated object that inflates past the limits, without holding it."""
    meta = dcmread(stream, stop_before_pixels=True, specific_tags=[])
    length = getattr(meta.file_meta, "FileMetaInformationGroupLength", 0)
    stream.seek(144 + int(length))
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated, block = 0, stream.read(2**20)
    while block and not engine.eof:
        inflated += len(engine.decompress(block, 2**20))
        block = engine.unconsumed_tail or stream.read(2**20)
        if inflated > limits.inflated_bytes or (
            inflated > 8 * 2**20 and inflated > limits.inflation_ratio * compressed_size
        ):
            raise Refused("the file inflates to many times its size, as no image does")


# Up to here a file is read whole, at once; larger ones piece by piece.
_WHOLE = 32 * 2**20


class _Behind(RawIOBase):
    """A file behind the header that it lacks."""

    def __init__(self, header: bytes, file: FileIO) -> None:
        self._header, self._file, self._position = header, file, 0
        # pydicom asks for it.
        self.name = file.name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        if self._position < len(self._header):
            part = self._header[self._position : self._position + len(buffer)]
            buffer[: len(part)] = part
            count = len(part)
        else:
            self._file.seek(self._position - len(self._header))
            count = self._file.readinto(buffer) or 0
        self._position += count
        return count

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        if whence == SEEK_CUR:
            offset += self._position
        elif whence == SEEK_END:
            offset += self._file.seek(0, SEEK_END) + len(self._header)
        self._position = max(0, offset)
        return self._position

    def close(self) -> None:
        self._file.close()
        super().close()


class _Clamped(BufferedReader):
    """A file that is never asked for more than it holds: a length in a header may claim 4 GiB."""

    def __init__(self, raw: RawIOBase, size: int) -> None:
        super().__init__(raw)
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > 1 << 16:
            size = max(0, min(size, self._size - self.tell()))
        return super().read(size)


def read_image(path: Path, limits: Limits) -> Dataset:
    """
    Return the data set of an image file.

    Parameters
    ----------
    path : Path
        A file of unknown origin.
    limits : Limits
        The bounds.

    Raises
    ------
    Refused
        If the file is not a complete DICOM object (Part 10, or one that lacks its header: see `headless`) of an
        image class with the attributes that identify it (patient, study, series, instance).
    """
    size = path.stat().st_size
    if size == 0:
        raise Refused("the file is empty")
    if size > limits.file_bytes:
        raise Refused(f"the file is larger than {limits.file_bytes // 2**20} MiB")
    if size > _WHOLE:
        with FileIO(path) as file:
            header = _header_for(file.read(START_BYTES))
            file.seek(0)
            with _Clamped(_Behind(header, file) if header else file, size + len(header)) as stream:
                return _checked(_read(stream, size, limits), header)
    data = path.read_bytes()
    header = _header_for(data[:START_BYTES])
    data = header + data if header else data
    try:
        dataset = read_plain(data)
    except Exception:
        # What is damaged is pydicom's to judge.
        dataset = None
    return _checked(dataset if dataset is not None else _read(BytesIO(data), size, limits), header)


def _header_for(start: bytes) -> bytes:
    header = missing_header(start)
    if header is None:
        raise Refused(
            "not a DICOM file (no DICM mark, not the beginning of an image). If it is one, export it again as DICOM."
        )
    return header


def _read(stream: BinaryIO, size: int, limits: Limits) -> Dataset:
    head = stream.read(1024)
    stream.seek(0)
    try:
        if uid.DeflatedExplicitVRLittleEndian.encode() in head:
            _check_inflation(stream, size, limits)
            stream.seek(0)
        return dcmread(stream)
    except Refused:
        raise
    except InvalidDicomError:
        raise Refused("not a DICOM file") from None
    except RecursionError:
        raise Refused("the file nests sequences deeper than any real object") from None
    except (OSError, EOFError):
        raise Refused("the file ends in the middle of an element") from None
    except MemoryError:
        raise
    except Exception:
        raise Refused("the file cannot be parsed as DICOM") from None


def _checked(dataset: Dataset, header: bytes) -> Dataset:
    try:
        _check_kind(dataset)
        if header:
            _check_guess(dataset)
    except (Refused, MemoryError, RecursionError):
        raise
    except Exception:
        raise Refused("the attributes that identify the image are damaged") from None
    return dataset


def _check_kind(dataset: Dataset) -> None:
    if not transfer_syntax_of(dataset):
        raise Refused("the file does not say how it is encoded (no transfer syntax)")
    if identifiers_of(dataset).sop_class not in IMAGE_CLASSES:
        raise Refused("the object is not an image for reading (SOP class)")
    element = raw_of(dataset, "PixelData")
    if element is None or not element.value:
        raise Refused("the file has no pixels")
    frame_of_reference = value_of(dataset, "FrameOfReferenceUID")
    if frame_of_reference and not is_uid(str(frame_of_reference)):
        del dataset.FrameOfReferenceUID


def _check_guess(dataset: Dataset) -> None:
    """Refuse compressed pixels whose compression nobody states: what is guessed is an encoding of the attributes."""
    element = raw_of(dataset, "PixelData")
    native = uid.UID(transfer_syntax_of(dataset)).is_encapsulated is False
    if native and isinstance(element, RawDataElement) and element.length == 0xFFFFFFFF:
        raise Refused("the file does not say how it is encoded (no transfer syntax)")


# A PatientID keys everything and is shown to coordinators: letters, digits, spaces and ordinary marks of
# hospital numbers. LO (PS3.5 6.2) forbids control characters and more than 64 characters anyway.
_PATIENT_ID = re.compile(r"[^\W_](?:[\w .,:/+#@^&-]{0,62}[\w.#^])?")


def patient_identifier(dataset: Dataset) -> tuple[str, str]:
    """
    Return (PatientID, IssuerOfPatientID); "" where the file leaves them empty, as the standard allows.

    Raises
    ------
    Refused
        If the PatientID is no plausible identifier (control or bidirectional characters,
        markup, formulas, quotes; more than 64 characters).
    """
    raw: Any = value_of(dataset, "PatientID")
    text = str(raw or "").strip()
    if text and not _PATIENT_ID.fullmatch(text):
        raise Refused("the patient identifier holds characters or a length that no hospital number has")
    issuer = str(value_of(dataset, "IssuerOfPatientID") or "").strip()
    return text, issuer[:64]
