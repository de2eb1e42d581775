"""One case as a folder of DICOM files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from readerstudy.phantom.body import Body, CervicalBody
from readerstudy.phantom.files.encode import Syntax, encode, to_multiframe
from readerstudy.phantom.files.identity import Identity, make_uid
from readerstudy.phantom.files.objects import Study, slice_objects
from readerstudy.phantom.files.radiographs import radiograph_object
from readerstudy.phantom.radiograph import VIEWS, render_radiograph
from readerstudy.phantom.render import Volume, render_ct, render_disc_axials, render_mr_pair
from readerstudy.phantom.scanner import Scanner
from readerstudy.phantom.scene import Canvas

Array = NDArray[Any]
Modality = Literal["CT", "MR", "XR"]
MODALITIES: Final[tuple[Modality, ...]] = ("CT", "MR", "XR")

_BONE_WINDOW, _SOFT_WINDOW, _MR_WINDOW = (480.0, 2000.0), (40.0, 400.0), (420.0, 900.0)


@dataclass(frozen=True)
class Form:
    """
    How pictures are written.

    Attributes
    ----------
    bar_code : bool
        Draw each picture's number into its first rows (see `draw_bar_code`).
    multiframe : bool
        One object per CT or MR series instead of one per slice.
    syntax : str
        Transfer syntax, a key of `encode.SYNTAXES`.
    soft_ct : bool
        Add an axial CT series with a soft kernel.
    """

    bar_code: bool = False
    multiframe: bool = False
    syntax: Syntax = "explicit-le"
    soft_ct: bool = False


@dataclass(frozen=True)
class CaseFiles:
    """
    What was written for a case.

    Attributes
    ----------
    folder : Path
    studies : dict of modality to str
        Study Instance UIDs.
    frame_of_reference : str
        Shared by all series of the case: one body, one frame.
    files : int
        Number of DICOM files.
    """

    folder: Path
    studies: dict[str, str]
    frame_of_reference: str
    files: int
    landmarks: list[dict[str, object]]


PLAIN: Final = Form()


def write_case(
    body: Body | CervicalBody,
    folder: Path,
    *,
    identity: Identity,
    scanner: Scanner,
    seed: int,
    modalities: Sequence[Modality] = MODALITIES,
    form: Form = PLAIN,
    masks: Path | None = None,
) -> CaseFiles:
    """
    Render a body and write it as DICOM.

    Parameters
    ----------
    body : Body
    folder : Path
        Made when absent; one sub-folder per series.
    identity : Identity
    scanner : Scanner
        The centre's.
    seed : int
        Noise and UIDs are a function of it and of the case id.
    modalities : sequence of {"CT", "MR", "XR"}
    form : Form
    masks : Path, optional
        Folder for arrays of a body's lesions: for each CT and MR series ``<series>.npy`` (uint8, slices x rows
        x columns, 0 or the number of the lesion in the body's order, from 1) and ``<series>-affine.npy``
        (slices x 4 x 4: ``(0, row, column, 1)`` of that slice to LPS millimetres). Slices in the order of
        their instance numbers.

    Returns
    -------
    CaseFiles
    """
    frame = make_uid(seed, identity.case_id, "frame of reference")
    studies: dict[str, str] = {}
    count = 0
    landmarks: list[dict[str, object]] = []
    for modality in modalities:
        # Number and generator of its own for each modality: leaving one out does not change the others.
        number = MODALITIES.index(modality) + 1
        rng = np.random.default_rng([seed, number, *identity.case_id.encode()])
        region = "CSPINE" if isinstance(body, CervicalBody) else "LSPINE"
        study = Study(seed, identity, scanner, "DX" if modality == "XR" else modality, number, frame, region)
        studies[modality] = study.uid
        makers = {"CT": _ct_series, "MR": _mr_series}
        if modality == "XR":
            series = _xr_series(body, study, rng, form, landmarks)
        else:
            series = makers[modality](body, study, rng, form)
        for name, volumes, objects in series:
            if masks is not None and body.lesions and volumes:
                _write_masks(body, volumes, masks / identity.case_id, name)
            target = folder / name
            target.mkdir(parents=True, exist_ok=True)
            finished: Iterable[Dataset] = objects
            if form.multiframe and modality != "XR":
                finished = [to_multiframe(list(objects), series_number=100 + number)]
            for place, ds in enumerate(finished, start=1):
                encode(ds, form.syntax).save_as(target / f"{place:04d}.dcm", enforce_file_format=True)
                count += 1
    return CaseFiles(folder, studies, frame, count, landmarks)


_Series = Iterator[tuple[str, list[Volume], Iterable[Dataset]]]


def _ct_series(body: Body | CervicalBody, study: Study, rng: np.random.Generator, form: Form) -> _Series:
    kernels: tuple[Literal["bone", "soft"], ...] = ("bone", "soft") if form.soft_ct else ("bone",)
    for number, kernel in enumerate(kernels, start=2):
        volume = render_ct(body, scanner=study.scanner, rng=rng, kernel=kernel)
        window = _BONE_WINDOW if kernel == "bone" else _SOFT_WINDOW
        yield (
            f"ct-axial-{kernel}",
            [volume],
            _stacks(study, [volume], number, f"CT AXIAL {kernel.upper()}", window, form),
        )


def _mr_series(body: Body | CervicalBody, study: Study, rng: np.random.Generator, form: Form) -> _Series:
    for number, volume in enumerate(render_mr_pair(body, scanner=study.scanner, rng=rng), start=2):
        weighting = volume.contrast
        yield (
            f"mr-{weighting.lower()}-sagittal",
            [volume],
            _stacks(study, [volume], number, f"{weighting} SAGITTAL", _MR_WINDOW, form),
        )
    stacks = list(render_disc_axials(body, "T2", scanner=study.scanner, rng=rng).values())
    yield "mr-t2-axial", stacks, _stacks(study, stacks, 5, "T2 AXIAL ALONG DISCS", _MR_WINDOW, form)


def _xr_series(
    body: Body | CervicalBody,
    study: Study,
    rng: np.random.Generator,
    form: Form,
    landmarks: list[dict[str, object]],
) -> _Series:
    # Obliques are taken for the facet joints.
    joints = {} if isinstance(body, CervicalBody) else body.joints
    for number, view in enumerate(VIEWS if joints else VIEWS[:2], start=1):
        picture = render_radiograph(body, view, scanner=study.scanner, rng=rng)
        if form.bar_code:
            draw_bar_code(picture.array[None], number, (0.0, 4000.0))
        ds = radiograph_object(study, picture, series_number=number)
        for structure, joint in joints.items():
            row, column = picture.pixel_of(joint.centre_mm)
            landmarks.append(
                {
                    "case_id": study.identity.case_id,
                    "patient_id": study.identity.patient_id,
                    "structure": structure,
                    "view": view,
                    "series": ds.SeriesInstanceUID,
                    "instance": ds.SOPInstanceUID,
                    "column_px": round(column, 2),
                    "row_px": round(row, 2),
                }
            )
        yield f"xr-{view.lower()}", [], [ds]


def _stacks(
    study: Study,
    volumes: Sequence[Volume],
    series_number: int,
    description: str,
    window: tuple[float, float],
    form: Form,
) -> Iterator[Dataset]:
    instance = 1
    for volume in volumes:
        if form.bar_code:
            levels = (-1000.0, 2500.0) if volume.contrast == "CT" else (0.0, 2000.0)
            draw_bar_code(volume.array, instance, levels)
        yield from slice_objects(
            study,
            volume,
            series_number=series_number,
            description=description,
            first_instance=instance,
            window=window,
        )
        instance += len(volume.array)


def _write_masks(body: Body | CervicalBody, volumes: Sequence[Volume], folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    labels, planes = [], []
    for volume in volumes:
        labels.append(lesion_mask(body, volume))
        for index in range(len(volume.array)):
            plane = volume.affine.copy()
            plane[:3, 3] += index * plane[:3, 0]
            planes.append(plane)
    np.save(folder / f"{name}.npy", np.concatenate(labels))
    np.save(folder / f"{name}-affine.npy", np.array(planes))


def lesion_mask(body: Body | CervicalBody, volume: Volume) -> Array:
    """
    Which lesion each voxel's centre lies in.

    Parameters
    ----------
    body : Body or CervicalBody
    volume : Volume

    Returns
    -------
    ndarray
        uint8, of the volume's shape: 0, or the number of the lesion from 1 in the order of ``body.lesions``.
    """
    slices, rows, columns = volume.array.shape
    canvas = Canvas((slices, rows, columns), volume.affine)
    mask = np.zeros(canvas.shape, np.uint8)
    for number, lesion in enumerate(body.lesions, start=1):
        box = canvas.box(lesion.centre_mm, float(lesion.half_mm.max()) + 1)
        if box is None:
            continue
        x, y, z = canvas.local_mm(box, lesion.centre_mm, lesion.axes)
        half = [float(h) for h in lesion.half_mm]
        inside = (x / half[0]) ** 2 + (y / half[1]) ** 2 + (z / half[2]) ** 2 <= 1
        mask[box][inside] = number
    return mask


def draw_bar_code(pictures: Array, first: int, levels: tuple[float, float]) -> None:
    """
    Write each picture's number into it: 16 squares of 8 x 8 pixels in the first rows.

    Neighbouring slices look alike; a test that wants to know which slice is on the screen reads the squares
    from left to right, most significant bit first, bright = 1.

    Parameters
    ----------
    pictures : ndarray, shape (n, rows, columns)
        Changed in place; 128 columns or more.
    first : int
        Number of the first picture.
    levels : tuple of float
        Values of 0 and 1.
    """
    for index, image in enumerate(pictures):
        for bit in range(16):
            on = (first + index) >> (15 - bit) & 1
            image[:8, 8 * bit : 8 * bit + 8] = levels[on]
