"""Background work on models: one call each."""

from inference.running import run_case
from inference.task_names import RUN_INFERENCE, RUN_TRAINING
from inference.training import train
from readerstudy.core.jobs import JobContext, job_handler


@job_handler(RUN_INFERENCE)
def run_inference(context: JobContext, *, run_id: int, **_: object) -> None:
    """Grade one case with one model version."""
    run_case(context, run_id)


@job_handler(RUN_TRAINING)
def run_training(context: JobContext, *, training_run_id: int, **_: object) -> None:
    """Train a grader on a frozen training set."""
    train(context, training_run_id)
