"""
Matching the marks of several readers one to one. Pure: places in, groups out.

The marks of two readers are assigned so that as many as possible have a partner by the rule, then as many
pairs as possible are of one class, then the rule's quality is best (an optimal assignment, not a greedy one). A
third reader's marks are assigned to the groups so found, measured against each group's first mark.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from readerstudy.stats import box_iou
from readerstudy.studies.protocols.document import MarkKind

if TYPE_CHECKING:
    from grading.models import MarkedPlace


@dataclass(frozen=True)
class Place:
    """
    A marked place.

    Parameters
    ----------
    key : Any
        Whatever the caller recognises it by.
    mark_class : str
    low, high : tuple of float
        Lowest and highest corner, in mm (LPS) where `frame` names a frame of reference, in pixels (column, row)
        where it names an image.
    frame : str
        What the corners can be compared in: a Frame of Reference UID, or an image and its frame.
    """

    key: Any
    mark_class: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    frame: str

    @property
    def centre(self) -> tuple[float, ...]:
        return tuple((a + b) / 2 for a, b in zip(self.low, self.high, strict=True))

    def holds(self, point: Sequence[float]) -> bool:
        return all(a <= x <= b for a, x, b in zip(self.low, point, self.high, strict=True))


def place_of(mark: "MarkedPlace") -> Place:
    """Return where a mark lies: in mm of its frame of reference, else in pixels of its image."""
    if mark.box:
        corners = [mark.box["min_mm"], mark.box["max_mm"]]
        frame = mark.frame_of_reference_uid
    elif mark.points_mm:
        corners, frame = mark.points_mm, mark.frame_of_reference_uid
    else:
        corners, frame = mark.points_px, f"{mark.sop_uid} {mark.frame}"
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return Place(mark, mark.mark_class, tuple(map(float, low)), tuple(map(float, high)), frame)


def quality(kind: MarkKind, first: Place, second: Place) -> float | None:
    """
    Return how well two places fit by the protocol's rule, in 0..1; None where they do not match.

    ``centre-in-box`` is symmetric: one centre lies in the other's box. Places in different frames never match.
    """
    if first.frame != second.frame or len(first.low) != len(second.low):
        return None
    distance = float(np.linalg.norm(np.subtract(first.centre, second.centre)))
    if kind.match == "iou":
        overlap = _iou(first, second)
        return overlap if overlap >= kind.limit and overlap > 0 else None
    if kind.match == "distance":
        return 1 / (1 + distance) if distance <= kind.limit else None
    if first.holds(second.centre) or second.holds(first.centre):
        return 1 / (1 + distance)
    return None


def _iou(first: Place, second: Place) -> float:
    # What lies on one image has no extent across it: the axes in which both are flat at the same place are left
    # out, so that rectangles on one image compare by area.
    spread = [
        max(b1, b2) - min(a1, a2)
        for a1, b1, a2, b2 in zip(first.low, first.high, second.low, second.high, strict=True)
    ]
    axes = [axis for axis, extent in enumerate(spread) if extent > 1e-6]
    if not 2 <= len(axes) <= 3:
        return 0.0
    boxes = [[[one.low[k] for k in axes], [one.high[k] for k in axes]] for one in (first, second)]
    return float(box_iou([boxes[0]], [boxes[1]])[0, 0])


def group_marks(kind: MarkKind, reads: Sequence[Sequence[Place]]) -> list[tuple[Place | None, ...]]:
    """
    Group the marks of several reads.

    Parameters
    ----------
    kind : MarkKind
    reads : sequence of sequence of Place
        One list per read.

    Returns
    -------
    list of tuple
        One per group: the mark of each read, or None where that read has none there.
    """
    groups: list[list[Place | None]] = []
    for number, marks in enumerate(reads):
        heads = [next(each for each in group if each is not None) for group in groups]
        partner = _assign(kind, heads, marks)
        for index, group in enumerate(groups):
            found = partner.get(index)
            group.append(marks[found] if found is not None else None)
        taken = set(partner.values())
        groups += [[None] * number + [mark] for k, mark in enumerate(marks) if k not in taken]
    return [tuple(group) for group in groups]


def _assign(kind: MarkKind, heads: Sequence[Place], marks: Sequence[Place]) -> dict[int, int]:
    if not heads or not marks:
        return {}
    gain: NDArray[np.float64] = np.zeros((len(heads), len(marks)))
    for row, head in enumerate(heads):
        for column, mark in enumerate(marks):
            fit = quality(kind, head, mark)
            if fit is not None:
                # A partner first, the class next, the fit last: sums of fits stay below one class.
                n = min(gain.shape) + 1
                gain[row, column] = n * n + n * (head.mark_class == mark.mark_class) + fit
    # Half a second to load, in every command and worker, of which few match marks.
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(gain, maximize=True)
    return {int(r): int(c) for r, c in zip(rows, columns, strict=True) if gain[r, c] > 0}
