"""Who reads which case, when and how often: designed, planned from a seed, written."""

from readerstudy.studies.services.assignment.design import AssignmentDesign
from readerstudy.studies.services.assignment.planning import (
    AssignmentPlan,
    PlannedShowing,
    plan_assignment,
)
from readerstudy.studies.services.assignment.writing import PlanChanged, assign_reads

__all__ = [
    "AssignmentDesign",
    "AssignmentPlan",
    "PlanChanged",
    "PlannedShowing",
    "assign_reads",
    "plan_assignment",
]
