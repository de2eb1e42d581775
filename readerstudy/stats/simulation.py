"""
Coverage of the intervals on simulated gradings of joints nested in patients (all synthetic).

``python -m readerstudy.stats.simulation --runs 4000 --json docs/statistics_coverage.json`` simulates studies
of 100 patients with 10 joints and counts how often each nominal 95 % interval holds the value of the
population, which is taken from one very large sample of the same model. The clustered methods are to hold it
in 93-97 %; the same figures computed as if the joints were independent are shown beside them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ._arrays import FloatArray, IntArray, cluster_tables
from .accuracy.binary import binary_summary
from .accuracy.clustered import clustered_accuracy, clustered_binary_summary, clustered_sensitivity
from .accuracy.multiclass import clustered_multiclass_measure
from .accuracy.proportions import paired_proportion_difference, proportion
from .agreement.chance_corrected import agreement_coefficient
from .agreement.concordance import bland_altman
from .agreement.kappa import clustered_kappa, kappa_of_counts, weighted_kappa
from .agreement.percent import clustered_percent_agreement, percent_agreement
from .agreement.ratings import code_ratings
from .agreement.several import alpha_of_ratings, clustered_agreement
from .agreement.weights import agreement_weights
from .calibration import brier_score
from .comparison.operating_point import compare_calls
from .distributions import t_quantile
from .estimate import Estimate
from .resampling.bootstrap import BootstrapInterval, bootstrap_counts
from .resampling.weights import cluster_weights
from .roc.clustered import clustered_auc, clustered_auc_difference
from .roc.curves import roc_curve
from .roc.delong import auc, auc_difference
from .roc.partial import partial_area_of_points, partial_auc

CUT = 2
N_GRADES = 4


@dataclass(frozen=True, slots=True)
class Study:
    """
    One simulated study: grades of a reference and two readers, a model's probability, a measurement of each.
    """

    clusters: IntArray
    reference: IntArray
    first: IntArray
    second: IntArray
    probability: FloatArray
    first_mm: FloatArray
    second_mm: FloatArray


def simulate(rng: np.random.Generator, patients: int, joints: int) -> Study:
    """
    Simulate a study.

    Severity is a patient's part plus a joint's (intraclass correlation 0.5); each reader sees it with an
    error of his own that again has a patient's and a joint's part, and cuts it into four grades.
    """
    clusters = np.repeat(np.arange(patients), joints)
    n = clusters.size

    def both(patient_sd: float, joint_sd: float) -> FloatArray:
        shared = rng.normal(scale=patient_sd, size=patients)[clusters]
        return np.asarray(shared + rng.normal(scale=joint_sd, size=n))

    severity = both(1.0, 1.0)
    cuts = [-0.4, 0.7, 1.9]
    errors = [both(0.35, 0.7), both(0.45, 0.9), both(0.5, 0.8)]
    probability = 1 / (1 + np.exp(-1.4 * (severity + errors[2] - cuts[CUT - 1])))
    return Study(
        clusters.astype(np.int64),
        np.digitize(severity, cuts).astype(np.int64),
        np.digitize(severity + errors[0], cuts).astype(np.int64),
        np.digitize(severity + errors[1], cuts).astype(np.int64),
        probability,
        severity + errors[0],
        severity + errors[1] + 0.2,
    )


def _clustered(s: Study, confidence: float) -> dict[str, Estimate]:
    truth = s.reference >= CUT
    c, k = s.clusters, confidence
    table = clustered_binary_summary(s.reference, s.first, clusters=c, cut=CUT, confidence=k)
    three = np.stack((s.reference, s.first, s.second), axis=1)
    limits = bland_altman(s.first_mm, s.second_mm, clusters=c, confidence=k)
    model = s.probability >= 0.5
    kappa = {
        f"kappa, {w}": clustered_kappa(
            s.first, s.second, clusters=c, n_grades=N_GRADES, weights=w, confidence=k
        )
        for w in ("identity", "linear", "quadratic")
    }
    return {
        "accuracy (exact grade)": clustered_accuracy(s.reference, s.first, clusters=c, confidence=k),
        "sensitivity": table.sensitivity,
        "specificity": table.specificity,
        "PPV": table.ppv,
        "NPV": table.npv,
        "F1": table.f1,
        "MCC": table.mcc,
        "balanced accuracy": table.balanced_accuracy,
        "LR+": table.positive_likelihood_ratio,
        "LR-": table.negative_likelihood_ratio,
        "macro F1 (4 grades)": clustered_multiclass_measure(
            s.reference, s.first, measure="macro_f1", clusters=c, n_classes=N_GRADES, confidence=k
        ),
        "AUC, model": clustered_auc(truth, s.probability, clusters=c, confidence=k),
        "AUC, reader's grades": clustered_auc(truth, s.first, clusters=c, confidence=k),
        "AUC difference of readers": clustered_auc_difference(
            truth, s.first, s.second, clusters=c, confidence=k
        ).difference,
        "partial AUC, specificity 0.8-1": partial_auc(
            truth, s.probability, start=0.8, stop=1.0, clusters=c, confidence=k
        ),
        "difference of sensitivity": compare_calls(
            truth, model, s.first >= CUT, measure="sensitivity", clusters=c, confidence=k
        ).difference,
        "difference of specificity": compare_calls(
            truth, model, s.first >= CUT, measure="specificity", clusters=c, confidence=k
        ).difference,
        "exact agreement": clustered_percent_agreement(s.first, s.second, clusters=c, confidence=k),
        "agreement within one": clustered_percent_agreement(
            s.first, s.second, clusters=c, within=1, confidence=k
        ),
        **kappa,
        "Krippendorff's alpha": clustered_agreement(
            three,
            clusters=c,
            kind="krippendorff",
            categories=range(N_GRADES),
            weights="quadratic",
            confidence=k,
        ),
        "Gwet's AC2": clustered_agreement(
            three, clusters=c, kind="gwet", categories=range(N_GRADES), weights="quadratic", confidence=k
        ),
        "Bland-Altman bias": limits.bias,
        "Bland-Altman upper limit": limits.upper,
        "Brier score": brier_score(truth, s.probability, clusters=c, confidence=k),
    }


def _naive(s: Study, confidence: float) -> dict[str, Estimate]:
    truth, k = s.reference >= CUT, confidence
    table = binary_summary(s.reference, s.first, cut=CUT, confidence=k)
    limits = bland_altman(s.first_mm, s.second_mm, confidence=k)
    same = s.reference == s.first
    model, reader = s.probability >= 0.5, s.first >= CUT

    def paired(among: np.ndarray) -> Estimate:
        a, b = (model == truth)[among], (reader == truth)[among]
        cells = [int(x.sum()) for x in (a & b, a & ~b, ~a & b, ~a & ~b)]
        return paired_proportion_difference(*cells, confidence=k)

    three = np.stack((s.reference, s.first, s.second), axis=1)
    return {
        "accuracy (exact grade)": proportion(int(same.sum()), same.size, confidence=k),
        "sensitivity": table.sensitivity,
        "specificity": table.specificity,
        "PPV": table.ppv,
        "NPV": table.npv,
        "F1": table.f1,
        "MCC": table.mcc,
        "balanced accuracy": table.balanced_accuracy,
        "LR+": table.positive_likelihood_ratio,
        "LR-": table.negative_likelihood_ratio,
        "AUC, model": auc(truth, s.probability, confidence=k),
        "AUC, reader's grades": auc(truth, s.first, confidence=k),
        "AUC difference of readers": auc_difference(truth, s.first, s.second, confidence=k).difference,
        "difference of sensitivity": paired(truth),
        "difference of specificity": paired(~truth),
        "exact agreement": percent_agreement(s.first, s.second, confidence=k),
        "agreement within one": percent_agreement(s.first, s.second, within=1, confidence=k),
        **{
            f"kappa, {w}": weighted_kappa(s.first, s.second, n_grades=N_GRADES, weights=w, confidence=k)
            for w in ("identity", "linear", "quadratic")
        },
        "Krippendorff's alpha": alpha_of_ratings(
            code_ratings(three, categories=range(N_GRADES)), metric="interval", confidence=k
        ),
        "Bland-Altman bias": limits.bias,
        "Bland-Altman upper limit": limits.upper,
        "Brier score": brier_score(truth, s.probability, confidence=k),
    }


# Other intervals of three figures, to show why the defaults are what they are: (figure, interval).
def _alternatives(s: Study, rng: np.random.Generator, confidence: float) -> dict[tuple[str, str], Estimate]:
    k, c = confidence, s.clusters
    patients = int(c.max()) + 1
    w = agreement_weights("quadratic", N_GRADES)
    table = cluster_tables(c, patients, s.first * N_GRADES + s.second, N_GRADES**2)
    weights = cluster_weights(patients, 1000, rng)
    out: dict[tuple[str, str], Estimate] = {}
    kinds: tuple[BootstrapInterval, ...] = ("percentile", "bca")
    for kind in kinds:
        boot = bootstrap_counts(
            table, lambda x: kappa_of_counts(x, w), rng=rng, weights=weights, interval=kind, confidence=k
        )
        name = "BCa" if kind == "bca" else kind
        out["kappa, quadratic", f"{name} bootstrap, 1,000 resamples"] = boot.estimate
    jackknife = clustered_kappa(s.first, s.second, clusters=c, n_grades=N_GRADES, confidence=k)
    half = t_quantile(k, patients - 1) * jackknife.se
    out["kappa, quadratic", "jackknife on kappa's own scale"] = replace(
        jackknife, low=jackknife.value - half, high=jackknife.value + half
    )
    scales: tuple[Literal["logit", "wald"], ...] = ("logit", "wald")
    for interval in scales:
        words = interval.replace("wald", "Wald")
        out["sensitivity", f"{words} interval, same variance"] = clustered_sensitivity(
            s.reference, s.first, clusters=c, cut=CUT, interval=interval, confidence=k
        )
    out["AUC, model", "Wald interval, same variance"] = clustered_auc(
        s.reference >= CUT, s.probability, clusters=c, interval="wald", confidence=k
    )
    return out


def run_alternatives(
    *, runs: int, seed: int = 2, truth: dict[str, float] | None = None, confidence: float = 0.95
) -> dict[tuple[str, str], float]:
    """
    Coverage of intervals that are not the default, on the same kind of studies.

    Parameters
    ----------
    runs, seed, truth, confidence
        As in `run`.

    Returns
    -------
    dict
        Coverage by (figure, interval).
    """
    rng = np.random.default_rng(seed)
    target = population() if truth is None else truth
    held: dict[tuple[str, str], int] = {}
    for _ in range(runs):
        for key, e in _alternatives(simulate(rng, 100, 10), rng, confidence).items():
            held[key] = held.get(key, 0) + bool(e.low <= target[key[0]] <= e.high)
    return {key: hits / runs for key, hits in held.items()}


def population(seed: int = 7, patients: int = 40_000, joints: int = 10, parts: int = 10) -> dict[str, float]:
    """Values of the population: the mean over parts of one very large sample, computed without nesting."""
    rng = np.random.default_rng(seed)
    sums: dict[str, list[float]] = {}
    for _ in range(parts):
        s = simulate(rng, patients // parts, joints)
        values = {name: e.value for name, e in _naive(s, 0.95).items()}
        truth = s.reference >= CUT
        f1 = [
            2 * float(((s.reference == g) & (s.first == g)).sum())
            / float((s.reference == g).sum() + (s.first == g).sum())
            for g in range(N_GRADES)
        ]  # fmt: skip
        values["macro F1 (4 grades)"] = float(np.mean(f1))
        fpr, tpr = _curve(truth, s.probability)
        values["partial AUC, specificity 0.8-1"] = partial_area_of_points(
            fpr, tpr, focus="specificity", start=0.8, stop=1.0
        )
        three = code_ratings(np.stack((s.reference, s.first, s.second), axis=1), categories=range(N_GRADES))
        for name, kind in (("Gwet's AC2", "gwet"), ("Krippendorff's alpha", "krippendorff")):
            values[name] = agreement_coefficient(three, kind, weights="quadratic").coefficient.value
        for name, value in values.items():
            sums.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in sums.items()}


def _curve(truth: np.ndarray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    curve = roc_curve(truth, score)
    return curve.fpr, curve.tpr


@dataclass(frozen=True, slots=True)
class Coverage:
    """Share of runs whose interval held the population's value."""

    name: str
    clustered: float
    naive: float
    mean_width: float


