"""
How fast the package is, and how much faster than loops over scikit-learn, in the same run.

``python -m readerstudy.stats.benchmark`` simulates 1,132 patients with 10 joints and 5 findings, 4 readers
and a model, and prints medians of interleaved runs with their ratios. The loop is timed on a few resamples
and scaled to 2,000, which is said. Where Rscript and its package pROC are installed, paired DeLong is timed
there too; where scikit-learn is missing its loops are left out. Times are by the clock, with the process's CPU
time beside them, for a machine that others use too. Everything is synthetic.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
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
from .agreement.chance_corrected import agreement_coefficient
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


@dataclass(frozen=True, slots=True)
class Timing:
    """Medians of repeated calls, in milliseconds: by the clock, and of this process's CPU time."""

    wall: float
    cpu: float


class _Watch:
    """Collects the times of repeated calls."""

    def __init__(self) -> None:
        self._wall: list[float] = []
        self._cpu: list[float] = []

    def run(self, call: Callable[[], Any], *, scale: float = 1.0) -> None:
        """Time one call; `scale` carries it to the amount that is reported."""
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        self._cpu.append((time.process_time() - cpu) * scale * 1000)
        self._wall.append((time.perf_counter() - wall) * scale * 1000)

    def timing(self) -> Timing:
        """Medians so far."""
        return Timing(statistics.median(self._wall), statistics.median(self._cpu))


def timed(call: Callable[[], Any], repeats: int) -> Timing:
    """Median times of a call; one call before the first is not counted."""
    call()
    watch = _Watch()
    for _ in range(repeats):
        watch.run(call)
    return watch.timing()


