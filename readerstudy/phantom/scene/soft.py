"""Everything around the bones: trunk, muscles, vessels, the canal and its contents, discs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from readerstudy.phantom.body import Body, Disc, Vertebra
from readerstudy.phantom.scene.canvas import (
    Array,
    Box,
    Canvas,
    capsule,
    coverage,
    ellipsoid,
    texture_at,
)

FAR_MM = 20.0
_COARSE_MM = 4.0

Tissues = Mapping[str, float]


def blend(target: Array, share: Array, value: Array | float) -> None:
    """Lay a tissue over what is there: ``target += share * (value - target)``, in place."""
    step = np.asarray(value, dtype=np.float32) - target
    step *= share
    target += step


class Line:
    """A smooth curve through the column, as x and y for each height z."""

    def __init__(self, points_mm: Array) -> None:
        order = np.argsort(points_mm[:, 2])
        self.z, self.x, self.y = (points_mm[order, i] for i in (2, 0, 1))
        self.slope = np.gradient(self.y, self.z)

    def at(self, z: Array) -> tuple[Array, Array, Array]:
        """x, y and the cosine of the tilt at the heights, float32, of z's shape."""
        x, y, slope = (np.interp(z, self.z, v).astype(np.float32) for v in (self.x, self.y, self.slope))
        return x, y, 1 / np.sqrt(1 + slope * slope)


def _line(body: Body, behind_mm: float | None) -> Line:
    points = []
    parts: list[Vertebra | Disc] = [*body.vertebrae, *body.discs]
    for part in parts:
        shift = behind_mm if behind_mm is not None else 0.0
        back = part.depth / 2 if behind_mm is not None else 0.0
        points.append(part.centre_mm + part.axes @ np.array([0.0, back + shift, 0.0]))
    line = np.array(points)
    top, low = line[line[:, 2].argmax()], line[line[:, 2].argmin()]
    return Line(np.vstack([line, top + np.array([0, 0, 200.0]), low + np.array([0, 90.0, -120.0])]))


