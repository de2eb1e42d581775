"""The pixels of a series for the model worker: a volume, or projections."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from readerstudy.dicom.frames import Json, frame_affine, frame_places, pixel_spacing_of, rescale_values
from readerstudy.dicom.intake import FRAME_TAIL, frame_head
from readerstudy.dicom.pixels import decode_frame
from readerstudy.dicom.series import projection_view, view_code
from readerstudy.imaging import stores
from readerstudy.imaging.models import Series
from readerstudy.imaging.selectors.cached import cached


@dataclass(frozen=True)
class SeriesVolume:
    """
    Pixels of a series with where they lie.

    Parameters
    ----------
    values : ndarray of float32, shape (n_slices, rows, columns)
        Image values after rescale (HU for CT), in reading order.
    affine : ndarray of float, shape (4, 4), or None
        From voxel (slice, row, column; 0 at the centre of the first), the array's own order and the convention
        of `dicom.geometry`, to patient LPS in mm. None where the slices are not parallel and evenly spaced, or
        have no place.
    slice_affines : ndarray of float, shape (n_slices, 4, 4), or None
        The same for each slice alone, from (0, row, column): for stacks along discs. None without place.
    modality, plane, weighting : str
        As in `SeriesRow`.
    frame_of_reference : str
        Blinded Frame of Reference UID, "" where there is none.
    pixel_digests : tuple of str
        SHA-256 of each instance's pixels.
    """

    values: NDArray[np.float32]
    affine: NDArray[np.float64] | None
    slice_affines: NDArray[np.float64] | None
    modality: str
    plane: str
    weighting: str
    frame_of_reference: str
    pixel_digests: tuple[str, ...]


class NotAVolume(ValueError):
    """The series' images differ in size or are in colour."""


def read_volume(series: Series) -> SeriesVolume:
    """
    Return a series' pixels and geometry from the blinded cache.

    Raises
    ------
    NotAVolume
        If the images differ in size or are in colour.
    FileNotFoundError
        If the images were withdrawn.
    """
    folder, entries = cached(series)
    planes: list[NDArray[np.float32]] = []
    affines: list[NDArray[np.float64] | None] = []
    for entry in entries:
        if entry["00280002"]["Value"][0] != 1:
            raise NotAVolume("The series is in colour.")
        shape = (entry["00280010"]["Value"][0], entry["00280011"]["Value"][0])
        if planes and planes[0].shape != shape:
            raise NotAVolume("The images of the series differ in size.")
        n_frames = int((entry.get("00280008", {}).get("Value") or [1])[0])
        for frame, place in frame_places(entry, n_frames):
            planes.append(_values(folder, entry, frame))
            affines.append(frame_affine(entry, place))
    rows = series.instances.order_by("index").values_list("pixel_digest", flat=True)
    known = [affine for affine in affines if affine is not None]
    slices = np.stack(known) if known and len(known) == len(affines) else None
    return SeriesVolume(
        values=np.stack(planes),
        affine=_common_affine(slices) if slices is not None else None,
        slice_affines=slices,
        modality=series.modality,
        plane=series.plane,
        weighting=series.weighting,
        frame_of_reference=series.frame_of_reference_uid,
        pixel_digests=tuple(rows),
    )


def _values(folder: Path, entry: Json, frame: int) -> NDArray[np.float32]:
    """Return one frame's pixels after the rescale."""
    kind = "i" if entry["00280103"]["Value"][0] else "u"
    dtype = f"<{kind}{entry['00280100']['Value'][0] // 8}"
    syntax = entry["00083002"]["Value"][0]
    path = folder / stores.frame_name(entry["00080018"]["Value"][0], frame)
    data = path.read_bytes()[len(frame_head(syntax)) : -len(FRAME_TAIL)]
    slope, intercept = rescale_values(entry, frame)
    shape = (entry["00280010"]["Value"][0], entry["00280011"]["Value"][0])
    stored = decode_frame(data, syntax, shape=shape, dtype=dtype)
    values: NDArray[np.float32] = stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    return values


@dataclass(frozen=True)
class Projection:
    """
    One radiograph: its pixels and what its file says of them.

    Parameters
    ----------
    blinded_uid : str
        Of the instance: one series may hold several views.
    values : ndarray of float32, shape (rows, columns)
        After rescale, turned round where the file shows bone dark (MONOCHROME1), from 0.
    spacing_mm : tuple of float
        Of rows and columns: calibrated to the patient, else at the detector; empty where the file has neither.
    at_detector : bool
        Whether the spacing is that of the detector.
    view : str
        As `dicom.series.projection_view`.
    view_code : str
        View position as the file states it, "" where it does not.
    columns_to, rows_to : str
        Patient Orientation: where growing column and row numbers lead, "" where unknown.
    """

    blinded_uid: str
    values: NDArray[np.float32]
    spacing_mm: tuple[float, ...]
    at_detector: bool
    view: str
    view_code: str
    columns_to: str
    rows_to: str


def read_projections(series: Series) -> tuple[Projection, ...]:
    """
    Return the radiographs of a series from the blinded cache.

    Raises
    ------
    NotAVolume
        If one is in colour or moves.
    FileNotFoundError
        If the images were withdrawn.
    """
    folder, entries = cached(series)
    found = []
    for entry in entries:
        if entry["00280002"]["Value"][0] != 1:
            raise NotAVolume("The series is in colour.")
        if int((entry.get("00280008", {}).get("Value") or [1])[0]) != 1:
            raise NotAVolume("The radiograph has more than one frame.")
        values = _values(folder, entry, 1)
        dark_bone = entry["00280004"]["Value"][0] == "MONOCHROME1"
        calibrated = pixel_spacing_of(entry)
        detector = entry.get("00181164", {}).get("Value")
        directions = entry.get("00200020", {}).get("Value") or ["", ""]
        found.append(
            Projection(
                blinded_uid=entry["00080018"]["Value"][0],
                values=values.max() - values if dark_bone else values - values.min(),
                spacing_mm=tuple(float(each) for each in calibrated or detector or ()),
                at_detector=calibrated is None and bool(detector),
                view=projection_view(entry),
                view_code=view_code(entry),
                columns_to=directions[0],
                rows_to=directions[1],
            )
        )
    return tuple(found)


def _common_affine(slices: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return one affine for all slices, None where they are not parallel and evenly spaced (0.5 %, 0.02 mm)."""
    if len(slices) < 2 or not np.allclose(slices[:, :3, 1:3], slices[0, :3, 1:3], atol=1e-3):
        return None
    origins = slices[:, :3, 3]
    step = (origins[-1] - origins[0]) / (len(slices) - 1)
    length = float(np.linalg.norm(step))
    expected = origins[0] + np.arange(len(slices))[:, None] * step
    if length < 1e-3 or np.abs(origins - expected).max() > max(0.02, 0.005 * length):
        return None
    affine = slices[0].copy()
    affine[:3, 0] = step
    return affine
