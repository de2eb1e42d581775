"""
A cervical spine: alignment, cord, canal, discs, ligament ossification and, sometimes, one tumour.

How a tumour looks follows from its class, by rule:

============  ==========  ================  ======================  ===================================
class         size (mm)   outline           bone around it          inside
============  ==========  ================  ======================  ===================================
benign        7 - 11      smooth, round     dense rim, cortex whole even
borderline    11 - 16     gently lobulated  no rim, cortex thinned  slightly uneven
malignant     16 - 24     ragged            destroyed, soft mass    very uneven
============  ==========  ================  ======================  ===================================
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np

from readerstudy.dicom.geometry import rotation_about
from readerstudy.phantom.body.parts import Array, Disc, Lesion, Vertebra

TumourClass = Literal["benign", "borderline", "malignant"]
TUMOUR_CLASSES: Final[tuple[TumourClass, ...]] = ("benign", "borderline", "malignant")
LEVELS: Final = ("C2-3", "C3-4", "C4-5", "C5-6", "C6-7", "C7-T1")

_NAMES: Final = ("C2", "C3", "C4", "C5", "C6", "C7", "T1")
# From above, in mm; rounded from textbook anatomy, they carry no claim.
_WIDTH: Final = (19.0, 20.0, 20.5, 21.5, 23.0, 25.0, 28.0)
_DEPTH: Final = (15.0, 15.5, 15.5, 16.0, 16.5, 17.0, 18.0)
_HEIGHT: Final = (19.0, 13.5, 13.5, 13.0, 13.5, 15.0, 16.5)
_CANAL: Final = (16.5, 14.5, 14.0, 14.0, 14.0, 14.5, 15.0)
_DISC: Final = (5.0, 5.5, 5.5, 5.5, 6.0, 5.5)
_SIZE: Final[dict[TumourClass, tuple[float, float]]] = {
    "benign": (7.0, 11.0),
    "borderline": (11.0, 16.0),
    "malignant": (16.0, 24.0),
}
#: How far the outline strays from an ellipsoid (standard deviation, mm).
RAGGED_MM: Final[dict[TumourClass, float]] = {"benign": 0.15, "borderline": 0.7, "malignant": 1.8}


@dataclass(frozen=True)
class Ossification:
    """
    Ossified posterior longitudinal ligament, along the backs of some vertebral bodies.

    Attributes
    ----------
    first, last : int
        Indices of the vertebrae between which it runs.
    thickness_mm, width_mm : float
    """

    first: int
    last: int
    thickness_mm: float
    width_mm: float


@dataclass(frozen=True)
class CervicalBody:
    """
    One synthetic neck.

    Attributes
    ----------
    vertebrae : tuple of Vertebra
        C2 to T1, from above.
    discs : tuple of Disc
        ``discs[i]`` lies below ``vertebrae[i]``; ``bulge_mm`` narrows the canal in front of the cord.
    cobb_deg : float
        Angle between the lower endplates of C2 and C7 in the sagittal plane; positive = lordosis.
    slip_mm : float
        How far C4 stands in front of C5 (alignment), 0 in most.
    cord_mm : ndarray, shape (2,)
        Half axes of the cord, side and front to back.
    lesions : tuple of Lesion
        The tumour, if there is one; its ``kind`` is the class.
    """

    sex: Literal["F", "M"]
    age: int
    vertebrae: tuple[Vertebra, ...]
    discs: tuple[Disc, ...]
    cobb_deg: float
    slip_mm: float
    cord_mm: Array
    ossification: Ossification | None
    lesions: tuple[Lesion, ...]
    chirality: int
    texture: Array
    girth: Array

    @property
    def variant(self) -> str:
        """Name of the kind of body in tables."""
        return "cervical"

    def sac_depth_mm(self, index: int) -> float:
        """Front-to-back diameter left for the sac at a disc, after bulge and ossification."""
        upper, lower = self.vertebrae[index], self.vertebrae[index + 1]
        depth = (upper.canal_depth + lower.canal_depth) / 2 - self.discs[index].bulge_mm
        ossified = self.ossification
        if ossified and ossified.first <= index < ossified.last:
            depth -= ossified.thickness_mm
        return max(depth - 2.0, 1.0)

    def canal_area_mm2(self, index: int) -> float:
        """Cross-section of the sac at a disc (index from above)."""
        return float(np.pi / 4 * self.sac_depth_mm(index) * 2 * SAC_HALF_WIDTH_MM)

    def cord_area_mm2(self, index: int) -> float:
        """Cross-section of the cord at a disc: flattened where the sac leaves it no room."""
        depth = min(float(self.cord_mm[1]), self.sac_depth_mm(index) / 2 - 0.5)
        return float(np.pi * self.cord_mm[0] * depth)


#: Half width of the thecal sac, the same at every level.
SAC_HALF_WIDTH_MM: Final = 9.5


def sample_cervical_body(
    rng: np.random.Generator,
    *,
    tumour: TumourClass | Literal["none"] | None = None,
    sex: Literal["F", "M"] | None = None,
    age: int | None = None,
) -> CervicalBody:
    """
    Draw one neck.

    Parameters
    ----------
    rng : numpy.random.Generator
    tumour : {"benign", "borderline", "malignant", "none"}, optional
        Drawn when absent: 80 % of the necks have one, the classes alike.
    sex : {"F", "M"}, optional
    age : int, optional

    Returns
    -------
    CervicalBody
    """
    drawn_sex: Literal["F", "M"] = "F" if rng.random() < 0.5 else "M"
    drawn_age = int(rng.integers(22, 80))
    sex, age = sex or drawn_sex, drawn_age if age is None else age
    scale = (0.96 if sex == "F" else 1.04) * float(rng.uniform(0.96, 1.04))
    cobb = float(rng.normal(20, 9))
    slip = float(rng.choice([0.0, 0.0, 0.0, 0.0, 1.0]) * rng.uniform(1.5, 3.5))
    vertebrae, discs = _column(rng, scale, cobb, slip)
    ossification = None
    if rng.random() < 0.3:
        first = int(rng.integers(1, 4))
        last = int(rng.integers(first + 1, 6))
        ossification = Ossification(first, last, float(rng.uniform(2.0, 4.5)), float(rng.uniform(7, 11)))
    has_tumour = rng.random() < 0.8
    drawn = TUMOUR_CLASSES[int(rng.integers(3))]
    kind = tumour or (drawn if has_tumour else "none")
    lesions = () if kind == "none" else (_tumour(rng, kind, vertebrae),)
    return CervicalBody(
        sex=sex,
        age=age,
        vertebrae=tuple(vertebrae),
        discs=tuple(discs),
        cobb_deg=cobb,
        slip_mm=slip,
        cord_mm=np.array([6.6, 4.0]) * scale,
        ossification=ossification,
        lesions=lesions,
        chirality=1,
        texture=rng.uniform(0, 48, size=3),
        girth=np.array([rng.uniform(56, 66), rng.uniform(58, 68)]) * scale,
    )


def _column(
    rng: np.random.Generator, scale: float, cobb: float, slip: float
) -> tuple[list[Vertebra], list[Disc]]:
    # C2's endplate leans by +half, C7's by -half; T1 follows C7. Positive tilt leans to the front.
    tilts = [cobb / 2 - cobb * i / 5 for i in range(6)]
    tilts = [-t + 5.0 for t in tilts]
    tilts.append(tilts[-1] + 6.0)
    coronal, turn = rng.uniform(-2, 2), rng.uniform(-3, 3)
    base = rotation_about(1, coronal) @ rotation_about(2, turn)
    vertebrae: list[Vertebra] = []
    discs: list[Disc] = []
    point = np.zeros(3)
    for index, name in enumerate(_NAMES):
        axes = base @ rotation_about(0, tilts[index])
        height = _HEIGHT[index] * scale
        centre = point - axes[:, 2] * height / 2
        if name == "C5" and slip:
            centre = centre + axes[:, 1] * slip
        vertebra = Vertebra(
            name, centre, axes, _WIDTH[index] * scale, _DEPTH[index] * scale, height, _CANAL[index] * scale
        )
        vertebrae.append(vertebra)
        point = centre - axes[:, 2] * height / 2
        if index < len(LEVELS):
            gap = _DISC[index] * scale * rng.uniform(0.85, 1.1)
            middle = base @ rotation_about(0, (tilts[index] + tilts[index + 1]) / 2)
            hydration = float(np.clip(rng.beta(2, 2), 0.02, 1))
            bulge = float(max(0.0, rng.normal(0.8, 1.4)) * (1.3 - hydration))
            discs.append(
                Disc(
                    LEVELS[index],
                    point - middle[:, 2] * gap / 2,
                    middle,
                    (_WIDTH[index] + _WIDTH[index + 1]) / 2 * scale,
                    (_DEPTH[index] + _DEPTH[index + 1]) / 2 * scale,
                    gap,
                    hydration,
                    min(bulge, 4.0),
                )
            )
            point = point - middle[:, 2] * gap
    shift = vertebrae[3].centre_mm - rng.uniform(-4, 4, size=3)
    return (
        [replace(v, centre_mm=v.centre_mm - shift) for v in vertebrae],
        [replace(d, centre_mm=d.centre_mm - shift) for d in discs],
    )


def _tumour(rng: np.random.Generator, kind: TumourClass, vertebrae: list[Vertebra]) -> Lesion:
    index = int(rng.integers(1, 6))
    vertebra = vertebrae[index]
    low, high = _SIZE[kind]
    half = rng.uniform(low, high) / 2 * rng.uniform(0.85, 1.15, size=3)
    if kind == "benign":
        # It stays inside the vertebral body.
        half = np.minimum(half, np.array([vertebra.width, vertebra.depth, vertebra.height]) * 0.40)
    side = float(rng.choice([-1.0, 1.0]))
    spread = {"benign": 0.10, "borderline": 0.22, "malignant": 0.34}[kind]
    offset = np.array(
        [
            side * vertebra.width * spread,
            vertebra.depth * (0.0 if kind == "benign" else rng.uniform(0.1, 0.45)),
            0.0,
        ]
    )
    centre = vertebra.centre_mm + vertebra.axes @ offset
    return Lesion(f"{vertebra.name}-tumour", kind, vertebra.name, centre, vertebra.axes, half)
