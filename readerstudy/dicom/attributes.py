"""
The allow-list: which attributes of an image reach a reader, and in which values.

Nothing is copied that is not named here, and a value passes only if it has the right form: numbers as
finite numbers, codes from an enumerated list, UIDs to be remapped. Free text, dates, private elements,
overlays and unknown codes have no way through.
"""

import math
from typing import Any

from pydicom.dataset import Dataset

from readerstudy.dicom.frames import Json, frame_places
from readerstudy.dicom.parsing import Identifiers
from readerstudy.dicom.values import value_of

#: UIDs that are replaced by keyed ones before anything leaves the import (PS3.15 table E.1-1, action U).
REMAPPED_UIDS: frozenset[str] = frozenset(
    {
        "0020000D",  # Study Instance UID
        "0020000E",  # Series Instance UID
        "00080018",  # SOP Instance UID
        "00200052",  # Frame of Reference UID
        "00081155",  # Referenced SOP Instance UID
        "00209161",  # Concatenation UID
        "00200242",  # SOP Instance UID of Concatenation Source
        "00209164",  # Dimension Organization UID
    }
)

_NUMBERS: dict[str, tuple[str, str, int]] = {
    # keyword: (tag, VR, count; 0 = any)
    "SliceThickness": ("00180050", "DS", 1),
    "SpacingBetweenSlices": ("00180088", "DS", 1),
    "PixelAspectRatio": ("00280034", "IS", 2),
    "InConcatenationNumber": ("00209162", "US", 1),
    "InConcatenationTotalNumber": ("00209163", "US", 1),
    "EstimatedRadiographicMagnificationFactor": ("00181114", "DS", 1),
    "PixelIntensityRelationshipSign": ("00281041", "SS", 1),
}
_CODES: dict[str, tuple[str, frozenset[str]]] = {
    "VOILUTFunction": ("00281056", frozenset({"LINEAR", "LINEAR_EXACT", "SIGMOID"})),
    "PresentationLUTShape": ("20500020", frozenset({"IDENTITY", "INVERSE"})),
    "LossyImageCompression": ("00282110", frozenset({"00", "01"})),
    "RescaleType": ("00281054", frozenset({"HU", "US", "OD", "HU_MOD", "PCT", "Z_EFF"})),
    "ViewPosition": (
        "00185101",
        frozenset(
            {
                *("AP", "PA", "LL", "RL", "RLD", "LLD", "RLO", "LLO", "LATERAL", "LAT"),
                *("RPO", "LPO", "RAO", "LAO", "OBLIQUE"),
            }
        ),
    ),
    "ImageLaterality": ("00200062", frozenset({"L", "R", "U", "B"})),
    "Laterality": ("00200060", frozenset({"L", "R"})),
}
_IMAGE_TYPES = frozenset(
    {
        *("ORIGINAL", "DERIVED", "PRIMARY", "SECONDARY", "AXIAL", "LOCALIZER", "REFORMATTED", "PROJECTION"),
        *("MPR", "M", "M_FFE", "M_SE", "P_FFE", "OTHER", "VOLUME", "NONE", "MIXED", "RESAMPLED", "AVERAGE"),
        *("MINIMUM", "MAXIMUM", "ADD", "SUBTRACT", "NORM", "DIS2D", "DIS3D"),
    }
)
_ORIENTATION_LETTERS = frozenset("ARLPHF")
_MODALITIES = frozenset(
    {
        "CT",
        "MR",
        "CR",
        "DX",
        "XA",
        "RF",
        "MG",
        "IO",
        "PX",
        "US",
        "NM",
        "PT",
        "OT",
        "SC",
        "XC",
        "ES",
        "GM",
        "BI",
    }
)


def finite(value: Any) -> float | None:
    """Return `value` as a finite float of plausible size, None where it is none."""
    if isinstance(value, bytes):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < 1e15 else None


def numbers(value: Any) -> list[float] | None:
    """Return a list of finite floats of a single or multiple value, None where one of them is not."""
    if value is None or isinstance(value, bytes):
        return None
    items = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else list(value)
    out = [finite(item) for item in items]
    kept = [number for number in out if number is not None]
    return kept if out and len(kept) == len(out) else None


def _plain(number: float) -> float | int:
    return int(number) if number == int(number) and abs(number) < 2**53 else number


def element(vr: str, *values: Any) -> Json:
    """Return one element of the DICOM JSON model (PS3.18 annex F)."""
    return {"vr": vr, "Value": list(values)} if values else {"vr": vr}


def _number_element(vr: str, values: list[float]) -> Json:
    whole = vr in ("IS", "US", "SS", "UL", "SL")
    return element(vr, *[int(v) if whole else _plain(v) for v in values])


def text_of(dataset: Dataset, keyword: str) -> str:
    """Return a text attribute, "" where it is absent or unreadable; never shown, only compared with codes."""
    try:
        return str(value_of(dataset, keyword) or "").strip()
    except Exception:
        return ""


