"""Taking images in: every file ends as stored, duplicate, conflict or refused, with a reason."""

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction

from readerstudy.core.audit import Actor, record
from readerstudy.core.jobs import enqueue_on_commit
from readerstudy.dicom.limits import Limits
from readerstudy.imaging import stores
from readerstudy.imaging.archive import Archive, ArchiveStudies
from readerstudy.imaging.intake_queue import (
    Item,
    Source,
    UploadedFiles,
    Work,
    archive_source,
    folder_source,
    inbox_name,
    upload_source,
)
from readerstudy.imaging.models import (
    ImportBatch,
    ImportOutcome,
    Laterality,
)
from readerstudy.imaging.reading_pool import ReadingPool
from readerstudy.imaging.services.placing import Chunk
from readerstudy.imaging.task_names import FILL

ROWS_PER_COMMIT = 250
Commit = Callable[[], AbstractContextManager[None]]
Progress = Callable[[int], None]
Observe = Callable[[Item, ImportOutcome.Outcome], None]
ImportSource = Path | ArchiveStudies | UploadedFiles


class SourceMissing(Exception):
    """The folder or file to import is not there or cannot be read."""


@transaction.atomic
def create_batch(
    *,
    scope: UUID,
    source: str,
    at: datetime,
    keep_originals: bool | None = None,
    laterality: str = Laterality.UNKNOWN,
    laterality_source: str = "",
    actor: Actor | None = None,
    state: str = ImportBatch.State.WAITING,
) -> ImportBatch:
    """
    Write down that images are to be taken in.

    Parameters
    ----------
    scope : UUID
        Public id of the reader study.
    source : str
        Where they come from, for coordinators; kept encrypted.
    keep_originals : bool, optional
        Keep the files as they came, encrypted; the setting ``READERSTUDY_KEEP_ORIGINALS`` by default.
    laterality, laterality_source : str
        What is stated of left and right for every imaging study first seen in this import, and by whom.
    """
    keep = settings.READERSTUDY_KEEP_ORIGINALS if keep_originals is None else keep_originals
    batch = ImportBatch.objects.create(
        scope=scope,
        source_sealed=stores.seal_name(scope, source),
        state=state,
        keep_originals=keep,
        laterality=Laterality(laterality).value,
        laterality_source=laterality_source[:80],
        created_at=at,
    )
    record(
        event="imaging.import.started",
        at=at,
        actor=actor,
        study_id=scope,
        subject_type="import",
        subject_id=batch.public_id,
    )
    return batch


@transaction.atomic
def request_fill(
    *,
    scope: UUID,
    source: ImportSource,
    at: datetime,
    keep_originals: bool | None = None,
    laterality: str = Laterality.UNKNOWN,
    laterality_source: str = "",
    actor: Actor | None = None,
) -> ImportBatch:
    """
    Ask a worker to take in what `receive` takes; the job carries the batch's public id only.

    Raises
    ------
    SourceMissing, archive.ArchiveUnknown
        If `source` does not exist.
    """
    _check_there(source)
    batch = create_batch(
        scope=scope,
        source=source_text(source),
        at=at,
        keep_originals=keep_originals,
        laterality=laterality,
        laterality_source=laterality_source,
        actor=actor,
    )
    enqueue_on_commit(FILL, at=at, study_id=scope, batch=str(batch.public_id))
    return batch


def limits_from_settings() -> Limits:
    """Return the bounds of reading files, as the settings say."""
    return Limits(**settings.READERSTUDY_IMPORT_LIMITS)


