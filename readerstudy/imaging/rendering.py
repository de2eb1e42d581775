"""Small ready-made pictures: thumbnails and rendered frames (WADO-RS rendered resources)."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from readerstudy.dicom.frames import Json, rescale_values
from readerstudy.dicom.windowing import VoiFunction, width_fits, window_to_8_bit

THUMBNAIL_PIXELS = 128
LARGEST_PIXELS = 4096
QUALITY = 90
_FUNCTIONS: dict[str, VoiFunction] = {
    "linear": "LINEAR",
    "linear-exact": "LINEAR_EXACT",
    "sigmoid": "SIGMOID",
}
_DECIMAL = re.compile(r"[+-]?(\d{1,15}(\.\d{0,15})?|\.\d{1,15})([eE][+-]?\d{1,2})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,5}", re.ASCII)


class BadParameter(ValueError):
    """A query parameter of a rendered resource that cannot be honoured; the text says which and what is."""


@dataclass(frozen=True)
class Window:
    """Window Center, Window Width and VOI LUT Function, in image values after rescale."""

    center: float
    width: float
    function: VoiFunction = "LINEAR"


@dataclass(frozen=True)
class Viewport:
    """
    Where a picture has to fit, and what of the image it shows.

    Parameters
    ----------
    width, height : int
        Of the client's viewport, px.
    region : (left, top, width, height) of float or None
        Part of the image in its px, from its top left corner; None where it is to the edge. A negative width or
        height mirrors the picture.
    enlarges : bool
        Whether a smaller image fills the viewport.
    """

    width: int
    height: int
    region: tuple[float, float, float | None, float | None] = (0.0, 0.0, None, None)
    enlarges: bool = True


@dataclass(frozen=True)
class Rendering:
    """How a picture is to be made: its window, its viewport, and the quality of a lossy one (1 .. 100)."""

    window: Window | None = None
    viewport: Viewport | None = None
    quality: int | None = None


def rendering_of(query: Mapping[str, list[str]], *, thumbnail: bool) -> Rendering:
    """
    Return what the query parameters of a rendered resource or thumbnail ask (PS3.18 8.3.5).

    Parameters
    ----------
    query : mapping of str to list of str
        Every value of each parameter. What the standard does not name is not looked at.
    thumbnail : bool
        Whether a thumbnail is asked for: it takes a viewport only.

    Raises
    ------
    BadParameter
        If a parameter is malformed, stated twice, or not offered.
    """
    texts: dict[str, str] = {}
    for name in ("window", "viewport", "quality", "annotation", "iccprofile"):
        stated = query.get(name, [])
        if len(stated) > 1:
            raise BadParameter(f"{name} is stated more than once.")
        if stated:
            texts[name] = stated[0]
    if "annotation" in texts:
        raise BadParameter("annotation is not offered: nothing is written into pictures.")
    if texts.get("iccprofile", "no") != "no":
        raise BadParameter("iccprofile is not offered: pictures carry no profile.")
    if thumbnail and ("window" in texts or "quality" in texts):
        raise BadParameter("A thumbnail takes viewport only, neither window nor quality.")
    viewport = _viewport(texts["viewport"], thumbnail=thumbnail) if "viewport" in texts else None
    if viewport is None and thumbnail:
        viewport = Viewport(THUMBNAIL_PIXELS, THUMBNAIL_PIXELS, enlarges=False)
    return Rendering(
        window=_window_asked(texts["window"]) if "window" in texts else None,
        viewport=viewport,
        quality=_quality(texts["quality"]) if "quality" in texts else None,
    )


def _decimal(text: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise BadParameter(f"{text[:20]!a} is no number.")
    return float(text)


def _quality(text: str) -> int:
    if not _WHOLE.fullmatch(text) or not 1 <= int(text) <= 100:
        raise BadParameter("quality is a whole number from 1 to 100.")
    return int(text)


def _window_asked(text: str) -> Window:
    parts = text.split(",")
    if len(parts) != 3 or parts[2] not in _FUNCTIONS:
        raise BadParameter(
            "window is center,width,function; the function is linear, linear-exact or sigmoid."
        )
    window = Window(_decimal(parts[0]), _decimal(parts[1]), _FUNCTIONS[parts[2]])
    if not width_fits(window.width, window.function):
        raise BadParameter("The width of a window is at least 1 (linear) or above 0 (linear-exact, sigmoid).")
    return window


def _viewport(text: str, *, thumbnail: bool) -> Viewport:
    parts = text.split(",")
    wrong = BadParameter(f"viewport is width,height, each from 1 to {LARGEST_PIXELS}.")
    if len(parts) < 2 or not all(_WHOLE.fullmatch(part) for part in parts[:2]):
        raise wrong
    width, height = int(parts[0]), int(parts[1])
    if not (1 <= width <= LARGEST_PIXELS and 1 <= height <= LARGEST_PIXELS):
        raise wrong
    if len(parts) == 2:
        return Viewport(width, height)
    if thumbnail:
        raise BadParameter("The viewport of a thumbnail is width,height.")
    if len(parts) > 6:
        raise BadParameter("viewport is width,height,left,top,region width,region height.")
    left, top, across, down = [_decimal(part) if part else None for part in (parts[2:] + [""] * 4)[:4]]
    return Viewport(width, height, (left or 0.0, top or 0.0, across, down))


def _window(entry: Json, frame: int) -> Window | None:
    """Return the window that the image states for a frame."""

    def stated(group: Json) -> Window:
        function = group.get("00281056", entry.get("00281056", {})).get("Value", ["LINEAR"])[0]
        return Window(group["00281050"]["Value"][0], group["00281051"]["Value"][0], function)

    for sequence, number in (("52009230", frame - 1), ("52009229", 0)):
        for group in entry.get(sequence, {}).get("Value", [])[number : number + 1]:
            for voi in group.get("00289132", {}).get("Value", []):
                if "00281050" in voi:
                    return stated(voi)
    return stated(entry) if "00281050" in entry else None


def picture(
    entry: Json, array: NDArray[np.generic], *, frame: int, rendering: Rendering, media_type: str
) -> bytes:
    """
    Return a frame as JPEG or PNG.

    Parameters
    ----------
    entry : dict
        Attributes of the instance.
    array : ndarray
        Stored values, shape (rows, columns) or (rows, columns, 3).
    frame : int
        Number of the frame, from 1.
    rendering : Rendering
        Without a window, the image's own. The proportions of the patient are kept (pixel spacing or aspect ratio).
    media_type : str
        ``image/jpeg`` or ``image/png``.

    Raises
    ------
    BadParameter
        If the rendering does not fit this image or media type.
    """
    if rendering.quality is not None and media_type != "image/jpeg":
        raise BadParameter("quality is for image/jpeg: image/png loses nothing.")
    if array.ndim == 2:
        picture = _grey(entry, array, frame, rendering.window)
    elif rendering.window is None:
        picture = np.asarray(array, dtype=np.uint8)
    else:
        raise BadParameter("window is for images of grey values: this one is in colour.")
    viewport = rendering.viewport
    if viewport is not None:
        picture = _region(picture, viewport.region)
    height, width = picture.shape[0] * _row_to_column_aspect(entry), float(picture.shape[1])
    if viewport is not None:
        scale = min(viewport.width / width, viewport.height / height)
        scale = scale if viewport.enlarges else min(scale, 1.0)
        height, width = height * scale, width * scale
    picture = np.ascontiguousarray(_resample(picture, max(1, round(height)), max(1, round(width))))
    if media_type == "image/png":
        return bytes(imagecodecs.png_encode(picture))
    return bytes(imagecodecs.jpeg8_encode(picture, level=rendering.quality or QUALITY))


def _grey(entry: Json, array: NDArray[np.generic], frame: int, asked: Window | None) -> NDArray[np.uint8]:
    slope, intercept = rescale_values(entry, frame)
    values = np.asarray(array, dtype=np.float32) * slope + intercept
    window = asked or _window(entry, frame)
    if window is None or not width_fits(window.width, window.function):
        low, high = float(values.min()), float(values.max())
        window = Window((low + high) / 2, max(1.0, high - low))
    grey = window_to_8_bit(values, center=window.center, width=window.width, function=window.function)
    return 255 - grey if entry["00280004"]["Value"][0] == "MONOCHROME1" else grey


def _region(
    picture: NDArray[np.uint8], region: tuple[float, float, float | None, float | None]
) -> NDArray[np.uint8]:
    """Return the part of a picture that a viewport asks for, in whole pixels, mirrored where it says so."""
    left, top, across, down = region
    for axis, start, extent in ((0, top, down), (1, left, across)):
        size = picture.shape[axis]
        length = size - start if extent is None else abs(extent)
        if start < 0 or length <= 0 or start + length > size:
            raise BadParameter("The region of viewport is empty or reaches past the image.")
        inside = np.arange(math.floor(start), math.ceil(start + length))
        picture = np.take(picture, inside if extent is None or extent > 0 else inside[::-1], axis=axis)
    return picture


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
