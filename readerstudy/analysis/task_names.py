"""Names of the work that analysis asks for."""

from readerstudy.core.jobs import JobKind

COMPUTE_SNAPSHOT = JobKind("analysis.snapshot", queue="default", max_attempts=3)