def jackknife_loop(study: Readings) -> None:
    """Areas of all cells and without each case by scikit-learn: what Obuchowski-Rockette starts from."""
    from sklearn.metrics import roc_auc_score

    kept = np.arange(len(study.cases))
    for cell in study.ratings.reshape(-1, kept.size):
        roc_auc_score(study.diseased, cell)
        for case in kept:
            rest = kept != case
            roc_auc_score(study.diseased[rest], cell[rest])


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
    """One line of the report: our times, what is promised, and the peer's milliseconds where there is one."""

    what: str
    ours: Timing
    promise: float
    peer: str = ""
    theirs: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times faster than the peer, by the clock."""
        return None if self.theirs is None else self.theirs / self.ours.wall

    @property
    def missed(self) -> str:
        """Which promise is missed; empty when all are kept (in CPU time, where the machine is busy)."""
        if self.ours.wall > self.promise and self.ours.cpu > self.promise:
            return f"takes more than {self.promise:g} ms"
        if self.at_least is not None and self.ratio is not None and self.ratio < self.at_least:
            return f"less than {self.at_least:g} times faster than the {self.peer}"
        return ""

    def __str__(self) -> str:
        busy = (
            "" if self.ours.wall <= self.promise or self.missed else "; busy machine: the CPU time keeps it"
        )
        own = (
            f"{self.what:52s} {self.ours.wall:9.2f} ms (CPU {self.ours.cpu:.2f}); promised {self.promise:g} ms, "
            f"{self.promise / self.ours.wall:.2g} times that fast{busy}"
        )
        if not self.peer:
            return own
        if self.theirs is None:
            return f"{own}\n    {self.peer}: not installed here"
        wanted = "" if self.at_least is None else f" (promised {self.at_least:g})"
        return f"{own}\n    {self.peer}: {self.theirs:,.0f} ms, {self.ratio:,.0f} times ours{wanted}"


def _have_sklearn() -> bool:
    return importlib.util.find_spec("sklearn") is not None


def report(*, loop_resamples: int = 4, repeats: int = 5) -> list[Line]:
    """
    Time everything.

    Parameters
    ----------
    loop_resamples : int
        Resamples on which the scikit-learn loop is timed, before scaling to 2,000; 0 leaves the loops out.
    repeats : int
        Repeats behind each median of ours.

    Returns
    -------
    list of Line
    """
    g, study, marked = gradings(), van_dyke_like(), marked_study()
    ours, loop, rockette, cells = _Watch(), _Watch(), _Watch(), _Watch()
    loops = loop_resamples > 0 and _have_sklearn()
    bootstrap_all(g, resamples=50)
    obuchowski_rockette(study)
    for _ in range(repeats):
        ours.run(lambda: bootstrap_all(g))
        if loops:
            loop.run(lambda: loop_all(g, resamples=loop_resamples), scale=RESAMPLES / loop_resamples)
        for _ in range(6):
            rockette.run(lambda: obuchowski_rockette(study))
        if loops:
            cells.run(lambda: jackknife_loop(study))
    truth = g.reference[0] >= CUT
    grades = g.grades[0].astype(np.float64)
    model = g.model[0]
    six = np.concatenate((g.grades[0], g.grades[1, :2]), axis=0).T[:11_310].astype(float)
    scale = range(N_GRADES)
    return [
        Line(
            "25 AUC + 30 weighted kappa, 2,000 patient resamples", ours.timing(), 1500,
            f"scikit-learn loop ({loop_resamples} resamples, scaled)",
            loop.timing().wall if loops else None, at_least=150,
        ),
        Line(
            "Obuchowski-Rockette, 2 x 5 x 114", rockette.timing(), 1,
            "scikit-learn loop over the left-out cases", cells.timing().wall if loops else None,
        ),
        Line(
            "paired DeLong, 11,320 ratings", timed(lambda: auc_difference(truth, grades[0], model), 15), 4,
            "pROC", _r_delong(truth, grades[0], model),
        ),
        Line(
            "wAFROC with Obuchowski-Rockette, 5 x 4 x 200",
            timed(lambda: obuchowski_rockette(marked, endpoint=FrocFigure("wAFROC")), 15), 30,
        ),
        Line(
            "Fleiss' kappa, 11,310 x 6",
            timed(lambda: agreement_coefficient(code_ratings(six, categories=scale), "fleiss"), 15), 20,
        ),
        Line(
            "Krippendorff's alpha, 11,310 x 6",
            timed(lambda: alpha_of_ratings(code_ratings(six, categories=scale), metric="ordinal"), 15), 20,
        ),
    ]  # fmt: skip


_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def _again_with_threads(arguments: Sequence[str], threads: int) -> int:
    """
    Run the benchmark in a process of its own whose matrix products use a fixed number of threads.

    The number is read once, when NumPy is loaded. On a busy machine the threads of one product wait for each
    other and the clock says more of the neighbours than of the package: one thread is the default.
    """
    environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
    command = [sys.executable, "-m", "readerstudy.stats.benchmark", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode  # noqa: S603


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: print the report, and with --check fail when a promise is missed."""
    parser = argparse.ArgumentParser(prog="python -m readerstudy.stats.benchmark", description=__doc__)
    parser.add_argument(
        "--loop-resamples", type=int, default=4, help="resamples of the scikit-learn loop (4; 0 = no loops)"
    )
    parser.add_argument("--repeats", type=int, default=5, help="interleaved runs (5)")
    parser.add_argument("--threads", type=int, default=1, help="threads of matrix products (1)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a promise is missed")
    words = list(sys.argv[1:] if arguments is None else arguments)
    given = parser.parse_args(words)
    if any(os.environ.get(name) != str(given.threads) for name in _THREADS):
        return _again_with_threads(words, given.threads)
    lines = report(loop_resamples=given.loop_resamples, repeats=given.repeats)
    if given.json:
        rows = [
            {
                "what": x.what, "ms": x.ours.wall, "cpu_ms": x.ours.cpu, "promise_ms": x.promise,
                "peer": x.peer, "peer_ms": x.theirs, "ratio": x.ratio, "promised_ratio": x.at_least,
                "missed": x.missed,
            }
            for x in lines
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    else:
        sys.stdout.write("\n".join(map(str, lines)) + "\n")
        load = ", ".join(f"{x:.1f}" for x in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
        sys.stdout.write(
            f"medians of {given.repeats} interleaved runs, {given.threads} thread(s), "
            f"{os.cpu_count()} cores, load {load}\n"
        )
    missed = [x for x in lines if x.missed]
    for x in missed:
        sys.stderr.write(f"missed: {x.what}: {x.missed}\n")
    return int(bool(missed) and given.check)


if __name__ == "__main__":
    sys.exit(main())
