"""One file in, one blinded image out: what the bounded child process does with each file."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from pydicom.dataset import Dataset

from readerstudy.dicom.attributes import (
    allowed_attributes,
    element,
    finite,
    rescale_of,
    text_of,
)
from readerstudy.dicom.frames import Json
from readerstudy.dicom.limits import Limits
from readerstudy.dicom.parsing import identifiers_of, patient_identifier, read_image
from readerstudy.dicom.pixels import (
    FRAME_SYNTAX_UID,
    Frame,
    FrameSyntax,
    PixelDigest,
    PixelForm,
    encode_frame,
    frames_of,
    pixel_form,
)
from readerstudy.dicom.refusal import Refused
from readerstudy.dicom.series import weighting_of
from readerstudy.dicom.values import transfer_syntax_of, value_of

#: Every frame file is one complete answer: a multipart body with one part. The boundary is fixed, so that a
#: web server can send the file as it lies; it is long enough never to occur in pixels.
BOUNDARY = "rs-7f0a5d0c1b8e4a52b6f3c9d84e21a6f7"


def frame_head(transfer_syntax: str, media_type: str = "application/octet-stream") -> bytes:
    """Return what stands before the encoded pixels in a frame file."""
    return (f"--{BOUNDARY}\r\nContent-Type: {media_type}; transfer-syntax={transfer_syntax}\r\n\r\n").encode()


FRAME_TAIL = f"\r\n--{BOUNDARY}--\r\n".encode()


@dataclass(frozen=True)
class Intake:
    """
    What one file gave.

    Parameters
    ----------
    identity : dict
        Patient and study identity as the file states it; goes to the identity store only.
    uids : dict
        Original study, series, instance UID; replaced by keyed ones before anything is kept.
    attributes : dict
        Allow-listed DICOM JSON, with the original UIDs still in it.
    transfer_syntax : str
        Of the frame files.
    digest : str
        SHA-256 of the pixels.
    n_frames : int
        Number of frame files written.
    checks : list of list of int
        CRC-32 and number of bytes of each frame's encoded pixels.
    dtype : str
        NumPy type of the pixels.
    instance_number : float
        As the file states it; orders images without geometry.
    weighting : str
        MR weighting, "" where unknown.
    burned_in : str
        Why pixels may hold text: ``stated``, ``seen`` (by `lettering`), ``kind`` (secondary capture, ultrasound
        ...) or "".
    note : str
        What a coordinator should know of the file although it is taken, "" for nothing.
    """

    identity: dict[str, str]
    uids: dict[str, str]
    attributes: Json
    transfer_syntax: str
    digest: str
    n_frames: int
    checks: list[list[int]]
    dtype: str
    instance_number: float
    weighting: str
    burned_in: str
    note: str

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        # Not `asdict`: it copies every attribute, which takes as long as reading the file.
        return dict(vars(self))


_IDENTITY_KEYWORDS = {
    "name": "PatientName",
    "birth_date": "PatientBirthDate",
    "sex": "PatientSex",
    "study_date": "StudyDate",
    "accession_number": "AccessionNumber",
    "study_description": "StudyDescription",
}


def _identity(dataset: Dataset) -> dict[str, str]:
    patient_id, issuer = patient_identifier(dataset)
    out = {"patient_id": patient_id, "issuer": issuer}
    for name, keyword in _IDENTITY_KEYWORDS.items():
        text = text_of(dataset, keyword)
        out[name] = (text if text.isprintable() else "".join(c for c in text if c.isprintable()))[:200]
    return out


def _lossy(dataset: Dataset) -> bool:
    return transfer_syntax_of(dataset) in {
        "1.2.840.10008.1.2.4.50",
        "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.81",
        "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.203",
    }


def _burned_in(dataset: Dataset, kind: str, pixels: Frame | None) -> str:
    if text_of(dataset, "BurnedInAnnotation") == "YES":
        return "stated"
    if pixels is not None:
        # Only where it is asked for: its library takes time and memory to load.
        from readerstudy.dicom.lettering import holds_lettering

        # A file that denies it is not believed.
        if holds_lettering(pixels):
            return "seen"
    if text_of(dataset, "BurnedInAnnotation") == "NO":
        return ""
    captured = kind.startswith("1.2.840.10008.5.1.4.1.1.7") or kind.startswith("1.2.840.10008.5.1.4.1.1.6.1")
    return "kind" if captured or text_of(dataset, "Modality") in ("US", "OT", "SC") else ""


def _modality_lut(dataset: Dataset) -> tuple[int, Frame] | None:
    """Return (first mapped value, table) of a modality LUT, None where the file has none."""
    items = value_of(dataset, "ModalityLUTSequence")
    if not items:
        return None
    descriptor, data = items[0].get("LUTDescriptor"), items[0].get("LUTData")
    if descriptor is None or data is None or len(descriptor) != 3:
        raise Refused("the modality lookup table is incomplete")
    count = int(descriptor[0]) or 65536
    if isinstance(data, bytes):
        wide = len(data) >= 2 * count
        table: Frame = np.frombuffer(data, dtype="<u2" if wide else "u1")
    else:
        table = np.asarray(data, dtype=np.int64).astype("<u2")
    if len(table) < count:
        raise Refused("the modality lookup table is too short")
    first = int(descriptor[1])
    return first - 65536 if first > 32767 and int(dataset.PixelRepresentation) else first, table[:count]


def _pixel_attributes(form: PixelForm, array: Frame) -> Json:
    colour = array.ndim == 3
    bits = 8 * array.dtype.itemsize
    stored = bits if colour or array.dtype.itemsize * 8 != form.bits_allocated else form.bits_stored
    out: Json = {
        "00280002": element("US", 3 if colour else 1),
        "00280004": element("CS", "RGB" if colour else form.photometric),
        "00280010": element("US", form.rows),
        "00280011": element("US", form.columns),
        "00280100": element("US", bits),
        "00280101": element("US", stored),
        "00280102": element("US", stored - 1),
        "00280103": element("US", 1 if array.dtype.kind == "i" else 0),
    }
    if colour:
        out["00280006"] = element("US", 0)
    if form.frames > 1:
        out["00280008"] = element("IS", form.frames)
    return out


def _percentile_window(array: Frame, rescale: tuple[float, float] | None) -> Json:
    """Return a window over the 1st to 99th percentile, for files that state none."""
    slope, intercept = rescale or (1.0, 0.0)
    low, high = np.percentile(array[::4, ::4], (1, 99)) * slope + intercept
    low, high = min(low, high), max(low, high)
    return {
        "00281050": element("DS", round(float(low + high) / 2, 3)),
        "00281051": element("DS", max(1.0, round(float(high - low), 3))),
    }


def _write(path: str, parts: tuple[bytes, ...]) -> None:
    """Write a new file, in one call of the system."""
    place = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if os.writev(place, parts) != sum(map(len, parts)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(place)


def take_in(
    path: Path, out: Path, *, syntax: FrameSyntax, limits: Limits, look_for_text: bool = False
) -> Intake:
    """
    Read one file and write its frames.

    Parameters
    ----------
    path : Path
        A file of unknown origin.
    out : Path
        Prefix of the frame files: ``<out>_1``, ``<out>_2`` ...; the caller removes them after a refusal.
    syntax : {"htj2k", "jpeg-ls", "explicit-le"}
        Form of the frames.
    limits : Limits
        The bounds.
    look_for_text : bool
        Look at the pixels of the first frame for writing.

    Raises
    ------
    Refused
        With the reason.
    OSError
        If there is no room for the frames.
    """
    dataset = read_image(path, limits)
    identity = _identity(dataset)
    form = pixel_form(dataset, limits)
    try:
        uids = identifiers_of(dataset)
        attributes = allowed_attributes(dataset, uids, n_frames=form.frames)
        rescale = rescale_of(dataset)
    except ValueError as error:
        raise Refused(str(error)) from None
    lut = _modality_lut(dataset)
    transfer_syntax = FRAME_SYNTAX_UID[syntax]
    head = frame_head(transfer_syntax)
    digest = PixelDigest(form)
    first: Frame | None = None
    checks = []
    for number, frame in enumerate(frames_of(dataset, form), start=1):
        array = frame
        if lut is not None:
            index = np.clip(array.astype(np.int32) - lut[0], 0, len(lut[1]) - 1)
            array = lut[1][index]
        first = array if first is None else first
        digest.update(array)
        try:
            data = encode_frame(array, syntax, form.bits_stored)
        except Exception:
            raise Refused("the pixels cannot be encoded") from None
        _write(f"{out}_{number}", (head, data, FRAME_TAIL))
        # As zlib.crc32, in a fifth of the time.
        checks.append([imagecodecs.deflate_crc32(data), len(data)])
    if first is None:
        raise Refused("the file holds no frame")
    attributes |= _pixel_attributes(form, first)
    if syntax == "htj2k" and first.ndim == 3:
        attributes["00280004"] = element("CS", "YBR_RCT")
    if lut is not None:
        attributes.pop("00281052", None)
        attributes.pop("00281053", None)
    if first.ndim == 2 and "00281050" not in attributes and "00283010" not in attributes and not any(
        "00289132" in group
        for sequence in ("52009229", "52009230")
        for group in attributes.get(sequence, {}).get("Value", [])
    ):  # fmt: skip
        attributes |= _percentile_window(first, None if lut is not None else rescale)
    if _lossy(dataset):
        attributes["00282110"] = element("CS", "01")
    number_value = finite(text_of(dataset, "InstanceNumber"))
    return Intake(
        identity=identity,
        uids={"study": uids.study, "series": uids.series, "instance": uids.instance},
        attributes=attributes,
        transfer_syntax=transfer_syntax,
        digest=digest.hexdigest(),
        n_frames=form.frames,
        checks=checks,
        dtype=first.dtype.newbyteorder("<").str,
        instance_number=number_value if number_value is not None and abs(number_value) < 1e9 else 0.0,
        weighting=weighting_of(
            names=[text_of(dataset, word) for word in ("SeriesDescription", "ProtocolName", "SequenceName")],
            tr_ms=finite(value_of(dataset, "RepetitionTime")),
            te_ms=finite(value_of(dataset, "EchoTime")),
            ti_ms=finite(value_of(dataset, "InversionTime")),
        )
        if attributes["00080060"]["Value"] == ["MR"]
        else "",
        burned_in=_burned_in(dataset, uids.sop_class, first if look_for_text else None),
        note=uids.note,
    )
