"""From a neck to noise-free voxels."""

from __future__ import annotations

from functools import partial

import numpy as np

from readerstudy.phantom.body import Vertebra
from readerstudy.phantom.body.cervical import RAGGED_MM, SAC_HALF_WIDTH_MM, CervicalBody, TumourClass
from readerstudy.phantom.scene.canvas import (
    Array,
    Canvas,
    capsule,
    coverage,
    ellipsoid,
    round_box,
    smooth_min,
    texture_at,
)
from readerstudy.phantom.scene.soft import FAR_MM, Line, Tissues, blend, paint_coarsely, plane_noise
from readerstudy.phantom.scene.tissue import TISSUES, Contrast

f32 = np.float32
_CORTEX_MM = f32(0.8)


def compose_cervical(body: CervicalBody, canvas: Canvas, contrasts: tuple[Contrast, ...]) -> list[Array]:
    """
    Noise-free images of a neck (arguments and result as in `compose`).

    Parameters
    ----------
    body : CervicalBody
    canvas : Canvas
    contrasts : tuple of {"CT", "T1", "T2"}

    Returns
    -------
    list of ndarray
    """
    tissues: list[Tissues] = [TISSUES[c] for c in contrasts]
    images = paint_coarsely(partial(_paint_neck, body), canvas, tissues)
    _paint_canal(body, canvas, tissues, images)
    _paint_discs(body, canvas, tissues, images)
    distance = cervical_bone(body, canvas)
    destroyed = _tumour_distance(body, canvas)
    if destroyed is not None and body.lesions[0].kind != "benign":
        # The bone is gone where a borderline or malignant tumour is.
        distance = np.maximum(distance, -destroyed)
    _paint_bone(body, canvas, distance, tissues, images)
    _paint_ossification(body, canvas, tissues, images)
    if destroyed is not None:
        _paint_tumour(body, canvas, destroyed, distance, tissues, images)
    return images


def compose_cervical_skeleton(body: CervicalBody, canvas: Canvas) -> Array:
    """Attenuation of the bones above that of muscle in 1/mm (as `compose_skeleton`)."""
    image = np.zeros(canvas.shape, np.float32)
    distance = cervical_bone(body, canvas)
    destroyed = _tumour_distance(body, canvas)
    if destroyed is not None and body.lesions[0].kind != "benign":
        distance = np.maximum(distance, -destroyed)
    _paint_bone(body, canvas, distance, [TISSUES["XR"]], [image])
    _paint_ossification(body, canvas, [TISSUES["XR"]], [image])
    return image


def cervical_bone(body: CervicalBody, canvas: Canvas) -> Array:
    """
    Signed distance to bone; the small joints between the pillars stay open.

    Parameters
    ----------
    body : CervicalBody
    canvas : Canvas

    Returns
    -------
    ndarray
        float32, of the canvas's shape.
    """
    fields = [np.full(canvas.shape, FAR_MM, np.float32) for _ in range(2)]
    for index, vertebra in enumerate(body.vertebrae):
        _draw_vertebra(fields[index % 2], canvas, vertebra)
    result: Array = np.minimum(fields[0], fields[1])
    return result


