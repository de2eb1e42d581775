"""Images with writing in their pixels."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from readerstudy.dicom.lettering import LARGEST_PX
from readerstudy.dicom.pixels import Frame


def write(frame: Frame, text: str, *, size: int, light: bool = True) -> Frame:
    """Return the image with a line of text in its lightest or darkest level, in its upper left, as scanners write."""
    grown = size * -(-max(frame.shape[:2]) // LARGEST_PX)
    page = Image.new("L", frame.shape[1::-1], 0)
    place = (frame.shape[1] // 20, frame.shape[0] // 20)
    ImageDraw.Draw(page).text(place, text, fill=255, font=ImageFont.load_default(size=grown))
    out = frame.copy()
    out[np.asarray(page) > 128] = frame.max() if light else frame.min()
    return out
