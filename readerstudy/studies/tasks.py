"""Background work on studies: one service call each."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.core.jobs import JobCancelled, JobContext, JobRefused, job_handler
from readerstudy.imaging.archive import ArchiveUnknown
from readerstudy.imaging.models import ImportBatch
from readerstudy.imaging.services.receiving import SourceMissing, source_of
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.copies import make_copies, remove_files
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.importing import import_images
from readerstudy.studies.task_names import EXPORT_IMAGES, IMPORT_IMAGES


@job_handler(IMPORT_IMAGES)
def import_images_of_batch(context: JobContext, *, batch: str, centre: str, **_: Any) -> None:
    """Take in what an import names and make cases of it; resumes where an earlier try stopped."""
    row = ImportBatch.objects.get(public_id=UUID(batch))
    try:
        import_images(
            study=ReaderStudy.objects.get(public_id=row.scope),
            source=source_of(row),
            centre_code=centre,
            actor=None,
            at=timezone.now(),
            laterality=row.laterality,
            batch=row,
            commit=context.commit,
            progress=lambda done: context.progress(done, 0, "files read"),
        )
    except (SourceMissing, ArchiveUnknown, StudyRefused) as error:
        ImportBatch.objects.filter(pk=row.pk).update(state=ImportBatch.State.FAILED, problem=str(error)[:200])
        raise JobRefused(str(error)) from error


@job_handler(EXPORT_IMAGES)
def make_copies_of_study(context: JobContext, *, which: str, by: str, **_: Any) -> None:
    """Write de-identified copies into one archive; resumes with the case at which an earlier try stopped."""
    study = ReaderStudy.objects.get(public_id=context.study_id)
    try:
        make_copies(
            study=study,
            copy=context.public_id,
            which=which,
            actor=User.objects.filter(public_id=by).first(),
            at=timezone.now(),
            progress=lambda done, total: context.progress(done, total, "cases copied"),
        )
    except JobCancelled:
        remove_files(study.public_id, context.public_id)
        raise
