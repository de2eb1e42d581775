"""Background work on models."""

from readerstudy.core.jobs import JobKind

RUN_INFERENCE = JobKind("inference.run", queue="inference.cpu")
