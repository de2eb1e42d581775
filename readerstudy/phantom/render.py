"""Pictures of a body as a scanner would make them: CT and MR volumes, and small crops around a joint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from readerstudy.phantom.body import Body, CervicalBody, Disc
from readerstudy.phantom.scanner import SCANNERS, Scanner
from readerstudy.phantom.scene import Canvas, Contrast, compose

Array = NDArray[Any]
Weighting = Literal["T1", "T2"]

_DEFAULT = SCANNERS["A"]
AnyBody = Body | CervicalBody


def _graded_discs(body: AnyBody) -> list[Disc]:
    """The discs a series has to cover: those of the protocol's levels, or all of a neck."""
    if isinstance(body, CervicalBody):
        return list(body.discs)
    levels = {joint.level for joint in body.joints.values()}
    return [disc for disc in body.discs if disc.level in levels]


@dataclass(frozen=True)
class Volume:
    """
    A stack of parallel slices.

    Attributes
    ----------
    array : ndarray, shape (slices, rows, columns), float32
        CT: Hounsfield units. MR: signal, 0 and more, fluid on T2 about 1000.
    affine : ndarray, shape (4, 4)
        ``(slice, row, column, 1)`` to LPS millimetres, (0, 0, 0) = centre of the first voxel.
    contrast : {"CT", "T1", "T2"}
    thickness_mm : float
        Thickness over which one slice averages.
    """

    array: Array
    affine: Array
    contrast: Contrast
    thickness_mm: float

    @property
    def spacing_mm(self) -> Array:
        """Distance between neighbours along (slice, row, column)."""
        spacing: Array = np.linalg.norm(self.affine[:3, :3], axis=0)
        return spacing


def plane_affine(
    centre_mm: Array, shape: tuple[int, int, int], spacing_mm: Sequence[float], directions: Array
) -> Array:
    """
    Affine of a stack around a centre.

    Parameters
    ----------
    centre_mm : ndarray, shape (3,)
        Middle of the stack.
    shape : tuple of int
        ``(slices, rows, columns)``.
    spacing_mm : sequence of three float
        In the same order.
    directions : ndarray, shape (3, 3)
        Columns: patient directions of growing slice, row and column index.

    Returns
    -------
    ndarray, shape (4, 4)
    """
    affine = np.eye(4)
    affine[:3, :3] = directions * np.asarray(spacing_mm, dtype=float)
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    return affine


# Columns: slices towards the head, rows to the back, columns to the left.
AXIAL = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=float)
# Slices from right to left, rows towards the feet, columns to the back.
SAGITTAL = np.array([[1, 0, 0], [0, 0, 1], [0, -1, 0]], dtype=float)


def render_ct(
    body: AnyBody,
    *,
    scanner: Scanner = _DEFAULT,
    rng: np.random.Generator | None = None,
    pixels: int = 256,
    kernel: Literal["bone", "soft"] = "bone",
    spacing_mm: tuple[float, float, float] | None = None,
) -> Volume:
    """
    Axial CT from below L5-S1 to above L1-2, slices from the feet to the head.

    Parameters
    ----------
    body : Body
    scanner : Scanner
    rng : numpy.random.Generator, optional
        Noise; none when absent.
    pixels : int
        Rows and columns.
    kernel : {"bone", "soft"}
        The soft kernel blurs more and is less noisy.
    spacing_mm : tuple of float, optional
        ``(slice, row, column)`` instead of the scanner's own.

    Returns
    -------
    Volume
        Hounsfield units.
    """
    slice_mm, row_mm, column_mm = spacing_mm or (
        scanner.ct_slice_mm,
        scanner.ct_pixel_mm,
        scanner.ct_pixel_mm,
    )
    if isinstance(body, CervicalBody):
        points = np.array([v.centre_mm + v.axes @ np.array([0, 8.0, 0]) for v in body.vertebrae])
        row_mm, column_mm = row_mm * 0.8, column_mm * 0.8
    else:
        points = np.array([j.centre_mm for j in body.joints.values()])
    low, high = points[:, 2].min() - 22.0, points[:, 2].max() + 20.0
    slices = int(np.ceil((high - low) / slice_mm)) + 1
    middle = points.mean(axis=0)
    # The field of view holds the bodies in front as well as the spinous processes behind.
    centre = np.array([middle[0], middle[1] - 8.0, (low + high) / 2])
    shape = (slices, pixels, pixels)
    affine = plane_affine(centre, shape, (slice_mm, row_mm, column_mm), AXIAL)
    image = compose(body, Canvas(shape, affine), ("CT",))[0]
    return Volume(_expose_ct(image, scanner, rng, kernel), affine, "CT", slice_mm)