def valid_spacing(value: Any) -> list[float] | None:
    """Return [between rows, between columns] in mm where both lie in 0.001 .. 50 mm."""
    spacing = numbers(value)
    if spacing is None or len(spacing) != 2 or not all(0.001 <= part <= 50 for part in spacing):
        return None
    return spacing


def valid_orientation(value: Any) -> list[float] | None:
    """Return the six direction cosines where they are two orthogonal unit vectors (tolerance 0.01)."""
    cosines = numbers(value)
    if cosines is None or len(cosines) != 6:
        return None
    row, column = cosines[:3], cosines[3:]
    length_row = math.sqrt(sum(c * c for c in row))
    length_column = math.sqrt(sum(c * c for c in column))
    across = sum(a * b for a, b in zip(row, column, strict=True))
    if abs(length_row - 1) > 0.01 or abs(length_column - 1) > 0.01 or abs(across) > 0.01:
        return None
    return cosines


def valid_position(value: Any) -> list[float] | None:
    """Return the three coordinates in mm where each is below 100 m."""
    position = numbers(value)
    if position is None or len(position) != 3 or any(abs(part) > 1e5 for part in position):
        return None
    return position


def window_of(dataset: Dataset) -> Json:
    """Return Window Center and Width where they pair up and every width is valid, else nothing."""
    centres, widths = numbers(value_of(dataset, "WindowCenter")), numbers(value_of(dataset, "WindowWidth"))
    if not centres or not widths or len(centres) != len(widths):
        return {}
    exact = text_of(dataset, "VOILUTFunction") in ("LINEAR_EXACT", "SIGMOID")
    if any(width <= 0 if exact else width < 1 for width in widths):
        return {}
    return {"00281050": _number_element("DS", centres), "00281051": _number_element("DS", widths)}


def rescale_of(dataset: Dataset) -> tuple[float, float] | None:
    """
    Return (slope, intercept), None where the file states none.

    Raises
    ------
    ValueError
        If a stated rescale cannot give values: slope 0, not finite, or huge.
    """
    if value_of(dataset, "RescaleSlope") in (None, "") or value_of(dataset, "RescaleIntercept") in (None, ""):
        return None
    slope, intercept = (
        finite(value_of(dataset, "RescaleSlope")),
        finite(value_of(dataset, "RescaleIntercept")),
    )
    if slope is None or intercept is None or slope == 0 or abs(slope) > 1e9 or abs(intercept) > 1e9:
        raise ValueError("the stated rescale cannot give values (slope 0 or numbers out of range)")
    return slope, intercept


def _rescale_elements(rescale: tuple[float, float] | None) -> Json:
    if rescale is None:
        return {}
    return {"00281052": _number_element("DS", [rescale[1]]), "00281053": _number_element("DS", [rescale[0]])}


