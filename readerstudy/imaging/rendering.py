"""Small ready-made pictures: thumbnails and rendered frames (WADO-RS rendered resources)."""

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from readerstudy.dicom.frames import Json, rescale_values
from readerstudy.dicom.windowing import window_to_8_bit

THUMBNAIL_PIXELS = 128
LARGEST_PIXELS = 4096


class BadViewport(ValueError):
    """The viewport parameter is not ``width,height`` in 1 .. 4096."""


def viewport_of(text: str, default: int | None) -> tuple[int, int] | None:
    """Return (width, height) of a ``viewport`` parameter, the default square, or None for full size."""
    if not text:
        return (default, default) if default else None
    parts = text.split(",")
    try:
        width, height = int(parts[0]), int(parts[1])
    except (ValueError, IndexError):
        raise BadViewport from None
    if not (1 <= width <= LARGEST_PIXELS and 1 <= height <= LARGEST_PIXELS):
        raise BadViewport
    return width, height


def _window(entry: Json, frame: int) -> tuple[float, float] | None:
    for sequence, number in (("52009230", frame - 1), ("52009229", 0)):
        for group in entry.get(sequence, {}).get("Value", [])[number : number + 1]:
            for voi in group.get("00289132", {}).get("Value", []):
                if "00281050" in voi:
                    return voi["00281050"]["Value"][0], voi["00281051"]["Value"][0]
    if "00281050" in entry:
        return entry["00281050"]["Value"][0], entry["00281051"]["Value"][0]
    return None


def picture(
    entry: Json, array: NDArray[np.generic], *, frame: int, viewport: tuple[int, int] | None, media_type: str
) -> bytes:
    """
    Return a frame as JPEG or PNG under its own window.

    Parameters
    ----------
    entry : dict
        Attributes of the instance.
    array : ndarray
        Stored values, shape (rows, columns) or (rows, columns, 3).
    frame : int
        Number of the frame, from 1.
    viewport : (int, int), optional
        Largest width and height; the proportions of the patient are kept (pixel spacing or aspect ratio).
    media_type : str
        ``image/jpeg`` or ``image/png``.
    """
    if array.ndim == 2:
        slope, intercept = rescale_values(entry, frame)
        window = _window(entry, frame)
        values = np.asarray(array, dtype=np.float32) * slope + intercept
        if window is None:
            low, high = float(values.min()), float(values.max())
            window = ((low + high) / 2, max(1.0, high - low))
        grey = window_to_8_bit(values, center=window[0], width=window[1])
        if entry["00280004"]["Value"][0] == "MONOCHROME1":
            grey = 255 - grey
        picture = grey
    else:
        picture = np.asarray(array, dtype=np.uint8)
    rows, columns = picture.shape[:2]
    aspect = _row_to_column_aspect(entry)
    height, width = rows * aspect, float(columns)
    if viewport is not None:
        scale = min(viewport[0] / width, viewport[1] / height, 1.0)
        height, width = height * scale, width * scale
    picture = _resample(picture, max(1, round(height)), max(1, round(width)))
    if media_type == "image/png":
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(picture)))
    return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(picture), level=90))


def _row_to_column_aspect(entry: Json) -> float:
    spacing = entry.get("00280030", {}).get("Value")
    if spacing:
        return float(spacing[0]) / float(spacing[1])
    ratio = entry.get("00280034", {}).get("Value")
    if ratio and ratio[0] > 0 and ratio[1] > 0:
        return float(ratio[0]) / float(ratio[1])
    return 1.0


def _resample(picture: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return the picture at another size: means over blocks when smaller, nearest pixels when larger."""
    rows, columns = picture.shape[:2]
    if (height, width) == (rows, columns):
        return picture
    step = max(1, min(rows // height, columns // width))
    if step > 1:
        cut = picture[: rows // step * step, : columns // step * step]
        blocks = cut.reshape(rows // step, step, columns // step, step, *picture.shape[2:])
        picture = blocks.mean(axis=(1, 3)).astype(np.uint8)
        rows, columns = picture.shape[:2]
    take_rows = np.minimum((np.arange(height) + 0.5) * rows / height, rows - 1).astype(int)
    take_columns = np.minimum((np.arange(width) + 0.5) * columns / width, columns - 1).astype(int)
    return picture[take_rows][:, take_columns]
