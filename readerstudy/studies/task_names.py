"""Background work on studies."""

from readerstudy.core.jobs import JobKind

IMPORT_IMAGES = JobKind("studies.import_images")
EXPORT_IMAGES = JobKind("studies.export_images")
