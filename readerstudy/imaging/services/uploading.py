"""Images that come through the browser, file by file."""

import secrets
from datetime import datetime, timedelta
from typing import BinaryIO
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.core.models import Job
from readerstudy.imaging import stores
from readerstudy.imaging.intake_queue import UploadedFiles, inbox_name, name_key
from readerstudy.imaging.models import ImportBatch, Laterality
from readerstudy.imaging.reasons import UPLOAD_GIVEN_UP, UPLOAD_TOO_OLD
from readerstudy.imaging.services.receiving import create_batch, limits_from_settings

LONGEST_NAME = 1000
#: Days without a new file after which an unfinished upload is given up: what arrived names patients.
KEPT_DAYS = 7


class UploadRefused(Exception):
    """A file or body is not taken; the message is for the person who sends it."""


def begin_upload(
    *,
    scope: UUID,
    at: datetime,
    actor: Actor | None,
    laterality: str = Laterality.UNKNOWN,
    laterality_source: str = "",
) -> ImportBatch:
    """Open an import that files are sent to one by one; nothing is read before it is filled."""
    return create_batch(
        scope=scope,
        source=UploadedFiles().as_text(),
        at=at,
        laterality=laterality,
        laterality_source=laterality_source,
        actor=actor,
        state=ImportBatch.State.ARRIVING,
    )


def _closed() -> UploadRefused:
    return UploadRefused(_("This upload is closed; begin a new one for more files."))


def add_uploaded_file(*, batch: ImportBatch, name: str, stream: BinaryIO) -> int:
    """
    Keep one file of an upload; sending the same name again replaces nothing.

    Parameters
    ----------
    name : str
        Path of the file in the folder that is uploaded.
    stream : binary stream
        Its content; read in pieces and bounded.

    Returns
    -------
    int
        Size of the file.

    Raises
    ------
    UploadRefused
        If the upload was finished or given up, the name is empty or too long, or the file is too large.
    """
    if batch.state != ImportBatch.State.ARRIVING:
        raise _closed()
    if not name or len(name) > LONGEST_NAME:
        raise UploadRefused(_("A file needs a name of at most 1,000 characters."))
    inbox = stores.staging_folder(inbox_name(batch.public_id))
    key = name_key(str(batch.public_id), name)
    target = inbox / key
    if target.exists():
        return target.stat().st_size
    limit = limits_from_settings().file_bytes
    temporary = inbox / f".{key}.{secrets.token_hex(4)}"
    size = 0
    try:
        with temporary.open("xb") as sink:
            while block := stream.read(1 << 20):
                size += len(block)
                if size > limit:
                    raise UploadRefused(
                        _("The file is larger than %(limit)d MiB; it was not taken.")
                        % {"limit": limit // 2**20}
                    )
                sink.write(block)
        stores.write_private(inbox / f"{key}.name", stores.seal_name(batch.scope, name))
        temporary.rename(target)
    except FileNotFoundError:
        # Given up and erased meanwhile; nothing of this file stays either.
        stores.remove_staging(inbox_name(batch.public_id))
        raise _closed() from None
    finally:
        temporary.unlink(missing_ok=True)
    return size


def missing_uploads(*, batch: ImportBatch, names: list[str]) -> list[str]:
    """
    Return the names that have not arrived yet, so that a broken upload goes on where it stopped.

    Raises
    ------
    UploadRefused
        If the upload was finished or given up.
    """
    if batch.state != ImportBatch.State.ARRIVING:
        raise _closed()
    inbox = stores.staging_path(inbox_name(batch.public_id))
    return [name for name in names if not (inbox / name_key(str(batch.public_id), name)).exists()]


def arrived_files(batch: ImportBatch) -> int:
    """Return how many files of an upload have arrived."""
    inbox = stores.staging_path(inbox_name(batch.public_id))
    return sum(1 for path in inbox.glob("*.name") if path.with_suffix("").exists())


def give_up_upload(
    *, batch: ImportBatch, at: datetime, actor: Actor | None, problem: str = UPLOAD_GIVEN_UP
) -> None:
    """
    Erase what has arrived of an unfinished upload; the import stays on record as given up.

    Raises
    ------
    UploadRefused
        If the upload was finished or given up before.
    """
    with transaction.atomic():
        arriving = ImportBatch.objects.filter(pk=batch.pk, state=ImportBatch.State.ARRIVING)
        if not arriving.update(state=ImportBatch.State.GIVEN_UP, problem=problem, finished_at=at):
            raise UploadRefused(_("This upload was finished before."))
        record(
            event="imaging.upload.given_up",
            at=at,
            actor=actor,
            study_id=batch.scope,
            subject_type="import",
            subject_id=batch.public_id,
            n=arrived_files(batch),
        )
    stores.remove_staging(inbox_name(batch.public_id))


def clear_old_arrivals(*, now: datetime) -> None:
    """Give up uploads to which nothing came for days, and remove whatever else was left on its way in."""
    before = (now - timedelta(days=KEPT_DAYS)).timestamp()
    for batch in ImportBatch.objects.filter(state=ImportBatch.State.ARRIVING):
        inbox = stores.staging_path(inbox_name(batch.public_id))
        last = inbox.stat().st_mtime if inbox.exists() else batch.created_at.timestamp()
        if last < before:
            give_up_upload(batch=batch, at=now, actor=None, problem=UPLOAD_TOO_OLD % {"days": KEPT_DAYS})
    for name in set(stores.old_staging(before)) - _still_wanted():
        stores.remove_staging(name)


def _still_wanted() -> set[str]:
    """Return the staging folders of imports whose turn is still to come, however long no worker has run."""
    jobs = Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING], payload__batch__isnull=False)
    batches = {UUID(batch) for batch in jobs.values_list("payload__batch", flat=True)}
    return {name for batch in batches for name in (inbox_name(batch), str(batch))}
