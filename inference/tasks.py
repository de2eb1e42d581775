"""Background work on models: one call each."""

from inference.running import run_case
from inference.task_names import RUN_INFERENCE
from readerstudy.core.jobs import JobContext, job_handler


@job_handler(RUN_INFERENCE)
def run_inference(context: JobContext, *, run_id: int, **_: object) -> None:
    """Grade one case with one model version."""
    run_case(context, run_id)
