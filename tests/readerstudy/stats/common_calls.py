"""
How the common tests call each function of the registry on one simulated data set.

Each call takes a `Data` and returns the function's result; what a test changes is the data alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from readerstudy import stats
from readerstudy.stats.agreement.ratings import code_ratings
from readerstudy.stats.froc.study import FrocStudy
from readerstudy.stats.mrmc.readings import Readings

N_GRADES = 4
CUT = 2


@dataclass(frozen=True)
class Data:
    """One item per row; every array has the same length."""

    clusters: np.ndarray
    reference: np.ndarray
    first: np.ndarray
    second: np.ndarray
    third: np.ndarray
    score: np.ndarray
    other: np.ndarray
    first_mm: np.ndarray
    second_mm: np.ndarray
    lesions: np.ndarray
    marks: np.ndarray

    @property
    def truth(self) -> np.ndarray:
        return self.reference >= CUT

    def take(self, index: np.ndarray) -> Data:
        return Data(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def with_(self, **changed: np.ndarray) -> Data:
        return replace(self, **changed)


def make(seed: int, patients: int = 18, joints: int = 4) -> Data:
    rng = np.random.default_rng(seed)
    clusters = np.repeat(rng.permutation(patients) + 100, joints)
    n = clusters.size
    severity = np.repeat(rng.normal(size=patients), joints) + rng.normal(size=n)

    def grade(noise: float) -> np.ndarray:
        return np.digitize(severity + noise * rng.normal(size=n), [-0.6, 0.2, 1.0])

    # Every grade occurs in everyone's answers, so that no shuffle of seeds leaves a class empty.
    arrays = [grade(noise) for noise in (0.0, 0.6, 0.9, 0.7)]
    for array in arrays:
        array[:N_GRADES] = np.arange(N_GRADES)
        array[N_GRADES : 2 * N_GRADES] = np.arange(N_GRADES)[::-1]
    return Data(
        clusters,
        *arrays,
        1 / (1 + np.exp(-severity - rng.normal(size=n))),
        1 / (1 + np.exp(-severity - 1.5 * rng.normal(size=n))),
        10 + severity,
        10.3 + severity + rng.normal(size=n) * 0.5,
        rng.integers(0, 1000, n),
        rng.integers(0, 1000, n),
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def table(d: Data) -> np.ndarray:
    return np.stack((d.first, d.second, d.third), axis=1).astype(float)


def pair(d: Data) -> np.ndarray:
    return np.stack((d.first, d.second), axis=1).astype(float)


def study(d: Data) -> Readings:
    """Two treatments x three readers x one case per item: scores with reader errors tied to the item."""
    noise = np.random.default_rng(11).normal(size=(2, 3, 1000))[:, :, d.lesions]
    scores = np.stack((d.score, d.other))[:, None, :] + 0.25 * noise
    cases = tuple(str(k) for k in d.marks * 1000 + d.lesions)
    return Readings(("A", "B"), ("r1", "r2", "r3"), cases, d.truth, scores)


def alone(d: Data) -> Readings:
    return study(d).only(treatments=["A"])


def froc(d: Data) -> FrocStudy:
    """Up to two lesions in a diseased case, some marked; up to two non-lesion marks in any case."""
    n = d.truth.size
    draw = np.random.default_rng(12).normal(size=(2, 3, 1000, 4))[:, :, d.lesions]
    count = np.where(d.truth, 1 + d.marks % 2, 0)
    weights = np.where(np.arange(2) < count[:, None], 1 / np.maximum(count, 1)[:, None], 0.0)
    shape = (2, 3, n, 2)
    hit = np.where((draw[..., :2] > -0.5) & (np.arange(2) < count[:, None]), draw[..., :2] + 1, -np.inf)
    false = np.where(draw[..., 2:] > 0.6, draw[..., 2:], -np.inf)
    assert hit.shape == shape
    cases = tuple(str(k) for k in d.marks * 1000 + d.lesions)
    return FrocStudy(("A", "B"), ("r1", "r2", "r3"), cases, count, weights, hit, false)


def _mark_accuracy(d: Data) -> Any:
    hit = d.truth & (d.first >= 1)
    found = d.clusters[d.truth]
    return stats.mark_accuracy(d.score, hit, d.clusters, found, threshold=float(np.median(d.score)))


CALLS: dict[str, Callable[[Data], Any]] = {
    "confusion_matrix": lambda d: stats.confusion_matrix(d.reference, d.first, n_grades=N_GRADES),
    "binary_counts": lambda d: stats.binary_counts(d.reference, d.first, cut=CUT),
    "binary_summary": lambda d: stats.binary_summary(d.reference, d.first, cut=CUT),
    "clustered_proportion": lambda d: stats.clustered_proportion(d.reference * 0.0, d.first + 1.0),
    **{
        f"clustered_{name}": lambda d, name=name: getattr(stats, f"clustered_{name}")(
            d.reference, d.first, clusters=d.clusters, cut=CUT
        )
        for name in ("binary_summary", "sensitivity", "specificity", "ppv", "npv", "f1")
    },
    "clustered_accuracy": lambda d: stats.clustered_accuracy(d.reference, d.first, clusters=d.clusters),
    "multiclass_summary": lambda d: stats.multiclass_summary(d.reference, d.first, n_classes=N_GRADES),
    "clustered_multiclass_measure": lambda d: stats.clustered_multiclass_measure(
        d.reference, d.first, measure="macro_f1", clusters=d.clusters, n_classes=N_GRADES
    ),
    "log_loss": lambda d: stats.log_loss(d.truth.astype(int), np.stack((1 - d.score, d.score), axis=1)),
    "roc_curve": lambda d: stats.roc_curve(d.truth, d.score),
    "pr_curve": lambda d: stats.pr_curve(d.truth, d.score),
    "operating_points": lambda d: stats.operating_points(d.truth, d.score),
    "youden_points": lambda d: stats.youden_points(d.truth, d.score),
    "auc": lambda d: stats.auc(d.truth, d.score),
    "auc_difference": lambda d: stats.auc_difference(d.truth, d.score, d.other),
    "auc_difference_unpaired": lambda d: stats.auc_difference_unpaired(d.truth, d.score, d.truth, d.other),
    "clustered_auc": lambda d: stats.clustered_auc(d.truth, d.score, clusters=d.clusters),
    "clustered_auc_difference": lambda d: stats.clustered_auc_difference(
        d.truth, d.score, d.other, clusters=d.clusters
    ),
    "partial_auc": lambda d: stats.partial_auc(d.truth, d.score, start=0.5, clusters=d.clusters),
    "sensitivity_at_specificity": lambda d: stats.sensitivity_at_specificity(
        d.truth, d.score, specificity=0.7, clusters=d.clusters, rng=rng(), n_resamples=50
    ),
    "specificity_at_sensitivity": lambda d: stats.specificity_at_sensitivity(
        d.truth, d.score, sensitivity=0.7, clusters=d.clusters, rng=rng(), n_resamples=50
    ),
    "average_precision": lambda d: stats.average_precision(
        d.truth, d.score, clusters=d.clusters, rng=rng(), n_resamples=50
    ),
    "pr_auc_trapezoid": lambda d: stats.pr_auc_trapezoid(
        d.truth, d.score, clusters=d.clusters, rng=rng(), n_resamples=50
    ),
    "multiclass_auc": lambda d: stats.multiclass_auc(
        d.truth.astype(int), np.stack((1 - d.score, d.score), axis=1)
    ),
    "hand_till_score": lambda d: stats.hand_till_score(d.truth.astype(int), d.score, n_classes=2),
    "bootstrap_auc": lambda d: stats.bootstrap_auc(
        d.truth, d.score, clusters=d.clusters, rng=rng(), resamples=60
    ),
    "bootstrap_auc_difference": lambda d: stats.bootstrap_auc_difference(
        d.truth, d.score, d.other, clusters=d.clusters, rng=rng(), resamples=60
    ),
    "bootstrap_auc_difference_unpaired": lambda d: stats.bootstrap_auc_difference_unpaired(
        d.truth, d.score, d.truth, d.other, rng=rng(), resamples=60
    ),
    "permutation_test": lambda d: stats.permutation_test(
        d.first, d.second, lambda a, b: float(a.mean() - b.mean()), clusters=d.clusters, rng=rng(),
        n_permutations=50,
    ),
    "permutation_auc_difference": lambda d: stats.permutation_auc_difference(
        d.truth, d.score, d.other, clusters=d.clusters, rng=rng(), n_permutations=50
    ),
    "brier_score": lambda d: stats.brier_score(d.truth, d.score, clusters=d.clusters),
    "calibration_error": lambda d: stats.calibration_error(
        d.truth, d.score, clusters=d.clusters, rng=rng(), n_bins=4, n_resamples=50
    ),
    "reliability_curve": lambda d: stats.reliability_curve(
        d.truth, d.score, clusters=d.clusters, n_bins=4, binning="width"
    ),
    "percent_agreement": lambda d: stats.percent_agreement(d.first, d.second),
    "clustered_percent_agreement": lambda d: stats.clustered_percent_agreement(
        d.first, d.second, clusters=d.clusters
    ),
    "weighted_kappa": lambda d: stats.weighted_kappa(d.first, d.second, n_grades=N_GRADES),
    "clustered_kappa": lambda d: stats.clustered_kappa(
        d.first, d.second, clusters=d.clusters, n_grades=N_GRADES
    ),
    "multireader_agreement": lambda d: stats.multireader_agreement(
        pair(d), kind="gwet", categories=range(N_GRADES), weights="linear"
    ),
    "clustered_agreement": lambda d: stats.clustered_agreement(
        pair(d), clusters=d.clusters, kind="gwet", categories=range(N_GRADES), weights="linear"
    ),
    "krippendorff_alpha": lambda d: stats.krippendorff_alpha(pair(d), categories=range(N_GRADES)),
    "light_kappa": lambda d: stats.light_kappa(pair(d), categories=range(N_GRADES)),
    "fleiss_null_test": lambda d: stats.fleiss_null_test(code_ratings(table(d))),
    "icc": lambda d: stats.icc(pair(d)),
    "kendall_w": lambda d: stats.kendall_w(pair(d)),
    "bland_altman": lambda d: stats.bland_altman(d.first_mm, d.second_mm, clusters=d.clusters),
    "mcnemar": lambda d: stats.mcnemar(d.first >= CUT, d.second >= CUT),
    "cochran_q": lambda d: stats.cochran_q((table(d) >= CUT) if d.first.size else np.zeros((0, 3))),
    "clustered_mcnemar": lambda d: stats.clustered_mcnemar(
        d.first >= CUT, d.second >= CUT, clusters=d.clusters
    ),
    "clustered_paired_difference": lambda d: stats.clustered_paired_difference(
        d.first >= CUT, d.second >= CUT, clusters=d.clusters
    ),
    "compare_calls": lambda d: stats.compare_calls(
        d.truth, d.first >= CUT, d.second >= CUT, measure="sensitivity", clusters=d.clusters
    ),
    "model_at_reader_point": lambda d: stats.model_at_reader_point(
        d.truth, d.first >= CUT, d.score, clusters=d.clusters, rng=rng(), n_resamples=40
    ),
    "adjudication_rate": lambda d: stats.adjudication_rate(d.first != d.second, clusters=d.clusters),
    "reader_disagreement_index": lambda d: stats.reader_disagreement_index(
        d.first != d.third, cases=d.clusters
    ),
    "item_overruling_rate": lambda d: stats.item_overruling_rate(d.first != d.third, clusters=d.clusters),
    "drift": lambda d: stats.drift(d.first_mm, d.clusters.astype(float), clusters=d.clusters),
    "agreed_and_wrong": lambda d: stats.agreed_and_wrong(
        d.first != d.third, clusters=d.clusters, n_agreed=500, n_items=800
    ),
    "obuchowski_rockette": lambda d: stats.obuchowski_rockette(study(d)),
    "dbm": lambda d: stats.dbm(study(d)),
    "u_statistics": lambda d: stats.u_statistics(study(d)),
    "standalone_vs_readers": lambda d: stats.standalone_vs_readers(alone(d), model="r1"),
    "non_inferiority": lambda d: stats.non_inferiority(study(d), reference="A", test="B", margin=0.05),
    "froc_figures": lambda d: stats.froc_figures(froc(d)),
    "localisation_curve": lambda d: stats.localisation_curve(
        froc(d), curve="wAFROC", treatment="A", reader="r2"
    ),
    "mark_accuracy": _mark_accuracy,
    "sample_size_auc_difference": lambda d: stats.sample_size_auc_difference(d.truth, d.score, d.other),
}  # fmt: skip

# Arguments into which the NaN of the test goes: those that the call passes through unchanged.
NAN_IN: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        (
            "log_loss", "roc_curve", "pr_curve", "operating_points", "youden_points", "auc", "auc_difference",
            "auc_difference_unpaired", "clustered_auc", "clustered_auc_difference", "partial_auc",
            "sensitivity_at_specificity", "specificity_at_sensitivity", "average_precision",
            "pr_auc_trapezoid",
            "multiclass_auc", "hand_till_score", "bootstrap_auc", "bootstrap_auc_difference",
            "bootstrap_auc_difference_unpaired", "permutation_auc_difference", "brier_score",
            "calibration_error", "reliability_curve", "model_at_reader_point", "sample_size_auc_difference",
        ),
        ("score",),
    ),
    **dict.fromkeys(
        (
            "confusion_matrix", "binary_counts", "binary_summary", "clustered_proportion",
            "clustered_binary_summary", "clustered_sensitivity", "clustered_specificity", "clustered_ppv",
            "clustered_npv", "clustered_f1", "clustered_accuracy", "multiclass_summary",
            "clustered_multiclass_measure", "permutation_test", "percent_agreement",
            "clustered_percent_agreement", "weighted_kappa", "clustered_kappa",
        ),
        ("first",),
    ),
    **dict.fromkeys(("bland_altman", "drift"), ("first_mm",)),
}  # fmt: skip
# These see calls (comparisons of a grade), in which a NaN cannot arrive: their own NaN is passed directly.
NAN_DIRECT: dict[str, Callable[[], Any]] = {
    "mcnemar": lambda: stats.mcnemar([1, np.nan], [1, 0]),
    "cochran_q": lambda: stats.cochran_q([[1, np.nan], [1, 0]]),
    "clustered_mcnemar": lambda: stats.clustered_mcnemar([1, np.nan], [1, 0], clusters=[1, 2]),
    "clustered_paired_difference": lambda: stats.clustered_paired_difference(
        [1, np.nan], [1, 0], clusters=[1, 2]
    ),
    "compare_calls": lambda: stats.compare_calls(
        [1, 0], [1, np.nan], [1, 0], measure="accuracy", clusters=[1, 2]
    ),
    "adjudication_rate": lambda: stats.adjudication_rate([1, np.nan], clusters=[1, 2]),
    "reader_disagreement_index": lambda: stats.reader_disagreement_index([1, np.nan], cases=[1, 2]),
    "item_overruling_rate": lambda: stats.item_overruling_rate([1, np.nan], clusters=[1, 2]),
    "agreed_and_wrong": lambda: stats.agreed_and_wrong([1, np.nan], clusters=[1, 2], n_agreed=5, n_items=9),
}
