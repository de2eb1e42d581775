"""
Signed distance of bone on a canvas.

Neighbouring vertebrae live in two separate fields ("even" and "odd"), so that the rounded unions inside one
vertebra never close the gap between two.
"""

from __future__ import annotations

import numpy as np

from readerstudy.phantom.body import Body, Joint, Vertebra
from readerstudy.phantom.scene.canvas import (
    Array,
    Box,
    Canvas,
    capsule,
    ellipsoid,
    round_box,
    smooth_min,
    texture_at,
)

FAR_MM = np.float32(20.0)


def bone_fields(body: Body, canvas: Canvas, *, rough: bool = True) -> tuple[Array, Array]:
    """
    Signed distance to the bone of every other vertebra, and of those between.

    Parameters
    ----------
    body : Body
    canvas : Canvas
    rough : bool
        Whether the surfaces get their small unevenness; on a radiograph it cannot be seen.

    Returns
    -------
    tuple of two ndarray
        float32, of the canvas's shape, negative inside bone, about `FAR_MM` far away.
    """
    fields = (np.full(canvas.shape, FAR_MM), np.full(canvas.shape, FAR_MM))
    joints = [*body.joints.values(), *body.upper_joints]
    for index, vertebra in enumerate(body.vertebrae):
        # The two sacral segments are one bone.
        field = fields[min(index, len(body.vertebrae) - 2) % 2]
        below = body.discs[index].level if index < len(body.discs) else None
        above = body.discs[index - 1].level if 0 < index <= len(body.discs) else None
        own: dict[tuple[str, str], Joint] = {
            (j.side, "lower" if j.level == below else "upper"): j for j in joints if j.level in (above, below)
        }
        _draw_vertebra(field, canvas, body, vertebra, own)
    if rough:
        for field in fields:
            _roughen(field, canvas, body)
    for joint in joints:
        _draw_joint(fields, canvas, body, joint)
    # Last, so that clearing the way for a big joint never bites into a vertebral body.
    for index, vertebra in enumerate(body.vertebrae):
        field = fields[min(index, len(body.vertebrae) - 2) % 2]
        _draw_vertebral_body(field, canvas, body, vertebra, rough)
    return fields


def _add(field: Array, box: Box, distance: Array, blend_mm: float = 3.0) -> None:
    field[box] = smooth_min(field[box], distance, blend_mm)


def _draw_vertebra(
    field: Array, canvas: Canvas, body: Body, vertebra: Vertebra, joints: dict[tuple[str, str], Joint]
) -> None:
    v = vertebra
    sacral = v.name in ("S1", "S2")

    def patient(point: tuple[float, float, float]) -> Array:
        result: Array = v.centre_mm + v.axes @ np.asarray(point)
        return result

    back = v.depth / 2
    arch = back + v.canal_depth + 3.5
    # A point of the vertebra's frame, the reach of the piece around it, and the piece.
    for side, sign in (("right", -1.0), ("left", 1.0)):
        upper, lower = joints.get((side, "upper")), joints.get((side, "lower"))
        head = (sign * v.width * 0.30, back - 4.0, v.height * 0.20)
        knee = (sign * v.width * 0.40, back + 9.0, v.height * 0.18)
        foot = (sign * v.width * 0.34, arch - 4.0, -v.height * 0.45)
        if upper:
            root = upper.centre_mm + upper.axes @ np.array(
                [-1.0, -0.75 * upper.half_height, upper.gap_mm / 2 + 0.45 * upper.thickness[1]]
            )
            knee = _mix(knee, v.axes.T @ (root - v.centre_mm), 0.6)
            _rod(field, canvas, v, knee, v.axes.T @ (root - v.centre_mm), 4.6, 4.2)
        if lower:
            root = lower.centre_mm + lower.axes @ np.array(
                [0.5, 0.8 * lower.half_height, -lower.gap_mm / 2 - 0.5 * lower.thickness[0]]
            )
            foot = tuple(v.axes.T @ (root - v.centre_mm))
        _rod(field, canvas, v, head, knee, 4.6, 4.2, flatten=0.66)
        if not sacral:
            isthmus = _mix(knee, foot, 0.5)
            _rod(field, canvas, v, knee, isthmus, 4.4, 3.6)
            _rod(field, canvas, v, isthmus, foot, 3.6, 4.6)
            _transverse_process(field, canvas, v, sign, knee)
        _lamina(field, canvas, v, foot, arch)
        if sacral:
            _ala(field, canvas, v, sign)
        if v.name == "S1":
            _ilium(field, canvas, v, sign)
        length = v.rib[0] if sign < 0 else v.rib[1]
        if length:
            out = (sign * (v.width * 0.42 + length), back + 18.0, v.height * 0.1 - length * 0.35)
            _rod(field, canvas, v, (sign * v.width * 0.46, back - 2, v.height * 0.3), out, 3.8, 3.0)
    reach = 9.0 if sacral else 17.0
    middle = (0.0, arch + reach - 2.0, -v.height * (0.0 if sacral else 0.42))
    for box in canvas.pieces(canvas.box(patient(middle), reach + 12)):
        x, y, z = canvas.local_mm(box, patient(middle), v.axes)
        # The process hangs down a little and its lower edge is the thicker one.
        drop = z + np.float32(0.22) * y
        thick = np.float32(1) - np.float32(0.04) * np.clip(drop, -8, 8)
        _add(field, box, round_box(x / thick, y, drop, (3.5, reach, 10.0 if not sacral else 8.0), 2.6))


