"""Doing waiting work in this process, where the demonstration needs its result before it goes on."""

from readerstudy.celery import app
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy


class WorkFailed(Exception):
    """A job of the demonstration did not end well."""


def run_waiting(study: ReaderStudy) -> int:
    """
    Run every waiting job of a study by the product's own engine; return how many there were.

    Raises
    ------
    WorkFailed
        If one failed, with its reason.
    """
    app.loader.import_default_modules()
    waiting = list(Job.objects.filter(study_id=study.public_id, state=Job.State.QUEUED).order_by("pk"))
    for job in waiting:
        done = run_job(job.pk)
        if done is not None and done.state != Job.State.DONE:
            raise WorkFailed(f"{job.kind} ended as {done.state}: {done.error}")
    return len(waiting)