def _lut_sequence(dataset: Dataset, keyword: str, tag: str) -> Json:
    """Return a VOI LUT as numbers, without its explanation text."""
    items = []
    for item in (value_of(dataset, keyword) or [])[:4]:
        descriptor, data = numbers(item.get("LUTDescriptor")), item.get("LUTData")
        if descriptor is None or len(descriptor) != 3 or data is None:
            continue
        if isinstance(data, bytes):
            table = [float(v) for v in memoryview(data[: len(data) // 2 * 2]).cast("H")]
        else:
            table = numbers(data) or []
        count = int(descriptor[0]) or 65536
        if len(table) >= count:
            items.append(
                {
                    "00283002": _number_element("US", descriptor),
                    "00283006": _number_element("US", table[:count]),
                }
            )
    return {tag: {"vr": "SQ", "Value": items}} if items else {}


def _functional_group(item: Dataset, *, with_place: bool) -> Json:
    """Return the allow-listed parts of a shared or per-frame functional group (PS3.3 C.7.6.16)."""
    out: Json = {}

    def first(keyword: str) -> Dataset | None:
        sequence = item.get(keyword)
        return sequence[0] if sequence else None

    if (measures := first("PixelMeasuresSequence")) is not None:
        part: Json = {}
        if spacing := valid_spacing(value_of(measures, "PixelSpacing")):
            part["00280030"] = _number_element("DS", spacing)
        for keyword in ("SliceThickness", "SpacingBetweenSlices"):
            if (value := finite(value_of(measures, keyword))) is not None:
                part[_NUMBERS[keyword][0]] = _number_element("DS", [value])
        out["00289110"] = {"vr": "SQ", "Value": [part]}
    if with_place and (plane := first("PlaneOrientationSequence")) is not None:
        cosines = valid_orientation(value_of(plane, "ImageOrientationPatient"))
        if cosines:
            out["00209116"] = {"vr": "SQ", "Value": [{"00200037": _number_element("DS", cosines)}]}
    if with_place and (place := first("PlanePositionSequence")) is not None:
        position = valid_position(value_of(place, "ImagePositionPatient"))
        if position:
            out["00209113"] = {"vr": "SQ", "Value": [{"00200032": _number_element("DS", position)}]}
    if (voi := first("FrameVOILUTSequence")) is not None and (window := window_of(voi)):
        function = text_of(voi, "VOILUTFunction")
        if function in _CODES["VOILUTFunction"][1]:
            window["00281056"] = element("CS", function)
        out["00289132"] = {"vr": "SQ", "Value": [window]}
    if (transformation := first("PixelValueTransformationSequence")) is not None:
        out["00289145"] = {"vr": "SQ", "Value": [_rescale_elements(rescale_of(transformation))]}
    return out


def _functional_groups(dataset: Dataset, n_frames: int) -> Json:
    shared = value_of(dataset, "SharedFunctionalGroupsSequence")
    per_frame = value_of(dataset, "PerFrameFunctionalGroupsSequence")
    out: Json = {}
    if shared:
        out["52009229"] = {"vr": "SQ", "Value": [_functional_group(shared[0], with_place=True)]}
    if per_frame and len(per_frame) >= n_frames:
        groups = [_functional_group(item, with_place=True) for item in per_frame[:n_frames]]
        out["52009230"] = {"vr": "SQ", "Value": groups}
    return out


def references(dataset: Dataset) -> Json:
    """Return Referenced Image Sequence as UIDs alone, to be remapped."""
    items = []
    for item in (value_of(dataset, "ReferencedImageSequence") or [])[:20]:
        instance = text_of(item, "ReferencedSOPInstanceUID")
        if instance and instance.replace(".", "").isdigit() and len(instance) <= 64:
            items.append({"00081155": element("UI", instance)})
    return {"00081140": {"vr": "SQ", "Value": items}} if items else {}


def allowed_attributes(dataset: Dataset, uids: Identifiers, *, n_frames: int) -> Json:
    """
    Return the allow-listed attributes in the DICOM JSON model, with the original UIDs.

    Parameters
    ----------
    dataset : Dataset
        A data set from `parsing.read_image`.
    uids : Identifiers
        Its UIDs, from `parsing.identifiers_of`.
    n_frames : int
        Number of frames, checked.

    Raises
    ------
    ValueError
        If a stated rescale cannot give values.
    """
    out: Json = {
        "00080016": element("UI", uids.sop_class),
        "00080018": element("UI", uids.instance),
        "00080060": element("CS", modality_of(dataset)),
        "0020000D": element("UI", uids.study),
        "0020000E": element("UI", uids.series),
    }
    kinds = [text for text in (value_of(dataset, "ImageType") or []) if str(text) in _IMAGE_TYPES]
    if len(kinds) >= 2:
        out["00080008"] = element("CS", *[str(kind) for kind in kinds])
    for keyword, (tag, vr, count) in _NUMBERS.items():
        values = numbers(value_of(dataset, keyword))
        if values and (not count or len(values) == count):
            out[tag] = _number_element(vr, values)
    for keyword, (tag, allowed) in _CODES.items():
        code = text_of(dataset, keyword)
        if code in allowed:
            out[tag] = element("CS" if tag != "00281054" else "LO", code)
    directions = [str(part) for part in value_of(dataset, "PatientOrientation") or []]
    if len(directions) == 2 and all(part and set(part) <= _ORIENTATION_LETTERS for part in directions):
        out["00200020"] = element("CS", *directions)
    cosines = valid_orientation(value_of(dataset, "ImageOrientationPatient"))
    position = valid_position(value_of(dataset, "ImagePositionPatient"))
    if cosines and position:
        out["00200037"] = _number_element("DS", cosines)
        out["00200032"] = _number_element("DS", position)
    if spacing := valid_spacing(value_of(dataset, "PixelSpacing")):
        out["00280030"] = _number_element("DS", spacing)
    if spacing := valid_spacing(value_of(dataset, "ImagerPixelSpacing")):
        out["00181164"] = _number_element("DS", spacing)
    out |= window_of(dataset)
    out |= _rescale_elements(rescale_of(dataset))
    out |= _lut_sequence(dataset, "VOILUTSequence", "00283010")
    out |= references(dataset)
    out |= _functional_groups(dataset, n_frames)
    if n_frames > 1:
        for keyword, tag in (
            ("ConcatenationUID", "00209161"),
            ("SOPInstanceUIDOfConcatenationSource", "00200242"),
        ):
            value = text_of(dataset, keyword)
            if value and value.replace(".", "").isdigit() and len(value) <= 64:
                out[tag] = element("UI", value)
    frame_of_reference = text_of(dataset, "FrameOfReferenceUID")
    if frame_of_reference and any(place is not None for _, place in frame_places(out, n_frames)):
        out["00200052"] = element("UI", frame_of_reference)
    return out


def modality_of(dataset: Dataset) -> str:
    """Return the modality where it is a defined term, else ``"OT"``."""
    code = text_of(dataset, "Modality")
    return code if code in _MODALITIES else "OT"