def receive(
    *,
    scope: UUID,
    source: ImportSource,
    at: datetime,
    batch: ImportBatch | None = None,
    keep_originals: bool | None = None,
    laterality: str = Laterality.UNKNOWN,
    laterality_source: str = "",
    actor: Actor | None = None,
    commit: Commit = transaction.atomic,
    progress: Progress | None = None,
    observe: Observe | None = None,
) -> ImportBatch:
    """
    Take in a folder, a file, an archive file, or imaging studies of a DICOMweb archive.

    Safe to run again on the same batch: files that have their outcome are left out.

    Parameters
    ----------
    scope : UUID
        Public id of the reader study.
    source : Path, ArchiveStudies or UploadedFiles
        Folder, DICOM file or ZIP archive; studies to be fetched; or what was sent to `batch` file by file.
    at : datetime
        The time to write down.
    batch : ImportBatch, optional
        From `create_batch`; made here when not given.
    commit : callable
        Gives the transaction in which a chunk of at most 250 files is written (a job passes its fenced one).
    progress : callable, optional
        Called with the number of files that have their outcome.
    observe : callable, optional
        Called with each item and its outcome once they are committed.

    Raises
    ------
    SourceMissing
        If `source` does not exist.
    archive.ArchiveUnknown, archive.ArchiveUnavailable
        If the archive is not configured, or stops answering; what arrived before stays, and the import can be
        resumed.
    """
    _check_there(source)
    if batch is None:
        batch = create_batch(
            scope=scope,
            source=source_text(source),
            at=at,
            keep_originals=keep_originals,
            laterality=laterality,
            laterality_source=laterality_source,
            actor=actor,
        )
    name = str(batch.public_id)
    stores.remove_staging(name)
    staging = stores.staging_folder(name)
    ImportBatch.objects.filter(pk=batch.pk).update(state=ImportBatch.State.RUNNING)
    work = Work(
        batch=name,
        staging=staging,
        limits=limits_from_settings(),
        skip=frozenset(batch.outcomes.values_list("name_key", flat=True)),
    )
    pool = ReadingPool(
        work.limits,
        processes=settings.READERSTUDY_IMPORT_PROCESSES,
        syntax=settings.READERSTUDY_FRAME_SYNTAX,
    )
    items = _items(source, batch)
    finished = len(work.skip)
    try:
        with _seldom_collected():
            for chunk in _chunks(pool.read(items, work)):
                with commit():
                    outcomes = Chunk(batch, at=at, first_number=finished).write(chunk)
                for item, outcome in zip(chunk, outcomes, strict=True):
                    if observe is not None:
                        observe(item, outcome)
                    _remove_staged(item, outcome, staging)
                finished += len(chunk)
                if progress is not None:
                    progress(finished)
    finally:
        stores.remove_staging(name)
    _finish(batch, at=at, actor=actor, commit=commit)
    if isinstance(source, UploadedFiles):
        stores.remove_staging(inbox_name(batch.public_id))
    batch.refresh_from_db()
    return batch


@contextmanager
def _seldom_collected() -> Iterator[None]:
    """
    Look for unreachable cycles a hundred times less often.

    The attributes of hundreds of images are thousands of small objects without a cycle; at the usual threshold
    going through everything that is loaded takes a fifth of this process's time.
    """
    usual = gc.get_threshold()
    gc.set_threshold(usual[0] * 100, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) >= ROWS_PER_COMMIT:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _items(source: ImportSource, batch: ImportBatch) -> Source:
    if isinstance(source, ArchiveStudies):
        return archive_source(source)
    if isinstance(source, UploadedFiles):
        return upload_source(batch.scope, batch.public_id)
    return folder_source(source)


def _check_there(source: ImportSource) -> None:
    if isinstance(source, ArchiveStudies):
        Archive(source.archive)
    elif isinstance(source, Path) and not source.exists():
        raise SourceMissing("The folder or file to import does not exist or may not be read.")


def source_text(source: ImportSource) -> str:
    """Return a source as the text that `source_of` reads back."""
    return str(source.resolve()) if isinstance(source, Path) else source.as_text()


def source_of(batch: ImportBatch) -> ImportSource:
    """Return what a batch takes in, as it was given to `create_batch` or `request_fill`."""
    text = stores.open_source(batch.scope, batch.source_sealed)
    if text == UploadedFiles().as_text():
        return UploadedFiles()
    return ArchiveStudies.from_text(text) or Path(text)


def _remove_staged(item: Item, outcome: ImportOutcome.Outcome, staging: Path) -> None:
    if item.path is not None and str(item.path).startswith(f"{staging}{os.sep}"):
        item.path.unlink(missing_ok=True)
    if item.staged is None:
        return
    # The frames of what was stored have been moved away.
    if outcome != ImportOutcome.Outcome.STORED and ("refused" in item.answer or "digest" in item.answer):
        count = item.answer.get("n_frames")
        paths = (
            [Path(f"{item.staged}_{frame}") for frame in range(1, count + 1)]
            if count
            else list(item.staged.parent.glob(f"{item.staged.name}_*"))
        )
        for path in paths:
            path.unlink(missing_ok=True)


def _finish(batch: ImportBatch, *, at: datetime, actor: Actor | None, commit: Commit) -> None:
    with commit():
        counts = {
            outcome.value: batch.outcomes.filter(outcome=outcome).count() for outcome in ImportOutcome.Outcome
        }
        ImportBatch.objects.filter(pk=batch.pk).update(
            state=ImportBatch.State.DONE, finished_at=at, **{f"n_{name}": n for name, n in counts.items()}
        )
        record(
            event="imaging.import.finished",
            at=at,
            actor=actor,
            study_id=batch.scope,
            subject_type="import",
            subject_id=batch.public_id,
            **counts,
        )
