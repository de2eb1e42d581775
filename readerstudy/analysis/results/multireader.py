"""
Readers as a sample of readers: Obuchowski-Rockette where the design allows it, an honest refusal where not.

Joints of one patient are not independent, so with several items per patient the cells' covariance is
Obuchowski's (1997); with one item per patient it is the jackknife's, as in the published analyses.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from readerstudy.analysis.datasets import GradeArray, IntArray
from readerstudy.stats import AnalysisRefused, Readings, obuchowski_rockette, standalone_vs_readers
from readerstudy.stats.estimate import json_safe

MODEL = "model"
READERS = "readers"
FEWEST_READERS = 3
LEAST_COMMON_SHARE = 0.5


def _refused(code: str, **detail: Any) -> dict[str, Any]:
    return {"refused": code, **detail}


def _complete(columns: Sequence[GradeArray]) -> np.ndarray:
    """Items that everyone graded, shape (n_items,)."""
    return np.asarray(np.all([column >= 0 for column in columns], axis=0))


def _usable(columns: Sequence[GradeArray], reference: GradeArray, cut: int) -> dict[str, Any] | np.ndarray:
    """The common items, or why there is no analysis on them."""
    common = _complete(columns)
    graded = np.any([column >= 0 for column in columns], axis=0)
    if not graded.any() or common.sum() < LEAST_COMMON_SHARE * graded.sum():
        return _refused("different_cases", common=int(common.sum()), of=int(graded.sum()))
    diseased = reference[common] >= cut
    if not diseased.any() or diseased.all():
        return _refused("one_class", positive=int(diseased.sum()), of=int(common.sum()))
    return common


def _covariance(clusters: IntArray) -> str:
    return "obuchowski1997" if np.unique(clusters).size < clusters.size else "jackknife"


def _row(claim: str, result: Any) -> dict[str, Any]:
    difference = result.differences[0]
    return json_safe(
        {
            "claim": claim,
            "difference": difference.estimate.as_dict(),
            "test": difference.test.as_dict(),
            "global_test": result.global_test.test.as_dict(),
            "means": [
                {"treatment": mean.treatment, "estimate": mean.estimate.as_dict()} for mean in result.means
            ],
            "note": result.note,
        }
    )


def _three_claims(data: Readings, covariance: str, confidence: float) -> list[dict[str, Any]]:
    """Readers and cases both random; these readers on other cases; other readers on these cases."""
    rows = []
    for claim, readers, cases in (
        ("random_readers_random_cases", "random", "random"),
        ("fixed_readers_random_cases", "fixed", "random"),
        ("random_readers_fixed_cases", "random", "fixed"),
    ):
        try:
            result = obuchowski_rockette(
                data,
                covariance=covariance,  # type: ignore[arg-type]
                readers=readers,  # type: ignore[arg-type]
                cases=cases,  # type: ignore[arg-type]
                confidence=confidence,
            )
        except AnalysisRefused as refusal:
            rows.append({"claim": claim, "refused": str(refusal)})
        else:
            rows.append(_row(claim, result))
    return rows


def model_against_a_sample_of_readers(
    reference: GradeArray,
    model: GradeArray,
    reads: Sequence[GradeArray],
    *,
    codes: Sequence[str],
    clusters: IntArray,
    cut: int,
    confidence: float,
) -> dict[str, Any]:
    """
    Compare the model's AUC with that of readers like these, both on the readers' scale.

    Parameters
    ----------
    reference, model : ndarray of int8, shape (n_items,)
    reads : sequence of ndarray of int8, shape (n_items,)
        One per reader; items that somebody did not grade are left out and counted.

    Returns
    -------
    dict
        ``rows`` by claim, readers minus model, or ``refused`` with a code.
    """
    if len(reads) < FEWEST_READERS:
        return _refused("few_readers", n=len(reads), needed=FEWEST_READERS)
    common = _usable([model, *reads], reference, cut)
    if isinstance(common, dict):
        return common
    diseased, patients = reference[common] >= cut, clusters[common]
    grades = np.stack([read[common] for read in reads]).astype(np.float64)
    own = model[common].astype(np.float64)
    covariance = _covariance(patients)
    cases = tuple(map(str, range(int(common.sum()))))
    if covariance == "jackknife":
        rows = _standalone(diseased, own, grades, codes, cases, confidence)
    else:
        data = Readings(
            (READERS, MODEL),
            tuple(codes),
            cases,
            diseased,
            np.stack([grades, np.repeat(own[None], len(reads), axis=0)]),
            patients,
        )
        rows = _three_claims(data, covariance, confidence)
    return {
        "rows": rows,
        "covariance": covariance,
        "items": int(common.sum()),
        "left_out": int((np.any([read >= 0 for read in reads], axis=0) & ~common).sum()),
        "patients": int(np.unique(patients).size),
    }


def _standalone(
    diseased: np.ndarray,
    model: np.ndarray,
    grades: np.ndarray,
    codes: Sequence[str],
    cases: tuple[str, ...],
    confidence: float,
) -> list[dict[str, Any]]:
    data = Readings((READERS,), (MODEL, *codes), cases, diseased, np.concatenate([model[None], grades])[None])
    rows = []
    for claim, how in (("random_readers_random_cases", "random"), ("random_readers_fixed_cases", "fixed")):
        try:
            result = standalone_vs_readers(
                data,
                model=MODEL,
                cases=how,  # type: ignore[arg-type]
                confidence=confidence,
            )
        except AnalysisRefused as refusal:
            rows.append({"claim": claim, "refused": str(refusal)})
            continue
        rows.append(
            json_safe(
                {
                    "claim": claim,
                    "difference": result.difference.as_dict(),
                    "test": result.test.as_dict(),
                    "global_test": None,
                    "means": [{"treatment": READERS, "estimate": result.mean_readers.as_dict()}],
                    "fom_model": result.fom_model,
                    "note": result.note,
                }
            )
        )
    return rows


def aided_against_unaided(
    reference: GradeArray,
    unaided: Sequence[GradeArray],
    aided: Sequence[GradeArray],
    *,
    codes: Sequence[str],
    clusters: IntArray,
    cut: int,
    confidence: float,
) -> dict[str, Any] | None:
    """
    Compare the same readers with and without the aid; None where nobody read aided.

    Returns
    -------
    dict or None
        ``rows`` by claim, unaided minus aided, and the areas of each reader; or ``refused``.
    """
    both = [k for k in range(len(codes)) if (aided[k] >= 0).any() and (unaided[k] >= 0).any()]
    if not both:
        return None
    if len(both) < FEWEST_READERS:
        return _refused("few_readers", n=len(both), needed=FEWEST_READERS)
    columns = [unaided[k] for k in both] + [aided[k] for k in both]
    common = _usable(columns, reference, cut)
    if isinstance(common, dict):
        return common
    patients = clusters[common]
    covariance = _covariance(patients)
    ratings = np.stack([column[common] for column in columns]).astype(np.float64)
    data = Readings(
        ("unaided", "aided"),
        tuple(codes[k] for k in both),
        tuple(map(str, range(int(common.sum())))),
        reference[common] >= cut,
        ratings.reshape(2, len(both), -1),
        patients if covariance == "obuchowski1997" else None,
    )
    try:
        areas = json_safe(obuchowski_rockette(data, cases="fixed", confidence=confidence).foms)
    except AnalysisRefused as refusal:
        return _refused("refused", reason=str(refusal))
    return {
        "rows": _three_claims(data, covariance, confidence),
        "covariance": covariance,
        "readers": [codes[k] for k in both],
        "areas": areas,
        "items": int(common.sum()),
        "left_out": int((np.any([column >= 0 for column in columns], axis=0) & ~common).sum()),
        "patients": int(np.unique(patients).size),
    }
