"""
Pictures to look at: contact sheets of a body, one atlas per modality, tiles for the reading grid.

They are made from the same functions that make the cases, so what is judged here is what readers see.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from readerstudy.dicom.geometry import patient_mm_to_voxel
from readerstudy.phantom.body import Body, Lesion, sample_body, sample_cervical_body, with_grades
from readerstudy.phantom.body.cervical import TUMOUR_CLASSES, TumourClass
from readerstudy.phantom.body.lesions import CLASSES
from readerstudy.phantom.findings import ASSESSABLE_ON, FINDINGS, N_GRADES
from readerstudy.phantom.radiograph import VIEWS, render_radiograph
from readerstudy.phantom.render import (
    AXIAL,
    SAGITTAL,
    plane_affine,
    render_ct,
    render_disc_axials,
    render_mr_pair,
)
from readerstudy.phantom.scanner import SCANNERS
from readerstudy.phantom.scene import Canvas, Contrast, compose

Array = NDArray[Any]
AtlasModality = Literal["CT", "MR", "XR"]

_STRUCTURE: Final = "L4-5-left"
_WINDOWS: Final[dict[str, tuple[float, float]]] = {
    "CT": (-520.0, 1480.0),
    "T2": (0.0, 0.95),
    "T1": (0.0, 0.95),
}
_TILE_MM = 44.0


def atlas_tile(modality: AtlasModality, finding: str, grade: int, *, pixels: int = 128) -> Array:
    """
    One grade of one finding at a left L4/5 facet joint whose other findings are normal.

    Parameters
    ----------
    modality : {"CT", "MR", "XR"}
        Axial CT, axial T2, or the oblique radiograph that shows the left joints.
    finding : str
    grade : int
    pixels : int
        Edge of the square tile.

    Returns
    -------
    ndarray, shape (pixels, pixels), uint8
        Through the place where the lesion is largest.
    """
    body = sample_body(np.random.default_rng(41), grades={}, sex="M", age=60, max_scoliosis_deg=2.0)
    body = with_grades(body, _STRUCTURE, {finding: grade}, np.random.default_rng(4))
    joint = body.joints[_STRUCTURE]
    rng = np.random.default_rng(6)
    if modality == "XR":
        return _radiograph_tile(body, pixels)
    height = 0.0
    for lesions, column in ((joint.pits, 2), (joint.cysts, 2), (joint.spurs, 2)):
        if len(lesions):
            # The slice through the biggest lesion; size is the last column of each table.
            height = float(lesions[np.argmax(lesions[:, -1]), column])
            break
    centre = joint.centre_mm + joint.axes[:, 1] * height + np.array([-4.0, 1.0, 0.0])
    spacing = _TILE_MM / pixels
    shape = (3, pixels, pixels)
    disc = body.disc(joint.level)
    affine = plane_affine(centre, shape, (0.8, spacing, spacing), disc.axes @ AXIAL)
    contrast: Contrast = "CT" if modality == "CT" else "T2"
    picture = compose(body, Canvas(shape, affine), (contrast,))[0].mean(axis=0)
    picture = ndimage.gaussian_filter(picture, 0.7)
    picture = picture + rng.standard_normal(picture.shape) * (22.0 if modality == "CT" else 0.018)
    return to_grey(picture, *_WINDOWS[contrast])


def _radiograph_tile(body: Body, pixels: int) -> Array:
    picture = render_radiograph(body, "LPO", scanner=SCANNERS["C"], rng=np.random.default_rng(2))
    row, column = picture.pixel_of(body.joints[_STRUCTURE].centre_mm)
    half = _TILE_MM * 1.25 / 2 / picture.pixel_mm
    places = np.linspace(-half, half, pixels)
    grid = np.meshgrid(row + places, column + places, indexing="ij")
    piece = ndimage.map_coordinates(picture.array, grid, order=1, mode="nearest")
    low, high = np.percentile(piece, (0.5, 99.7))
    return to_grey(piece, float(low), float(high))


def to_grey(picture: Array, low: float, high: float) -> Array:
    """Window a picture to 8 bits: ``low`` and below black, ``high`` and above white."""
    scaled: Array = (np.clip((picture - low) / (high - low), 0, 1) * 255).astype(np.uint8)
    return scaled


def atlas(modality: AtlasModality, *, pixels: int = 192) -> Image.Image:
    """
    The 4 x 5 picture of a modality: one column per finding, one row per grade.

    Parameters
    ----------
    modality : {"CT", "MR", "XR"}
    pixels : int
        Edge of a tile.

    Returns
    -------
    PIL.Image.Image
        Grey. Empty where the scale has no such grade; where the modality cannot show a finding, words say so.
    """
    head = 22
    sheet = Image.new("L", (pixels * len(FINDINGS), (pixels + head) * 4 + head), 0)
    draw = ImageDraw.Draw(sheet)
    for column, finding in enumerate(FINDINGS):
        draw.text((column * pixels + 6, 6), f"{finding} ({modality})", fill=220)
        for grade in range(N_GRADES[finding]):
            top = head + grade * (pixels + head)
            draw.text((column * pixels + 6, top + 5), f"grade {grade}", fill=160)
            if modality not in ASSESSABLE_ON[finding]:
                draw.text(
                    (column * pixels + 6, top + head + pixels // 2), f"not assessed on {modality}", fill=110
                )
                continue
            tile = atlas_tile(modality, finding, grade, pixels=pixels - 4)
            sheet.paste(Image.fromarray(tile), (column * pixels + 2, top + head))
    draw.text((6, sheet.height - 16), "Synthetic pictures, not of a patient", fill=120)
    return sheet


def contact_sheet(body: Body, *, seed: int = 0) -> dict[str, Image.Image]:
    """
    Overviews of every series of a body.

    Parameters
    ----------
    body : Body
    seed : int
        Of the noise.

    Returns
    -------
    dict of name to PIL.Image.Image
        "ct" (axial through each joint level, then sagittal and coronal), "mr" (T2 along the discs, T1 and T2
        sagittal), "xr" (the four views).
    """
    rng = np.random.default_rng(seed)
    return {"ct": _ct_sheet(body, rng), "mr": _mr_sheet(body, rng), "xr": _xr_sheet(body, rng)}


def _ct_sheet(body: Body, rng: np.random.Generator) -> Image.Image:
    volume = render_ct(body, rng=rng)
    window = _WINDOWS["CT"]
    axial, levels = [], dict.fromkeys(j.level for j in body.joints.values())
    for level in levels:
        points = [body.joints[f"{level}-{side}"].centre_mm for side in ("right", "left")]
        index = patient_mm_to_voxel(volume.affine, np.mean(points, axis=0))
        axial.append(to_grey(volume.array[round(float(index[0]))], *window))
    flat = [
        patient_mm_to_voxel(volume.affine, j.centre_mm) for j in body.joints.values() if j.level == "L3-4"
    ]
    stretch = volume.spacing_mm[0] / volume.spacing_mm[1]
    planes = [volume.array[::-1, :, round(float(v[2]))] for v in flat]
    middle = body.vertebrae[len(body.vertebrae) // 2].centre_mm
    index = patient_mm_to_voxel(volume.affine, middle)
    planes += [volume.array[::-1, :, round(float(index[2]))], volume.array[::-1, round(float(index[1])), :]]
    planes += [volume.array[::-1, round(float(flat[0][1])), :]]
    tall = [to_grey(ndimage.zoom(p, (stretch, 1), order=1), *window) for p in planes]
    return _rows([axial, tall])


def _mr_sheet(body: Body, rng: np.random.Generator) -> Image.Image:
    axial = [to_grey(v.array[2], 0, 950) for v in render_disc_axials(body, rng=rng).values()]
    t1, t2 = render_mr_pair(body, rng=rng)
    places = (2, 4, 7, 10, 12)
    return _rows([axial, *([to_grey(v.array[k], 0, 950) for k in places] for v in (t2, t1))])


def _xr_sheet(body: Body, rng: np.random.Generator) -> Image.Image:
    return _rows([[to_grey(render_radiograph(body, v, rng=rng).array, 200, 3700) for v in VIEWS]])


def _rows(rows: list[list[Array]]) -> Image.Image:
    """Pictures beside and below one another, each row as high as its highest."""
    width = max(sum(p.shape[1] + 4 for p in row) for row in rows)
    heights = [max(p.shape[0] for p in row) + 4 for row in rows]
    sheet = Image.new("L", (width, sum(heights)), 0)
    top = 0
    for row, height in zip(rows, heights, strict=True):
        left = 0
        for picture in row:
            sheet.paste(Image.fromarray(picture), (left, top))
            left += picture.shape[1] + 4
        top += height
    return sheet


def neck_sheet(*, seed: int = 0) -> Image.Image:
    """
    Four necks, one per tumour class and one without: CT and T2 through the tumour, radiographs.

    Parameters
    ----------
    seed : int

    Returns
    -------
    PIL.Image.Image
    """
    rows: list[list[Array]] = [[], [], [], []]
    body = None
    for number, kind in enumerate((*TUMOUR_CLASSES, "none")):
        rng = np.random.default_rng([seed, number])
        body = sample_cervical_body(rng, tumour=cast(TumourClass, kind))
        place = body.lesions[0].centre_mm if body.lesions else body.vertebrae[3].centre_mm
        volume = render_ct(body, rng=rng)
        k, _, c = (round(float(v)) for v in patient_mm_to_voxel(volume.affine, place))
        stretch = volume.spacing_mm[0] / volume.spacing_mm[1]
        rows[0].append(to_grey(volume.array[k], *_WINDOWS["CT"]))
        sagittal = ndimage.zoom(volume.array[::-1, :, c], (stretch, 1), order=1)
        rows[1].append(to_grey(sagittal, *_WINDOWS["CT"]))
        mr = render_mr_pair(body, ("T2",), rng=rng)[0]
        k = int(np.clip(round(float(patient_mm_to_voxel(mr.affine, place)[0])), 0, len(mr.array) - 1))
        rows[2].append(to_grey(mr.array[k], 0, 950))
        level = body.discs[2].level
        rows[3].append(to_grey(render_disc_axials(body, rng=rng)[level].array[2], 0, 950))
    if body is not None:
        rows.append([to_grey(render_radiograph(body, view).array, 200, 3700) for view in VIEWS[:2]])
    return _rows(rows)


def lesion_sheet() -> Image.Image:
    """
    One lesion of each class: T2 along the disc, T2 sagittal and CT, side by side through its centre.

    Returns
    -------
    PIL.Image.Image
    """
    seen: dict[str, tuple[Body, Lesion]] = {}
    for seed in range(200):
        body = sample_body(np.random.default_rng(seed), lesions=True)
        for lesion in body.lesions:
            seen.setdefault(lesion.kind, (body, lesion))
        if set(seen) == set(CLASSES):
            break
    rows: list[list[Array]] = [[], [], []]
    shape = (1, 192, 192)
    for kind in CLASSES:
        body, lesion = seen[kind]
        axes = body.disc(lesion.level).axes
        axial = Canvas(shape, plane_affine(lesion.centre_mm, shape, (1, 0.45, 0.45), axes @ AXIAL))
        sagittal = Canvas(shape, plane_affine(lesion.centre_mm, shape, (1, 0.45, 0.45), axes @ SAGITTAL))
        t2, ct = compose(body, axial, ("T2", "CT"))
        rows[0].append(to_grey(t2[0], *_WINDOWS["T2"]))
        rows[1].append(to_grey(compose(body, sagittal, ("T2",))[0][0], *_WINDOWS["T2"]))
        rows[2].append(to_grey(ct[0], -300, 500))
    return _rows(rows)


def write_sheets(out: Path, *, seed: int) -> list[Path]:
    """
    Write contact sheets of drawn bodies (lumbar, lesions, necks) and the atlas of each modality.

    Parameters
    ----------
    out : Path
    seed : int

    Returns
    -------
    list of Path
    """
    out.mkdir(parents=True, exist_ok=True)
    pictures = {f"contact-{k}": v for k, v in contact_sheet(sample_body(np.random.default_rng(seed))).items()}
    modalities: tuple[AtlasModality, ...] = ("CT", "MR", "XR")
    pictures |= {"contact-neck": neck_sheet(seed=seed), "contact-lesions": lesion_sheet()}
    pictures |= {f"atlas-{m.lower()}": atlas(m) for m in modalities}
    paths = []
    for name, picture in pictures.items():
        paths.append(out / f"{name}.png")
        picture.save(paths[-1], optimize=True)
    return paths


def write_tiles(out: Path, *, pixels: int = 128) -> list[Path]:
    """
    Write the small pictures of the reading grid: ``OUT/<modality>/<finding>-<grade>.png``.

    Parameters
    ----------
    out : Path
        ``static/img/atlas`` in the product.
    pixels : int
        Edge of a tile.

    Returns
    -------
    list of Path
        Only where the shipped protocol asks for the finding on the modality.
    """
    paths = []
    modalities: tuple[AtlasModality, ...] = ("CT", "MR", "XR")
    for modality in modalities:
        folder = out / modality.lower()
        folder.mkdir(parents=True, exist_ok=True)
        for finding, n_grades in N_GRADES.items():
            if modality not in ASSESSABLE_ON[finding]:
                continue
            for grade in range(n_grades):
                tile = atlas_tile(modality, finding, grade, pixels=pixels)
                paths.append(folder / f"{finding}-{grade}.png")
                Image.fromarray(tile).save(paths[-1], optimize=True)
    return paths
