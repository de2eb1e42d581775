"""Background work on models."""

from readerstudy.core.jobs import JobKind

#: The queue of workers that have a graphics card; where runs wait is a setting, `READERSTUDY_INFERENCE_QUEUE`.
GPU_QUEUE = "inference.gpu"
RUN_INFERENCE = JobKind("inference.run", queue="inference.cpu")
# A training writes a checkpoint after each epoch; a killed worker costs one epoch, so it may be tried often.
RUN_TRAINING = JobKind("inference.train", queue="train", max_attempts=20)
