"""A whole folder of phantom cases with its truth tables."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np

from readerstudy.phantom.body import Body, CervicalBody, Variant, sample_body, sample_cervical_body
from readerstudy.phantom.files.case import MODALITIES, PLAIN, Form, Modality, write_case
from readerstudy.phantom.files.identity import draw_identity
from readerstudy.phantom.files.truth import (
    CASES,
    JOINTS,
    LANDMARKS,
    LESIONS,
    LEVELS,
    REFERENCE,
    REGIONS,
    joint_rows,
    lesion_rows,
    level_rows,
    reference_rows,
    region_rows,
    write_table,
)
from readerstudy.phantom.findings import Correlation
from readerstudy.phantom.scanner import SCANNERS

Protocol = Literal["facet-joint-degeneration", "lumbar-degeneration-detection", "cervical-spine-tumour"]
PROTOCOLS: Final = get_args(Protocol)

#: File stem and columns of each table; one without rows is not written.
TABLES: Final = {
    "cases": CASES,
    "reference": REFERENCE,
    "joints": JOINTS,
    "radiograph_joints": LANDMARKS,
    "levels": LEVELS,
    "lesions": LESIONS,
    "regions": REGIONS,
}

# Share of ordinary spines; the rest is divided among the variants.
_VARIANTS: tuple[Variant, ...] = ("five", "four", "six", "transitional")
_VARIANT_SHARES = (0.88, 0.03, 0.04, 0.05)


def write_folder(
    out: Path,
    *,
    cases: int,
    seed: int,
    protocol: Protocol = "facet-joint-degeneration",
    centres: Sequence[str] = ("A",),
    modalities: Sequence[Modality] = MODALITIES,
    correlation: Correlation = "correlated",
    variants: bool = True,
    form: Form = PLAIN,
    workers: int = 1,
) -> None:
    """
    Write phantom cases and their truth: ``OUT/<case_id>/<series>/*.dcm`` and the CSV tables.

    Same arguments, same bytes, whatever the number of workers.

    Parameters
    ----------
    out : Path
        Made when absent.
    cases : int
    seed : int
    protocol : str
        What the bodies are: lumbar spines with graded joints, the same with lesions of discs and canal, or
        necks with tumours.
    centres : sequence of str
        Keys of `SCANNERS`, dealt to the cases in turn.
    modalities : sequence of {"CT", "MR", "XR"}
    correlation : {"independent", "correlated"}
    variants : bool
        Whether some bodies have four or six lumbar-type vertebrae or a transitional one.
    form : Form
        How the pictures are written.
    workers : int
        Processes.

    Raises
    ------
    ValueError
        If a centre is unknown or ``cases`` is not positive.
    """
    unknown = [c for c in centres if c not in SCANNERS]
    if unknown or not centres:
        raise ValueError(f"unknown centre {unknown}; expected some of {', '.join(SCANNERS)}")
    if cases < 1:
        raise ValueError(f"cases must be 1 or more, got {cases}")
    out.mkdir(parents=True, exist_ok=True)
    one = partial(
        _one_case,
        out=out,
        seed=seed,
        protocol=protocol,
        centres=tuple(centres),
        modalities=tuple(modalities),
        correlation=correlation,
        variants=variants,
        form=form,
    )
    if workers > 1:
        # Spawned, not forked: safe beside threads, and the same everywhere.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            tables = list(pool.map(one, range(cases)))
    else:
        tables = [one(number) for number in range(cases)]
    for name, columns in TABLES.items():
        rows = [row for table in tables for row in table.get(name, ())]
        if rows:
            write_table(out / f"{name}.csv", columns, rows)


def _one_case(
    number: int,
    *,
    out: Path,
    seed: int,
    protocol: Protocol,
    centres: tuple[str, ...],
    modalities: tuple[Modality, ...],
    correlation: Correlation,
    variants: bool,
    form: Form,
) -> dict[str, list[dict[str, Any]]]:
    rng = np.random.default_rng([seed, number])
    body: Body | CervicalBody
    if protocol == "cervical-spine-tumour":
        body = sample_cervical_body(rng)
    else:
        kind = _VARIANTS[int(rng.choice(len(_VARIANTS), p=_VARIANT_SHARES))]
        detection = protocol == "lumbar-degeneration-detection"
        body = sample_body(
            rng, correlation=correlation, variant=kind if variants else "five", lesions=detection
        )
    case_id, patient_id = f"PH{number + 1:04d}", f"PP{number + 1:04d}"
    centre = centres[number % len(centres)]
    identity = draw_identity(rng, case_id=case_id, patient_id=patient_id, sex=body.sex, age=body.age)
    written = write_case(
        body,
        out / case_id,
        identity=identity,
        scanner=SCANNERS[centre],
        seed=seed,
        modalities=modalities,
        form=form,
        masks=out / "masks",
    )
    case = {
        "case_id": case_id,
        "patient_id": patient_id,
        "centre": centre,
        "laterality": "established",
        "folder": case_id,
        "dicom_patient_id": identity.hospital_number,
        "study_date": identity.study_date.isoformat(),
        "sex": body.sex,
        "age": body.age,
        "variant": body.variant,
        "lumbar_type_vertebrae": sum(v.name.startswith("L") for v in body.vertebrae) or "",
        "synthetic": 1,
    }
    tables = {
        "cases": [case],
        "reference": reference_rows(body, case_id, patient_id),
        "levels": level_rows(body, case_id, patient_id),
        "lesions": lesion_rows(body, case_id, patient_id, written.frame_of_reference),
        "radiograph_joints": written.landmarks,
    }
    if isinstance(body, CervicalBody):
        tables["regions"] = region_rows(body, case_id, patient_id)
    else:
        tables["joints"] = joint_rows(body, case_id, patient_id, written.frame_of_reference)
    return tables
