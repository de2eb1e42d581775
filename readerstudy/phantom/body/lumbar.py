"""A lumbar spine: pose, size, curvature, variants, ten graded facet joints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, Literal

import numpy as np

from readerstudy.dicom.geometry import rotation_about
from readerstudy.phantom.body.facets import make_joint
from readerstudy.phantom.body.lesions import draw_lesions
from readerstudy.phantom.body.parts import Array, Body, Disc, Joint, Variant, Vertebra
from readerstudy.phantom.findings import LEVELS, SIDES, Correlation, draw_grades

# From below: L5 first. Typical adult sizes in mm; rounded from textbook anatomy, they carry no claim.
_WIDTH: Final = (50.0, 48.0, 46.0, 44.0, 42.5, 41.0, 40.0)
_DEPTH: Final = (34.5, 34.0, 33.5, 32.5, 31.5, 30.5, 30.0)
_HEIGHT: Final = (27.0, 27.5, 27.5, 27.0, 26.0, 24.5, 23.5)
_DISC_HEIGHT: Final = (10.0, 11.0, 10.0, 9.0, 8.0, 6.5, 6.0)
# Sagittal angle between one vertebra and the next below, in degrees (their sum is the lordosis).
_ANGLE: Final = (17.0, 13.0, 9.0, 6.0, 4.0, 2.0, -1.0)
# Facet joints: distance from the midline, distance behind the disc's posterior margin, angle of the gap to
# the sagittal plane (more sagittal above, more coronal below).
_FACET_X: Final = (23.0, 20.5, 17.5, 16.0, 15.0, 14.0, 14.0)
_FACET_Y: Final = (14.0, 14.5, 14.5, 14.0, 13.5, 13.0, 13.0)
_FACET_ANGLE: Final = (50.0, 44.0, 35.0, 28.0, 23.0, 20.0, 20.0)
_LEVEL_FROM_BELOW: Final = (*reversed(LEVELS), "T12-L1", "T11-12")
_LUMBAR_COUNT: Final[Mapping[Variant, int]] = {"five": 5, "four": 4, "six": 6, "transitional": 5}


def sample_body(
    rng: np.random.Generator,
    *,
    correlation: Correlation = "correlated",
    variant: Variant = "five",
    grades: Mapping[str, Mapping[str, int]] | None = None,
    sex: Literal["F", "M"] | None = None,
    age: int | None = None,
    max_scoliosis_deg: float = 8.0,
    lesions: bool = False,
) -> Body:
    """
    Draw one body.

    Parameters
    ----------
    rng : numpy.random.Generator
        The body is a function of its state: same state, same body.
    correlation : {"independent", "correlated"}
        How the findings of one joint hang together, see `findings.draw_grades`.
    variant : {"five", "four", "six", "transitional"}
        Number of lumbar-type vertebrae, or five with the lowest partly fused to the sacrum.
    grades : mapping of structure to (mapping of finding to grade), optional
        Given grades instead of drawn ones; what is missing is grade 0.
    sex : {"F", "M"}, optional
    age : int, optional
        In years.
    max_scoliosis_deg : float
        Limit of the drawn coronal curve (angle between the end vertebrae).
    lesions : bool
        Whether discs and canal get lesions for detection (see `lesions`).

    Returns
    -------
    Body
    """
    drawn_sex: Literal["F", "M"] = "F" if rng.random() < 0.55 else "M"
    drawn_age = int(rng.integers(28, 84))
    sex, age = sex or drawn_sex, drawn_age if age is None else age
    scale = (0.95 if sex == "F" else 1.03) * float(rng.uniform(0.95, 1.05))
    drawn = draw_grades(rng, correlation)
    truth = drawn if grades is None else {s: dict(grades.get(s, {})) for s in drawn}
    scoliosis = float(rng.uniform(-1, 1)) * max_scoliosis_deg
    bend = float(rng.uniform(0.75, 1.25))
    above = 7 if variant == "six" else 6
    vertebrae, discs = _column(rng, variant, above, scale, bend, scoliosis)
    joint_seed = int(rng.integers(2**62))
    joints: dict[str, Joint] = {}
    upper: list[Joint] = []
    for index in range(above):
        level = _LEVEL_FROM_BELOW[index]
        for side in SIDES:
            structure = f"{level}-{side}"
            own = np.random.default_rng([joint_seed, index, SIDES.index(side)])
            joint = _place_joint(own, discs[index], index, side, structure, scale, truth.get(structure, {}))
            if structure in truth:
                joints[structure] = joint
            else:
                upper.append(joint)
    texture = rng.uniform(0, 48, size=3)
    girth = np.array([rng.uniform(155, 185), rng.uniform(105, 130)]) * scale
    fat = float(rng.uniform(9, 26))
    marks = draw_lesions(rng, discs[::-1], vertebrae[::-1], scale) if lesions else ()
    return Body(
        variant=variant,
        sex=sex,
        age=age,
        vertebrae=tuple(reversed(vertebrae)),
        discs=tuple(reversed(discs)),
        joints={structure: joints[structure] for structure in truth},
        upper_joints=tuple(upper),
        chirality=1,
        texture=texture,
        girth=girth,
        fat=fat,
        scoliosis_deg=scoliosis,
        lordosis_deg=bend * sum(_ANGLE[: _LUMBAR_COUNT[variant]]),
        lesions=marks,
    )


def _column(
    rng: np.random.Generator, variant: Variant, above: int, scale: float, bend: float, scoliosis: float
) -> tuple[list[Vertebra], list[Disc]]:
    """Vertebrae from below (without sacrum) + sacrum last, discs from below."""
    lumbar = _LUMBAR_COUNT[variant]
    tilt = 4.0 + bend * 34.0
    coronal = rng.uniform(-2, 2) - scoliosis / 2
    turn = rng.uniform(-3, 3)
    sacrum_size = (50.0 * scale, 33.0 * scale, 28.0 * scale)
    axes = _axes(tilt, coronal, turn)
    s1 = Vertebra("S1", np.zeros(3), axes, *sacrum_size, canal_depth=15.0 * scale)
    s2_axes = _axes(tilt + 14.0, coronal, turn)
    s2_centre = -axes[:, 2] * s1.height * 0.52 - s2_axes[:, 2] * 12.0 * scale
    s2 = Vertebra("S2", s2_centre, s2_axes, 40.0 * scale, 24.0 * scale, 23.0 * scale, 12.0 * scale)
    found: list[Vertebra] = []
    discs: list[Disc] = []
    below = s1
    transitional_side = int(rng.integers(0, 3))
    for index in range(above):
        tilt -= bend * _ANGLE[index] + rng.normal(0, 0.8)
        coronal += scoliosis / above + rng.normal(0, 0.5)
        turn += rng.normal(0, 0.7)
        axes = _axes(tilt, coronal, turn)
        height = _HEIGHT[index] * scale * rng.uniform(0.97, 1.03)
        hydration = float(np.clip(rng.beta(2.4, 1.6), 0.02, 1))
        gap = _DISC_HEIGHT[index] * scale * (0.62 + 0.40 * hydration)
        fused = (False, False)
        if variant == "transitional" and index == 0:
            gap *= 0.5
            fused = ((True, False), (False, True), (True, True))[transitional_side]
        top = below.centre_mm + below.axes[:, 2] * below.height / 2
        middle_axes = _axes(*_mean_pose(below.axes, axes))
        centre = top + middle_axes[:, 2] * gap + axes[:, 2] * height / 2
        name_above = f"L{lumbar - index}" if index < lumbar else f"T{12 - (index - lumbar)}"
        rib = 90.0 if index >= lumbar else 0.0
        vertebra = Vertebra(
            name_above,
            centre,
            axes,
            _WIDTH[index] * scale,
            _DEPTH[index] * scale,
            height,
            canal_depth=(16.0 + 0.3 * index) * scale,
            rib=(rib, rib),
            fused=fused,
        )
        disc = Disc(
            _LEVEL_FROM_BELOW[index],
            top + middle_axes[:, 2] * gap / 2,
            middle_axes,
            (below.width + vertebra.width) / 2 * 0.985,
            (below.depth + vertebra.depth) / 2 * 0.99,
            gap,
            hydration,
            bulge_mm=float(max(0.0, rng.normal(1.2, 1.2)) * (1.2 - hydration)),
        )
        found.append(vertebra)
        discs.append(disc)
        below = vertebra
    # The middle lumbar vertebra stands near the origin of the patient frame, as in a real scan.
    shift = found[2].centre_mm - rng.uniform(-6, 6, size=3)
    everything = [replace(v, centre_mm=v.centre_mm - shift) for v in [s2, s1, *found]]
    return everything, [replace(d, centre_mm=d.centre_mm - shift) for d in discs]


def _axes(tilt: float, coronal: float, turn: float) -> Array:
    # Tilt brings "up" to the front; coronal leans the column sideways; turn rotates about its length.
    return rotation_about(1, coronal) @ rotation_about(0, tilt) @ rotation_about(2, turn)


def _mean_pose(first: Array, second: Array) -> tuple[float, float, float]:
    def pose(axes: Array) -> tuple[float, float, float]:
        # Inverse of _axes: up = Ry(coronal) @ Rx(tilt) @ z.
        up = axes[:, 2]
        tilt = np.rad2deg(np.arcsin(-up[1]))
        coronal = np.rad2deg(np.arctan2(up[0], up[2]))
        upright = (rotation_about(1, coronal) @ rotation_about(0, tilt)).T @ axes
        return tilt, coronal, np.rad2deg(np.arctan2(upright[1, 0], upright[0, 0]))

    a, b = pose(first), pose(second)
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2


def _place_joint(
    rng: np.random.Generator,
    disc: Disc,
    index: int,
    side: Literal["right", "left"],
    structure: str,
    scale: float,
    grades: Mapping[str, int],
) -> Joint:
    sign = 1.0 if side == "left" else -1.0
    x = sign * scale * (_FACET_X[index] + rng.normal(0, 0.7))
    y = disc.depth / 2 + scale * (_FACET_Y[index] + rng.normal(0, 0.7))
    z = scale * (0.5 + rng.normal(0, 0.8))
    angle = np.deg2rad(_FACET_ANGLE[index] + rng.normal(0, 4.0))
    lean = rng.normal(4.0, 2.0)
    along = np.array([sign * np.sin(angle), np.cos(angle), 0.0])
    normal = np.array([sign * np.cos(angle), -np.sin(angle), 0.0])
    # The gap leans a little: its upper end lies further forward.
    local = rotation_about(0, lean) @ np.stack([along, [0.0, 0.0, 1.0], normal], axis=1)
    return make_joint(
        rng,
        structure=structure,
        level=disc.level,
        side=side,
        centre_mm=disc.centre_mm + disc.axes @ np.array([x, y, z]),
        axes=disc.axes @ local,
        scale=scale,
        grades=grades,
    )


def with_grades(
    body: Body, structure: str, grades: Mapping[str, int], rng: np.random.Generator | None = None
) -> Body:
    """
    The same body with other grades at one joint.

    Parameters
    ----------
    body : Body
    structure : str
    grades : mapping of finding to grade
        Missing findings are 0.
    rng : numpy.random.Generator, optional
        Draws what the grades leave open; a fixed one by default.

    Returns
    -------
    Body
    """
    old = body.joints[structure]
    new = make_joint(
        rng or np.random.default_rng(0),
        structure=structure,
        level=old.level,
        side=old.side,
        centre_mm=old.centre_mm,
        axes=old.axes,
        scale=body.vertebrae[-3].width / _WIDTH[0],
        grades=grades,
    )
    return replace(body, joints={**body.joints, structure: new})


def mirror_body(body: Body) -> Body:
    """
    The body seen in a mirror: left is right.

    Parameters
    ----------
    body : Body

    Returns
    -------
    Body
        Each left joint carries what the right one carried, with its name changed.
    """
    flip = np.array([-1.0, 1.0, 1.0])

    def frame(axes: Array) -> Array:
        result: Array = flip[:, None] * axes * flip[None, :]
        return result

    def joint(old: Joint) -> Joint:
        side: Literal["right", "left"] = "left" if old.side == "right" else "right"
        return replace(
            old,
            side=side,
            structure=f"{old.level}-{side}",
            centre_mm=old.centre_mm * flip,
            # u, v, w are bound to the side, so only the patient directions change sign.
            axes=flip[:, None] * old.axes,
        )

    mirrored = {j.structure: j for j in map(joint, body.joints.values())}
    return replace(
        body,
        vertebrae=tuple(
            replace(v, centre_mm=v.centre_mm * flip, axes=frame(v.axes), rib=v.rib[::-1], fused=v.fused[::-1])
            for v in body.vertebrae
        ),
        discs=tuple(replace(d, centre_mm=d.centre_mm * flip, axes=frame(d.axes)) for d in body.discs),
        joints={structure: mirrored[structure] for structure in body.joints},
        upper_joints=tuple(joint(j) for j in body.upper_joints),
        chirality=-body.chirality,
        scoliosis_deg=-body.scoliosis_deg,
        lesions=tuple(
            replace(m, centre_mm=m.centre_mm * flip, axes=flip[:, None] * m.axes) for m in body.lesions
        ),
    )
