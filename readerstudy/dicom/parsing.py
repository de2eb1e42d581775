"""Strict reading of one DICOM file: what is not a sound image object is refused with a reason."""

import re
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

from pydicom import dcmread, uid
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from readerstudy.dicom.limits import Limits
from readerstudy.dicom.refusal import Refused

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


def _checked_uid(dataset: Dataset, keyword: str, words: str) -> str:
    text = str(dataset.get(keyword) or "")
    if not text:
        raise Refused(f"the file has no {words}")
    if not is_uid(text):
        raise Refused(f"the {words} is not a UID (digits and dots, at most 64 characters)")
    return text


def _check_inflation(path: Path, limits: Limits) -> None:
    """Refuse a deflated object that inflates past the limits, without holding it."""
    compressed = path.read_bytes()
    meta = dcmread(BytesIO(compressed), stop_before_pixels=True, specific_tags=[])
    length = getattr(meta.file_meta, "FileMetaInformationGroupLength", 0)
    start = 144 + int(length)
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated, block = 0, compressed[start:]
    while block and not engine.eof:
        inflated += len(engine.decompress(block, 2**20))
        block = engine.unconsumed_tail
        if inflated > limits.inflated_bytes or (
            inflated > 8 * 2**20 and inflated > limits.inflation_ratio * len(compressed)
        ):
            raise Refused("the file inflates to many times its size, as no image does")


def _transfer_syntax_before_reading(path: Path) -> str:
    """Return the transfer syntax named in the file meta group, "" where the group cannot be read."""
    from pydicom.filereader import read_file_meta_info

    try:
        return str(read_file_meta_info(str(path)).get("TransferSyntaxUID", ""))
    except Exception:
        return ""


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
        If the file is not a complete DICOM Part 10 object of an image class with the attributes that
        identify it (patient, study, series, instance).
    """
    size = path.stat().st_size
    if size == 0:
        raise Refused("the file is empty")
    if size > limits.file_bytes:
        raise Refused(f"the file is larger than {limits.file_bytes // 2**20} MiB")
    with path.open("rb") as stream:
        head = stream.read(132)
    if head[128:] != b"DICM":
        raise Refused("not a DICOM file (no DICM mark)")
    if _transfer_syntax_before_reading(path) == uid.DeflatedExplicitVRLittleEndian:
        _check_inflation(path, limits)
    try:
        dataset = dcmread(path)
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
    try:
        _check_identifiers(dataset)
    except (Refused, MemoryError, RecursionError):
        raise
    except Exception:
        raise Refused("the attributes that identify the image are damaged") from None
    return dataset


def _check_identifiers(dataset: Dataset) -> None:
    syntax = str(getattr(dataset.file_meta, "TransferSyntaxUID", "") or "")
    if not syntax:
        raise Refused("the file does not say how it is encoded (no transfer syntax)")
    sop_class = _checked_uid(dataset, "SOPClassUID", "SOP class")
    if sop_class not in IMAGE_CLASSES:
        raise Refused("the object is not an image for reading (SOP class)")
    _checked_uid(dataset, "SOPInstanceUID", "SOP instance UID")
    _checked_uid(dataset, "SeriesInstanceUID", "series UID")
    _checked_uid(dataset, "StudyInstanceUID", "study UID")
    if not dataset.get_item("PixelData") or not dataset.get_item("PixelData").value:
        raise Refused("the file has no pixels")
    frame_of_reference = dataset.get("FrameOfReferenceUID")
    if frame_of_reference and not is_uid(str(frame_of_reference)):
        del dataset.FrameOfReferenceUID


# A PatientID keys everything and is shown to coordinators: letters, digits, spaces and ordinary marks of
# hospital numbers. LO (PS3.5 6.2) forbids control characters and more than 64 characters anyway.
_PATIENT_ID = re.compile(r"[^\W_](?:[\w .,:/+#@^&-]{0,62}[\w.#^])?")


def patient_identifier(dataset: Dataset) -> tuple[str, str]:
    """
    Return (PatientID, IssuerOfPatientID).

    Raises
    ------
    Refused
        If there is no PatientID or it is no plausible identifier (control or bidirectional characters,
        markup, formulas, quotes; more than 64 characters).
    """
    raw: Any = dataset.get("PatientID")
    text = str(raw or "").strip()
    if not text:
        raise Refused("the file names no patient (PatientID)")
    if not _PATIENT_ID.fullmatch(text):
        raise Refused("the patient identifier holds characters or a length that no hospital number has")
    issuer = str(dataset.get("IssuerOfPatientID") or "").strip()
    return text, issuer[:64]