def _draw_vertebral_body(field: Array, canvas: Canvas, body: Body, v: Vertebra, rough: bool) -> None:
    for box in canvas.pieces(
        canvas.box(v.centre_mm, 0.5 * float(np.hypot(np.hypot(v.width, v.depth), v.height)) + 2)
    ):
        distance = _body_distance(v, *canvas.local_mm(box, v.centre_mm, v.axes))
        if rough:
            _roughen(distance, canvas, body, box)
        _add(field, box, distance)


def _mix(first: object, second: object, share: float) -> tuple[float, float, float]:
    mixed = np.asarray(first) * (1 - share) + np.asarray(second) * share
    return float(mixed[0]), float(mixed[1]), float(mixed[2])


def _body_distance(v: Vertebra, x: Array, y: Array, z: Array) -> Array:
    f32 = np.float32
    relative = z * f32(2 / v.height)
    # Waist: narrower at mid-height than at the endplates.
    waist = f32(0.91) + f32(0.09) * np.minimum(relative * relative, 1)
    taper = f32(1) + (f32(0.10) * relative if v.name in ("S1", "S2") else f32(0))
    u = x * f32(2 / v.width) / (waist * taper)
    hollow = f32(0.10) * np.exp(-((x * f32(1 / 9.0)) ** 2)) * (y > 0)
    w = y * f32(2 / v.depth) / waist + hollow * np.clip(y * f32(2 / v.depth), 0, 1)
    uu, ww = u * u, w * w
    radial = f32(0.55) * np.sqrt(uu + ww) + f32(0.45) * np.sqrt(np.sqrt(uu * uu + ww * ww))
    side = (radial - 1) * f32(0.5 * min(v.width, v.depth))
    # Endplates are slightly hollow.
    dish = f32(1.3) * np.clip(1 - (uu + ww), 0, 1)
    ends = np.abs(z) - (f32(v.height / 2) - dish)
    result: Array = -smooth_min(-side, -ends, 2.0)
    return result


def _rod(
    field: Array,
    canvas: Canvas,
    v: Vertebra,
    start: object,
    stop: object,
    radius: float,
    end_radius: float,
    flatten: float = 1.0,
) -> None:
    a, b = np.asarray(start, dtype=float), np.asarray(stop, dtype=float)
    middle = (a + b) / 2
    reach = float(np.linalg.norm(b - a)) / 2 + max(radius, end_radius) / flatten + 2
    for box in canvas.pieces(canvas.box(v.centre_mm + v.axes @ middle, reach)):
        x, y, z = canvas.local_mm(box, v.centre_mm, v.axes)
        squeeze = np.array([1.0, 1.0, flatten])
        _add(
            field,
            box,
            capsule(x, y, z * np.float32(flatten), a * squeeze, b * squeeze, radius, end_radius),
            4.0,
        )