def run(
    *,
    runs: int,
    seed: int = 1,
    patients: int = 100,
    joints: int = 10,
    confidence: float = 0.95,
    truth: dict[str, float] | None = None,
) -> tuple[Coverage, ...]:
    """
    Simulate studies and count how often the intervals hold the population's values.

    Parameters
    ----------
    runs : int
        Simulated studies.
    seed : int
        Seed of the generator.
    patients, joints : int
        Size of each study.
    confidence : float
        Nominal coverage.
    truth : dict, optional
        Values of the population; computed when absent.

    Returns
    -------
    tuple of Coverage
        NaN for the naive form of a figure that has none. A run without an interval counts as a miss.
    """
    rng = np.random.default_rng(seed)
    target = population() if truth is None else truth
    held: dict[str, list[bool]] = {}
    naive: dict[str, list[bool]] = {}
    widths: dict[str, list[float]] = {}
    for _ in range(runs):
        s = simulate(rng, patients, joints)
        for name, e in _clustered(s, confidence).items():
            held.setdefault(name, []).append(bool(e.low <= target[name] <= e.high))
            widths.setdefault(name, []).append(e.high - e.low)
        for name, e in _naive(s, confidence).items():
            naive.setdefault(name, []).append(bool(e.low <= target[name] <= e.high))
    return tuple(
        Coverage(
            name,
            float(np.mean(hits)),
            float(np.mean(naive[name])) if name in naive else math.nan,
            float(np.mean(widths[name])),
        )
        for name, hits in held.items()
    )


