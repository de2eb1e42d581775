"""The parts a body is made of. All lengths in millimetres, all points and directions in LPS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Variant = Literal["five", "four", "six", "transitional"]


@dataclass(frozen=True)
class Vertebra:
    """
    One vertebra.

    Attributes
    ----------
    name : str
        "T12", "L1" ... "L5" ("L6" in the six variant, counted from above), "S1", "S2".
    centre_mm : ndarray, shape (3,)
        Centre of the vertebral body.
    axes : ndarray, shape (3, 3)
        Columns: left, back, up of the vertebra, as patient directions.
    width, depth, height : float
        Of the vertebral body: side to side, front to back at mid-height, endplate to endplate.
    canal_depth : float
        Front-to-back diameter of the bony canal.
    rib : tuple of float
        Length of a rib on the right and on the left, 0 where there is none.
    fused : tuple of bool
        Whether the transverse process is fused with the sacral ala (transitional variant), right and left.
    """

    name: str
    centre_mm: Array
    axes: Array
    width: float
    depth: float
    height: float
    canal_depth: float
    rib: tuple[float, float] = (0.0, 0.0)
    fused: tuple[bool, bool] = (False, False)


@dataclass(frozen=True)
class Disc:
    """
    The disc below a vertebra (same frame convention as `Vertebra`).

    Attributes
    ----------
    level : str
        Names of the two neighbours as counted from below, "L4-5".
    hydration : float
        1 = bright nucleus on T2, 0 = black disc.
    bulge_mm : float
        How far the posterior margin stands behind the vertebral bodies.
    """

    level: str
    centre_mm: Array
    axes: Array
    width: float
    depth: float
    height: float
    hydration: float
    bulge_mm: float


@dataclass(frozen=True)
class Joint:
    """
    One facet joint.

    The articular surface is a piece of a circular cylinder. ``axes`` has the columns u (along the gap in
    the axial plane, towards the back and the side), v (up) and w (normal, from the inferior process of the
    upper vertebra to the superior process of the lower one). With ``rho = hypot(u, w + radius)`` a point
    lies ``s = rho - radius`` mm from the middle of the gap and ``t = radius * arctan2(u, w + radius)`` mm
    along it.

    Attributes
    ----------
    structure : str
        "L4-5-right".
    centre_mm : ndarray, shape (3,)
        Middle of the gap at ``s = t = v = 0``.
    gap_mm : float
        Width of the gap between the two bony surfaces.
    half_width, half_height : float
        Half extents of the processes along t and v.
    thickness : tuple of float
        Of the inferior process (s < 0) and the superior one (s > 0).
    grades : mapping of finding to grade
    spurs : ndarray, shape (n, 5)
        Marginal osteophytes: process (-1 inferior, +1 superior), margin (-1 front, +1 back, -2 lower tip,
        +2 upper tip), place along the margin, length, radius at the base.
    pits : ndarray, shape (n, 4)
        Erosions: process, t, v, radius of a sphere centred on the surface.
    cysts : ndarray, shape (n, 5)
        Process, t, v, depth of the centre below the surface, radius.
    """

    structure: str
    level: str
    side: Literal["right", "left"]
    centre_mm: Array
    axes: Array
    radius: float
    gap_mm: float
    half_width: float
    half_height: float
    thickness: tuple[float, float]
    grades: Mapping[str, int]
    spurs: Array
    pits: Array
    cysts: Array


@dataclass(frozen=True)
class Lesion:
    """
    A located lesion.

    Attributes
    ----------
    lesion_id : str
        Unique within the body.
    kind : str
        Its class.
    centre_mm : ndarray, shape (3,)
    axes : ndarray, shape (3, 3)
        Columns are the directions of the ellipsoid's axes.
    half_mm : ndarray, shape (3,)
        Half length of each axis.
    """

    lesion_id: str
    kind: str
    level: str
    centre_mm: Array
    axes: Array
    half_mm: Array

    @property
    def box_mm(self) -> Array:
        """Edges of the smallest box along the patient's axes, shape (3,), full lengths."""
        edges: Array = 2 * np.sqrt(((self.axes * self.half_mm) ** 2).sum(axis=1))
        return edges

    def inside(self, points_mm: Array) -> Array:
        """Whether points of the patient, shape (..., 3), lie in the ellipsoid."""
        local = (points_mm - self.centre_mm) @ self.axes / self.half_mm
        result: Array = (local**2).sum(axis=-1) <= 1
        return result


@dataclass(frozen=True)
class Body:
    """
    One synthetic person.

    Attributes
    ----------
    vertebrae : tuple of Vertebra
        From above to below.
    discs : tuple of Disc
        ``discs[i]`` lies between ``vertebrae[i]`` and ``vertebrae[i + 1]``.
    joints : mapping of structure id to Joint
        The ten joints, levels counted from below (the lowest mobile level is L5-S1), whatever the variant.
    upper_joints : tuple of Joint
        Further joints above L1-2 that belong to the picture but not to the protocol.
    chirality : {1, -1}
        -1 for a mirrored body: the texture is mirrored too.
    texture : ndarray, shape (3,)
        Offset in mm into the texture field, which makes each body's marrow and muscle its own.
    girth : ndarray, shape (2,)
        Half axes of the trunk, side and front to back.
    fat : float
        Thickness of the subcutaneous fat at the back.
    """

    variant: Variant
    sex: Literal["F", "M"]
    age: int
    vertebrae: tuple[Vertebra, ...]
    discs: tuple[Disc, ...]
    joints: Mapping[str, Joint]
    upper_joints: tuple[Joint, ...]
    chirality: int
    texture: Array
    girth: Array
    fat: float
    scoliosis_deg: float
    lordosis_deg: float
    lesions: tuple[Lesion, ...] = ()

    def disc(self, level: str) -> Disc:
        """Disc of a level such as "L4-5"."""
        return next(disc for disc in self.discs if disc.level == level)
