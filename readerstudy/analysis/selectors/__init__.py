"""Reads that span grading, inference and studies: the only place where the three meet."""

from readerstudy.analysis.selectors.dataset import build_dataset
from readerstudy.analysis.selectors.frozen import data_hash, predictions_hash
from readerstudy.analysis.selectors.marks import lesions_of, marks_of
from readerstudy.analysis.selectors.model_versions import FINISHED_RUNS, IMPORTED, model_versions
from readerstudy.analysis.selectors.readiness import Readiness, flow, readiness
from readerstudy.analysis.selectors.studies import (
    aided_assignments,
    finished_cases,
    first_read_assignments,
    first_showing,
    plan_of,
    protocol_of,
)

__all__ = [
    "FINISHED_RUNS",
    "IMPORTED",
    "Readiness",
    "aided_assignments",
    "build_dataset",
    "data_hash",
    "finished_cases",
    "first_read_assignments",
    "first_showing",
    "flow",
    "lesions_of",
    "marks_of",
    "model_versions",
    "plan_of",
    "predictions_hash",
    "protocol_of",
    "readiness",
]
