"""Lesions of discs, endplates and canal, painted over the soft parts or over the bone."""

from __future__ import annotations

import numpy as np

from readerstudy.phantom.body import Body, Lesion
from readerstudy.phantom.scene.canvas import Array, Canvas, coverage, ellipsoid
from readerstudy.phantom.scene.soft import Tissues, blend

#: Painted after the bones; the others lie in soft parts and are painted before.
IN_BONE = ("schmorl", "modic")


def paint_lesions(
    body: Body, canvas: Canvas, tissues: list[Tissues], images: list[Array], *, in_bone: bool
) -> None:
    """
    Paint the lesions that lie in bone, or those that do not; in place on the images.

    Parameters
    ----------
    body : Body
    canvas : Canvas
    tissues : list of mapping of tissue to value
    images : list of ndarray
    in_bone : bool
    """
    for lesion in body.lesions:
        if (lesion.kind in IN_BONE) == in_bone:
            _paint(lesion, canvas, tissues, images)


def _paint(lesion: Lesion, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    box = canvas.box(lesion.centre_mm, float(lesion.half_mm.max()) + 4)
    if box is None:
        return
    x, y, z = canvas.local_mm(box, lesion.centre_mm, lesion.axes)
    rx, ry, rz = (float(v) for v in lesion.half_mm)
    distance = ellipsoid(x, y, z, rx, ry, rz)
    edge = canvas.edge_mm
    for tissue, image in zip(tissues, images, strict=True):
        part = image[box]
        if lesion.kind in ("bulge", "herniation"):
            # A dark hem: outer annulus and ligament.
            blend(part, coverage(distance - np.float32(0.5), edge), tissue["annulus"])
            blend(part, coverage(distance + np.float32(0.7), edge), tissue["hernia"])
        elif lesion.kind == "fissure":
            blend(part, coverage(distance, edge), tissue["fluid"])
        elif lesion.kind == "stenosis":
            _paint_stenosis(part, x, y, z, rx, ry, rz, edge, tissue)
        elif lesion.kind == "schmorl":
            blend(part, coverage(distance - np.float32(0.9), edge), tissue["sclerosis"])
            blend(part, coverage(distance, edge), tissue["schmorl"])
        elif "modic" in tissue:  # CT shows nothing of it
            soft = np.clip(0.5 - distance * np.float32(0.25), 0, 1)
            blend(part, soft, tissue["modic"])


def _paint_stenosis(
    part: Array,
    x: Array,
    y: Array,
    z: Array,
    rx: float,
    ry: float,
    rz: float,
    edge: float,
    tissue: Tissues,
) -> None:
    """Thick ligaments from both sides leave a slit of the sac; no fat remains around it."""
    side = np.abs(x)
    ligament = ellipsoid(side - np.float32(0.62 * rx), y - np.float32(0.30 * ry), z, 0.52 * rx, 0.75 * ry, rz)
    front = ellipsoid(x, y + np.float32(0.85 * ry), z, 0.8 * rx, 0.36 * ry, rz)
    blend(part, coverage(ligament, edge), tissue["ligament"])
    blend(part, coverage(front, edge), tissue["hernia"])
