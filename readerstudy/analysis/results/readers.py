"""
How the readers read: time per case, repeats, trends, and what the senior found where both agreed.

Of the whole study, whatever the filters say; nothing here compares readers with the reference standard.
"""

from typing import Any

import numpy as np

from readerstudy.analysis.datasets import NO_READ, NOT_ASSESSABLE, PROVENANCES, Dataset, FindingData
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.stats import (
    Estimate,
    agreed_and_wrong,
    clustered_kappa,
    clustered_percent_agreement,
    clustered_proportion,
    drift,
    item_overruling_rate,
    reader_disagreement_index,
)
from readerstudy.stats.estimate import json_safe

POINTS = 40
FEWEST_FOR_A_TREND = 3


def _undefined(why: str, method: str, plan: AnalysisPlan) -> dict[str, Any]:
    return Estimate.undefined(why, n=0, n_clusters=0, method=method, confidence=plan.confidence).as_dict()


def compute_readers(dataset: Dataset, plan: AnalysisPlan) -> dict[str, Any]:
    """
    Compute what is said of each reader, and of the audit sample.

    Returns
    -------
    dict
        ``times`` and ``findings`` (a row per reader), ``audit`` (a row per finding).
    """
    return {
        "times": [_times(dataset, plan, k) for k in range(len(dataset.readers))],
        "findings": [
            _reader_on(dataset, plan, name, data, k)
            for name, data in dataset.findings.items()
            for k in range(len(dataset.readers))
        ],
        "disagreement": [_disagreement(dataset, plan, k) for k in range(len(dataset.readers))],
        "audit": [_audit(dataset, plan, name, data) for name, data in dataset.findings.items()],
    }


def _times(dataset: Dataset, plan: AnalysisPlan, reader: int) -> dict[str, Any]:
    """Median and quartiles of the focused time per case, its trend, and a running median to draw."""
    code = dataset.readers[reader].code
    times = dataset.times
    method = "least-squares trend of the time per case"
    if times is None:
        return {"code": code, "reads": 0, "quartiles": None, "trend": _undefined("no time", method, plan)}
    own = (times.reader == reader) & np.isfinite(times.seconds)
    seconds, position = times.seconds[own], times.position[own]
    if seconds.size == 0:
        gone = _undefined("no time was recorded", method, plan)
        return {"code": code, "reads": int((times.reader == reader).sum()), "quartiles": None, "trend": gone}
    groups = np.array_split(np.argsort(position, kind="stable"), min(POINTS, seconds.size))
    return json_safe(
        {
            "code": code,
            "reads": int(seconds.size),
            "quartiles": np.quantile(seconds, [0.25, 0.5, 0.75]).tolist(),
            "trend": drift(
                seconds, position, clusters=times.case[own], confidence=plan.confidence
            ).slope.as_dict()
            if seconds.size >= FEWEST_FOR_A_TREND
            else _undefined("fewer than three cases", method, plan),
            "running": [[float(position[g].mean()), float(np.median(seconds[g]))] for g in groups],
        }
    )


def _reader_on(
    dataset: Dataset, plan: AnalysisPlan, name: str, data: FindingData, reader: int
) -> dict[str, Any]:
    """Shares of positive and not assessable answers, and agreement with the reader's own repeats."""
    grades, again, patients = data.reads[:, reader], data.repeats[:, reader], dataset.patient_of
    answered = (grades >= 0) | (grades == NOT_ASSESSABLE)
    both = (grades >= 0) & (again >= 0)
    repeats: dict[str, Any] = {"n": int(both.sum())}
    if both.any():
        settings: dict[str, Any] = {
            "clusters": patients[both],
            "n_grades": data.n_grades,
            "confidence": plan.confidence,
        }
        repeats["kappa"] = clustered_kappa(
            grades[both], again[both], weights="quadratic", **settings
        ).as_dict()
        repeats["exact"] = clustered_percent_agreement(grades[both], again[both], **settings).as_dict()
    else:
        for key in ("kappa", "exact"):
            repeats[key] = _undefined("no case was read twice", "agreement within repeats", plan)
    return {
        "finding": name,
        "code": dataset.readers[reader].code,
        "positive": _share(
            grades[grades >= 0] >= plan.cut_of(name), patients[grades >= 0], "share of positive items", plan
        ),
        "not_assessable": _share(
            grades[answered] == NOT_ASSESSABLE, patients[answered], "share of not assessable items", plan
        ),
        "repeats": repeats,
    }


def _share(yes: np.ndarray, patients: np.ndarray, what: str, plan: AnalysisPlan) -> dict[str, Any]:
    if yes.size == 0:
        return _undefined("no item was graded", what, plan)
    codes = np.unique(patients, return_inverse=True)[1]
    return clustered_proportion(
        np.bincount(codes, weights=yes),
        np.bincount(codes).astype(float),
        confidence=plan.confidence,
        what=what,
    ).as_dict()


def _disagreement(dataset: Dataset, plan: AnalysisPlan, reader: int) -> dict[str, Any]:
    """How often the adjudicator decided otherwise than a reader whose grades make the reference."""
    entry = dataset.readers[reader]
    adjudicated = PROVENANCES.index("adjudicated")
    overruled, cases, patients = [], [], []
    for data in dataset.findings.values():
        read = (data.reads[:, reader] >= 0) & (data.reference >= 0)
        against = (data.basis == adjudicated) & (data.reads[:, reader] != data.reference)
        overruled.append(against[read])
        cases.append(dataset.case_of[read])
        patients.append(dataset.patient_of[read])
    flat = np.concatenate(overruled) if overruled else np.zeros(0, dtype=bool)
    if not entry.is_truther or flat.size == 0:
        why = "no item was graded" if entry.is_truther else "this reader's grades are not adjudicated"
        gone = _undefined(why, "reader disagreement index", plan)
        return {"code": entry.code, "by_case": gone, "by_item": gone}
    return {
        "code": entry.code,
        "by_case": reader_disagreement_index(
            flat, cases=np.concatenate(cases), confidence=plan.confidence
        ).as_dict(),
        "by_item": item_overruling_rate(
            flat, clusters=np.concatenate(patients), confidence=plan.confidence
        ).as_dict(),
    }


def _audit(dataset: Dataset, plan: AnalysisPlan, name: str, data: FindingData) -> dict[str, Any]:
    """Rate of agreed-and-wrong items, from the agreed items that were sent to the senior unmarked."""
    truthers = [k for k, reader in enumerate(dataset.readers) if reader.is_truther]
    grades = data.reads[:, truthers]
    whole = (grades >= 0).all(axis=1) if truthers else np.zeros(data.reference.shape, dtype=bool)
    agreed = whole & (grades == grades[:, :1]).all(axis=1) if truthers else whole
    audited = agreed & (data.covered != NO_READ)
    row = {"finding": name, "agreed": int(agreed.sum()), "audited": int(audited.sum())}
    if not audited.any():
        gone = _undefined("no agreed item was audited", "audit of agreed items", plan)
        return row | {"wrong": 0, "rate": gone, "share_of_all": gone, "expected_items": None}
    # Not assessable against a grade is another answer too.
    wrong = data.covered[audited] != grades[audited, 0]
    found = agreed_and_wrong(
        wrong,
        clusters=dataset.patient_of[audited],
        n_agreed=int(agreed.sum()),
        n_items=int(whole.sum()),
        confidence=plan.confidence,
    )
    return json_safe(
        row
        | {
            "wrong": int(wrong.sum()),
            "rate": found.rate.as_dict(),
            "share_of_all": found.share_of_all.as_dict(),
            "expected_items": found.expected_items,
        }
    )
