"""Fictional people, dates and identifiers. Every name is visibly made up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

_FAMILY = (
    "Fictional", "Invented", "Imaginary", "Madeup", "Synthetic", "Pretend", "Specimen", "Phantom", "Sample",
    "Placeholder",
)  # fmt: skip
_FEMALE = ("Alma", "Berit", "Chiara", "Dilek", "Elif", "Freya", "Greta", "Hana", "Ines", "Jun", "Kira", "Lan")
_MALE = ("Anton", "Bao", "Carlo", "Deniz", "Emil", "Farid", "Goran", "Hugo", "Ivo", "Jonas", "Kofi", "Li")
_DOCTORS = ("Nobody^Nora^^Dr.", "Nemo^Noel^^Dr.", "Anon^Astrid^^Dr.")


@dataclass(frozen=True)
class Identity:
    """
    Who a synthetic case pretends to be.

    Attributes
    ----------
    case_id, patient_id : str
        Pseudonyms, the keys of every table.
    hospital_number : str
        Patient ID in the DICOM header; to be removed by de-identification like the rest.
    accession : str
        Stem of the accession numbers of the case's studies.
    """

    case_id: str
    patient_id: str
    hospital_number: str
    accession: str
    name: str
    sex: str
    birth_date: date
    study_date: date
    referring: str
    operator: str


def draw_identity(rng: np.random.Generator, *, case_id: str, patient_id: str, sex: str, age: int) -> Identity:
    """
    A fictional identity.

    Parameters
    ----------
    rng : numpy.random.Generator
    case_id, patient_id : str
    sex : {"F", "M"}
    age : int
        In years at the study date.

    Returns
    -------
    Identity
    """
    study = date(2021, 1, 4) + timedelta(days=int(rng.integers(0, 1000)))
    birth = study - timedelta(days=int(age * 365.25 + rng.integers(0, 365)))
    given = str(rng.choice(_FEMALE if sex == "F" else _MALE))
    return Identity(
        case_id=case_id,
        patient_id=patient_id,
        hospital_number=f"FICT-{int(rng.integers(10**6, 10**7))}",
        accession=f"FA{int(rng.integers(10**6, 10**7))}",
        name=f"{rng.choice(_FAMILY)}^{given}",
        sex=sex,
        birth_date=birth,
        study_date=study,
        referring=str(rng.choice(_DOCTORS)),
        operator=str(rng.choice(_DOCTORS)),
    )


def make_uid(*parts: object) -> str:
    """
    A DICOM UID that is a function of its parts (2.25 and a 128-bit number, PS3.5 B.2).

    Parameters
    ----------
    *parts : object
        Seed, case, series, number: whatever makes the object unique.

    Returns
    -------
    str
    """
    digest = hashlib.sha256("\x1f".join(str(part) for part in parts).encode()).digest()
    return f"2.25.{int.from_bytes(digest[:16], 'big')}"
