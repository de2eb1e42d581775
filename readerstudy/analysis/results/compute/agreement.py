"""Agreement between readers and with the reference standard."""

from typing import Any

import numpy as np

from readerstudy.analysis.datasets import NO_READ, GradeArray
from readerstudy.analysis.results.compute.slices import Slice, as_json
from readerstudy.stats import clustered_kappa, clustered_percent_agreement


def _kappa_row(first: GradeArray, second: GradeArray, clusters: Any, part: Slice) -> dict[str, Any]:
    both = (first >= 0) & (second >= 0)
    if not both.any():
        gone = as_json(part.undefined("Cohen's kappa, quadratic weights, clustered"))
        return {"kappa": gone, "exact": gone, "within_one": gone, "n": 0}
    a, b, patients = first[both], second[both], clusters[both]
    settings: dict[str, Any] = {
        "clusters": patients,
        "n_grades": part.n_grades,
        "confidence": part.confidence,
    }
    return {
        "kappa": as_json(clustered_kappa(a, b, weights="quadratic", **settings)),
        "exact": as_json(clustered_percent_agreement(a, b, **settings)),
        "within_one": as_json(clustered_percent_agreement(a, b, within=1, **settings)),
        "n": int(both.sum()),
    }


def agreement(part: Slice, compared: list[int]) -> dict[str, Any]:
    """
    Kappa of reader pairs that read the same cases, and of each reader and the model with the reference.

    Readers who made the reference are paired among themselves, and compared readers among themselves.
    """
    dataset = part.dataset
    # Reader-reader agreement needs no reference grade: every item of the view that both graded.
    reads = part.data.reads[part.inside]
    clusters = dataset.patient_of[part.inside]
    cases = dataset.case_of[part.inside]
    read_cases = [set(np.unique(cases[reads[:, k] != NO_READ])) for k in range(len(dataset.readers))]
    between = []
    for i in range(len(dataset.readers)):
        for j in range(i + 1, len(dataset.readers)):
            pair = {"first": dataset.readers[i].code, "second": dataset.readers[j].code}
            if not read_cases[i] or not read_cases[j] or (i in compared) != (j in compared):
                continue
            if read_cases[i] != read_cases[j]:
                common = len(read_cases[i] & read_cases[j])
                between.append(
                    pair
                    | {
                        "refused": "different_cases",
                        "common": common,
                        "of": len(read_cases[i] | read_cases[j]),
                    }
                )
                continue
            between.append(pair | _kappa_row(reads[:, i], reads[:, j], clusters, part))
    with_reference = [
        {"code": dataset.readers[k].code, "kind": "reader"}
        | _kappa_row(part.reference, part.reads[:, k], part.clusters, part)
        for k in compared
    ]
    if part.has_model and dataset.model:
        with_reference.append(
            {"code": dataset.model.label, "kind": "model"}
            | _kappa_row(part.reference, part.model, part.clusters, part)
        )
    return {"between_readers": between, "with_reference": with_reference}
