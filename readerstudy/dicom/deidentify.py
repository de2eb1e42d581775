"""De-identified copies of DICOM objects by the Basic Application Level Confidentiality Profile."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag
from pydicom.uid import UID

from readerstudy.dicom.basic_profile import action_for
from readerstudy.dicom.limits import Limits
from readerstudy.dicom.parsing import identifiers_of, read_image
from readerstudy.dicom.uids import keyed_uid

# A value of VR LO: 64 characters at most.
METHOD = "PS3.15 2024b Basic Application Level Confidentiality Profile"
IMPLEMENTATION_UID = "2.25.217034160563372404129905215634562284801"

_DUMMIES: dict[str, object] = {
    "AE": "ANONYMIZED",
    "AS": "000Y",
    "CS": "ANONYMIZED",
    "DA": "19000101",
    "DS": "0",
    "DT": "19000101000000",
    "FD": 0.0,
    "FL": 0.0,
    "IS": "0",
    "LO": "ANONYMIZED",
    "LT": "ANONYMIZED",
    "PN": "ANONYMIZED",
    "SH": "ANONYMIZED",
    "SL": 0,
    "SS": 0,
    "ST": "ANONYMIZED",
    "TM": "000000",
    "UC": "ANONYMIZED",
    "UL": 0,
    "UR": "urn:anonymized",
    "US": 0,
    "UT": "ANONYMIZED",
}
#: Stated in the tables of image objects as required with a value or as required but possibly empty: where the
#: profile leaves the choice, a dummy satisfies both.
_DUMMY_ACTIONS = frozenset({"D", "Z/D", "X/D", "X/Z/D"})
_EMPTY_ACTIONS = frozenset({"Z", "X/Z"})

NewUid = Callable[[str], str]


def _uids(element: DataElement, new_uid: NewUid) -> object:
    value = element.value
    if value is None or value == "":
        return value
    return new_uid(str(value)) if isinstance(value, str) else [new_uid(str(part)) for part in value]


def _clean(dataset: Dataset, new_uid: NewUid) -> None:
    """Apply the profile to a data set and everything nested in it."""
    for tag in list(dataset.keys()):
        tag = BaseTag(tag)
        action = action_for(int(tag))
        if action == "X":
            del dataset[tag]
            continue
        element = dataset[tag]
        if action == "U":
            element.value = _uids(element, new_uid)
        elif action in _EMPTY_ACTIONS:
            dataset[tag] = DataElement(tag, element.VR, Sequence() if element.VR == "SQ" else None)
        elif action in _DUMMY_ACTIONS:
            dataset[tag] = _dummy(element)
        elif element.VR == "SQ":
            for item in element.value:
                _clean(item, new_uid)
                if action == "X/Z/U*":
                    _keep_reference_only(item)
        elif element.VR == "UN":
            # Nobody knows what it says.
            del dataset[tag]


def _keep_reference_only(item: Dataset) -> None:
    for tag in list(item.keys()):
        if int(tag) not in (0x00081150, 0x00081155, 0x00081160):
            del item[tag]


def _dummy(element: DataElement) -> DataElement:
    if element.VR == "SQ":
        return DataElement(element.tag, "SQ", Sequence())
    return DataElement(element.tag, element.VR, _DUMMIES.get(element.VR, b"\0\0"))


def _clear_unused_bits(dataset: Dataset) -> None:
    """Set to 0 what stands beside the stored bits of native pixels: old overlays hid there."""
    if dataset.file_meta.TransferSyntaxUID.is_compressed or dataset.BitsAllocated != 16:
        return
    stored, high = int(dataset.BitsStored), int(dataset.HighBit)
    if stored == 16:
        return
    big = not dataset.file_meta.TransferSyntaxUID.is_little_endian
    cells = np.frombuffer(dataset.PixelData, dtype=">u2" if big else "<u2")
    mask = ((1 << stored) - 1) << (high + 1 - stored)
    kept = cells & np.uint16(mask)
    if int(dataset.get("PixelRepresentation", 0)) == 1 and high == stored - 1:
        # Sign bits above a stored two's complement value belong to it for many readers.
        negative = (kept >> high) & 1
        kept = np.where(negative == 1, kept | np.uint16(0xFFFF & ~mask), kept)
    dataset.PixelData = kept.astype(cells.dtype).tobytes()


def deidentify(dataset: Dataset, *, new_uid: NewUid, patient_id: str) -> Dataset:
    """
    De-identify an image in place and return it.

    Parameters
    ----------
    dataset : Dataset
        An image from `parsing.read_image`.
    new_uid : callable
        Gives the new UID of an old one, the same for the same.
    patient_id : str
        Pseudonym written as patient id and name.

    Notes
    -----
    The profile removes identity from attributes. Text burned into pixels is not touched, which is why
    Burned In Annotation stays as the file states it.
    """
    uids = identifiers_of(dataset)
    _clean(dataset, new_uid)
    dataset.SOPClassUID = UID(uids.sop_class)
    dataset.SOPInstanceUID = UID(new_uid(uids.instance))
    dataset.SeriesInstanceUID = UID(new_uid(uids.series))
    dataset.StudyInstanceUID = UID(new_uid(uids.study))
    dataset.PatientID = patient_id
    dataset.PatientName = patient_id
    dataset.PatientIdentityRemoved = "YES"
    dataset.DeidentificationMethod = METHOD
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = Sequence([code])
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    _clear_unused_bits(dataset)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    meta.MediaStorageSOPClassUID = UID(uids.sop_class)
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    dataset.file_meta = meta
    dataset.preamble = b"\0" * 128
    return dataset


def write_deidentified(path: Path, out: Path, *, key: bytes, patient_id: str, limits: Limits) -> None:
    """
    Write the de-identified copy of a file.

    Parameters
    ----------
    path, out : Path
        The original and the copy.
    key : bytes
        Of the UIDs, see `uids.keyed_uid`.

    Raises
    ------
    Refused
        If the original cannot be read.
    """
    dataset = read_image(path, limits)
    deidentify(dataset, new_uid=lambda uid: keyed_uid(key, uid), patient_id=patient_id)
    dataset.save_as(out, enforce_file_format=True)
