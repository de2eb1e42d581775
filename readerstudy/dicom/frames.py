"""Reading blinded attributes back: places, spacing and rescale of each frame (DICOM JSON, PS3.18 annex F)."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Json = dict[str, Any]
Place = tuple[list[float], list[float]]


def frame_places(attributes: Json, n_frames: int) -> list[tuple[int, Place | None]]:
    """
    Return where each frame lies.

    Parameters
    ----------
    attributes : dict
        DICOM JSON of one instance.
    n_frames : int
        Its number of frames.

    Returns
    -------
    list of (frame number, (cosines, position) or None)
        Frame numbers from 1; cosines of the row and column direction (6), position of the centre of the
        first pixel in patient LPS, mm (3).
    """

    def inside(group: Json, sequence: str, tag: str) -> list[float] | None:
        items = group.get(sequence, {}).get("Value") or []
        return items[0].get(tag, {}).get("Value") if items else None

    single_cosines = attributes.get("00200037", {}).get("Value")
    single_position = attributes.get("00200032", {}).get("Value")
    shared = (attributes.get("52009229", {}).get("Value") or [{}])[0]
    per_frame = attributes.get("52009230", {}).get("Value") or []
    out: list[tuple[int, Place | None]] = []
    for number in range(1, n_frames + 1):
        group = per_frame[number - 1] if number <= len(per_frame) else {}
        cosines = inside(group, "00209116", "00200037") or inside(shared, "00209116", "00200037")
        position = inside(group, "00209113", "00200032") or inside(shared, "00209113", "00200032")
        if n_frames == 1:
            cosines, position = cosines or single_cosines, position or single_position
        out.append((number, (cosines, position) if cosines and position else None))
    return out


def pixel_spacing_of(attributes: Json) -> list[float] | None:
    """Return the pixel spacing in the patient (rows, columns; mm) of an instance, None where unknown."""
    if "00280030" in attributes:
        return list(attributes["00280030"]["Value"])
    for sequence in ("52009229", "52009230"):
        for group in attributes.get(sequence, {}).get("Value", [])[:1]:
            for measures in group.get("00289110", {}).get("Value", []):
                if "00280030" in measures:
                    return list(measures["00280030"]["Value"])
    return None


def frame_affine(attributes: Json, place: Place | None) -> NDArray[np.float64] | None:
    """
    Return the affine of one frame.

    Parameters
    ----------
    attributes : dict
        DICOM JSON of its instance.
    place : (cosines, position) or None
        From `frame_places`.

    Returns
    -------
    ndarray of float, shape (4, 4), or None
        From (0, row, column) to patient LPS, mm (PS3.3 C.7.6.2.1.1); None without a place or a spacing.
    """
    spacing = pixel_spacing_of(attributes)
    if place is None or spacing is None:
        return None
    cosines, position = place
    row, column = np.asarray(cosines[:3], float), np.asarray(cosines[3:], float)
    affine = np.eye(4)
    # A step to the next row goes along the column direction by the spacing between rows, and the reverse.
    affine[:3, 0] = np.cross(row, column)
    affine[:3, 1] = column * spacing[0]
    affine[:3, 2] = row * spacing[1]
    affine[:3, 3] = position
    return affine


def rescale_values(attributes: Json, frame: int = 1) -> tuple[float, float]:
    """Return (slope, intercept) of a frame, (1, 0) where the object states none."""

    def inside(group: Json) -> tuple[float, float] | None:
        for part in group.get("00289145", {}).get("Value", []):
            if "00281053" in part:
                return float(part["00281053"]["Value"][0]), float(part["00281052"]["Value"][0])
        return None

    per_frame = attributes.get("52009230", {}).get("Value") or []
    shared = (attributes.get("52009229", {}).get("Value") or [{}])[0]
    found = inside(per_frame[frame - 1] if frame <= len(per_frame) else {}) or inside(shared)
    if found is None and "00281053" in attributes:
        found = float(attributes["00281053"]["Value"][0]), float(attributes["00281052"]["Value"][0])
    return found or (1.0, 0.0)