def _draw_vertebra(field: Array, canvas: Canvas, v: Vertebra) -> None:
    box = canvas.box(v.centre_mm + v.axes @ np.array([0, 16.0, 0]), 44.0)
    if box is None:
        return
    x, y, z = canvas.local_mm(box, v.centre_mm, v.axes)
    side = np.abs(x)
    back, half = v.depth / 2, v.height / 2
    arch = back + v.canal_depth + 2.0
    # Body: rounded block whose upper edges rise at the sides (uncinate processes).
    lift = f32(1.8) * np.clip((side - f32(v.width * 0.30)) * f32(0.5), 0, 1) * (z > 0)
    block = round_box(x, y, z - lift, (v.width / 2, back, half), 3.0)
    waist = f32(1.0) * np.clip(1 - (z * f32(1 / half)) ** 2, 0, 1)
    mine = block + waist * f32(0.6)
    if v.name == "C2":
        dens = capsule(x, y, z, (0, -1.0, half - 2), (0, -1.5, half + 15), 5.6, 4.6)
        mine = smooth_min(mine, dens, 2.5)
    # Pillars lean back; each ends in sloping joint surfaces 1.2 mm from its neighbours.
    slope = z - f32(0.75) * (y - f32(back + 3.5))
    pillar_x = v.width / 2 + 5.0
    pillar = ellipsoid(side - f32(pillar_x), y - f32(back + 3.5), z, 5.6, 6.4, 15.0)
    pillar = np.maximum(pillar, np.abs(slope) - f32(half + 1.9))
    mine = smooth_min(mine, pillar, 2.0)
    pedicle = capsule(side, y, z, (v.width * 0.36, back - 2, 0), (pillar_x, back + 3, 0), 2.6, 2.8)
    mine = smooth_min(mine, pedicle, 2.0)
    # The tubercles embrace the vertebral artery's hole.
    tubercle = capsule(side, y, z, (v.width * 0.5, -1.0, 0), (v.width / 2 + 9.5, 1.0, -1.5), 2.0, 1.8)
    mine = smooth_min(mine, tubercle, 1.5)
    lamina_end = (pillar_x - 1.0, back + 7.5, 0)
    plate = capsule(side, y, z * f32(0.42), lamina_end, (1.0, arch, 0), 2.3, 2.3)
    mine = smooth_min(mine, plate, 2.0)
    length = {"C2": 15.0, "C7": 26.0, "T1": 28.0}.get(v.name, 12.0)
    fork = 3.6 if length < 20 else 0.0
    drop = z + f32(0.4) * (y - f32(arch))
    spine = capsule(side, y, drop * f32(0.7), (0, arch, 0), (fork, arch + length, 0), 2.6, 2.3)
    mine = smooth_min(mine, spine, 2.0)
    # No bone inside the canal or the artery's hole.
    canal = ellipsoid(x, y - f32(back + v.canal_depth / 2), x * 0, 11.5, v.canal_depth / 2, 1e3)
    mine = np.maximum(mine, -canal)
    hole = np.hypot(side - f32(v.width / 2 + 5.0), y - f32(1.4)) - f32(2.7)
    mine = np.maximum(mine, -hole)
    field[box] = np.minimum(field[box], mine)


