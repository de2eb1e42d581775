"""From a body to one clean image per contrast on a canvas."""

from __future__ import annotations

from functools import partial

import numpy as np

from readerstudy.phantom.body import Body, CervicalBody, Joint
from readerstudy.phantom.scene.bone import bone_fields, joint_coordinates, joint_reach_mm, spur_distance
from readerstudy.phantom.scene.canvas import Array, Canvas, coverage, ellipsoid, texture_at
from readerstudy.phantom.scene.cervical import compose_cervical, compose_cervical_skeleton
from readerstudy.phantom.scene.lesions import paint_lesions
from readerstudy.phantom.scene.soft import (
    Tissues,
    blend,
    paint_canal,
    paint_coarsely,
    paint_discs,
    paint_trunk,
)
from readerstudy.phantom.scene.tissue import TISSUES, Contrast

_CORTEX_MM = np.float32(0.9)
_PLATE_MM = np.float32(1.5)


def compose(body: Body | CervicalBody, canvas: Canvas, contrasts: tuple[Contrast, ...]) -> list[Array]:
    """
    Noise-free images of a body.

    Parameters
    ----------
    body : Body
    canvas : Canvas
    contrasts : tuple of {"CT", "T1", "T2"}

    Returns
    -------
    list of ndarray
        One float32 array of the canvas's shape per contrast: Hounsfield units, or relative signal.
    """
    if isinstance(body, CervicalBody):
        return compose_cervical(body, canvas, contrasts)
    tissues: list[Tissues] = [TISSUES[contrast] for contrast in contrasts]
    images = paint_coarsely(partial(paint_trunk, body), canvas, tissues)
    paint_canal(body, canvas, tissues, images)
    paint_discs(body, canvas, tissues, images)
    paint_lesions(body, canvas, tissues, images, in_bone=False)
    joints = [*body.joints.values(), *body.upper_joints]
    for joint in joints:
        _paint_joint_space(joint, canvas, tissues, images)
    fields = bone_fields(body, canvas)
    _paint_bone(body, canvas, fields, tissues, images)
    for joint in joints:
        _paint_joint_bone(body, joint, canvas, fields, tissues, images)
    paint_lesions(body, canvas, tissues, images, in_bone=True)
    return images


def compose_skeleton(body: Body | CervicalBody, canvas: Canvas) -> Array:
    """
    Attenuation of the bones alone, above that of muscle.

    Parameters
    ----------
    body : Body
    canvas : Canvas

    Returns
    -------
    ndarray
        float32, of the canvas's shape, 1/mm.
    """
    if isinstance(body, CervicalBody):
        return compose_cervical_skeleton(body, canvas)
    image = np.zeros(canvas.shape, np.float32)
    fields = bone_fields(body, canvas, rough=False)
    _paint_bone(body, canvas, fields, [TISSUES["XR"]], [image])
    for joint in (*body.joints.values(), *body.upper_joints):
        _paint_joint_bone(body, joint, canvas, fields, [TISSUES["XR"]], [image])
    return image


def _paint_bone(
    body: Body, canvas: Canvas, fields: tuple[Array, Array], tissues: list[Tissues], images: list[Array]
) -> None:
    edge = canvas.edge_mm
    near = np.flatnonzero(np.minimum(*fields) < 0.5 * edge)
    if near.size == 0:
        return
    distance = [field.ravel()[near] for field in fields]
    shares = [coverage(d, edge) for d in distance]
    bone = np.minimum(shares[0] + shares[1], 1)
    cores = [coverage(d + _CORTEX_MM, edge) for d in distance]
    core = np.minimum(cores[0] + cores[1], 1)
    texture: Array | float = 0.0
    if any(tissue["marrow_texture"] for tissue in tissues):
        where = canvas.points_mm(np.unravel_index(near, canvas.shape))
        grain = texture_at(where, 1.0, body.texture, body.chirality)
        texture = grain + np.float32(0.6) * texture_at(where, 6.0, body.texture, body.chirality)
    for tissue, image in zip(tissues, images, strict=True):
        inner = tissue["marrow"] + np.float32(tissue["marrow_texture"]) * texture
        value = tissue["cortex"] + core * (inner - np.float32(tissue["cortex"]))
        flat = image.reshape(-1)
        there = flat[near]
        flat[near] = there + bone * (value - there)


