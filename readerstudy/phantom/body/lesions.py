"""
Lesions of discs and canal, for detection studies.

Each lesion is an ellipsoid with its own axes; its box and its mask follow from it. Classes and how they look:

===========  ==========================================================================================
bulge        broad, low rise of the disc's posterior margin, dark on T2
herniation   focal, off the midline, reaches into the epidural fat and dents the sac, grey on T2
fissure      small bright zone in the posterior annulus on T2
stenosis     thick yellow ligament behind the sac, which is narrow at that level
schmorl      disc tissue pressed through an endplate, with a dense rim
modic        endplate marrow bright on T2 and dark on T1, unchanged on CT
===========  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from readerstudy.phantom.body.parts import Array, Disc, Lesion, Vertebra

CLASSES: Final = ("bulge", "herniation", "fissure", "stenosis", "schmorl", "modic")
_RATE: Final = {
    "bulge": 0.22,
    "herniation": 0.16,
    "fissure": 0.12,
    "stenosis": 0.10,
    "schmorl": 0.10,
    "modic": 0.14,
}


def draw_lesions(
    rng: np.random.Generator, discs: Sequence[Disc], vertebrae: Sequence[Vertebra], scale: float
) -> tuple[Lesion, ...]:
    """
    Draw lesions at the five lower levels; each class at most once per level.

    Parameters
    ----------
    rng : numpy.random.Generator
    discs, vertebrae : sequence
        From above to below, as in `Body`.
    scale : float
        Size of the person.

    Returns
    -------
    tuple of Lesion
    """
    found: list[Lesion] = []
    first = max(0, len(discs) - 5)
    for index in range(first, len(discs)):
        disc = discs[index]
        # A disc does not both bulge and herniate.
        present = {name: bool(rng.random() < rate) for name, rate in _RATE.items()}
        present["bulge"] &= not present["herniation"]
        for name in CLASSES:
            offset, half = _shape(name, rng, disc, scale)
            if present[name]:
                centre = disc.centre_mm + disc.axes @ offset
                number = f"{disc.level}-{name}"
                found.append(Lesion(number, name, disc.level, centre, disc.axes, half))
    return tuple(found)


def _shape(name: str, rng: np.random.Generator, disc: Disc, scale: float) -> tuple[Array, Array]:
    """Centre in the disc's frame and half axes."""
    back = disc.depth / 2
    side = float(rng.choice([-1.0, 1.0]))
    size = float(rng.uniform(0.85, 1.25)) * scale
    if name == "bulge":
        return np.array([0.0, back - 1.2, 0.0]), np.array([15.0, 3.4 * size, disc.height * 0.42])
    if name == "herniation":
        return np.array([side * rng.uniform(2, 8), back + 1.0, rng.uniform(-2, 2)]), size * np.array(
            [6, 5, 5]
        )
    if name == "fissure":
        return np.array([side * rng.uniform(0, 6), back - 3.0, 0.0]), size * np.array([3.0, 1.5, 1.6])
    if name == "stenosis":
        return np.array([0.0, back + 9.0, 0.0]), np.array([11.0, 8.5, 6.0]) * scale
    end = float(rng.choice([-1.0, 1.0]))
    height = disc.height / 2
    if name == "schmorl":
        place = np.array([rng.uniform(-8, 8), rng.uniform(-6, 4), end * (height + 1.5)])
        return place, size * np.array([5.0, 5.0, 4.0])
    place = np.array([rng.uniform(-6, 6), rng.uniform(-9, 4), end * (height + 5.0)])
    return place, size * np.array([13.0, 9.0, 5.0])
