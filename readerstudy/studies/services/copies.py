"""
De-identified copies of a study's images as one archive to download.

A worker writes them case by case below the data root; what is finished is one ZIP that is kept for some days. When a
case is withdrawn every archive of its study goes.
"""

import csv
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.core.jobs import cancel_job, enqueue_on_commit
from readerstudy.core.models import Job
from readerstudy.imaging.services import OriginalsNotKept, export_deidentified
from readerstudy.studies.models import Case, ReaderStudy
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.task_names import EXPORT_IMAGES

KEPT_DAYS = 7
INCLUDED, EVERY = "included", "every"


@dataclass(frozen=True)
class Made:
    """What a finished archive holds: cases and images, and cases that were left out."""

    n_cases: int
    n_images: int
    n_left_out: int


class CaseWithdrawnMeanwhile(Exception):
    """A case was withdrawn while its copies were made; they are made anew."""


def _folder(scope: UUID) -> Path:
    path = Path(settings.READERSTUDY_DATA_ROOT) / "copies" / str(scope)
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def archive_path(scope: UUID, copy: UUID) -> Path:
    """Return where a finished archive lies."""
    return _folder(scope) / f"{copy}.zip"


def made_of(scope: UUID, copy: UUID) -> Made | None:
    """Return what a finished archive holds, None where it is not made or gone."""
    told = archive_path(scope, copy).with_suffix(".json")
    if not archive_path(scope, copy).exists() or not told.exists():
        return None
    return Made(**json.loads(told.read_text()))


def cases_to_copy(study: ReaderStudy, which: str) -> QuerySet[Case]:
    """Return the cases with images, ``included`` or ``every`` one; never a withdrawn one."""
    found = Case.objects.filter(study=study, image_set__isnull=False).exclude(status=Case.Status.WITHDRAWN)
    return found.filter(status=Case.Status.INCLUDED) if which == INCLUDED else found


