"""Transfer syntaxes and multi-frame objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import imagecodecs
import numpy as np
from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedMRImage
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from readerstudy.phantom.files.identity import make_uid

Syntax = Literal[
    "explicit-le",
    "implicit-le",
    "explicit-be",
    "deflated",
    "rle",
    "jpeg-lossless",
    "jpeg-ls",
    "jpeg2000",
    "htj2k",
]

SYNTAXES: Final[dict[Syntax, UID]] = {
    "explicit-le": ExplicitVRLittleEndian,
    "implicit-le": ImplicitVRLittleEndian,
    "explicit-be": ExplicitVRBigEndian,
    "deflated": DeflatedExplicitVRLittleEndian,
    "rle": RLELossless,
    "jpeg-lossless": JPEGLosslessSV1,
    "jpeg-ls": JPEGLSLossless,
    "jpeg2000": JPEG2000Lossless,
    "htj2k": HTJ2KLossless,
}


def encode(ds: Dataset, syntax: Syntax) -> Dataset:
    """
    Bring an Explicit VR Little Endian object into another transfer syntax, without loss; in place.

    Parameters
    ----------
    ds : pydicom.dataset.Dataset
        With 16-bit native pixels.
    syntax : str
        A key of `SYNTAXES`.

    Returns
    -------
    pydicom.dataset.Dataset
        The same object, ready to be saved.
    """
    uid = SYNTAXES[syntax]
    if syntax in ("rle", "jpeg-ls"):
        ds.compress(uid, generate_instance_uid=False)
        return ds
    ds.file_meta.TransferSyntaxUID = uid
    if not uid.is_compressed or uid.is_deflated:
        if syntax == "explicit-be":
            # pydicom writes the data set's numbers big endian, but pixel bytes as they are.
            ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
        return ds
    frames = int(ds.get("NumberOfFrames", 1))
    kind = np.int16 if ds.PixelRepresentation else np.uint16
    pixels = np.frombuffer(ds.PixelData, kind).reshape(frames, ds.Rows, ds.Columns)
    ds.PixelData = encapsulate([_encode_frame(frame, syntax, int(ds.BitsStored)) for frame in pixels])
    ds["PixelData"].VR = "OB"
    ds["PixelData"].is_undefined_length = True
    return ds


def _encode_frame(frame: Any, syntax: Syntax, bits: int) -> bytes:
    frame = np.ascontiguousarray(frame)
    if syntax == "jpeg-lossless":
        # Process 14 knows no sign: the stored bits are coded as they stand.
        data = imagecodecs.ljpeg_encode(frame.view(np.uint16), bitspersample=bits)
    elif syntax == "htj2k":
        data = imagecodecs.htj2k_encode(frame, reversible=True)
    else:
        data = imagecodecs.jpeg2k_encode(frame, level=0, reversible=True, codecformat="j2k")
    return bytes(data)


def to_multiframe(slices: Sequence[Dataset], *, series_number: int) -> Dataset:
    """
    One Legacy Converted Enhanced CT or MR Image of a series.

    Parameters
    ----------
    slices : sequence of pydicom.dataset.Dataset
        Single-frame objects of one series.
    series_number : int
        Of the new series.

    Returns
    -------
    pydicom.dataset.Dataset
        Explicit VR Little Endian; UIDs and times follow from the series, nothing is random.
    """
    first = slices[0]
    maker = LegacyConvertedEnhancedCTImage if first.Modality == "CT" else LegacyConvertedEnhancedMRImage
    series = make_uid(first.SeriesInstanceUID, "multi-frame")
    made = maker(
        list(slices),
        series_instance_uid=series,
        series_number=series_number,
        sop_instance_uid=make_uid(series, 1),
        instance_number=1,
        transfer_syntax_uid=ExplicitVRLittleEndian,
    )
    result: Dataset = made
    organization = make_uid(series, "dimensions")
    for item in result.DimensionOrganizationSequence:
        item.DimensionOrganizationUID = organization
    for item in result.DimensionIndexSequence:
        item.DimensionOrganizationUID = organization
    for name in ("ContentDate", "SeriesDate", "InstanceCreationDate"):
        if name in result:
            setattr(result, name, first.StudyDate)
    for name in ("ContentTime", "SeriesTime", "InstanceCreationTime"):
        if name in result:
            setattr(result, name, first.StudyTime)
    for series_item in result.ReferencedSeriesSequence:
        # Highdicom collects these from a set, in an order that changes from run to run.
        members = sorted(
            series_item.ReferencedInstanceSequence, key=lambda m: str(m.ReferencedSOPInstanceUID)
        )
        series_item.ReferencedInstanceSequence = members
    for equipment in result.get("ContributingEquipmentSequence", []):
        if "ContributionDateTime" in equipment:
            equipment.ContributionDateTime = f"{first.StudyDate}{first.StudyTime}"
    result.SeriesDescription = f"{first.SeriesDescription} MULTI-FRAME"
    return result