def as_document(
    result: Sequence[Coverage], others: dict[tuple[str, str], float], *, runs: int, seed: int
) -> dict[str, Any]:
    """Result as JSON for the documentation."""
    rows = [
        {
            "figure": c.name,
            "clustered": round(c.clustered, 4),
            "naive": None if math.isnan(c.naive) else round(c.naive, 4),
            "mean_width": round(c.mean_width, 4),
        }
        for c in result
    ]
    more = [
        {"figure": figure, "interval": interval, "coverage": round(share, 4)}
        for (figure, interval), share in others.items()
    ]
    return {"runs": runs, "seed": seed, "patients": 100, "joints": 10, "rows": rows, "others": more}


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: run the simulation and write or print its table."""
    parser = argparse.ArgumentParser(prog="python -m readerstudy.stats.simulation", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="simulated studies (4000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (1)")
    parser.add_argument("--json", type=Path, help="file to write the table to")
    given = parser.parse_args(arguments)
    start = time.perf_counter()
    truth = population()
    result = run(runs=given.runs, seed=given.seed, truth=truth)
    for c in result:
        beside = "" if math.isnan(c.naive) else f"   as if independent {100 * c.naive:5.1f} %"
        sys.stdout.write(f"{c.name:32s} {100 * c.clustered:5.1f} %{beside}\n")
    sys.stdout.write(f"{given.runs} runs in {time.perf_counter() - start:.0f} s\n")
    if given.json:
        others = run_alternatives(runs=given.runs, seed=given.seed + 1, truth=truth)
        document = as_document(result, others, runs=given.runs, seed=given.seed)
        given.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