def _paint_joint_space(joint: Joint, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    """Capsule, cartilage and a film of fluid, later overlaid by the bone on either side."""
    for box in canvas.pieces(canvas.box(joint.centre_mm, joint_reach_mm(joint))):
        s, t, v = joint_coordinates(joint, canvas, box)
        edge = canvas.edge_mm
        unit = np.sqrt(
            (t * np.float32(1 / joint.half_width)) ** 2 + (v * np.float32(1 / joint.half_height)) ** 2
        )
        inside = (unit - 1) * np.float32(joint.half_width)
        space = coverage(np.maximum(inside, np.abs(s) - np.float32(joint.gap_mm / 2 + 2.5)), edge)
        film = coverage(np.maximum(inside, np.abs(s) - np.float32(0.22 * joint.gap_mm)), edge)
        capsule_size = (joint.half_width + 2.0, joint.half_height + 2.0, joint.gap_mm / 2 + 6.0)
        rim = coverage(ellipsoid(t, v, s, *capsule_size), edge)
        # Fluid stands up to the gap's width; a closed gap has neither fluid nor cartilage.
        wet = np.float32(min(1.0, joint.gap_mm / 2.2))
        for tissue, image in zip(tissues, images, strict=True):
            part = image[box]
            blend(part, rim * np.float32(0.7), tissue["ligament"])
            blend(part, space, tissue["cartilage"])
            blend(part, film * wet, tissue["synovia"])
            for process, place, height, radius in joint.pits.tolist():
                ball = np.sqrt(
                    (t - place) ** 2 + (v - height) ** 2 + (s * process - np.float32(joint.gap_mm / 2)) ** 2
                )
                blend(part, coverage(ball - np.float32(radius), edge), tissue["granulation"])


def _paint_joint_bone(
    body: Body,
    joint: Joint,
    canvas: Canvas,
    fields: tuple[Array, Array],
    tissues: list[Tissues],
    images: list[Array],
) -> None:
    """Dense subchondral plates, denser spurs, and cysts with their rims."""
    for box in canvas.pieces(canvas.box(joint.centre_mm, joint_reach_mm(joint))):
        s, t, v = joint_coordinates(joint, canvas, box)
        edge = canvas.edge_mm
        upper = next(i for i, disc in enumerate(body.discs) if disc.level == joint.level)
        for process, index in ((-1, upper), (1, upper + 1)):
            field = fields[min(index, len(body.vertebrae) - 2) % 2][box]
            bone = coverage(field, edge)
            away = s * process - np.float32(joint.gap_mm / 2)
            within = np.maximum(
                np.abs(t) - np.float32(joint.half_width - 0.5),
                np.abs(v) - np.float32(joint.half_height - 0.5),
            )
            # The plate follows the original surface: an erosion goes through it and has no rim.
            plate = coverage(np.maximum(np.maximum(away - _PLATE_MM, -1 - away), within), edge) * bone
            pits = joint.pits[joint.pits[:, 0] == process]
            bare = np.ones_like(plate)
            for _, place, height, radius in pits.tolist():
                ball = np.sqrt((t - place) ** 2 + (v - height) ** 2 + away**2)
                # Just under the pit's floor the bone is ordinary, not a plate: its edge stays soft.
                bare = bare * (1 - coverage(ball - np.float32(radius + 0.3), edge))
            spurs = [
                coverage(spur_distance(joint, spur, t, v, s * process) + np.float32(0.6), edge) * bone
                for spur in joint.spurs[joint.spurs[:, 0] == process]
            ]
            plate *= bare
            for tissue, image in zip(tissues, images, strict=True):
                part = image[box]
                for spur in spurs:
                    blend(part, spur, tissue["spur"])
                blend(part, plate, tissue["plate"])
                for _, place, height, depth, radius in joint.cysts[joint.cysts[:, 0] == process].tolist():
                    ball = np.sqrt((t - place) ** 2 + (v - height) ** 2 + (away - np.float32(depth)) ** 2)
                    blend(part, coverage(ball - np.float32(radius + 0.8), edge) * bone, tissue["rim"])
                    blend(part, coverage(ball - np.float32(radius), edge) * bone, tissue["cyst"])