def render_mr(
    body: AnyBody,
    weighting: Weighting = "T2",
    *,
    plane: Literal["sagittal", "axial"] = "sagittal",
    scanner: Scanner = _DEFAULT,
    rng: np.random.Generator | None = None,
    slices: int = 15,
    pixels: int = 288,
) -> Volume:
    """
    MR in a plane of the patient.

    Parameters
    ----------
    body : Body
    weighting : {"T1", "T2"}
    plane : {"sagittal", "axial"}
        Sagittal slices run from right to left, axial ones from feet to head.
    scanner : Scanner
    rng : numpy.random.Generator, optional
        Noise; none when absent.
    slices, pixels : int

    Returns
    -------
    Volume
    """
    return render_mr_pair(
        body, (weighting,), plane=plane, scanner=scanner, rng=rng, slices=slices, pixels=pixels
    )[0]


def render_mr_pair(
    body: AnyBody,
    weightings: tuple[Weighting, ...] = ("T1", "T2"),
    *,
    plane: Literal["sagittal", "axial"] = "sagittal",
    scanner: Scanner = _DEFAULT,
    rng: np.random.Generator | None = None,
    slices: int = 15,
    pixels: int = 288,
) -> list[Volume]:
    """
    The same planes in several weightings; the anatomy is worked out once (options as in `render_mr`).

    Returns
    -------
    list of Volume
        One per weighting.
    """
    points = np.array([d.centre_mm for d in _graded_discs(body)])
    middle = points.mean(axis=0)
    shape = (slices, pixels, pixels)
    neck = isinstance(body, CervicalBody)
    if plane == "sagittal":
        centre = middle + np.array([0.0, 12.0, 4.0 if neck else -8.0])
        field_mm, slice_mm = (
            (190.0, scanner.mr_slice_mm - 0.3) if neck else (268.0, scanner.mr_slice_mm + 0.5)
        )
        pixel_mm, directions = field_mm / pixels, SAGITTAL
    else:
        centre = middle + np.array([0.0, 14.0, 0.0])
        pixel_mm, directions = scanner.mr_pixel_mm, AXIAL
        slice_mm = float(np.ptp(points[:, 2]) + 40.0) / (slices - 1)
    affine = plane_affine(centre, shape, (slice_mm, pixel_mm, pixel_mm), directions)
    return _mr(body, weightings, shape, affine, scanner, rng)


def render_disc_axials(
    body: AnyBody,
    weighting: Weighting = "T2",
    *,
    scanner: Scanner = _DEFAULT,
    rng: np.random.Generator | None = None,
    slices: int = 5,
    pixels: int = 256,
) -> dict[str, Volume]:
    """
    Oblique axial MR stacks, one along each disc.

    Parameters
    ----------
    body : Body
    weighting : {"T1", "T2"}
    scanner : Scanner
    rng : numpy.random.Generator, optional
        Noise; none when absent.
    slices, pixels : int

    Returns
    -------
    dict of level to Volume
        From above to below; slices of each stack from below to above.
    """
    result = {}
    for disc in _graded_discs(body):
        level = disc.level
        shape = (slices, pixels, pixels)
        pixel_mm = scanner.mr_pixel_mm * (0.75 if isinstance(body, CervicalBody) else 1.0)
        spacing = (scanner.mr_slice_mm, pixel_mm, pixel_mm)
        centre = disc.centre_mm + disc.axes @ np.array([0.0, 16.0, 0.0])
        affine = plane_affine(centre, shape, spacing, disc.axes @ AXIAL)
        result[level] = _mr(body, (weighting,), shape, affine, scanner, rng)[0]
    return result


