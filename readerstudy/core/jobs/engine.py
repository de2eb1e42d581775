"""Claiming a job, keeping the claim alive, committing under it, and ending it."""

import logging
import os
import socket
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import F
from django.utils import timezone

from readerstudy.core.jobs.registry import handler_of
from readerstudy.core.models import Job

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another worker has claimed the job, or it was ended; this worker must leave it."""


class JobCancelled(Exception):
    """A person asked the job to stop."""


class JobRefused(Exception):
    """The job cannot be done, and trying again would not help. The message is for people."""


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


class JobContext:
    """What a handler may do with its job. Made by `run_job` only."""

    def __init__(self, job: Job) -> None:
        self.job_id: int = job.pk
        self.public_id = job.public_id
        self.study_id = job.study_id
        self.queue: str = job.queue
        self.attempt: int = job.attempt
        self._lost = threading.Event()
        self._cancelled = threading.Event()

    def _mine(self) -> "object":
        return Job.objects.filter(pk=self.job_id, attempt=self.attempt, state=Job.State.RUNNING)

    def check(self) -> None:
        """Raise if the lease is lost or the job was cancelled. Cheap: reads what the heartbeat saw."""
        if self._lost.is_set():
            raise LeaseLost
        if self._cancelled.is_set():
            raise JobCancelled

    @contextmanager
    def commit(self) -> Iterator[None]:
        """
        Commit one unit of work under the fence.

        The block and the check that this worker still holds the job are one transaction; on a lost
        lease nothing of the block stays.
        """
        with transaction.atomic():
            # An UPDATE, not a SELECT: it locks the row on PostgreSQL and takes the writer's place on SQLite.
            if not self._mine().update(attempt=F("attempt")):  # type: ignore[attr-defined]
                raise LeaseLost
            yield

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Show how far the job is. Raises as `check` does."""
        self.check()
        if not self._mine().update(progress_done=done, progress_total=total, message=message[:300]):  # type: ignore[attr-defined]
            raise LeaseLost

    def beat(self) -> bool:
        """Prolong the lease. Return False when it is lost."""
        until = timezone.now() + timedelta(seconds=settings.READERSTUDY_JOB_LEASE_SECONDS)
        if not self._mine().update(lease_until=until):  # type: ignore[attr-defined]
            self._lost.set()
            return False
        if Job.objects.filter(pk=self.job_id, cancel_requested_at__isnull=False).exists():
            self._cancelled.set()
        return True


def claim(job_id: int) -> Job | None:
    """
    Claim a waiting job by one conditional update.

    Returns None where there is nothing to do: the job has ended, another worker holds it, or its next
    try is not due.
    """
    now = timezone.now()
    free = Job.objects.filter(pk=job_id, state=Job.State.QUEUED).exclude(not_before__gt=now)
    changed = free.update(
        state=Job.State.RUNNING,
        attempt=F("attempt") + 1,
        worker=worker_name()[:80],
        lease_until=now + timedelta(seconds=settings.READERSTUDY_JOB_LEASE_SECONDS),
        started_at=now,
        error="",
    )
    return Job.objects.get(pk=job_id) if changed else None


@contextmanager
def _heartbeat(context: JobContext) -> Iterator[None]:
    """Beat from a thread of its own, so that a long computation keeps its lease."""
    stop = threading.Event()

    def beat() -> None:
        try:
            while not stop.wait(settings.READERSTUDY_JOB_LEASE_SECONDS / 3):
                try:
                    if not context.beat():
                        return
                except Exception as error:  # a busy database is not a lost lease; the next beat tells
                    logger.warning("Heartbeat of job %s missed: %s", context.job_id, error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=beat, name=f"heartbeat-{context.job_id}", daemon=True)
    # A test's in-memory SQLite cannot be shared between threads; its jobs are shorter than a beat.
    if not (connection.vendor == "sqlite" and connection.is_in_memory_db()):  # type: ignore[attr-defined]
        thread.start()
    try:
        yield
    finally:
        stop.set()
        if thread.is_alive():
            thread.join(timeout=10)


def run_job(job_id: int) -> Job | None:
    """
    Claim a job and run its handler to one of its ends.

    Returns the job as it stands afterwards, or None where there was nothing to claim.
    """
    job = claim(job_id)
    if job is None:
        return None
    handler = handler_of(job.kind)
    context = JobContext(job)
    mine = Job.objects.filter(pk=job.pk, attempt=job.attempt, state=Job.State.RUNNING)
    try:
        if handler is None:
            raise JobRefused(f"This worker does not know the work {job.kind!r}.")
        with _heartbeat(context):
            handler(context, **job.payload)
        mine.update(state=Job.State.DONE, finished_at=timezone.now(), lease_until=None)
    except LeaseLost:
        logger.warning("Job %s was taken over; this worker leaves it.", job.public_id)
    except JobCancelled:
        mine.update(state=Job.State.CANCELLED, finished_at=timezone.now(), lease_until=None)
    except JobRefused as refusal:
        mine.update(state=Job.State.FAILED, error=str(refusal), finished_at=timezone.now(), lease_until=None)
    except Exception as error:
        logger.exception("Job %s (%s) failed in attempt %s.", job.public_id, job.kind, job.attempt)
        _after_failure(job, error)
    return Job.objects.get(pk=job.pk)


def _after_failure(job: Job, error: Exception) -> None:
    text = "".join(traceback.format_exception_only(error)).strip()[:2000]
    now = timezone.now()
    mine = Job.objects.filter(pk=job.pk, attempt=job.attempt, state=Job.State.RUNNING)
    if job.attempt >= job.max_attempts:
        mine.update(state=Job.State.FAILED, error=text, finished_at=now, lease_until=None)
    else:
        pause = timedelta(seconds=min(60.0, 2.0**job.attempt))
        mine.update(state=Job.State.QUEUED, error=text, not_before=now + pause, lease_until=None)
