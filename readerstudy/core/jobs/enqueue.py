"""Asking for work, asking it to stop, and asking for it again."""

import logging
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from celery import current_app
from django.db import transaction

from readerstudy.core.jobs.registry import JobKind
from readerstudy.core.models import Job

logger = logging.getLogger(__name__)

# Sent by name: the task lives beside the worker, above this module.
WAKE_UP_TASK = "core.run_job"


def wake_up(job_id: int, queue: str) -> None:
    """Send the Celery message. A lost message costs time only: the reaper looks for queued rows."""
    try:
        current_app.send_task(WAKE_UP_TASK, kwargs={"job_id": job_id}, queue=queue)
    except Exception as error:  # the broker is away; the row stands
        logger.warning(
            "Job %s waits: the broker did not take its message (%s).", job_id, type(error).__name__
        )


def enqueue_on_commit(kind: JobKind, *, at: datetime, study_id: UUID | None = None, **payload: Any) -> Job:
    """
    Write a job row in the current transaction and wake a worker after it commits.

    Parameters
    ----------
    kind : JobKind
        Which work.
    at : datetime
        When it was asked for.
    study_id : UUID, optional
        Public id of the reader study it belongs to.
    **payload
        Ids only; the handler loads what it needs.
    """
    job = Job.objects.create(
        kind=kind.name,
        queue=kind.queue,
        max_attempts=kind.max_attempts,
        payload=payload,
        study_id=study_id,
        created_at=at,
    )
    transaction.on_commit(partial(wake_up, job.pk, job.queue))
    return job


def cancel_job(job: Job, *, at: datetime) -> bool:
    """Cancel a waiting job, or ask a running one to stop at its next unit. Return False if it had ended."""
    if Job.objects.filter(pk=job.pk, state=Job.State.QUEUED).update(
        state=Job.State.CANCELLED, finished_at=at, cancel_requested_at=at
    ):
        return True
    return bool(Job.objects.filter(pk=job.pk, state=Job.State.RUNNING).update(cancel_requested_at=at))


def retry_job(job: Job, *, at: datetime, queue: str = "") -> bool:
    """
    Queue a failed or cancelled job again; finished units stay. Return False if it was neither.

    Parameters
    ----------
    job : Job
    at : datetime
    queue : str, optional
        Where it waits now; where it waited before by default.
    """
    queue = queue or job.queue
    changed = Job.objects.filter(pk=job.pk, state__in=[Job.State.FAILED, Job.State.CANCELLED]).update(
        state=Job.State.QUEUED,
        queue=queue,
        max_attempts=job.attempt + 5,
        error="",
        finished_at=None,
        cancel_requested_at=None,
        not_before=None,
        lease_until=None,
    )
    if changed:
        transaction.on_commit(partial(wake_up, job.pk, queue))
    return bool(changed)