def joint_crop(
    body: Body,
    structure: str,
    *,
    contrast: Contrast = "CT",
    shape: tuple[int, int, int] = (24, 64, 64),
    spacing_mm: tuple[float, float, float] = (1.25, 0.6, 0.6),
    jitter_mm: float = 0.0,
    scanner: Scanner = _DEFAULT,
    rng: np.random.Generator | None = None,
) -> Volume:
    """
    A small volume around one joint, made without the rest of the body.

    Parameters
    ----------
    body : Body
    structure : str
        "L4-5-right".
    contrast : {"CT", "T1", "T2"}
    shape : tuple of int
        ``(slices, rows, columns)``.
    spacing_mm : tuple of float
        In the same order. MR is averaged over the scanner's slice thickness whatever the slice distance.
    jitter_mm : float
        Half range of a uniform shift of the centre along each axis (a reader's or a detector's error).
    scanner : Scanner
    rng : numpy.random.Generator, optional
        Noise and jitter; neither when absent.

    Returns
    -------
    Volume
        Axial in the patient's axes, slices towards the head, rows to the back, columns to the left: the same
        orientation for right and left joints.
    """
    centre = body.joints[structure].centre_mm
    if rng is not None and jitter_mm:
        centre = centre + rng.uniform(-jitter_mm, jitter_mm, size=3)
    affine = plane_affine(centre, shape, spacing_mm, AXIAL)
    image = compose(body, Canvas(shape, affine), (contrast,))[0]
    if contrast == "CT":
        return Volume(_expose_ct(image, scanner, rng, "bone"), affine, "CT", spacing_mm[0])
    size = max(1, round(scanner.mr_slice_mm / spacing_mm[0]))
    image = ndimage.uniform_filter1d(image, size, axis=0, mode="nearest")
    return Volume(_expose_mr(image, scanner, rng), affine, contrast, scanner.mr_slice_mm)


def _mr(
    body: AnyBody,
    weightings: tuple[Weighting, ...],
    shape: tuple[int, int, int],
    affine: Array,
    scanner: Scanner,
    rng: np.random.Generator | None,
) -> list[Volume]:
    slice_mm = float(np.linalg.norm(affine[:3, 0]))
    # A slice averages over its thickness: several thin ones make one.
    fine = max(1, round(slice_mm / 1.2))
    thin = affine.copy()
    thin[:3, 0] /= fine
    thin[:3, 3] -= thin[:3, 0] * (fine - 1) / 2
    images = compose(body, Canvas((shape[0] * fine, shape[1], shape[2]), thin), weightings)
    volumes = []
    for weighting, image in zip(weightings, images, strict=True):
        thick = image.reshape(shape[0], fine, shape[1], shape[2]).mean(axis=1)
        volumes.append(Volume(_expose_mr(thick, scanner, rng), affine, weighting, slice_mm))
    return volumes


def _expose_ct(
    image: Array, scanner: Scanner, rng: np.random.Generator | None, kernel: Literal["bone", "soft"]
) -> Array:
    blur = scanner.ct_blur_px * (1.0 if kernel == "bone" else 2.2)
    image = ndimage.gaussian_filter(image, (0, blur, blur), truncate=3.0)
    if rng is not None:
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        grain = 0.45 if kernel == "bone" else 1.1
        noise = ndimage.gaussian_filter(noise, (0, grain, grain), truncate=2.5)
        sd = scanner.ct_noise_hu * (1.0 if kernel == "bone" else 0.45)
        image += noise * np.float32(sd / noise.std())
        if scanner.streaks_hu:
            image += _streaks(image.shape, scanner.streaks_hu, rng)
    return np.clip(image, -1024, 3071, out=image)


def _streaks(shape: tuple[int, ...], amplitude: float, rng: np.random.Generator) -> Array:
    """Horizontal bands, strongest in the lowest third, where the pelvis takes most of the beam."""
    rows = ndimage.gaussian_filter1d(rng.standard_normal((shape[0], shape[1])), 1.2, axis=1)
    fade = np.clip(1.0 - np.arange(shape[0]) / max(1, shape[0] / 3), 0, 1)
    bands: Array = (rows * fade[:, None] * amplitude)[:, :, None].astype(np.float32)
    return bands


def _expose_mr(image: Array, scanner: Scanner, rng: np.random.Generator | None) -> Array:
    image = ndimage.gaussian_filter(np.maximum(image, 0), (0, 0.5, 0.5), truncate=3.0)
    if scanner.mr_gamma != 1.0:
        image = image ** np.float32(scanner.mr_gamma)
    # Coil sensitivity: a dome over the field of view, the same for every slice.
    rows = np.linspace(-1, 1, image.shape[1], dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, image.shape[2], dtype=np.float32)[None, :]
    image = image * (1 - np.float32(scanner.mr_bias * 0.5) * (rows**2 + columns**2) * np.float32(0.6))
    if rng is not None:
        if scanner.ghost:
            shift = image.shape[1] // 5
            image = image + np.float32(scanner.ghost) * np.roll(image, shift, axis=1)
        noise = rng.standard_normal((2, *image.shape), dtype=np.float32) * np.float32(scanner.mr_noise)
        image = np.hypot(image + noise[0], noise[1])
    result: Array = (image * np.float32(1000)).astype(np.float32)
    return result
