"""
How fast the package is, and how much faster than loops over scikit-learn, in the same run.

``python -m readerstudy.stats.benchmark`` simulates 1,132 patients with 10 joints and 5 findings, 4 readers
and a model, and prints medians of interleaved runs with their ratios. The loop is timed on a few resamples
and scaled to 2,000, which is said. Where Rscript and its package pROC are installed, paired DeLong is timed
there too; where scikit-learn is missing its columns stay empty. Everything is synthetic.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ._arrays import FloatArray, IntArray
from .agreement.kappa import kappa_of_counts
from .agreement.ratings import code_ratings
from .agreement.several import alpha_of_ratings
from .agreement.weights import agreement_weights
from .froc.figures import FrocFigure
from .froc.study import FrocStudy
from .mrmc.obuchowski_rockette import obuchowski_rockette
from .mrmc.readings import Readings
from .resampling.bootstrap import percentile_limits
from .resampling.weights import bootstrap_areas, cluster_weights, weighted_sums
from .roc.delong import auc_difference

PATIENTS, JOINTS, FINDINGS, READERS, RESAMPLES, N_GRADES, CUT = 1132, 10, 5, 4, 2000, 4, 2


@dataclass(frozen=True, slots=True)
class Gradings:
    """Grades (findings, readers, items), a model's probabilities (findings, items), a reference, patients."""

    patients: IntArray
    reference: IntArray
    grades: IntArray
    model: FloatArray


def gradings(seed: int = 1) -> Gradings:
    """Simulated gradings of the size of the study that the speed is promised for."""
    rng = np.random.default_rng(seed)
    patients = np.repeat(np.arange(PATIENTS), JOINTS)
    n = patients.size
    severity = rng.normal(size=(FINDINGS, PATIENTS))[:, patients] + rng.normal(size=(FINDINGS, n))
    cuts = [-0.4, 0.7, 1.9]
    seen = severity[:, None, :] + 0.8 * rng.normal(size=(FINDINGS, READERS, n))
    model = 1 / (1 + np.exp(-severity - rng.normal(size=(FINDINGS, n))))
    return Gradings(patients, np.digitize(severity, cuts), np.digitize(seen, cuts), model)


def pairs() -> list[tuple[int, int]]:
    """Pairs of readers."""
    return [(a, b) for a in range(READERS) for b in range(a + 1, READERS)]


def bootstrap_all(g: Gradings, *, resamples: int = RESAMPLES, seed: int = 2) -> list[tuple[float, float]]:
    """Percentile intervals of 25 areas and 30 weighted kappas, all on the same resamples of patients."""
    weights = cluster_weights(PATIENTS, resamples, np.random.default_rng(seed))
    w = agreement_weights("quadratic", N_GRADES)
    codes = g.patients.astype(np.int64)
    out = []
    for f in range(FINDINGS):
        truth = g.reference[f] >= CUT
        for score in (*g.grades[f].astype(np.float64), g.model[f]):
            out.append(percentile_limits(bootstrap_areas(truth, score, codes, weights), 0.95))
        for a, b in pairs():
            cell = (codes * N_GRADES + g.grades[f, a]) * N_GRADES + g.grades[f, b]
            table = (
                np.bincount(cell, minlength=PATIENTS * N_GRADES**2).reshape(PATIENTS, -1).astype(np.float64)
            )
            out.append(percentile_limits(kappa_of_counts(weighted_sums(weights, table), w), 0.95))
    return out


def loop_all(g: Gradings, *, resamples: int, seed: int = 2) -> None:
    """The same by scikit-learn, one resample, figure and reader at a time."""
    from sklearn.metrics import cohen_kappa_score, roc_auc_score  # type: ignore[import-untyped, unused-ignore]

    rng = np.random.default_rng(seed)
    rows = np.arange(PATIENTS * JOINTS).reshape(PATIENTS, JOINTS)
    for _ in range(resamples):
        i = rows[rng.integers(0, PATIENTS, PATIENTS)].ravel()
        for f in range(FINDINGS):
            truth = g.reference[f, i] >= CUT
            for score in (*g.grades[f][:, i], g.model[f, i]):
                roc_auc_score(truth, score)
            for a, b in pairs():
                cohen_kappa_score(g.grades[f, a, i], g.grades[f, b, i], weights="quadratic")


def van_dyke_like(seed: int = 3) -> Readings:
    """
    A simulated study of the size of Van Dyke's: 2 treatments, 5 readers, 45 diseased and 69 other cases.
    """
    rng = np.random.default_rng(seed)
    truth = np.arange(114) < 45
    latent = 1.8 * truth + rng.normal(size=114) * 0.7
    ratings = np.digitize(latent + rng.normal(size=(2, 5, 114)), [-0.5, 0.5, 1.2, 2.0]) + 1.0
    names = tuple(str(k) for k in range(114))
    return Readings(("1", "2"), ("1", "2", "3", "4", "5"), names, truth, ratings.astype(np.float64))


