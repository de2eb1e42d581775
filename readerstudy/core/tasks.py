"""The one Celery task: a wake-up call for a job row."""

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from readerstudy.core.jobs.engine import run_job
from readerstudy.core.jobs.enqueue import WAKE_UP_TASK
from readerstudy.core.jobs.reaper import start_reaper_thread

_stop: list[Any] = []


@shared_task(name=WAKE_UP_TASK)
def run_job_task(*, job_id: int, **_: object) -> None:
    run_job(job_id)


@worker_ready.connect
def _start_reaper(**_: object) -> None:
    _stop.append(start_reaper_thread())


@worker_shutting_down.connect
def _stop_reaper(**_: object) -> None:
    for event in _stop:
        event.set()