def _paint_neck(body: CervicalBody, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    x, y, z = canvas.local_mm(canvas.whole, np.zeros(3), np.eye(3))
    cx, cy, _ = Line(np.array([v.centre_mm for v in body.vertebrae])).at(z)
    dx, dy = x - cx, y - cy
    edge = max(canvas.edge_mm, 0.8)
    middle = f32(np.mean([v.centre_mm[1] for v in body.vertebrae]) + 12.0)
    rx, ry = (float(g) for g in body.girth)
    # Shoulders: the outline widens below C6.
    shoulder = np.clip((f32(body.vertebrae[4].centre_mm[2]) - z) * f32(1 / 40), 0, 1.5)

    def oval(qx: Array, qy: Array, ax: float, ay: float) -> Array:
        unit = np.sqrt((qx * f32(1 / ax)) ** 2 + (qy * f32(1 / ay)) ** 2)
        result: Array = (unit - 1) * f32(min(ax, ay))
        return result

    outline = oval(x / (1 + shoulder), y - middle, rx, ry)
    noise = plane_noise(body.texture, body.chirality, canvas, 8.0)
    fine = plane_noise(body.texture, body.chirality, canvas, 2.0)
    side = np.abs(dx)
    groups = (
        (side - 14, dy - 42, 13, 13),
        (side - 26, dy - 36, 15, 18),
        (side - 40, dy - 6, 11, 20),
        (side - 9, dy + 12, 8, 5),
    )
    muscles = np.full(canvas.shape, FAR_MM, np.float32)
    for group in groups:
        np.minimum(muscles, oval(*group), out=muscles)
    muscles = np.maximum(muscles + f32(1.2) * noise, np.broadcast_to(outline, canvas.shape) + 6)
    streaks = np.clip((fine * f32(0.8) + noise * f32(0.5) - f32(0.95)) * f32(1.6), 0, f32(0.8))
    airway = oval(dx, dy + 30, 9.0, 7.5)
    larynx = oval(dx, dy + 32, 15.0, 13.0)
    carotid = np.hypot(side - 27, dy + 13) - 3.4
    jugular = oval(side - 34, dy + 9, 6.0, 4.2)
    artery = np.hypot(side - 15.5, dy - 1.4) - 1.7
    for tissue, image in zip(tissues, images, strict=True):
        image[...] = tissue["air"]
        blend(image, coverage(outline, edge), tissue["fat"])
        flesh = tissue["muscle"] + f32(tissue["muscle_texture"]) * fine
        blend(image, coverage(muscles, edge), flesh)
        blend(image, coverage(muscles, edge) * streaks, tissue["fat"])
        blend(image, coverage(larynx, edge), tissue["muscle"])
        blend(image, coverage(airway, edge), tissue["air"])
        for vessel in (carotid, jugular, artery):
            blend(image, coverage(vessel, edge), tissue["blood"])


def _paint_canal(body: CervicalBody, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    points = [v.centre_mm + v.axes @ np.array([0, v.depth / 2, 0]) for v in body.vertebrae]
    top = points[0] + np.array([0, -1.0, 60.0])
    bottom = points[-1] + np.array([0, 8.0, -60.0])
    around = [canvas.box(p + np.array([0, 7.0, 0]), 26.0) for p in points]
    hit = [b for b in around if b is not None]
    if not hit:
        return
    box = tuple(slice(min(b[n].start for b in hit), max(b[n].stop for b in hit)) for n in range(3))
    # The canal goes on above and below the vertebrae that are drawn.
    if canvas.affine[2, 0]:
        box = (slice(0, canvas.shape[0]), box[1], box[2])
    else:
        box = (box[0], slice(0, canvas.shape[1]), box[2])
    x, y, z = canvas.local_mm(box, np.zeros(3), np.eye(3))
    cx, wall, cosine = Line(np.array([top, *points, bottom])).at(z)
    heights = np.array([d.centre_mm[2] for d in body.discs])
    middles = np.array([v.centre_mm[2] for v in body.vertebrae])
    depth = np.interp(z, middles[::-1], [v.canal_depth for v in body.vertebrae][::-1]).astype(np.float32)
    # Discs press from the front over a few millimetres of height.
    press = np.zeros_like(z)
    for disc, height in zip(body.discs, heights, strict=True):
        press = press + f32(disc.bulge_mm) * np.exp(-(((z - f32(height)) * f32(1 / 4.0)) ** 2))
    if body.ossification:
        low = middles[body.ossification.last]
        high = middles[body.ossification.first]
        inside = np.clip((z - f32(low)) * 0.4 + 0.5, 0, 1) * np.clip((f32(high) - z) * 0.4 + 0.5, 0, 1)
        press = press + f32(body.ossification.thickness_mm) * inside.astype(np.float32)
    dx, dy = x - cx, (y - wall) * cosine
    edge = canvas.edge_mm
    sac_depth = np.maximum(depth - press - 2.0, 1.0)
    sac_y = dy - (press + 1.0 + sac_depth / 2)
    unit = np.sqrt((dx * f32(1 / SAC_HALF_WIDTH_MM)) ** 2 + (sac_y * 2 / sac_depth) ** 2)
    sac = (unit - 1) * sac_depth / 2
    cord_y = np.minimum(f32(body.cord_mm[1]), sac_depth / 2 - f32(0.5))
    unit = np.sqrt((dx * f32(1 / body.cord_mm[0])) ** 2 + (sac_y / cord_y) ** 2)
    cord = (unit - 1) * cord_y
    # Grey matter: an H that is a little brighter than the white matter around it.
    grey = np.minimum(np.hypot(np.abs(dx) - 1.8, (sac_y) * 0.55) - 1.1, np.hypot(dx * 0.6, sac_y * 1.4) - 1.0)
    unit = np.sqrt((dx * f32(1 / 11.5)) ** 2 + ((dy - depth / 2) * 2 / depth) ** 2)
    fat = (unit - 1) * depth / 2
    for tissue, whole in zip(tissues, images, strict=True):
        image = whole[box]
        blend(image, coverage(fat, edge), tissue["fat"])
        blend(image, coverage(sac - f32(0.6), edge), tissue["ligament"])
        blend(image, coverage(sac, edge), tissue["fluid"])
        blend(image, coverage(cord, edge), tissue["cord"])
        blend(image, coverage(grey, edge) * f32(0.5), tissue["cord"] * 1.25)


def _paint_discs(body: CervicalBody, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    edge = canvas.edge_mm
    for disc in body.discs:
        box = canvas.box(disc.centre_mm, disc.width * 0.62 + 4)
        if box is None:
            continue
        x, y, z = canvas.local_mm(box, disc.centre_mm, disc.axes)
        reach = disc.depth / 2 + disc.bulge_mm
        # The bulge is focal: the posterior margin is pushed out in the middle.
        limit = f32(disc.depth / 2) + f32(disc.bulge_mm) * np.exp(-((x * f32(1 / 7)) ** 2))
        outline = round_box(x, y, z, (disc.width / 2, reach, disc.height / 2 + 1.0), 1.5)
        outline = np.maximum(outline, y - limit)
        unit = np.sqrt((x * f32(2.6 / disc.width)) ** 2 + (y * f32(2.6 / disc.depth)) ** 2)
        core = np.clip((1 - unit) * 2, 0, 1) * coverage(np.abs(z) - f32(disc.height * 0.3), 1.5)
        for tissue, image in zip(tissues, images, strict=True):
            gain = disc.hydration * (tissue["nucleus"] - tissue["annulus"])
            blend(image[box], coverage(outline, edge), (tissue["annulus"] + gain * core).astype(np.float32))


def _paint_bone(
    body: CervicalBody, canvas: Canvas, distance: Array, tissues: list[Tissues], images: list[Array]
) -> None:
    edge = canvas.edge_mm
    near = np.flatnonzero(distance < 0.5 * edge)
    if near.size == 0:
        return
    depth = distance.reshape(-1)[near]
    share, core = coverage(depth, edge), coverage(depth + _CORTEX_MM, edge)
    texture: Array | float = 0.0
    if any(t["marrow_texture"] for t in tissues):
        texture = texture_at(_points(canvas, near), 0.9, body.texture, body.chirality)
    for tissue, image in zip(tissues, images, strict=True):
        inner = tissue["marrow"] + f32(tissue["marrow_texture"]) * texture
        value = tissue["cortex"] + core * (inner - f32(tissue["cortex"]))
        flat = image.reshape(-1)
        there = flat[near]
        flat[near] = there + share * (value - there)


def _points(canvas: Canvas, flat: Array) -> tuple[Array, Array, Array]:
    places = np.unravel_index(flat, canvas.shape)
    x, y, z = (
        sum((canvas.affine[i, j] * places[j] for j in range(3)), canvas.affine[i, 3]).astype(np.float32)
        for i in range(3)
    )
    return x, y, z


def _paint_ossification(
    body: CervicalBody, canvas: Canvas, tissues: list[Tissues], images: list[Array]
) -> None:
    ossified = body.ossification
    if ossified is None:
        return
    edge = canvas.edge_mm
    for index in range(ossified.first, ossified.last):
        upper, lower = body.vertebrae[index], body.vertebrae[index + 1]
        start, stop = (
            v.centre_mm + v.axes @ np.array([0, v.depth / 2 + ossified.thickness_mm / 2 - 0.3, 0])
            for v in (upper, lower)
        )
        middle = (start + stop) / 2
        length = float(np.linalg.norm(start - stop))
        box = canvas.box(middle, length / 2 + ossified.width_mm)
        if box is None:
            continue
        up = (start - stop) / length
        across = upper.axes[:, 0] - up * (upper.axes[:, 0] @ up)
        across /= np.linalg.norm(across)
        axes = np.stack([across, np.cross(up, across), up], axis=1)
        x, y, z = canvas.local_mm(box, middle, axes)
        half = (ossified.width_mm / 2, ossified.thickness_mm / 2, length / 2 + 1.0)
        share = coverage(round_box(x, y, z, half, min(half[1], 1.4)), edge)
        for tissue, image in zip(tissues, images, strict=True):
            blend(image[box], share, tissue["cortex"] * 0.85)


def _tumour_distance(body: CervicalBody, canvas: Canvas) -> Array | None:
    """Signed distance to the tumour on the whole canvas, its outline as ragged as its class says."""
    if not body.lesions:
        return None
    lesion = body.lesions[0]
    result = np.full(canvas.shape, FAR_MM, np.float32)
    box = canvas.box(lesion.centre_mm, float(lesion.half_mm.max()) + 8)
    if box is None:
        return None
    x, y, z = canvas.local_mm(box, lesion.centre_mm, lesion.axes)
    rx, ry, rz = (float(v) for v in lesion.half_mm)
    distance = ellipsoid(x, y, z, rx, ry, rz)
    px, py, pz = canvas.local_mm(box, np.zeros(3), np.eye(3))
    points = np.broadcast_arrays(px, py, pz)
    kind: TumourClass = lesion.kind  # type: ignore[assignment]
    waves = texture_at((points[0], points[1], points[2]), 4.0, body.texture, body.chirality)
    result[box] = distance + f32(RAGGED_MM[kind]) * waves
    return result


def _paint_tumour(
    body: CervicalBody,
    canvas: Canvas,
    tumour: Array,
    bone: Array,
    tissues: list[Tissues],
    images: list[Array],
) -> None:
    edge = canvas.edge_mm
    kind = body.lesions[0].kind
    near = np.flatnonzero(tumour < 2)
    if near.size == 0:
        return
    distance = tumour.reshape(-1)[near]
    share = coverage(distance, edge)
    uneven = {"benign": 0.05, "borderline": 0.18, "malignant": 0.42}[kind]
    grain = texture_at(_points(canvas, near), 1.8, body.texture, body.chirality)
    rim = coverage(distance - f32(1.1), edge) if kind == "benign" else None
    for tissue, image in zip(tissues, images, strict=True):
        flat = image.reshape(-1)
        there = flat[near]
        if rim is not None:
            there = there + rim * (f32(tissue["rim"]) - there)
        base = f32(tissue["tumour"])
        # Unevenness on CT is a matter of tens of units (necrosis, crumbs of matrix), on MR of signal.
        spread = f32(90.0 if tissue["air"] < -500 else 0.30) * f32(uneven)
        flat[near] = there + share * (base + spread * grain - there)
