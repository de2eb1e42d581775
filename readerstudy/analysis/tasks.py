"""Background work of analysis."""

from django.utils import timezone

from readerstudy.analysis.services.snapshots import compute_snapshot
from readerstudy.analysis.task_names import COMPUTE_SNAPSHOT
from readerstudy.core.jobs import JobContext, job_handler


@job_handler(COMPUTE_SNAPSHOT)
def run_snapshot(context: JobContext, *, snapshot_id: int, **_: object) -> None:
    compute_snapshot(snapshot_id=snapshot_id, context=context, clock=timezone.now)