@transaction.atomic
def request_copies(*, study: ReaderStudy, which: str, actor: Actor, at: datetime) -> Job:
    """
    Ask a worker for de-identified copies.

    Raises
    ------
    StudyRefused
        If copies are being made already, or there is no such case.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if Job.objects.filter(kind=EXPORT_IMAGES.name, study_id=study.public_id).unfinished().exists():
        raise StudyRefused(_("Copies of this study are being made already. Wait for them, or stop them."))
    if which not in {INCLUDED, EVERY}:
        raise StudyRefused(_("Choose which cases are copied."))
    n_cases = cases_to_copy(study, which).count()
    if not n_cases:
        raise StudyRefused(_("There is no such case with images. Nothing was begun."))
    job = enqueue_on_commit(
        EXPORT_IMAGES, at=at, study_id=study.public_id, which=which, by=str(actor.public_id)
    )
    _record("studies.copies.requested", study, job.public_id, actor, at, n_cases=n_cases)
    return job


def make_copies(
    *,
    study: ReaderStudy,
    copy: UUID,
    which: str,
    actor: Actor | None,
    at: datetime,
    progress: Callable[[int, int], None],
) -> Made:
    """
    Write the archive of one job; what an earlier try finished of it is not done again.

    Raises
    ------
    CaseWithdrawnMeanwhile
        If a case was withdrawn while the copies were made; nothing of the archive stays.
    """
    work = _folder(study.public_id) / f"{copy}.work"
    work.mkdir(exist_ok=True, mode=0o700)
    cases = list(cases_to_copy(study, which).select_related("image_set", "patient").order_by("pseudonym"))
    rows: list[tuple[str, str, int, str]] = []
    for number, case in enumerate(cases):
        progress(number, len(cases))
        n_images, why_not = _copy_of(case, work, actor=actor, at=at)
        rows.append((case.pseudonym, case.patient.pseudonym, n_images, why_not))
    copied = [case for case, row in zip(cases, rows, strict=True) if not row[3]]
    made = Made(len(copied), sum(row[2] for row in rows), len(rows) - len(copied))
    archive = archive_path(study.public_id, copy)
    partial = archive.with_suffix(".part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        out.writestr("README.txt", _read_me(study))
        out.writestr("cases.csv", _table(rows))
        for case in copied:
            folder = work / str(case.public_id)
            for path in sorted(folder.rglob("*.dcm")):
                out.write(path, Path(case.pseudonym) / path.relative_to(folder))
    # Whoever stopped the copies meanwhile finds none.
    progress(len(cases), len(cases))
    archive.with_suffix(".json").write_text(json.dumps(asdict(made)))
    partial.chmod(0o600)
    partial.replace(archive)
    shutil.rmtree(work, ignore_errors=True)
    # A withdrawal before this line is seen here; a later one finds the archive in its place and erases it.
    if Case.objects.filter(pk__in=[case.pk for case in cases], status=Case.Status.WITHDRAWN).exists():
        remove_files(study.public_id, copy)
        raise CaseWithdrawnMeanwhile
    _record("studies.copies.made", study, copy, actor, at, n_cases=made.n_cases, n_images=made.n_images)
    return made


def _copy_of(case: Case, work: Path, *, actor: Actor | None, at: datetime) -> tuple[int, str]:
    """Write the copies of one case; return how many there are, or why there are none."""
    done = work / f"{case.public_id}.done"
    if done.exists():
        n_images, _blank, why_not = done.read_text().partition(" ")
        return int(n_images), why_not
    folder = work / str(case.public_id)
    shutil.rmtree(folder, ignore_errors=True)
    assert case.image_set is not None  # noqa: S101  (chosen so)
    n_images, why_not = 0, ""
    try:
        n_images = export_deidentified(
            image_set=case.image_set,
            folder=folder,
            patient_id=case.patient.pseudonym,
            at=at,
            actor=actor,
        )
    except OriginalsNotKept as refusal:
        # Half a case would pass for a whole one.
        shutil.rmtree(folder, ignore_errors=True)
        why_not = str(refusal)
    done.write_text(f"{n_images} {why_not}")
    return n_images, why_not


@transaction.atomic
def end_copies(*, study: ReaderStudy, job: Job, actor: Actor, at: datetime) -> None:
    """Stop copies that are being made, or remove finished ones."""
    if not job.is_finished:
        cancel_job(job, at=at)
    _record("studies.copies.ended", study, job.public_id, actor, at)
    transaction.on_commit(lambda: remove_files(study.public_id, job.public_id))


def note_download(*, study: ReaderStudy, copy: UUID, actor: Actor, at: datetime) -> None:
    """Write down who took an archive with them."""
    made = made_of(study.public_id, copy)
    n_images = made.n_images if made else 0
    _record("studies.copies.downloaded", study, copy, actor, at, n_images=n_images)


def remove_files(scope: UUID, copy: UUID) -> None:
    """Remove what there is of an archive, finished or not."""
    archive = archive_path(scope, copy)
    for path in (archive, archive.with_suffix(".json"), archive.with_suffix(".part")):
        path.unlink(missing_ok=True)
    shutil.rmtree(archive.with_suffix(".work"), ignore_errors=True)


def erase_copies_of_case(case: Case) -> None:
    """Remove every archive of a study from which a case was withdrawn, and its part of one that is being made."""
    folder = _folder(case.study.public_id)
    for archive in folder.glob("*.zip"):
        remove_files(case.study.public_id, UUID(archive.stem))
    for work in folder.glob("*.work"):
        shutil.rmtree(work / str(case.public_id), ignore_errors=True)


def remove_old_copies(*, now: datetime) -> None:
    """Remove archives, and what broken tries left, after some days."""
    root = Path(settings.READERSTUDY_DATA_ROOT) / "copies"
    before = (now - timedelta(days=KEPT_DAYS)).timestamp()
    for path in (*root.glob("*/*.zip"), *root.glob("*/*.work")):
        if path.stat().st_mtime < before:
            remove_files(UUID(path.parent.name), UUID(path.stem))


def _table(rows: list[tuple[str, str, int, str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["case_id", "patient_id", "images", "left_out_because"])
    writer.writerows(rows)
    return out.getvalue()


def _read_me(study: ReaderStudy) -> str:
    protocol = current_protocol(study)
    lines = (
        ["DEMONSTRATION DATA: every patient in these files is synthetic.", ""]
        if study.is_demonstration
        else []
    )
    lines += [
        f"{study.title} ({study.slug}), protocol {protocol.document.id} version {protocol.version}, {protocol.digest}",
        "",
        "De-identified DICOM by the Basic Application Level Confidentiality Profile of PS3.15; every object carries",
        "its marks. Patient id and folder are pseudonyms of the study; UIDs are those of its marks and places.",
        "Text that is burned into pixels is not removed. cases.csv says what was left out and why.",
        "",
    ]
    return "\n".join(lines)


def _record(
    event: str, study: ReaderStudy, copy: UUID, actor: Actor | None, at: datetime, **detail: object
) -> None:
    record(
        event=event,
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="copies",
        subject_id=copy,
        **detail,
    )