def _transverse_process(field: Array, canvas: Canvas, v: Vertebra, sign: float, knee: object) -> None:
    fused = v.fused[0] if sign < 0 else v.fused[1]
    root = np.asarray(knee) + np.array([0.0, -2.0, 0.0])
    if fused:
        _rod(field, canvas, v, root, (sign * (v.width / 2 + 16), root[1] - 6, -v.height * 0.75), 8.0, 12.0)
        return
    length = {"L3": 26.0, "L5": 19.0, "L1": 19.0}.get(v.name, 22.0)
    if any(v.rib):
        length = 9.0
    tip = (sign * (v.width / 2 + length), root[1] + 4.0, root[2] + 1.0)
    _rod(field, canvas, v, root, tip, 3.4, 2.4, flatten=0.7)


def _lamina(field: Array, canvas: Canvas, v: Vertebra, foot: object, arch: float) -> None:
    """A plate from the inferior process to the root of the spinous process."""
    a = np.asarray(foot, dtype=float)
    b = np.array([0.0, arch, 0.0])
    low, high = -v.height * 0.62, -v.height * 0.02
    if v.name in ("S1", "S2"):
        low, high = -v.height * 0.5, v.height * 0.25
    middle = np.array([a[0] / 2, (a[1] + b[1]) / 2, (low + high) / 2])
    for box in canvas.pieces(
        canvas.box(v.centre_mm + v.axes @ middle, float(np.linalg.norm((b - a)[:2])) / 2 + 14)
    ):
        x, y, z = canvas.local_mm(box, v.centre_mm, v.axes)
        # Flat in the plane of the plate: height does not enter the rod's distance.
        flat = capsule(x, y, z * np.float32(0), (a[0], a[1], 0), b, 3.2, 3.4)
        ends = np.abs(z - np.float32((low + high) / 2)) - np.float32((high - low) / 2)
        _add(field, box, -smooth_min(-flat, -ends, 3.0), 3.0)


def _ala(field: Array, canvas: Canvas, v: Vertebra, sign: float) -> None:
    size = (27.0, 15.0, 12.5) if v.name == "S1" else (26.0, 11.0, 15.0)
    middle = v.centre_mm + v.axes @ np.array([sign * v.width * 0.62, v.depth * 0.22, -5.0])
    for box in canvas.pieces(canvas.box(middle, max(size) + 3)):
        x, y, z = canvas.local_mm(box, middle, v.axes)
        _add(field, box, ellipsoid(x, y, z + x * np.float32(sign * 0.25), *size), 5.0)


def _ilium(field: Array, canvas: Canvas, v: Vertebra, sign: float) -> None:
    """The wing of the ilium, a plate from the sacroiliac joint outwards, upwards and to the front."""
    middle = v.centre_mm + np.array([sign * 84.0, -8.0, 14.0])
    outward = np.array([sign * 0.60, -0.74, 0.30])
    normal = np.array([sign * 0.72, 0.66, 0.18])
    normal = normal - outward * (normal @ outward) / (outward @ outward)
    axes = np.stack([v / np.linalg.norm(v) for v in (outward, normal, np.cross(outward, normal))], axis=1)
    for box in canvas.pieces(canvas.box(middle, 72.0)):
        x, y, z = canvas.local_mm(box, middle, axes)
        bent = y + np.float32(0.0035) * x * x - np.float32(6)
        plate = ellipsoid(x, bent, z, 62.0, 7.5, 58.0)
        # No union fillet with the ala: the sacroiliac joint stays a narrow gap.
        field[box] = np.minimum(field[box], plate)


def _roughen(field: Array, canvas: Canvas, body: Body, box: Box | None = None) -> None:
    """Real bone is not smooth: shift its surface by fractions of a millimetre; ``field`` may be a box's."""
    near = np.flatnonzero(np.abs(field) < 3)
    if near.size == 0:
        return
    first = [s.start for s in box] if box else [0, 0, 0]
    places = [p + n for p, n in zip(np.unravel_index(near, field.shape), first, strict=True)]
    shift = texture_at(canvas.points_mm(places), 4.0, body.texture, body.chirality)
    field.reshape(-1)[near] += np.float32(0.45) * shift


