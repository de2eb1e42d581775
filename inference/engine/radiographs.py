"""
Radiographs as the engine sees them: pictures that do not say where they lie in the patient.

A radiograph has no depth and no frame of reference. Its file says how large a pixel is, which view it is, and to
which sides of the patient its rows and columns lead (DICOM's Patient Orientation). A structure's place in it is a
row and a column; a crop is a patch of one slice in the canonical directions of its view, ``crop[0, height, width]``:

======= ============== =============================
view    height grows   width grows
======= ============== =============================
AP      to the feet    away from the midline
oblique to the feet    away from the midline
lateral to the feet    to the back
======= ============== =============================

"Away from the midline" makes a left joint the mirror image of a right one, as in `crops`. An oblique view shows the
joints of one side end on: the right ones with the right side of the back at the detector (RPO) or the left side of
the front (LAO), the left ones in the other two. Only those are cut from it. A lateral view shows both sides of a level
on top of each other; both get the same patch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.engine.crops import LEAST_COVERAGE, CropSpec, side_sign, triangle_weights
from inference.engine.stacks import Array

AP, LATERAL, OBLIQUE = "AP", "lateral", "oblique"
VIEWS = (AP, LATERAL, OBLIQUE)
RIGHT, LEFT = "right", "left"
_OPPOSITE = {"L": "R", "R": "L", "A": "P", "P": "A", "H": "F", "F": "H"}
_SIDE_OF_OBLIQUE = {"RPO": RIGHT, "LAO": RIGHT, "LPO": LEFT, "RAO": LEFT}


def side_of(structure: str) -> str:
    """Side of the patient on which a structure lies; right where it has none, as `crops.side_sign`."""
    return LEFT if side_sign(structure) > 0 else RIGHT


@dataclass(frozen=True)
class Radiograph:
    """
    One picture.

    Parameters
    ----------
    identifier : str
        Any text that names it; only used to break ties.
    pixels : ndarray, shape (rows, columns)
        Bright where more was in the way of the beam (bone), from 0.
    spacing_mm : tuple of float
        Distance of neighbouring rows and of neighbouring columns; empty where the file does not say.
    view : str
        ``AP`` (PA as well), ``lateral``, ``oblique`` or empty where unknown.
    columns_to, rows_to : str
        Letters of the patient (R, L, A, P, H, F) to which growing column and row numbers lead; empty where the
        file does not say.
    oblique : str
        ``RPO``, ``LPO``, ``RAO`` or ``LAO`` where the file names the oblique.
    at_detector : bool
        Whether the spacing is that of the detector: the patient, who is nearer to the tube, is magnified on it.

    Raises
    ------
    ValueError
        If the pixels are no picture.
    """

    identifier: str
    pixels: Array
    spacing_mm: tuple[float, ...]
    view: str
    columns_to: str
    rows_to: str
    oblique: str = ""
    at_detector: bool = False

    def __post_init__(self) -> None:
        if self.pixels.ndim != 2 or not self.pixels.size:
            raise ValueError(f"pixels must have rows and columns, got shape {self.pixels.shape}")

    @property
    def coarsest_mm(self) -> float:
        """The larger of the two spacings; infinite where there is none."""
        return max(self.spacing_mm, default=float("inf"))

    @property
    def sides(self) -> tuple[str, ...]:
        """Sides whose joints it shows for grading."""
        if self.view != OBLIQUE:
            return RIGHT, LEFT
        if self.oblique in _SIDE_OF_OBLIQUE:
            return (_SIDE_OF_OBLIQUE[self.oblique],)
        letters = set(self._across)
        if letters in ({"L", "P"}, {"R", "A"}):
            return (RIGHT,)
        return (LEFT,) if letters in ({"L", "A"}, {"R", "P"}) else ()

    @property
    def is_turned(self) -> bool:
        """Whether the patient's length runs along the columns' numbers instead of the rows'."""
        return self.columns_to[:1] in ("H", "F")

    @property
    def _across(self) -> str:
        """Letters to which the axis across the patient leads."""
        return self.rows_to if self.is_turned else self.columns_to

    @property
    def _down(self) -> str:
        return self.columns_to if self.is_turned else self.rows_to

    @property
    def has_directions(self) -> bool:
        """Whether the file says where head, and side or back, are."""
        wanted = "AP" if self.view == LATERAL else "LR"
        return self._down[:1] in ("H", "F") and any(letter in wanted for letter in self._across)

    def oriented(self, side: str) -> Oriented:
        """The picture in the canonical directions of its view, for structures of one side."""
        to = "P" if self.view == LATERAL else {RIGHT: "R", LEFT: "L"}[side]
        pixels = self.pixels.T if self.is_turned else self.pixels
        spacing = self.spacing_mm[::-1] if self.is_turned else self.spacing_mm
        return Oriented(
            pixels=pixels,
            spacing_mm=(float(spacing[0]), float(spacing[1])),
            transposed=self.is_turned,
            up=self._down[:1] == "H",
            backwards=_OPPOSITE[to] in self._across,
        )


