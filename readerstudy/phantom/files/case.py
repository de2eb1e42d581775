"""One case as a folder of DICOM files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from pydicom.dataset import Dataset

from readerstudy.phantom.body import Body
from readerstudy.phantom.files.identity import Identity, make_uid
from readerstudy.phantom.files.objects import Study, slice_objects
from readerstudy.phantom.render import Volume, Weighting, render_ct, render_disc_axials, render_mr
from readerstudy.phantom.scanner import Scanner

Modality = Literal["CT", "MR"]
MODALITIES: Final[tuple[Modality, ...]] = ("CT", "MR")


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


def write_case(
    body: Body,
    folder: Path,
    *,
    identity: Identity,
    scanner: Scanner,
    seed: int,
    modalities: Sequence[Modality] = MODALITIES,
    bar_code: bool = False,
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
    modalities : sequence of {"CT", "MR"}
    bar_code : bool
        Draw each slice's number into its first rows (see `draw_bar_code`).

    Returns
    -------
    CaseFiles
    """
    frame = make_uid(seed, identity.case_id, "frame of reference")
    rng = np.random.default_rng([seed, *identity.case_id.encode()])
    studies: dict[str, str] = {}
    count = 0
    for number, modality in enumerate(modalities, start=1):
        study = Study(seed, identity, scanner, modality, number, frame)
        studies[modality] = study.uid
        for name, objects in _series(body, study, rng, bar_code):
            target = folder / name
            target.mkdir(parents=True, exist_ok=True)
            for place, ds in enumerate(objects, start=1):
                ds.save_as(target / f"{place:04d}.dcm", enforce_file_format=True)
                count += 1
    return CaseFiles(folder, studies, frame, count)


def _series(
    body: Body, study: Study, rng: np.random.Generator, bar_code: bool
) -> Iterable[tuple[str, Iterable[Dataset]]]:
    if study.modality == "CT":
        volume = render_ct(body, scanner=study.scanner, rng=rng)
        yield (
            "ct-axial-bone",
            _stacks(study, [volume], 2, "CT AXIAL BONE", (480.0, 2000.0), bar_code),
        )
        return
    weightings: tuple[Weighting, ...] = ("T2",)
    for weighting in weightings:
        sagittal = render_mr(body, weighting, scanner=study.scanner, rng=rng)
        yield (
            f"mr-{weighting.lower()}-sagittal",
            _stacks(study, [sagittal], 3, f"{weighting} SAGITTAL", (420.0, 900.0), bar_code),
        )
    stacks = list(render_disc_axials(body, "T2", scanner=study.scanner, rng=rng).values())
    yield "mr-t2-axial", _stacks(study, stacks, 5, "T2 AXIAL ALONG DISCS", (420.0, 900.0), bar_code)


def _stacks(
    study: Study,
    volumes: Sequence[Volume],
    series_number: int,
    description: str,
    window: tuple[float, float],
    bar_code: bool,
) -> Iterable[Dataset]:
    instance = 1
    for volume in volumes:
        if bar_code:
            draw_bar_code(volume, instance)
        yield from slice_objects(
            study,
            volume,
            series_number=series_number,
            description=description,
            first_instance=instance,
            window=window,
        )
        instance += len(volume.array)


def draw_bar_code(volume: Volume, first: int) -> None:
    """
    Write each slice's number into its picture: 16 squares of 8 x 8 pixels in the first rows.

    Neighbouring slices look alike; a test that wants to know which slice is on the screen reads the squares
    from left to right, most significant bit first, bright = 1.

    Parameters
    ----------
    volume : Volume
        Changed in place; 128 columns or more.
    first : int
        Number of the first slice.
    """
    dark, bright = (-1000.0, 2500.0) if volume.contrast == "CT" else (0.0, 2000.0)
    for index, image in enumerate(volume.array):
        for bit in range(16):
            on = (first + index) >> (15 - bit) & 1
            image[:8, 8 * bit : 8 * bit + 8] = bright if on else dark
