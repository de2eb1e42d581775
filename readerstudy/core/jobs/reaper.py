"""Finding work that nobody holds: expired leases and lost wake-up messages."""

import logging
import threading
import time
from datetime import datetime

from django.conf import settings
from django.db import connections
from django.utils import timezone

from readerstudy.core.jobs.enqueue import wake_up
from readerstudy.core.models import Job
from readerstudy.core.tidying import tidy_up

logger = logging.getLogger(__name__)


def reap(*, now: datetime) -> int:
    """
    Free the jobs of dead workers and wake workers for every job that waits.

    A claim whose lease has run out goes back to the queue, or to `failed` when it used up its
    attempts. Every due waiting job gets a message; a message too many is harmless, because claiming
    is one conditional update. Returns how many messages were sent.
    """
    expired = Job.objects.filter(state=Job.State.RUNNING, lease_until__lt=now)
    for job in expired:
        same = Job.objects.filter(
            pk=job.pk, attempt=job.attempt, state=Job.State.RUNNING, lease_until__lt=now
        )
        if job.cancel_requested_at:
            same.update(state=Job.State.CANCELLED, finished_at=now, lease_until=None)
        elif job.attempt >= job.max_attempts:
            error = f"The worker stopped {job.attempt} times while doing this; it was not tried again."
            same.update(state=Job.State.FAILED, error=error, finished_at=now, lease_until=None)
        else:
            same.update(state=Job.State.QUEUED, lease_until=None)
    waiting = (
        Job.objects.filter(state=Job.State.QUEUED).exclude(not_before__gt=now).order_by("created_at", "pk")
    )
    sent = 0
    for job_id, queue in waiting.values_list("pk", "queue")[:200]:
        wake_up(job_id, queue)
        sent += 1
    return sent


def start_reaper_thread() -> threading.Event:
    """
    Reap every few seconds, and tidy up every few minutes, from a thread of the worker.

    Setting the returned event ends it.
    """
    stop = threading.Event()

    def loop() -> None:
        tidy_at = 0.0
        try:
            while not stop.wait(settings.READERSTUDY_JOB_REAP_SECONDS):
                try:
                    reap(now=timezone.now())
                    if time.monotonic() >= tidy_at:
                        tidy_up(now=timezone.now())
                        tidy_at = time.monotonic() + settings.READERSTUDY_TIDY_SECONDS
                except Exception as error:
                    logger.warning("Looking for lost jobs failed and is tried again: %s", error)
                    connections.close_all()
        finally:
            connections.close_all()

    threading.Thread(target=loop, name="job-reaper", daemon=True).start()
    return stop