@dataclass(frozen=True)
class Oriented:
    """
    A picture whose rows run along the patient, and which of its axes run against the canonical directions.

    Attributes
    ----------
    pixels : ndarray, shape (rows, columns)
        Not turned round yet; `up` and `backwards` say what is to be.
    spacing_mm : tuple of float
        Of rows and columns.
    transposed : bool
        Whether rows and columns were exchanged to get here.
    up, backwards : bool
        Whether rows grow to the head; whether columns grow against the canonical width.
    """

    pixels: Array
    spacing_mm: tuple[float, float]
    transposed: bool
    up: bool
    backwards: bool

    def sample(
        self, centre_px: tuple[float, float], shape: tuple[int, int], step_mm: float
    ) -> tuple[Array, float]:
        """
        Resample a patch in canonical directions.

        Parameters
        ----------
        centre_px : tuple of float
            Row and column of the stored picture at the patch's middle.
        shape : tuple of int
            Samples along height and width.
        step_mm : float

        Returns
        -------
        patch : ndarray, shape `shape`
            Zero outside the picture.
        covered : float
            Share of the patch inside the picture.
        """
        centre = centre_px[::-1] if self.transposed else centre_px
        weights, covered = [], 1.0
        for axis, turned in enumerate((self.up, self.backwards)):
            n, spacing = self.pixels.shape[axis], self.spacing_mm[axis]
            sign = -1.0 if turned else 1.0
            places = sign * (np.arange(n) - centre[axis]) * spacing
            wanted = (np.arange(shape[axis]) - (shape[axis] - 1) / 2) * step_mm
            ends = sign * (np.array([-0.5, n - 0.5]) - centre[axis]) * spacing
            covered *= float(np.mean((wanted >= ends.min()) & (wanted <= ends.max())))
            weights.append(triangle_weights(wanted, places, max(spacing, step_mm)))
        patch: Array = weights[0] @ self.pixels @ weights[1].T
        return patch.astype(np.float32), covered

    def to_stored_px(
        self, places: Array, centre_px: tuple[float, float], shape: tuple[int, int], step_mm: float
    ) -> Array:
        """Rows and columns of the stored picture at places ``(height, width)`` of a patch, shape (..., 2)."""
        centre = np.array(centre_px[::-1] if self.transposed else centre_px)
        sign = np.array([-1.0 if self.up else 1.0, -1.0 if self.backwards else 1.0])
        away_mm = (np.asarray(places) - (np.array(shape) - 1) / 2) * step_mm
        found: Array = centre + sign * away_mm / np.array(self.spacing_mm)
        return found[..., ::-1] if self.transposed else found

    def to_patch(
        self, points_px: Array, centre_px: tuple[float, float], shape: tuple[int, int], step_mm: float
    ) -> Array:
        """Places ``(height, width)`` in a patch of rows and columns of the stored picture, shape (..., 2)."""
        points = np.asarray(points_px, dtype=float)
        points = points[..., ::-1] if self.transposed else points
        centre = np.array(centre_px[::-1] if self.transposed else centre_px)
        sign = np.array([-1.0 if self.up else 1.0, -1.0 if self.backwards else 1.0])
        away_mm = sign * (points - centre) * np.array(self.spacing_mm)
        found: Array = away_mm / step_mm + (np.array(shape) - 1) / 2
        return found


def middle_px(picture: Radiograph) -> tuple[float, float]:
    """Row and column in the middle of a picture."""
    rows, columns = picture.pixels.shape
    return (rows - 1) / 2, (columns - 1) / 2


def radiograph_crop(
    picture: Radiograph, point_px: tuple[float, float], side: str, spec: CropSpec
) -> Array | None:
    """
    Cut one patch.

    Parameters
    ----------
    picture : Radiograph
        With spacing, view and directions.
    point_px : tuple of float
        Row and column of the patch's middle.
    side : {"right", "left"}
        Of the structure.
    spec : CropSpec
        Of depth 1.

    Returns
    -------
    ndarray or None
        float32, shape ``spec.shape``, zero outside the picture; None where the picture does not cover the point.
    """
    patch, covered = picture.oriented(side).sample(point_px, (spec.height, spec.width), spec.in_plane_mm)
    return None if covered < LEAST_COVERAGE else patch[None]


def coarse_picture(picture: Radiograph, side: str, shape: tuple[int, int], pixel_mm: float) -> Array:
    """
    The whole picture as the localiser takes it.

    Parameters
    ----------
    picture : Radiograph
    side : {"right", "left"}
        Whose directions it is turned to.
    shape : tuple of int
        Pixels along height and width, centred on the picture.
    pixel_mm : float

    Returns
    -------
    ndarray of float32, shape `shape`
        The 1st and 99th percentile are 0 and 1, clipped at -0.5 and 1.5; zero outside the picture.
    """
    low, high = np.percentile(picture.pixels, [1, 99])
    scaled = np.clip((picture.pixels - low) / max(float(high - low), 1e-6), -0.5, 1.5)
    turned = picture.oriented(side)
    turned = Oriented(
        scaled.T if turned.transposed else scaled,
        turned.spacing_mm,
        turned.transposed,
        turned.up,
        turned.backwards,
    )
    return turned.sample(middle_px(picture), shape, pixel_mm)[0]
