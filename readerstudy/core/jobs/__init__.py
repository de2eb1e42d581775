"""
The only job engine: row, claim, lease, heartbeat, reaper, progress, cancel.

An app names its work in ``task_names.py`` (`JobKind`), does it in ``tasks.py`` (`job_handler`), and asks for it
with `enqueue_on_commit`. A handler commits its units one by one through `JobContext.commit`, which refuses
when another worker has taken the job over; so a killed worker loses no work and none is done twice.
"""

from readerstudy.core.jobs.engine import JobCancelled, JobContext, JobRefused, LeaseLost, run_job
from readerstudy.core.jobs.enqueue import cancel_job, enqueue_on_commit, retry_job
from readerstudy.core.jobs.registry import JobKind, handler_of, job_handler, known_kinds

__all__ = [
    "JobCancelled",
    "JobContext",
    "JobKind",
    "JobRefused",
    "LeaseLost",
    "cancel_job",
    "enqueue_on_commit",
    "handler_of",
    "job_handler",
    "known_kinds",
    "retry_job",
    "run_job",
]
