"""
Where a mark lies: from what a browser drew to blinded UIDs and millimetres, and back.

A presentation under an alias (a repeat) shows other UIDs than the study keeps. What is stored are always the
study's own blinded UIDs; what a page is told are always those of its presentation.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from django.utils.translation import gettext as _

from grading.answers import BadAnswer
from grading.models import MarkedPlace
from readerstudy.imaging.selectors import ShownInstance, ShownInstances, shown_instances
from readerstudy.studies.models import Assignment
from readerstudy.studies.protocols.document import MarkKind, ProtocolDocument
from readerstudy.studies.wording import spoken

POINTS = {"box3d": 2, "box": 2, "ellipse": 2, "line": 2, "point": 1}
MOST_POINTS = 200


def presentation_alias(assignment: Assignment) -> str:
    """Return the alias of the images: a repeat shares no UID, address or ETag with its first showing."""
    first = assignment.occasion == 1 and assignment.session == 1
    return "" if first else assignment.presentation.hex


def images_of(assignment: Assignment) -> ShownInstances:
    """Return the images of a showing, by the UIDs under which it shows them."""
    return shown_instances(assignment.case.image_set, alias=presentation_alias(assignment))


def read_mark(document: ProtocolDocument, images: ShownInstances, given: Any) -> dict[str, Any]:
    """
    Check a mark that came from outside and say where it lies.

    Parameters
    ----------
    given : mapping
        ``kind``, ``class``, ``sop_uid`` as the presentation shows it, ``frame``, ``points_px``; a box over several
        images also ``slice_sops`` (first and last). Millimetres are computed here, not taken over.

    Returns
    -------
    dict
        Column values of a `MarkedPlace`.

    Raises
    ------
    BadAnswer
        If the protocol has no such mark, or the place is not on an image of this case.
    """
    if not isinstance(given, Mapping):
        raise BadAnswer(_("A mark names its kind, its class and its place."))
    kind = document.mark_kind(str(given.get("kind", "")))
    if kind is None:
        raise BadAnswer(_("The protocol has no such mark."))
    classes = [name for name, _ in kind.classes]
    if given.get("class") not in classes:
        raise BadAnswer(
            _("%(label)s takes the classes %(classes)s.")
            % {"label": spoken(kind.label), "classes": ", ".join(classes)}
        )
    points = _points(kind, given.get("points_px"))
    frame = given.get("frame", 1)
    image = images.find(str(given.get("sop_uid", "")))
    if (
        image is None
        or isinstance(frame, bool)
        or not isinstance(frame, int)
        or not 1 <= frame <= image.n_frames
    ):
        raise BadAnswer(_("The mark lies on no image of this case."))
    if any(not (-1 <= x <= image.columns and -1 <= y <= image.rows) for x, y in points):
        raise BadAnswer(_("The mark lies outside its image."))
    affine = images.affine(image, frame)
    slices, box = _depth(images, given, points, image, frame) if kind.shape == "box3d" else (None, None)
    return {
        "kind": kind.id,
        "mark_class": given["class"],
        "shape": kind.shape,
        "series_uid": image.series_uid,
        "sop_uid": image.blinded_uid,
        "frame": frame,
        "frame_of_reference_uid": image.frame_of_reference if affine is not None else "",
        "points_px": points,
        "points_mm": [_mm(affine, point) for point in points] if affine is not None else None,
        "slices": slices,
        "box": box,
    }


def _points(kind: MarkKind, given: Any) -> list[list[float]]:
    wanted = POINTS.get(kind.shape)
    if (
        not isinstance(given, list)
        or len(given) > MOST_POINTS
        or len(given) != (wanted or max(len(given), 3))
    ):
        raise BadAnswer(
            _("%(label)s has %(wanted)s points.")
            % {"label": spoken(kind.label), "wanted": wanted or _("at least 3")}
        )
    points = []
    for point in given:
        if not isinstance(point, list) or len(point) != 2 or not all(_is_number(value) for value in point):
            raise BadAnswer(_("A point is a column and a row."))
        points.append([round(float(value), 2) for value in point])
    return points


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e6


def _mm(affine: Any, point: Sequence[float]) -> list[float]:
    """Image px (column, row) to patient mm."""
    column, row = point
    return _rounded((affine @ np.array([0.0, row, column, 1.0]))[:3])


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]


def _depth(
    images: ShownInstances,
    given: Mapping[str, Any],
    points: Sequence[Sequence[float]],
    own: ShownInstance,
    own_frame: int,
) -> tuple[list[list[Any]], dict[str, list[float]] | None]:
    """Return the first and last image of a box, and its corners in mm where they have a place."""
    names = given.get("slice_sops") or [given.get("sop_uid")] * 2
    frames = given.get("slice_frames") or [own_frame] * 2
    if not isinstance(names, list) or not isinstance(frames, list) or len(names) != 2 or len(frames) != 2:
        raise BadAnswer(_("A box reaches from one image to another."))
    corners: list[list[float]] = []
    ends: list[list[Any]] = []
    (x1, y1), (x2, y2) = points
    for name, frame in zip(names, frames, strict=True):
        end = images.find(str(name))
        if end is None or end.series_uid != own.series_uid or frame not in range(1, end.n_frames + 1):
            raise BadAnswer(_("A box lies in one series."))
        ends.append([end.blinded_uid, int(frame)])
        affine = images.affine(end, int(frame))
        if affine is not None:
            # A box reaches half a slice beyond its outermost images: on one image it is as thick as that.
            across = affine[:3, 0] * images.thickness_mm(end) / 2
            for point in ((x1, y1), (x2, y1), (x2, y2), (x1, y2)):
                middle = np.array(_mm(affine, point))
                corners += [_rounded(middle - across), _rounded(middle + across)]
    if len(corners) < 16:
        return ends, None
    low, high = np.min(corners, axis=0), np.max(corners, axis=0)
    return ends, {"min_mm": _rounded(low), "max_mm": _rounded(high)}


def shown_mark(images: ShownInstances, mark: MarkedPlace, name: str) -> dict[str, Any]:
    """Return a mark as the viewer draws it, under the presentation's UIDs. `name` is what the page calls it."""
    return {
        "id": name,
        "kind": mark.kind,
        "class": mark.mark_class,
        "shape": mark.shape,
        "series_uid": images.shown(mark.series_uid),
        "sop_uid": images.shown(mark.sop_uid),
        "frame": mark.frame,
        "points_px": mark.points_px,
        "points_mm": mark.points_mm,
        **(
            {
                "slice_sops": [images.shown(uid) for uid, _ in mark.slices],
                "slice_frames": [frame for _, frame in mark.slices],
            }
            if mark.slices
            else {}
        ),
    }


def is_mark_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
