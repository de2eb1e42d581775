"""Background work on images: one service call each."""

from typing import Any
from uuid import UUID

from django.utils import timezone

from readerstudy.core.jobs import JobContext, JobRefused, job_handler
from readerstudy.imaging.archive import ArchiveUnknown
from readerstudy.imaging.models import ImportBatch
from readerstudy.imaging.services import receive
from readerstudy.imaging.services.receiving import SourceMissing, source_of
from readerstudy.imaging.task_names import FILL


@job_handler(FILL)
def fill(context: JobContext, *, batch: str, **_: Any) -> None:
    """Take in what a batch names; resumes where an earlier try stopped."""
    row = ImportBatch.objects.get(public_id=UUID(batch))
    if row.state == ImportBatch.State.DONE:
        return
    source = source_of(row)
    try:
        receive(
            scope=row.scope,
            source=source,
            at=timezone.now(),
            batch=row,
            commit=context.commit,
            progress=lambda done: context.progress(done, 0, "files read"),
        )
    except (SourceMissing, ArchiveUnknown) as error:
        ImportBatch.objects.filter(pk=row.pk).update(state=ImportBatch.State.FAILED, problem=str(error))
        raise JobRefused(str(error)) from error
