"""Background work on studies: one service call each."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from readerstudy.core.jobs import JobContext, JobRefused, job_handler
from readerstudy.imaging.archive import ArchiveUnknown
from readerstudy.imaging.models import ImportBatch
from readerstudy.imaging.services.receiving import SourceMissing, source_of
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.importing import import_images
from readerstudy.studies.task_names import IMPORT_IMAGES


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
