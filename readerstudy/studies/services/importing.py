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
from types import MappingProxyType

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor
from readerstudy.core.jobs import enqueue_on_commit
from readerstudy.imaging.models import ImageSet, ImportBatch
from readerstudy.imaging.services.receiving import (
    Commit,
    ImportSource,
    Progress,
    create_batch,
    receive,
    source_text,
)
from readerstudy.imaging.services.subjects import patient_numbers, state_laterality
from readerstudy.imaging.uids import blinded_uid
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.cases import EnrolledAs, Place, enrol_image_sets, import_landmarks
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.naming import IMPORT_TABLE
from readerstudy.studies.task_names import IMPORT_IMAGES
from readerstudy.studies.wording import state_words

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
                _("%(name)s: the column %(missing)s is missing; it needs %(needed)s. Nothing was imported.")
                % {"name": path.name, "missing": ", ".join(missing), "needed": ", ".join(needed)}
            )
        for number, row in enumerate(reader, start=2):
            empty = [name for name in needed if not (row.get(name) or "").strip()]
            if empty:
                raise StudyRefused(
                    _("%(name)s, line %(number)s: %(empty)s is empty. Nothing was imported.")
                    % {"name": path.name, "number": number, "empty": ", ".join(empty)}
                )
            yield number, {name: (value or "").strip() for name, value in row.items() if name}


def import_images(
    *,
    study: ReaderStudy,
    source: ImportSource,
    centre_code: str,
    actor: Actor | None,
    at: datetime,
    laterality: str = "unknown",
    table: Path | None = None,
    places: Path | None = None,
    batch: ImportBatch | None = None,
    commit: Commit = transaction.atomic,
    progress: Progress | None = None,
) -> Imported:
    """
    Import images and make cases of what arrived.

    Parameters
    ----------
    laterality : str
        What is known of left and right where the table says nothing.
    source : Path, ArchiveStudies or UploadedFiles
        Folder or archive file; imaging studies of a DICOMweb archive; what was uploaded to `batch`.
    table, places : Path, optional
        The two tables; by default those of these names in the folder itself.
    batch, commit, progress
        For a job that resumes; see `receive`.

    Raises
    ------
    StudyRefused
        If a table cannot be used; nothing was imported then.
    SourceMissing
        If `source` does not exist.
    """
    check_takes_images(study)
    if laterality not in LATERALITIES:
        raise StudyRefused(
            _("%(laterality)s is not a statement about sides; there are %(lateralities)s.")
            % {"laterality": repr(laterality), "lateralities": ", ".join(LATERALITIES)}
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
                    _(
                        "%(name)s, line %(number)s: laterality is %(stated)s; allowed are %(lateralities)s. "
                        "Nothing was imported."
                    )
                    % {
                        "name": table.name,
                        "number": number,
                        "stated": repr(stated),
                        "lateralities": ", ".join(LATERALITIES),
                    }
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
        batch=batch,
        commit=commit,
        progress=progress,
    )
    cases = enrol_import(
        study=study,
        batch=batch,
        centre_code=centre_code,
        actor=actor,
        at=at,
        source=source.name if isinstance(source, Path) else batch.public_id.hex,
        stated_of=stated_of,
        located=located,
    )
    return Imported(batch=batch, cases=tuple(cases))


def check_takes_images(study: ReaderStudy) -> None:
    """
    Refuse images for a study that takes no more, before anything is sent or stored.

    Raises
    ------
    StudyRefused
        If the study is locked or unblinded.
    """
    if study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise StudyRefused(
            _("The study is %(state)s; images are imported before it is locked.")
            % {"state": state_words(study.state)}
        )


def enrol_import(
    *,
    study: ReaderStudy,
    batch: ImportBatch,
    centre_code: str,
    actor: Actor | None,
    at: datetime,
    source: str,
    stated_of: Mapping[str, _Stated] = MappingProxyType({}),
    located: Mapping[str, list[Place]] = MappingProxyType({}),
) -> list[Case]:
    """
    Make cases of the image sets that an import brought; sets that have their case already are left.

    Parameters
    ----------
    source : str
        Name of the source, for the record.
    stated_of : mapping
        Rows of the import table by the files' patient id.
    located : mapping
        Places by pseudonym.
    """
    check_takes_images(study)
    cases: list[Case] = []
    by_centre: dict[str, list[ImageSet]] = defaultdict(list)
    known: dict[str, _Stated] = {}
    for image_set in batch.image_sets.order_by("pk"):
        found = next((stated_of[each] for each in patient_numbers(image_set) if each in stated_of), None)
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
            source=source,
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
                    source=IMPORT_TABLE,
                    at=at,
                    actor=actor,
                )
        if case.pseudonym in located:
            import_landmarks(case=case, places=located[case.pseudonym], actor=actor, at=at)
    return cases


@transaction.atomic
def request_import(
    *,
    study: ReaderStudy,
    source: ImportSource,
    centre_code: str,
    laterality: str,
    actor: Actor | None,
    at: datetime,
) -> ImportBatch:
    """
    Ask a worker to import images; the job carries the import's public id and the centre only.

    Raises
    ------
    StudyRefused
        If the study takes no more images.
    """
    check_takes_images(study)
    batch = create_batch(
        scope=study.public_id,
        source=source_text(source),
        at=at,
        laterality=laterality,
        laterality_source="stated at import" if laterality != "unknown" else "",
        actor=actor,
    )
    _enqueue(study, batch, centre_code, at)
    return batch


@transaction.atomic
def request_import_of_upload(
    *, study: ReaderStudy, batch: ImportBatch, centre_code: str, at: datetime
) -> None:
    """
    Ask a worker to take in what was uploaded to an import; asked twice, it is done once.

    Raises
    ------
    StudyRefused
        If the study takes no more images, or the upload was finished before.
    """
    check_takes_images(study)
    arriving = ImportBatch.objects.filter(pk=batch.pk, state=ImportBatch.State.ARRIVING)
    if not arriving.update(state=ImportBatch.State.RUNNING):
        raise StudyRefused(_("This upload was finished before."))
    _enqueue(study, batch, centre_code, at)


def _enqueue(study: ReaderStudy, batch: ImportBatch, centre_code: str, at: datetime) -> None:
    enqueue_on_commit(
        IMPORT_IMAGES, at=at, study_id=study.public_id, batch=str(batch.public_id), centre=centre_code
    )


def _beside(source: ImportSource, name: str) -> Path | None:
    if not isinstance(source, Path):
        return None
    path = source / name
    return path if source.is_dir() and path.is_file() else None


def _places(study: ReaderStudy, path: Path) -> dict[str, list[Place]]:
    located: dict[str, list[Place]] = defaultdict(list)
    needed = ("case_id", "structure", "frame_of_reference", "x_mm", "y_mm", "z_mm")
    for number, row in _rows(path, needed):
        try:
            x, y, z = (float(row[name]) for name in ("x_mm", "y_mm", "z_mm"))
        except ValueError:
            raise StudyRefused(
                _("%(name)s, line %(number)s: x_mm, y_mm, z_mm must be numbers.")
                % {"name": path.name, "number": number}
            ) from None
        located[row["case_id"]].append(
            Place(row["structure"], blinded_uid(study.public_id, row["frame_of_reference"]), (x, y, z))
        )
    return located
