"""
Whether an image has letters written into it.

Scanners, film digitisers and screen captures write names, dates and settings in one grey level, the lightest or the
darkest of the image, in strokes of one width, side by side on a line. That is what is looked for: shapes of one extreme
level, as thin as strokes, of one height and on one line. A single letter is a side marker and is not told of. Nothing
is read: what the letters say is for a person to see.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from readerstudy.dicom.pixels import Frame

#: Larger images are looked at in blocks, so that their longer side has at most so many pixels.
LARGEST_PX = 2048
#: So many letters on a line are writing; fewer are a marker or chance.
FEWEST_LETTERS = 4
_HEIGHTS_PX = (6, 64)
# Ink lies within this share of the image's range from its extreme level, the paper around it further away.
_INK, _PAPER = 0.03, 0.25
# Writing is a small part of an image, and an image has no thousands of letters.
_MOST_INK, _MOST_SHAPES = 0.2, 5000


@dataclass(frozen=True)
class _Letters:
    """Boxes of shapes that may be letters, in pixels, each an array of one number a shape."""

    top: NDArray[np.float64]
    left: NDArray[np.float64]
    height: NDArray[np.float64]
    width: NDArray[np.float64]


def holds_lettering(frame: Frame) -> bool:
    """
    Return whether an image seems to hold writing.

    Parameters
    ----------
    frame : array of (rows, columns) or (rows, columns, 3)
        Grey levels or colours as stored.
    """
    grey = frame.mean(axis=2) if frame.ndim == 3 else frame
    return any(
        _line_of_letters(_letters(_pooled(grey, lightest=side), lightest=side)) for side in (True, False)
    )


def _pooled(grey: NDArray[np.generic], *, lightest: bool) -> NDArray[np.float32]:
    """Return the image with its longer side at most `LARGEST_PX`, keeping thin strokes of the level looked for."""
    step = -(-max(grey.shape) // LARGEST_PX)
    rows, columns = (side - side % step for side in grey.shape)
    blocks = grey[:rows, :columns].reshape(rows // step, step, columns // step, step)
    out: NDArray[np.float32] = (blocks.max if lightest else blocks.min)(axis=(1, 3)).astype(np.float32)
    return out


def _letters(grey: NDArray[np.float32], *, lightest: bool) -> _Letters:
    none = _Letters(*(np.empty(0) for _ in range(4)))
    low, high = float(grey.min()), float(grey.max())
    if high <= low:
        return none
    depth = (high - grey if lightest else grey - low) / (high - low)
    ink = depth <= _INK
    if ink.mean() > _MOST_INK:
        return none
    labels, count = ndimage.label(ink, structure=np.ones((3, 3)))
    if not 0 < count <= _MOST_SHAPES:
        return none
    found = []
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        (top, bottom), (left, right) = ((side.start, side.stop) for side in place)
        height, width = bottom - top, right - left
        if not _HEIGHTS_PX[0] <= height <= _HEIGHTS_PX[1] or width > 2 * height:
            continue
        shape = labels[place] == number
        # Strokes are thin: nowhere is the shape thicker than a third of its height.
        if ndimage.distance_transform_cdt(np.pad(shape, 1)).max() > max(1, height / 6):
            continue
        around = (slice(max(0, top - 2), bottom + 2), slice(max(0, left - 2), right + 2))
        paper = depth[around][~ink[around]]
        if not paper.size or np.median(paper) < _PAPER:
            continue
        found.append((top, left, height, width))
    return _Letters(*np.array(found, dtype=np.float64).T) if found else none


def _line_of_letters(letters: _Letters) -> bool:
    """Whether enough shapes of one height stand side by side on one line, no further apart than words are."""
    if letters.top.size < FEWEST_LETTERS:
        return False
    foot = letters.top + letters.height
    for each in np.argsort(letters.left):
        height = letters.height[each]
        on_line = (np.abs(foot - foot[each]) <= 0.25 * height) & (
            np.abs(letters.height - height) <= 0.35 * height
        )
        order = np.flatnonzero(on_line)
        order = order[np.argsort(letters.left[order])]
        gaps = letters.left[order][1:] - (letters.left + letters.width)[order][:-1]
        run = longest = 1
        for gap in gaps:
            run = run + 1 if -0.2 * height <= gap <= 1.5 * height else 1
            longest = max(longest, run)
        if longest >= FEWEST_LETTERS:
            return True
    return False
