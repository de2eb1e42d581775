"""The items of one finding in one state of the filters, and who is in them."""

from collections.abc import Callable
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import (
    ABSENT,
    FUSED,
    NO_READ,
    NOT_ASSESSABLE,
    PARTITIONS,
    PROVENANCES,
    BoolArray,
    Dataset,
    FindingData,
    FloatArray,
    GradeArray,
)
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results.grades import model_grades, thresholds_from
from readerstudy.analysis.results.views import View
from readerstudy.stats import Estimate
from readerstudy.stats.estimate import json_safe


class Slice:
    """The items of one finding in one state of the filters that have a reference grade."""

    def __init__(self, dataset: Dataset, plan: AnalysisPlan, view: View) -> None:
        dataset = dataset.of_set(view.analysis_set)
        self.dataset, self.plan, self.view = dataset, plan, view
        self.data: FindingData = dataset.findings[view.finding]
        self.inside = view.items(dataset)
        self.graded: BoolArray = self.inside & (self.data.reference >= 0)
        self.n_grades = self.data.n_grades
        self.cut = view.cut
        self.confidence = plan.confidence
        self.reference: GradeArray = self.data.reference[self.graded]
        self.clusters = dataset.patient_of[self.graded]
        self.reads: GradeArray = self.data.reads[self.graded]
        self.contributed = self.data.contributed[self.graded]
        self.thresholds = (
            thresholds_from(
                self.data.probabilities,
                self.data.reference,
                dataset.partition_of == PARTITIONS.index("validation"),
            )
            if plan.model_grade == "thresholds"
            else None
        )
        self.probabilities: FloatArray = self.data.probabilities[self.graded]
        self.model: GradeArray = model_grades(self.probabilities, plan.model_grade, self.thresholds)

    @property
    def has_model(self) -> bool:
        return self.dataset.model is not None and bool((self.model >= 0).any())

    def undefined(self, method: str) -> Estimate:
        return Estimate.undefined(
            "no item with a reference grade and an answer",
            n=0,
            n_clusters=0,
            method=method,
            confidence=self.confidence,
        )

    def estimate(self, grades: GradeArray, method: str, of: Callable[..., Estimate]) -> Estimate:
        """Call a clustered function of (reference, grades) on the items that were graded."""
        there = grades >= 0
        if not there.any():
            return self.undefined(method)
        return of(
            self.reference[there],
            grades[there],
            clusters=self.clusters[there],
            confidence=self.confidence,
        )


def as_json(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.as_dict()
    return json_safe(value)


def population(part: Slice) -> dict[str, Any]:
    reference = part.data.reference[part.inside]
    dataset = part.dataset
    return {
        "patients": int(np.unique(part.clusters).size),
        "cases": int(np.unique(dataset.case_of[part.graded]).size),
        "items": int(part.graded.sum()),
        "items_in_view": int(part.inside.sum()),
        "positive": int((part.reference >= part.cut).sum()),
        "negative": int((part.reference < part.cut).sum()),
        "reference_not_assessable": int((reference == NOT_ASSESSABLE).sum()),
        "reference_absent": int((reference == ABSENT).sum()),
        "reference_fused": int((reference == FUSED).sum()),
        "reference_missing": int((reference == NO_READ).sum()),
        "by_grade": [int((part.reference == grade).sum()) for grade in range(part.n_grades)],
        "provenance": {
            name: int((part.data.provenance[part.graded] == code).sum())
            for code, name in enumerate(PROVENANCES)
            if name and (part.data.provenance[part.graded] == code).any()
        },
    }


def missing_answers(grades: GradeArray) -> dict[str, int]:
    return {
        "graded": int((grades >= 0).sum()),
        "not_assessable": int((grades == NOT_ASSESSABLE).sum()),
        "absent_or_fused": int(((grades == ABSENT) | (grades == FUSED)).sum()),
        "missing": int((grades == NO_READ).sum()),
    }
