"""Writing in the pixels is noticed, on real images; images without any, and side markers, are not told of."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from readerstudy.dicom.lettering import holds_lettering
from readerstudy.dicom.limits import Limits
from readerstudy.dicom.parsing import read_image
from readerstudy.dicom.pixels import Frame, frames_of, pixel_form
from readerstudy.dicom.refusal import Refused
from tests.readerstudy.dicom.writing import write

# Real and simulated images without writing, one of each form.
FOLDERS = ("ct_real_dicom", "mr_real_dicom", "xr_real", "lumbar_ct", "lumbar_xr_simulated")
# Reformats are strips of some 50 pixels: no line of writing fits into them.
STRIPS_PX = 100


def first_frame(path: Path) -> Frame:
    dataset = read_image(path, Limits())
    return next(iter(frames_of(dataset, pixel_form(dataset, Limits()))))


def plain_images(shared_data: Path) -> Iterator[tuple[str, Frame]]:
    for folder in FOLDERS:
        paths = sorted((shared_data / folder).rglob("*.dcm"))
        for path in paths[:: max(1, len(paths) // 8)]:
            try:
                frame = first_frame(path)
            except Refused:
                continue
            if frame.ndim == 2 and min(frame.shape) >= STRIPS_PX:
                yield str(path.relative_to(shared_data)), frame


def test_images_without_writing_are_not_told_of(shared_data):
    images = list(plain_images(shared_data))
    assert len(images) >= 20
    assert [name for name, frame in images if holds_lettering(frame)] == []


@pytest.mark.parametrize("size", [14, 24])
def test_a_name_and_a_date_are_noticed_wherever_they_are_written(shared_data, size):
    images = list(plain_images(shared_data))
    missed = [
        name for name, frame in images if not holds_lettering(write(frame, "SURNAME 1961-04-12", size=size))
    ]
    assert missed == []


def test_dark_writing_on_light_ground_is_noticed():
    light = np.full((300, 400), 200, dtype=np.uint8)
    light[150:] = np.arange(400, dtype=np.uint8) // 2
    assert not holds_lettering(light)
    assert holds_lettering(write(light, "SURNAME", size=16, light=False))


def test_a_side_marker_is_no_writing(shared_data):
    for name, frame in plain_images(shared_data):
        assert not holds_lettering(write(frame, "L", size=40)), name


def test_colour_and_flat_images_are_looked_at():
    colour = np.zeros((200, 300, 3), dtype=np.uint8)
    assert not holds_lettering(colour)
    ground = colour[..., 0] + np.arange(300, dtype=np.uint8) % 60
    ground[-1, -1] = 255
    grey = write(ground, "SURNAME", size=20)
    assert holds_lettering(np.repeat(grey[..., None], 3, axis=2))


def test_real_captures_with_writing_are_noticed(shared_data):
    captures = ("US1_J2KR.dcm", "JPGLosslessP14SV1_1s_1f_8b.dcm")
    for name in captures:
        assert holds_lettering(first_frame(shared_data / "transfer_syntaxes" / name)), name
