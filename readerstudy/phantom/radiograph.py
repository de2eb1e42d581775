"""Radiographs of a body: parallel projections of its bones through a trunk of soft tissue."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from readerstudy.dicom.geometry import patient_mm_to_voxel
from readerstudy.phantom.body import Body, CervicalBody
from readerstudy.phantom.body.parts import Joint
from readerstudy.phantom.scanner import SCANNERS, Scanner
from readerstudy.phantom.scene import Canvas, compose_skeleton
from readerstudy.phantom.scene.tissue import MUSCLE_PER_MM

Array = NDArray[Any]
View = Literal["AP", "LL", "RPO", "LPO"]

VIEWS: Final[tuple[View, ...]] = ("AP", "LL", "RPO", "LPO")

# Direction of the beam and of the picture's columns in the patient. The right facets are seen end on with
# the right side of the back at the detector (RPO), the left ones in LPO.
_SQRT = float(np.sqrt(0.5))
_BEAM: Final[dict[View, tuple[float, float, float]]] = {
    "AP": (0.0, 1.0, 0.0),
    "LL": (1.0, 0.0, 0.0),
    "RPO": (-_SQRT, _SQRT, 0.0),
    "LPO": (_SQRT, _SQRT, 0.0),
}
_COLUMNS: Final[dict[View, tuple[float, float, float]]] = {
    "AP": (1.0, 0.0, 0.0),
    "LL": (0.0, 1.0, 0.0),
    "RPO": (_SQRT, _SQRT, 0.0),
    "LPO": (_SQRT, -_SQRT, 0.0),
}
#: DICOM Patient Orientation of rows and columns (where growing column and row indices lead).
ORIENTATION: Final[dict[View, tuple[str, str]]] = {
    "AP": ("L", "F"),
    "LL": ("P", "F"),
    "RPO": ("LP", "F"),
    "LPO": ("LA", "F"),
}
# Surfaces are drawn softer than the sampling along the beam, or its steps would show as contour lines.
_STEP_MM = 1.6
_EDGE_MM = 1.7
_DEPTH_MM = 170.0
# Width of every joint's gap on a radiograph, a healthy one.
_GAP_MM = 2.7


@dataclass(frozen=True)
class Radiograph:
    """
    A projection.

    Attributes
    ----------
    array : ndarray, shape (rows, columns), float32
        0 to 4095; bone is bright.
    affine : ndarray, shape (4, 4)
        ``(depth, row, column, 1)`` to LPS millimetres; the depth axis is the beam. Known to the phantom, not
        written to the object: a radiograph does not say where it lies in the patient.
    view : {"AP", "LL", "RPO", "LPO"}
    """

    array: Array
    affine: Array
    view: View

    @property
    def pixel_mm(self) -> float:
        """Distance between pixels in the patient (parallel beam: the same at the detector)."""
        return float(np.linalg.norm(self.affine[:3, 2]))

    def pixel_of(self, point_mm: Array) -> tuple[float, float]:
        """Row and column on which a point of the patient falls."""
        index = patient_mm_to_voxel(self.affine, point_mm)
        return float(index[1]), float(index[2])


def render_radiograph(
    body: Body | CervicalBody,
    view: View = "AP",
    *,
    scanner: Scanner = SCANNERS["A"],
    rng: np.random.Generator | None = None,
) -> Radiograph:
    """
    Project a body.

    The outline of a facet joint shows: hypertrophy and osteophytes. Its surfaces do not: a curved gap is hardly
    ever tangent to the beam, and pits and cysts of a few mm drown in the bone before and behind them. So every
    gap is drawn with one width, without erosions and cysts, as the shipped protocols ask for these on CT and MR
    alone (`findings.ASSESSABLE_ON`).

    Parameters
    ----------
    body : Body
    view : {"AP", "LL", "RPO", "LPO"}
        Front to back, left lateral (beam from right to left, the front on the left of the picture), right and
        left posterior oblique at 45 degrees.
    scanner : Scanner
    rng : numpy.random.Generator, optional
        Quantum noise and bowel gas; neither when absent.

    Returns
    -------
    Radiograph
    """
    # Bones are sampled no finer than they are drawn and stretched to the detector's pixels.
    pixel = 0.7
    points = np.array([v.centre_mm for v in body.vertebrae])
    middle = points.mean(axis=0) + np.array([0.0, 12.0, 4.0])
    height, width = 268.0, (176.0 if view == "LL" else 208.0)
    if isinstance(body, CervicalBody):
        height, width = 170.0, 140.0
    shape = (int(_DEPTH_MM / _STEP_MM), int(height / pixel), int(width / pixel))
    directions = np.stack([_BEAM[view], (0.0, 0.0, -1.0), _COLUMNS[view]], axis=1)
    affine = np.eye(4)
    affine[:3, :3] = directions * np.array([_STEP_MM, pixel, pixel])
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    if isinstance(body, Body):
        body = _outlined(body)
    bones = compose_skeleton(body, Canvas(shape, affine, _EDGE_MM)).sum(axis=0) * np.float32(_STEP_MM)
    scale = pixel / scanner.xr_pixel_mm
    bones = ndimage.zoom(bones, scale, order=1, grid_mode=True, mode="nearest")
    fine = affine.copy()
    step = np.array([pixel * shape[1] / bones.shape[0], pixel * shape[2] / bones.shape[1]])
    corner = affine[:3, 3] - affine[:3, 1] / 2 - affine[:3, 2] / 2
    fine[:3, 1], fine[:3, 2] = directions[:, 1] * step[0], directions[:, 2] * step[1]
    fine[:3, 3] = corner + fine[:3, 1] / 2 + fine[:3, 2] / 2
    total = bones + _trunk(body, view, bones.shape, fine) * np.float32(MUSCLE_PER_MM)
    return Radiograph(_expose(total, scanner, rng), fine, view)


def _outlined(body: Body) -> Body:
    """The body without what a radiograph does not show of its facet joints."""

    def outlined(joint: Joint) -> Joint:
        return replace(joint, gap_mm=_GAP_MM, pits=joint.pits[:0], cysts=joint.cysts[:0])

    return replace(
        body,
        joints={name: outlined(joint) for name, joint in body.joints.items()},
        upper_joints=tuple(outlined(joint) for joint in body.upper_joints),
    )


def _trunk(body: Body | CervicalBody, view: View, shape: tuple[int, ...], affine: Array) -> Array:
    """Path of each ray through an elliptic trunk, in mm of muscle."""
    spine_y = float(np.mean([v.centre_mm[1] for v in body.vertebrae[1:-2]]))
    if isinstance(body, CervicalBody):
        centre = np.array([0.0, spine_y + 12.0, 0.0])
    else:
        centre = np.array([0.0, spine_y + 72.0 + body.fat - body.girth[1], 0.0])
    beam, across = np.asarray(_BEAM[view]), np.asarray(_COLUMNS[view])
    start = affine[:3, 3] - centre
    offset = start @ across + np.arange(shape[1]) * np.linalg.norm(affine[:3, 2])
    rx, ry = body.girth
    # Chord of a line at this offset: the ellipse is a circle after scaling each axis.
    a = (beam[0] / rx) ** 2 + (beam[1] / ry) ** 2
    px, py = offset * across[0], offset * across[1]
    b = 2 * (px * beam[0] / rx**2 + py * beam[1] / ry**2)
    c = (px / rx) ** 2 + (py / ry) ** 2 - 1
    chord = np.sqrt(np.maximum(b * b - 4 * a * c, 0)) / a
    rows = np.linspace(0.94, 1.04, shape[0])[:, None]
    result: Array = (chord[None, :] * rows).astype(np.float32)
    return result


def _expose(total: Array, scanner: Scanner, rng: np.random.Generator | None) -> Array:
    if rng is not None:
        total = total - _gas(total.shape, rng)
        # Fewer photons behind more tissue: noise grows with the attenuation.
        noise = rng.standard_normal(total.shape, dtype=np.float32) * np.float32(scanner.xr_noise)
        total = total + ndimage.gaussian_filter(noise, 0.6) * np.exp((total - total.mean()) / 2)
    # As a digital system shows it: the coarse part is compressed, edges stand out.
    coarse = ndimage.zoom(ndimage.gaussian_filter(total[::8, ::8], 10.0), 8, order=1)
    coarse = coarse[: total.shape[0], : total.shape[1]]
    pad = [(0, n - m) for n, m in zip(total.shape, coarse.shape, strict=True)]
    coarse = np.pad(coarse, pad, mode="edge")
    shown = (total - coarse) + np.float32(0.12) * (coarse - coarse.mean())
    shown = shown + np.float32(0.5) * (shown - ndimage.gaussian_filter(shown, 2.5))
    result: Array = np.clip(1600 + 2400 * np.tanh(shown * 0.95), 0, 4095).astype(np.float32)
    return result


def _gas(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Soft dark clouds of bowel gas and stool."""
    coarse = rng.standard_normal((shape[0] // 24 + 2, shape[1] // 24 + 2)).astype(np.float32)
    smooth = ndimage.gaussian_filter(coarse, 0.8)
    smooth /= smooth.std()
    clouds = ndimage.zoom(smooth, 24, order=3)[: shape[0], : shape[1]]
    result: Array = (np.clip(clouds - 0.7, 0, 2) * 0.10).astype(np.float32)
    return result
