"""
Taking images into a study: files through `imaging`, cases from what arrived, the import table's names.

A folder may carry two tables: ``cases.csv`` (case_id, patient_id, centre, laterality,
dicom_patient_id) with pseudonyms and what is known of left and right, and ``joints.csv`` (case_id,
structure, frame_of_reference, x_mm, y_mm, z_mm) with places fixed before reading.
"""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from readerstudy.core.audit import Actor
from readerstudy.imaging.models import ImageSet, ImportBatch
from readerstudy.imaging.services.receiving import receive
from readerstudy.imaging.services.subjects import identity_of, state_laterality
from readerstudy.imaging.uids import blinded_uid
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.cases import EnrolledAs, Place, enrol_image_sets, import_landmarks
from readerstudy.studies.services.errors import StudyRefused

CASES_TABLE, PLACES_TABLE = "cases.csv", "joints.csv"
LATERALITIES = ("established", "by-convention", "unknown")


@dataclass(frozen=True)
class Imported:
    """What an import brought: outcomes per file, and the new cases."""

    batch: ImportBatch
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class _Stated:
    """One row of the import table."""

    names: EnrolledAs
    centre: str
    laterality: str


def _rows(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, Mapping[str, str]]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        missing = [name for name in needed if name not in (reader.fieldnames or [])]
        if missing:
            raise StudyRefused(
                f"{path.name}: the column {', '.join(missing)} is missing; it needs {', '.join(needed)}. "
                "Nothing was imported."
            )
        for number, row in enumerate(reader, start=2):
            empty = [name for name in needed if not (row.get(name) or "").strip()]
            if empty:
                raise StudyRefused(
                    f"{path.name}, line {number}: {', '.join(empty)} is empty. Nothing was imported."
                )
            yield number, {name: (value or "").strip() for name, value in row.items() if name}


def import_images(
    *,
    study: ReaderStudy,
    source: Path,
    centre_code: str,
    actor: Actor | None,
    at: datetime,
    laterality: str = "unknown",
    table: Path | None = None,
    places: Path | None = None,
) -> Imported:
    """
    Import a folder or an archive file and make cases of what arrived.

    Parameters
    ----------
    laterality : str
        What is known of left and right where the table says nothing.
    table, places : Path, optional
        The two tables; by default those of these names in the folder itself.

    Raises
    ------
    StudyRefused
        If a table cannot be used; nothing was imported then.
    SourceMissing
        If `source` does not exist.
    """
    if study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise StudyRefused(f"The study is {study.state}; images are imported before it is locked.")
    if laterality not in LATERALITIES:
        raise StudyRefused(
            f"{laterality!r} is not a statement about sides; there are {', '.join(LATERALITIES)}."
        )
    table = table or _beside(source, CASES_TABLE)
    places = places or _beside(source, PLACES_TABLE)
    # By the patient id of the files, which only the encrypted identity store can tell of an image set.
    stated_of: dict[str, _Stated] = {}
    if table is not None:
        for number, row in _rows(table, ("case_id", "patient_id", "dicom_patient_id")):
            stated = row.get("laterality") or laterality
            if stated not in LATERALITIES:
                raise StudyRefused(
                    f"{table.name}, line {number}: laterality is {stated!r}; allowed are {', '.join(LATERALITIES)}. "
                    "Nothing was imported."
                )
            stated_of[row["dicom_patient_id"]] = _Stated(
                names=EnrolledAs(patient=row["patient_id"], case=row["case_id"]),
                centre=row.get("centre") or centre_code,
                laterality=stated,
            )
    located = _places(study, places) if places is not None else {}
    batch = receive(
        scope=study.public_id,
        source=source,
        at=at,
        laterality=laterality,
        laterality_source="stated at import" if laterality != "unknown" else "",
        actor=actor,
    )
    cases: list[Case] = []
    by_centre: dict[str, list[ImageSet]] = defaultdict(list)
    known: dict[str, _Stated] = {}
    for image_set in batch.image_sets.order_by("pk"):
        found = stated_of.get(identity_of(image_set).patient_id)
        if found is not None:
            known[image_set.subject_key] = found
        by_centre[found.centre if found else centre_code].append(image_set)
    for code in sorted(by_centre):
        cases += enrol_image_sets(
            study=study,
            image_sets=by_centre[code],
            centre_code=code,
            actor=actor,
            at=at,
            source=source.name,
            names={key: each.names for key, each in known.items()},
        )
    for case in cases:
        if case.image_set is None:
            continue
        row_of_case = known.get(case.image_set.subject_key)
        if row_of_case is not None:
            for imaging_study in case.image_set.imaging_studies.exclude(laterality=row_of_case.laterality):
                state_laterality(
                    imaging_study=imaging_study,
                    laterality=row_of_case.laterality,
                    source="import table",
                    at=at,
                    actor=actor,
                )
        if case.pseudonym in located:
            import_landmarks(case=case, places=located[case.pseudonym], actor=actor, at=at)
    return Imported(batch=batch, cases=tuple(cases))


def _beside(source: Path, name: str) -> Path | None:
    path = source / name
    return path if source.is_dir() and path.is_file() else None


def _places(study: ReaderStudy, path: Path) -> dict[str, list[Place]]:
    located: dict[str, list[Place]] = defaultdict(list)
    needed = ("case_id", "structure", "frame_of_reference", "x_mm", "y_mm", "z_mm")
    for number, row in _rows(path, needed):
        try:
            x, y, z = (float(row[name]) for name in ("x_mm", "y_mm", "z_mm"))
        except ValueError:
            raise StudyRefused(f"{path.name}, line {number}: x_mm, y_mm, z_mm must be numbers.") from None
        located[row["case_id"]].append(
            Place(row["structure"], blinded_uid(study.public_id, row["frame_of_reference"]), (x, y, z))
        )
    return located