def joint_coordinates(joint: Joint, canvas: Canvas, box: Box) -> tuple[Array, Array, Array]:
    """
    The joint's own coordinates on a box: distance from the gap's middle, place along it, height.

    Parameters
    ----------
    joint : Joint
    canvas : Canvas
    box : tuple of three slices

    Returns
    -------
    tuple of three ndarray
        s, t, v in mm as `Joint` states.
    """
    u, v, w = canvas.local_mm(box, joint.centre_mm, joint.axes)
    radius = np.float32(joint.radius)
    depth = w + radius
    s: Array = np.sqrt(u * u + depth * depth) - radius
    t: Array = radius * np.arctan2(u, depth)
    return s, t, v


def joint_reach_mm(joint: Joint) -> float:
    """Radius of a sphere that holds the joint with its spurs."""
    return float(max(joint.half_width, joint.half_height) + 12.0)


def _draw_joint(fields: tuple[Array, Array], canvas: Canvas, body: Body, joint: Joint) -> None:
    upper = next(i for i, disc in enumerate(body.discs) if disc.level == joint.level)
    last = len(body.vertebrae) - 2
    for box in canvas.pieces(canvas.box(joint.centre_mm, joint_reach_mm(joint))):
        s, t, v = joint_coordinates(joint, canvas, box)
        u, _, w = canvas.local_mm(box, joint.centre_mm, joint.axes)
        for process, index in ((-1, upper), (1, upper + 1)):
            part = fields[min(index, last) % 2][box]
            part[...] = _with_process(part, joint, process, (s, t, v), (u, w))


def _with_process(
    field: Array,
    joint: Joint,
    process: int,
    curved: tuple[Array, Array, Array],
    straight: tuple[Array, Array],
) -> Array:
    """A vertebra's distances with its articular process, spurs and pits, and clear of the gap."""
    s, t, v = curved
    u, w = straight
    half_gap = np.float32(joint.gap_mm / 2)
    away = s * process  # grows from the gap into this process
    thickness, opposite = joint.thickness if process < 0 else joint.thickness[::-1]
    sizes = (joint.half_width, joint.half_height, thickness)
    if process > 0:
        shape = ellipsoid(t, v, away - half_gap * np.float32(0.5), *sizes)
    else:
        # Inside the curve lines across the gap run together: a straight frame keeps the shape round.
        shape = ellipsoid(u, v, -w - half_gap * np.float32(0.5), *sizes)
    mine = smooth_min(field, shape, 2.0)
    for spur in joint.spurs[joint.spurs[:, 0] == process]:
        mine = smooth_min(mine, spur_distance(joint, spur, t, v, away), 1.2)
    # Nothing of this vertebra crosses the gap within the joint's extent.
    extent = np.maximum(
        np.abs(v) - np.float32(joint.half_height + 0.5), np.abs(t) - np.float32(joint.half_width + 4)
    )
    forbidden = np.maximum(np.maximum(away - half_gap, -away - np.float32(opposite + 3)), extent)
    mine = np.maximum(mine, -forbidden)
    for _, place, height, radius in joint.pits[joint.pits[:, 0] == process].tolist():
        ball = np.sqrt((t - place) ** 2 + (v - height) ** 2 + (away - half_gap) ** 2)
        mine = np.maximum(mine, np.float32(radius) - ball)
    return mine


def spur_distance(joint: Joint, spur: Array, t: Array, v: Array, away: Array) -> Array:
    """
    Signed distance to a marginal osteophyte: a hook from the margin outwards, bent as spurs embrace a joint.

    Parameters
    ----------
    joint : Joint
    spur : ndarray, shape (5,)
        A row of ``joint.spurs``.
    t, v, away : ndarray
        Along the gap, up, and into the spur's process, in mm.

    Returns
    -------
    ndarray
    """
    _, end, place, length, base = (float(x) for x in spur)
    foot = joint.gap_mm / 2 + 2.2
    if abs(end) > 1:
        along, across, margin, length = v, t, joint.half_height, 0.8 * length
    else:
        along, across, margin = t, v, joint.half_width
    sign = np.sign(end)
    flat = 0.45  # a ridge, not a needle: long across its direction
    root = (sign * (margin - 2.0), place * flat, foot)
    tip = (sign * (margin - 0.5 + length), place * flat, foot - 0.2 + 0.2 * length)
    return capsule(along, across * np.float32(flat), away, root, tip, base, 0.9)
