"""Background work on images."""

from readerstudy.core.jobs import JobKind

FILL = JobKind("imaging.fill")
