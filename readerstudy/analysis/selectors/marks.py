"""Lesions and marks as arrays."""

from collections.abc import Mapping

import numpy as np

from readerstudy.analysis.datasets import MarkData
from readerstudy.analysis.models import ImportedLesion, ImportedMark
from readerstudy.studies.models import ReaderStudy


def mark_data(study: ReaderStudy, place_of_case: Mapping[int, int]) -> MarkData | None:
    """
    Return the lesions and marks of the analysed cases; None where the study has neither.

    Parameters
    ----------
    place_of_case : mapping of int to int
        Primary key of each analysed case -> its place in the data set.
    """
    lesions = sorted(
        (place_of_case[case], lesion, weight)
        for case, lesion, weight in ImportedLesion.objects.filter(case__study=study).values_list(
            "case_id", "lesion", "weight"
        )
        if case in place_of_case
    )
    marks = [
        row
        for row in ImportedMark.objects.filter(case__study=study, confidence__isnull=False)
        .order_by("is_model", "by", "condition", "case__pseudonym", "mark")
        .values_list("case_id", "by", "is_model", "condition", "confidence", "lesion")
        if row[0] in place_of_case
    ]
    if not lesions and not marks:
        return None
    number: dict[tuple[int, str], int] = {}
    count: dict[int, int] = {}
    for case, lesion, _ in lesions:
        number[case, lesion] = count[case] = count.get(case, 0) + 1
    people = sorted({(is_model, by) for _, by, is_model, *_ in marks})
    conditions = sorted({row[3] for row in marks})
    return MarkData(
        conditions=tuple(conditions),
        people=tuple(by for _, by in people),
        is_model=tuple(is_model for is_model, _ in people),
        lesion_case=np.array([case for case, *_ in lesions], dtype=np.int64),
        weights=np.array([np.nan if w is None else w for *_, w in lesions], dtype=np.float64),
        mark_case=np.array([place_of_case[row[0]] for row in marks], dtype=np.int64),
        mark_by=np.array([people.index((row[2], row[1])) for row in marks], dtype=np.int64),
        mark_condition=np.array([conditions.index(row[3]) for row in marks], dtype=np.int64),
        rating=np.array([row[4] for row in marks], dtype=np.float64),
        hit=np.array(
            [number[place_of_case[row[0]], row[5]] if row[5] else 0 for row in marks], dtype=np.int64
        ),
    )