def paint_trunk(body: Body, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    """
    Skin, fat, muscles, vessels and bowel on the whole canvas, in place.

    Parameters
    ----------
    body : Body
    canvas : Canvas
    tissues : list of mapping of tissue to value
        One per image.
    images : list of ndarray
        float32, of the canvas's shape.
    """
    noise = plane_noise(body.texture, body.chirality, canvas, 9.0)
    fine = plane_noise(body.texture, body.chirality, canvas, 2.2)
    line = _line(body, None)
    for box in canvas.pieces(canvas.whole):
        parts = [image[box] for image in images]
        _paint_trunk_piece(body, canvas, box, line, (noise[box], fine[box]), tissues, parts)


def _paint_trunk_piece(
    body: Body,
    canvas: Canvas,
    box: Box,
    line: Line,
    noises: tuple[Array, Array],
    tissues: list[Tissues],
    images: list[Array],
) -> None:
    x, y, z = canvas.local_mm(box, np.zeros(3), np.eye(3))
    cx, cy, _ = line.at(z)
    dx, dy = x - cx, y - cy
    noise, fine = noises
    shape = noise.shape
    edge = max(canvas.edge_mm, 0.8)
    f32 = np.float32
    depth, width = f32(body.girth[1]), f32(body.girth[0])
    spine_y = float(np.mean([v.centre_mm[1] for v in body.vertebrae[1:-2]]))
    spine_x = float(np.mean([v.centre_mm[0] for v in body.vertebrae[1:-2]]))
    middle_y = f32(spine_y + 72.0 + body.fat) - depth

    def oval(qx: Array, qy: Array, rx: float, ry: float) -> Array:
        unit = np.sqrt((qx * f32(1 / rx)) ** 2 + (qy * f32(1 / ry)) ** 2)
        result: Array = (unit - 1) * f32(min(rx, ry))
        return result

    # The back follows the lordosis in part.
    tx, ty = x - f32(spine_x), y - middle_y - f32(0.5) * np.clip(cy - f32(spine_y), -12, 25)
    # Flatter at the back, with a furrow over the spinous processes.
    furrow = f32(9) * np.exp(-((tx * f32(1 / 22)) ** 2)) * (ty > 0)
    skin = oval(tx, ty + furrow, float(width), float(depth))
    fascia = oval(tx, ty + furrow, float(width) - 1.2 * body.fat, float(depth) - body.fat)
    inner = fascia + f32(12) + f32(10) * (ty > 0)
    muscles = np.full(shape, FAR_MM, np.float32)
    for muscle in (
        oval(np.abs(dx) - 31, dy - 47, 28, 25),
        oval(np.abs(dx) - 13, dy - 44, 12, 22),
        oval(np.abs(dx) - 68, dy - 24, 24, 13),
        oval(np.abs(dx) - 40 - f32(0.04) * np.clip(-z, -60, 80), dy + 2, 17, 21),
    ):
        np.minimum(muscles, muscle, out=muscles)
    muscles = np.maximum(muscles + f32(1.6) * noise, np.broadcast_to(fascia, shape) + 1)
    wall = np.maximum(np.broadcast_to(fascia, shape), -np.broadcast_to(inner, shape))
    # Fat between the fibres: streaks where the noise is high.
    streaks = np.clip((fine * f32(0.8) + noise * f32(0.5) - f32(0.75)) * f32(1.6), 0, f32(0.85))
    bowel = np.clip((noise - f32(0.15)) * 2.5, 0, 1) * np.broadcast_to((inner < -4) & (dy < -20), shape)
    gas = np.clip((noise - f32(1.35)) * 4, 0, 1) * np.broadcast_to((inner < -12) & (dy < -48), shape)
    inside = coverage(skin, edge)
    mc = coverage(muscles, edge)
    kidney = [
        ellipsoid(
            x - f32(spine_x + s * 72), y - f32(spine_y + 2), z - f32(62 + 6 * s * body.chirality), 27, 24, 48
        )
        for s in (-1, 1)
    ]
    vessels = coverage(_vessels(body, dx, dy, z), edge)
    for tissue, image in zip(tissues, images, strict=True):
        image[...] = tissue["air"]
        blend(image, inside, tissue["fat"])
        blend(image, coverage(wall, edge), tissue["muscle"])
        blend(image, bowel * f32(0.85), tissue["organ"])
        blend(image, gas, tissue["gas"])
        for k in kidney:
            blend(image, coverage(k, edge), tissue["organ"])
        flesh = tissue["muscle"] + f32(tissue["muscle_texture"]) * fine
        blend(image, mc, flesh)
        blend(image, mc * streaks, tissue["fat"])
        blend(image, vessels, tissue["blood"])


def paint_coarsely(
    paint: Callable[[Canvas, list[Tissues], list[Array]], None], canvas: Canvas, tissues: list[Tissues]
) -> list[Array]:
    """
    New images painted on every few slices and blended between: soft parts change slowly from slice to slice.

    Parameters
    ----------
    paint : callable
        Fills images on a canvas.
    canvas : Canvas
    tissues : list of mapping of tissue to value

    Returns
    -------
    list of ndarray
        float32, of the canvas's shape, one per mapping.
    """
    slices = canvas.shape[0]
    step = int(_COARSE_MM / canvas.spacing_mm[0])
    if step < 2 or slices < 3:
        images = [np.empty(canvas.shape, np.float32) for _ in tissues]
        paint(canvas, tissues, images)
        return images
    affine = canvas.affine.copy()
    affine[:3, 0] *= step
    coarse = Canvas(((slices - 2) // step + 2, *canvas.shape[1:]), affine, canvas.edge_mm)
    keys = [np.empty(coarse.shape, np.float32) for _ in tissues]
    paint(coarse, tissues, keys)
    images = []
    for key in keys:
        full = np.empty(canvas.shape, np.float32)
        for k in range(slices):
            low, share = divmod(k, step)
            full[k] = key[low]
            if share:
                full[k] += np.float32(share / step) * (key[low + 1] - key[low])
        images.append(full)
    return images


def _vessels(body: Body, dx: Array, dy: Array, z: Array) -> Array:
    """Aorta and inferior vena cava, each parting into two at the height of L4."""
    f32 = np.float32
    fork = f32(body.disc("L4-5").centre_mm[2] + 18)
    below = np.clip((fork - z) * f32(1 / 45), 0, 1)
    distance = np.float32(FAR_MM)
    for ax, ay, radius in ((8.0, -30.0, 9.0), (-15.0, -29.0, 10.5)):
        thin = f32(radius) * (1 - f32(0.35) * (below > 0))
        for way in (-1.0, 1.0):
            mx = f32(ax * body.chirality) + f32(way * 20) * below
            my = f32(ay) - f32(2) * below
            distance = np.minimum(distance, np.hypot(dx - mx, dy - my) - thin)
    return np.asarray(distance)


def plane_noise(texture_mm: Array, chirality: int, canvas: Canvas, cell_mm: float) -> Array:
    """Noise on the canvas, looked up coarsely and stretched: soft structures are smooth."""
    step = [max(1, int(cell_mm / 2.2 / s)) for s in canvas.spacing_mm]
    index = [np.arange(0, n + k, k, dtype=np.float64) for n, k in zip(canvas.shape, step, strict=True)]
    grid = np.meshgrid(*index, indexing="ij")
    points = [
        sum((canvas.affine[i, j] * grid[j] for j in range(3)), canvas.affine[i, 3]).astype(np.float32)
        for i in range(3)
    ]
    # Fibres run up and down: longer grains along z.
    points[2] = points[2] * np.float32(0.3)
    coarse = texture_at((points[0], points[1], points[2]), cell_mm, texture_mm, chirality)
    result: Array = coarse
    for axis, (n, k) in enumerate(zip(canvas.shape, step, strict=True)):
        if k > 1:
            place = np.arange(n) / k
            low = np.minimum(place.astype(int), result.shape[axis] - 2)
            share = (place - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(3)])
            lower, upper = np.take(result, low, axis), np.take(result, low + 1, axis)
            result = lower + share * (upper - lower)
        else:
            result = np.take(result, np.arange(n), axis)
    return result


def paint_canal(body: Body, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    """Epidural fat, thecal sac, conus and roots, ligaments, foramina; in place on the images."""
    for box in canvas.pieces(_canal_box(body, canvas)):
        _paint_canal_piece(body, canvas, box, tissues, images)
    for disc in body.discs:
        _paint_foramina(body, disc, canvas, tissues, images)


def _paint_canal_piece(
    body: Body, canvas: Canvas, box: Box, tissues: list[Tissues], images: list[Array]
) -> None:
    x, y, z = canvas.local_mm(box, np.zeros(3), np.eye(3))
    cx, cy, cosine = _line(body, 8.5).at(z)
    dx, dy = x - cx, (y - cy) * cosine
    edge = canvas.edge_mm
    f32 = np.float32
    shape = np.broadcast_shapes(dx.shape, dy.shape)
    s1_top = float(body.vertebrae[-2].centre_mm[2])
    narrow = np.clip((z - f32(s1_top - 25)) * f32(1 / 60), f32(0.25), 1)

    def tube(ox: float, oy: float, rx: float, ry: float) -> Array:
        unit = np.sqrt(((dx - f32(ox)) * f32(1 / rx)) ** 2 + ((dy - f32(oy)) * f32(1 / ry)) ** 2)
        result: Array = (unit - 1) * f32(min(rx, ry))
        return result

    conus_z = float(body.vertebrae[1].centre_mm[2])
    cord = np.hypot(dx * f32(0.85), dy - 0.5) - np.clip((z - f32(conus_z - 22)) * f32(0.13), -2, 4.2)
    rng = np.random.default_rng(int(body.texture[0] * 1e6))
    roots = []
    for number in range(14):
        angle = np.pi * (0.08 + 0.84 * number / 13)
        ring = rng.uniform(0.55, 0.92)
        side = body.chirality
        spread = np.clip(1 + f32(0.002) * (z - f32(s1_top)), 0.6, 1.2)
        ox, oy = side * 7.2 * ring * np.cos(angle), 5.4 * ring * np.sin(angle) * 0.9 + 0.6
        roots.append((f32(ox) * spread * narrow, f32(oy) * narrow))
    # All roots are equally thick: the nearest one by the squared distance, and one square root at the end.
    bundle = np.full(np.broadcast_shapes(shape, z.shape), 5.75**2, np.float32)
    for rx, ry in roots:
        across, along = dx - rx, dy - ry
        across *= across
        along *= along
        np.minimum(bundle, across + along, out=bundle)
    np.sqrt(bundle, out=bundle)
    bundle -= f32(0.75)
    bundle = np.where(z > f32(conus_z + 18), f32(5), bundle)
    # The sac ends in a point at S2, the canal a little below.
    end = np.clip(f32(s1_top - 28) - z, 0, 40)
    fat = tube(0, 0.5, 12.0, 9.5) + np.clip(end - 14, 0, 40)
    sac = tube(0, -0.8, 8.6, 7.0) + (1 - narrow) * 8 + end
    for tissue, image in zip(tissues, images, strict=True):
        part = image[box]
        blend(part, coverage(fat, edge), tissue["fat"])
        blend(part, coverage(sac - f32(0.7), edge) * f32(0.8), tissue["ligament"])
        blend(part, coverage(sac, edge), tissue["fluid"])
        blend(part, coverage(bundle, edge) * f32(0.8), tissue["root"])
        blend(part, coverage(cord, edge), tissue["cord"])


def _paint_foramina(
    body: Body, disc: Disc, canvas: Canvas, tissues: list[Tissues], images: list[Array]
) -> None:
    edge = canvas.edge_mm
    for box in canvas.pieces(
        canvas.box(disc.centre_mm + disc.axes @ np.array([0, disc.depth / 2 + 12, 0]), 40.0)
    ):
        x, y, z = canvas.local_mm(box, disc.centre_mm, disc.axes)
        back = disc.depth / 2
        side = np.abs(x)  # the two foramina of a level are alike
        fat = ellipsoid(side - 20, y - np.float32(back + 3.0), z - np.float32(6.5), 11.0, 6.0, 9.0)
        nerve = capsule(side, y, z, (8, back + 6, 6), (30, back - 2, -2), 2.1, 3.0)
        joints = [j for j in (*body.joints.values(), *body.upper_joints) if j.level == disc.level]
        near = np.mean([np.abs(disc.axes.T @ (j.centre_mm - disc.centre_mm)) for j in joints], axis=0)
        front = (near[0] - 7.0, near[1] - 4.0)
        ligament = capsule(side, y, z * 0, (*front, 0), (1.5, near[1] + 6.0, 0), 1.9, 2.4)
        ligament = np.maximum(ligament, np.abs(z) - 11)
        for tissue, image in zip(tissues, images, strict=True):
            part = image[box]
            blend(part, coverage(fat, edge), tissue["fat"])
            blend(part, coverage(nerve, edge), tissue["root"])
            blend(part, coverage(ligament, edge), tissue["ligament"])


def paint_discs(body: Body, canvas: Canvas, tissues: list[Tissues], images: list[Array]) -> None:
    """Annulus and nucleus of each disc, in place on the images."""
    edge = canvas.edge_mm
    f32 = np.float32
    for disc in body.discs:
        for box in canvas.pieces(canvas.box(disc.centre_mm, disc.width * 0.62)):
            x, y, z = canvas.local_mm(box, disc.centre_mm, disc.axes)
            bulge = 1 + f32(2 * disc.bulge_mm / disc.depth) * (y > 0)
            u, w = x * f32(2 / (disc.width + 1)), y * f32(2 / disc.depth) / bulge
            uu, ww = u * u, w * w
            radial = f32(0.55) * np.sqrt(uu + ww) + f32(0.45) * np.sqrt(np.sqrt(uu * uu + ww * ww))
            side = (radial - 1) * f32(disc.depth / 2)
            whole = np.maximum(side, np.abs(z) - f32(disc.height / 2 + 1.6))
            core = coverage((radial - f32(0.66)) * f32(disc.depth / 2), 7.0) * coverage(
                np.abs(z) - f32(disc.height * 0.36), 2.0
            )
            # The dark cleft across the middle of an adult nucleus.
            cleft = 1 - f32(0.35) * np.exp(-((z * f32(1.1)) ** 2))
            for tissue, image in zip(tissues, images, strict=True):
                bright = (
                    tissue["annulus"]
                    + disc.hydration * (tissue["nucleus"] - tissue["annulus"]) * core * cleft
                )
                blend(image[box], coverage(whole, edge), bright.astype(np.float32))


def _canal_box(body: Body, canvas: Canvas) -> Box | None:
    """Smallest box around the part of the canal that is on the canvas, its neighbours included."""
    parts: list[Vertebra | Disc] = [*body.vertebrae, *body.discs]
    boxes = [
        canvas.box(p.centre_mm + p.axes @ np.array([0, p.depth / 2 + 8.5, 0]), 14 + p.height) for p in parts
    ]
    hit = [b for b in boxes if b is not None]
    if not hit:
        return None
    a, b, c = (slice(min(h[i].start for h in hit), max(h[i].stop for h in hit)) for i in range(3))
    return a, b, c