def marked_study(seed: int = 4) -> FrocStudy:
    """A simulated study with marks: 5 treatments, 4 readers, 200 cases of which 100 have up to 3 lesions."""
    rng = np.random.default_rng(seed)
    count = np.where(np.arange(200) < 100, rng.integers(1, 4, 200), 0)
    weights = np.where(np.arange(3) < count[:, None], 1 / np.maximum(count, 1)[:, None], 0.0)
    shape = (5, 4, 200)
    hit = rng.normal(1.0, 1.0, (*shape, 3))
    hit = np.where((np.arange(3) < count[:, None]) & (rng.random((*shape, 3)) < 0.7), hit, -np.inf)
    false = np.where(rng.random((*shape, 4)) < 0.15, rng.normal(size=(*shape, 4)), -np.inf)
    labels = tuple(str(k) for k in range(200))
    return FrocStudy(tuple("12345"), tuple("1234"), labels, count, weights, hit, false)


def milliseconds(call: Callable[[], Any], repeats: int) -> float:
    """Median time of a call; one call before the first is not counted."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1000


def _r_delong(truth: np.ndarray, first: FloatArray, second: FloatArray) -> float | None:
    """Milliseconds of pROC's paired DeLong test on the same scores; None where R or pROC is missing."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    code = (
        "d <- read.csv(commandArgs(TRUE)[1]); suppressMessages(library(pROC)); t <- sapply(1:9, function(i) "
        "system.time({a <- roc(d$y, d$a, quiet=TRUE, direction='<'); b <- roc(d$y, d$b, quiet=TRUE, "
        "direction='<'); roc.test(a, b, method='delong', paired=TRUE)})['elapsed']); cat(median(t) * 1000)"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        table = np.column_stack((truth.astype(int), first, second))
        np.savetxt(path, table, delimiter=",", header="y,a,b", comments="")
        command = [rscript, "-e", code, str(path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    try:
        return float(done.stdout)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the report: milliseconds, the promise, and the peer's milliseconds where there is one."""

    what: str
    ours: float
    promise: float
    peer: str = ""
    theirs: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the peer."""
        return None if self.theirs is None else self.theirs / self.ours


def report(*, loop_resamples: int = 4, repeats: int = 5) -> list[Line]:
    """
    Time everything.

    Parameters
    ----------
    loop_resamples : int
        Resamples on which the scikit-learn loop is timed, before scaling to 2,000; 0 leaves it out.
    repeats : int
        Repeats behind each median of ours.

    Returns
    -------
    list of Line
    """
    g = gradings()
    ours, loop = [], []
    bootstrap_all(g, resamples=50)
    for _ in range(repeats):
        start = time.perf_counter()
        bootstrap_all(g)
        ours.append(time.perf_counter() - start)
        if loop_resamples:
            try:
                start = time.perf_counter()
                loop_all(g, resamples=loop_resamples)
                loop.append((time.perf_counter() - start) / loop_resamples * RESAMPLES)
            except ImportError:
                loop_resamples = 0
    truth = g.reference[0] >= CUT
    grades = g.grades[0].astype(np.float64)
    model = g.model[0]
    study, marked = van_dyke_like(), marked_study()
    six = np.concatenate((g.grades[0], g.grades[1, :2]), axis=0).T[:11_310]
    coded = code_ratings(six.astype(float), categories=range(N_GRADES))

    def fleiss() -> None:
        from .agreement.chance_corrected import agreement_coefficient

        agreement_coefficient(code_ratings(six.astype(float), categories=range(N_GRADES)), "fleiss")

    return [
        Line(
            "25 AUC + 30 weighted kappa, 2,000 patient resamples", statistics.median(ours) * 1000, 1500,
            f"scikit-learn loop ({loop_resamples} resamples, scaled)",
            statistics.median(loop) * 1000 if loop else None,
        ),
        Line("Obuchowski-Rockette, 2 x 5 x 114", milliseconds(lambda: obuchowski_rockette(study), 30), 1),
        Line(
            "paired DeLong, 11,320 ratings",
            milliseconds(lambda: auc_difference(truth, grades[0], model), 15), 4,
            "pROC", _r_delong(truth, grades[0], model),
        ),
        Line(
            "wAFROC with Obuchowski-Rockette, 5 x 4 x 200",
            milliseconds(lambda: obuchowski_rockette(marked, endpoint=FrocFigure("wAFROC")), 15), 30,
        ),
        Line("Fleiss' kappa, 11,310 x 6", milliseconds(fleiss, 15), 20),
        Line(
            "Krippendorff's alpha, 11,310 x 6",
            milliseconds(lambda: alpha_of_ratings(coded, metric="ordinal"), 15), 20,
        ),
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: print the report, and with --check fail when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m readerstudy.stats.benchmark", description=__doc__)
    parser.add_argument(
        "--loop-resamples", type=int, default=4, help="resamples of the scikit-learn loop (4)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="interleaved runs (5)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a promise is missed")
    given = parser.parse_args(arguments)
    lines = report(loop_resamples=given.loop_resamples, repeats=given.repeats)
    if given.json:
        rows = [
            {"what": x.what, "ms": x.ours, "promise_ms": x.promise, "peer": x.peer, "peer_ms": x.theirs}
            for x in lines
        ]
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        for x in lines:
            beside = "" if x.theirs is None else f"  {x.peer}: {x.theirs:,.0f} ms, {x.ratio:,.0f} times"
            if x.peer == "pROC" and x.theirs is None:
                beside = "  (pROC is not installed here)"
            sys.stdout.write(f"{x.what:54s} {x.ours:9.2f} ms  (promise {x.promise:g} ms){beside}\n")
    missed = [x for x in lines if x.ours > x.promise]
    return int(bool(missed) and given.check)


if __name__ == "__main__":
    sys.exit(main())
