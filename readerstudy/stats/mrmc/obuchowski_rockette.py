r"""
Obuchowski and Rockette's analysis of several readers and cases, with Hillis' degrees of freedom.

The figures of merit are modelled as treatment + reader + treatment x reader + error, whose errors are
correlated because the readers read the same cases; the correlations come from a cell covariance matrix.

References
----------
.. [1] Obuchowski NA, Rockette HE. Commun Stat Simul Comput 1995;24:285-308. doi:10.1080/03610919508813243
.. [2] Hillis SL. Stat Med 2007;26:596-619. doi:10.1002/sim.2532
.. [3] Hillis SL. Stat Med 2014;33:330-360. doi:10.1002/sim.5926
.. [4] Obuchowski NA, Gallas BD, Hillis SL. Acad Radiol 2012;19:1508-1517 (split-plot designs).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from readerstudy.stats._arrays import FloatArray, choice, read_only
from readerstudy.stats.distributions import chi2_tail, clip_interval, f_tail, t_quantile, t_tail
from readerstudy.stats.estimate import Alternative, AnalysisRefused, Estimate, HypothesisTest

from .covariance import CovarianceMethod, cell_covariance
from .endpoints import Auc, Endpoint
from .results import Components, Difference, GlobalTest, Mean, MrmcResult

Design = Literal["factorial", "case_in_reader", "case_in_treatment", "mixed"]
FEW_READERS = "two readers only: their variance rests on one contrast, the result is fragile"


def error_components(
    covariance: FloatArray, i: int, j: int, design: Design
) -> tuple[float, float, float, float]:
    """Mean variance and covariances Cov1, Cov2, Cov3 of a cell matrix with i treatments and j readers."""
    c = covariance.reshape(i, j, i, j)
    own = float(np.trace(covariance))
    same_treatment = float(np.einsum("abac->", c))
    same_reader = float(np.einsum("abcb->", c))

    def mean(total: float, pairs: int) -> float:
        return total / pairs if pairs else 0.0

    error = own / (i * j)
    cov1, cov2 = mean(same_reader - own, i * (i - 1) * j), mean(same_treatment - own, i * j * (j - 1))
    cov3 = mean(float(c.sum()) - same_reader - same_treatment + own, i * (i - 1) * j * (j - 1))
    if design == "case_in_reader":
        cov2 = cov3 = 0.0
    elif design == "case_in_treatment":
        cov1 = cov3 = 0.0
    return error, cov1, cov2, cov3


def mean_squares(foms: FloatArray) -> tuple[float, float, float]:
    """
    Mean squares of treatments, readers and their interaction; NaN where there are no degrees of freedom.
    """
    i, j = foms.shape
    # Sums over sizes are what `mean` gives, without its overhead, which counts at ten cells.
    rows, columns = foms.sum(axis=1) / j, foms.sum(axis=0) / i
    grand = rows.sum() / i
    ms_t = j * float(((rows - grand) ** 2).sum()) / (i - 1) if i > 1 else math.nan
    ms_r = i * float(((columns - grand) ** 2).sum()) / (j - 1) if j > 1 else math.nan
    rest = foms - rows[:, None] - columns[None, :] + grand
    ms_tr = float((rest**2).sum()) / ((i - 1) * (j - 1)) if i > 1 and j > 1 else math.nan
    return ms_t, ms_r, ms_tr


class _Analysis:
    """One analysis in progress: what its parts share."""

    def __init__(
        self,
        foms: FloatArray,
        covariance: FloatArray | None,
        treatments: tuple[str, ...],
        readers: tuple[str, ...],
        *,
        random_readers: bool,
        design: Design,
        n: int,
        n_clusters: int | None,
        clip: bool,
        alternative: Alternative,
        confidence: float,
        method: str,
    ) -> None:
        self.foms, self.treatments, self.readers = foms, treatments, readers
        self.i, self.j = foms.shape
        self.random_readers, self.random_cases = random_readers, covariance is not None
        self.cov = np.full((foms.size, foms.size), np.nan) if covariance is None else covariance
        self.design, self.n, self.n_clusters = design, n, n_clusters
        self.clip, self.alternative, self.confidence, self.method = clip, alternative, confidence, method
        self.ms_t, self.ms_r, self.ms_tr = mean_squares(foms)
        nan = math.nan
        parts = (nan,) * 4 if covariance is None else error_components(covariance, self.i, self.j, design)
        self.error, self.cov1, self.cov2, self.cov3 = parts

    def components(self) -> Components:
        var_tr = self.ms_tr - self.error + self.cov1 + self.cov2 - self.cov3
        var_r = (self.ms_r - self.ms_tr) / self.i - self.cov1 + self.cov3
        return Components(var_r, var_tr, self.error, self.cov1, self.cov2, self.cov3)

    def denominator(self) -> tuple[float, float]:
        """Denominator of the global statistic and its degrees of freedom."""
        if not self.random_readers:
            rest = (self.j - 1) * max(self.cov2 - self.cov3, 0.0)
            return self.error - self.cov1 + rest, math.inf
        df = float((self.i - 1) * (self.j - 1))
        if not self.random_cases:
            return self.ms_tr, df
        value = self.ms_tr + self.j * max(self.cov2 - self.cov3, 0.0)
        return value, (value / self.ms_tr) ** 2 * df if self.ms_tr > 0 else math.inf

    def estimate(self, value: float, variance: float, df: float, *, bounded: bool) -> Estimate:
        se = math.sqrt(variance) if variance > 0 else 0.0 if variance == 0 else math.nan
        half = t_quantile(self.confidence, df) * se if se > 0 else se
        low, high = value - half, value + half
        if bounded and self.clip:
            low, high = clip_interval(low, high, 0.0, 1.0)
        note = "" if se > 0 else "the estimated variance is not positive"
        return Estimate(
            value, low, high, se, self.n, self.n_clusters, self.method, self.confidence, note=note
        )

    def test(self, value: float, se: float, df: float) -> HypothesisTest:
        rest = (self.n, self.n_clusters, self.method, self.alternative)
        if se > 0:
            return HypothesisTest(value / se, df, t_tail(value / se, df, self.alternative), *rest)
        if abs(value) < 1e-12:
            p = 1.0 if self.alternative == "two-sided" else 0.5
            return HypothesisTest(0.0, df, p, *rest, note="the treatments are identical: p = 1 by convention")
        why = "the estimated variance of the difference is not positive"
        return HypothesisTest(math.nan, df, math.nan, *rest, undefined_because=why)

    def global_test(self) -> GlobalTest:
        denominator, df2 = self.denominator() if self.i > 1 else (math.nan, math.nan)
        nan, df1 = math.nan, float(self.i - 1)
        rest = (self.n, self.n_clusters, self.method)
        if self.i < 2:
            test = HypothesisTest(nan, df1, nan, *rest, undefined_because="one treatment only")
        elif not denominator > 0:
            if self.ms_t < 1e-20:
                test = HypothesisTest(0.0, df1, 1.0, *rest, df2=df2, note="identical treatments: p = 1")
            else:
                why = "the estimated error of the comparison is not positive"
                test = HypothesisTest(nan, df1, nan, *rest, df2=df2, undefined_because=why)
        elif self.random_readers:
            f = self.ms_t / denominator
            test = HypothesisTest(f, df1, f_tail(f, df1, df2), *rest, df2=df2)
        else:
            chi2 = df1 * self.ms_t / denominator
            test = HypothesisTest(chi2, df1, chi2_tail(chi2, df1), *rest)
        return GlobalTest(self.ms_t, self.ms_tr, denominator, test)

    def differences(self) -> tuple[Difference, ...]:
        if self.i < 2:
            return ()
        denominator, df = self.denominator()
        means = self.foms.mean(axis=1)
        out = []
        for a in range(self.i):
            for b in range(a + 1, self.i):
                e = self.estimate(float(means[a] - means[b]), 2 / self.j * denominator, df, bounded=False)
                out.append(
                    Difference(self.treatments[a], self.treatments[b], e, self.test(e.value, e.se, df))
                )
        return tuple(out)

    def blocks(self) -> list[tuple[float, float]]:
        """Error variance and covariance between readers within each treatment."""
        if not self.random_cases:
            return [(math.nan, math.nan)] * self.i
        c, j = self.cov.reshape(self.i, self.j, self.i, self.j), self.j
        traces, sums = np.einsum("abab->a", c).tolist(), np.einsum("abac->a", c).tolist()
        if j < 2 or self.design == "case_in_reader":
            return [(trace / j, 0.0) for trace in traces]
        return [(t / j, (s - t) / (j * (j - 1))) for t, s in zip(traces, sums, strict=True)]

    def means(self) -> tuple[Mean, ...]:
        out = []
        values = self.foms.sum(axis=1) / self.j
        squares = ((self.foms - values[:, None]) ** 2).sum(axis=1).tolist()
        for a, (error, cov2) in enumerate(self.blocks()):
            value = float(values[a])
            ms_r = squares[a] / (self.j - 1) if self.j > 1 else math.nan
            if not self.random_readers:
                variance, df = (error + (self.j - 1) * max(cov2, 0.0)) / self.j, math.inf
            elif not self.random_cases:
                variance, df = ms_r / self.j, self.j - 1.0
            else:
                top = ms_r + self.j * max(cov2, 0.0)
                variance = top / self.j
                df = (top / ms_r) ** 2 * (self.j - 1) if ms_r > 0 else math.inf
            out.append(
                Mean(
                    self.treatments[a],
                    self.estimate(value, variance, df, bounded=True),
                    df,
                    ms_r,
                    cov2,
                    error,
                )
            )
        return tuple(out)

    def reader_differences(self) -> tuple[Difference, ...]:
        """Each reader by himself: his own error variances and covariances, averaged over treatments."""
        out = []
        c = self.cov.reshape(self.i, self.j, self.i, self.j)
        off = ~np.eye(self.i, dtype=bool)
        for r in range(self.j):
            own = c[:, r, :, r]
            error = float(np.trace(own)) / self.i
            cov1 = 0.0 if self.design == "case_in_treatment" else float(own[off].mean())
            for a in range(self.i):
                for b in range(a + 1, self.i):
                    value = float(self.foms[a, r] - self.foms[b, r])
                    e = self.estimate(value, 2 * (error - cov1), math.inf, bounded=False)
                    out.append(
                        Difference(
                            self.treatments[a], self.treatments[b], e,
                            self.test(value, e.se, math.inf), self.readers[r],
                        )
                    )  # fmt: skip
        return tuple(out)

    def reader_means(self) -> tuple[Mean, ...]:
        variances = np.diag(self.cov).reshape(self.i, self.j)
        return tuple(
            Mean(
                self.treatments[a],
                self.estimate(float(self.foms[a, r]), float(variances[a, r]), math.inf, bounded=True),
                math.inf, math.nan, math.nan, float(variances[a, r]), self.readers[r],
            )
            for a in range(self.i)
            for r in range(self.j)
        )  # fmt: skip


def or_of_cells(
    foms: FloatArray,
    covariance: FloatArray | None,
    *,
    treatments: tuple[str, ...],
    readers: tuple[str, ...],
    readers_are: Literal["random", "fixed"] = "random",
    design: Design = "factorial",
    n_cases: int,
    n_clusters: int | None = None,
    clip: bool = True,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    what: str = "figure of merit",
    note: str = "",
) -> MrmcResult:
    """
    Obuchowski-Rockette analysis of figures of merit whose covariance is known.

    Parameters
    ----------
    foms : ndarray, shape (n_treatments, n_readers)
        Figures of merit.
    covariance : ndarray, shape (n_cells, n_cells), or None
        Covariance of the cells, treatments outer; None for fixed cases.
    treatments, readers : tuple of str
        Identifiers.
    readers_are : {"random", "fixed"}
        Whether the claim is on readers like these, or on these.
    design, clip, alternative, confidence
        As in `obuchowski_rockette`.
    n_cases, n_clusters : int
        Sizes, for the estimates.
    what, note : str
        Words for the report.

    Returns
    -------
    MrmcResult
    """
    i, j = foms.shape
    random_readers = readers_are == "random"
    if random_readers and j < 2:
        raise AnalysisRefused(
            "one reader only: nothing can be said of readers like this one; take the readers as fixed, which "
            "gives this reader's own paired comparison"
        )
    if not random_readers and covariance is None:
        raise AnalysisRefused("fixed readers and fixed cases leave nothing random: there is no test")
    cases = "fixed" if covariance is None else "random"
    a = _Analysis(
        np.asarray(foms, dtype=np.float64), covariance, treatments, readers,
        random_readers=random_readers, design=design, n=n_cases, n_clusters=n_clusters, clip=clip,
        alternative=alternative, confidence=confidence,
        method=f"Obuchowski-Rockette, {what}; {readers_are} readers, {cases} cases, "
        f"{design.replace('_', ' ')}",
    )  # fmt: skip
    notes = [note] if note else []
    if covariance is None:
        notes.append("fixed cases: there are no error components to give")
    if j == 1:
        notes.append("one reader: there is no variance over readers")
    if random_readers and j == 2:
        notes.append(FEW_READERS)
    return MrmcResult(
        treatments, readers, read_only(a.foms), read_only(a.cov), a.components(), a.global_test(),
        a.differences(), a.means(),
        () if random_readers else a.reader_differences() if i > 1 else (),
        () if random_readers else a.reader_means(),
        a.method, "; ".join(notes),
    )  # fmt: skip


def obuchowski_rockette(
    data: Any,
    *,
    endpoint: Endpoint | None = None,
    covariance: CovarianceMethod = "jackknife",
    readers: Literal["random", "fixed"] = "random",
    cases: Literal["random", "fixed"] = "random",
    design: Design = "factorial",
    missing: Literal["refuse", "available"] = "refuse",
    clip: bool = True,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> MrmcResult:
    """
    Compare treatments (reading conditions, systems) read by several readers.

    Parameters
    ----------
    data : Readings or FrocStudy
        The readings.
    endpoint : Endpoint, optional
        Figure of merit: `Auc()` (default), `CallRate`, `PartialAuc`, `SensitivityAtSpecificity`, or with
        marks `FrocFigure`.
    covariance : {"jackknife", "delong", "unbiased", "obuchowski1997"}
        Estimator of the cells' covariance; obuchowski1997 for cases nested in patients.
    readers : {"random", "fixed"}
        Random: the claim is on readers like these. Fixed: on these readers.
    cases : {"random", "fixed"}
        Random: the claim is on cases like these. Fixed: on these cases.
    design : {"factorial", "case_in_reader", "case_in_treatment", "mixed"}
        Which error covariances are 0 because no case is shared. mixed: some treatments share cases and some
        do not; the covariances are averaged as they come.
    missing : {"refuse", "available"}
        Whether each cell may use the cases that it read. In the jackknife a case that a cell did not read
        leaves its figure as it is.
    clip : bool
        Cut the intervals of treatment means to [0, 1]; those of differences never are.
    alternative : {"two-sided", "greater", "less"}
        Direction of the tests of differences; the intervals are two-sided always.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    MrmcResult

    Raises
    ------
    AnalysisRefused
        With random readers and one reader; with readings missing from a factorial design unless
        `missing="available"`; where a figure of merit is undefined.

    Examples
    --------
    >>> from readerstudy.stats import readings_from_long
    >>> rows = [(r, t, c, c % 2, (7 * c + 3 * r + 5 * t * (c % 2)) % 11) for r in (1, 2, 3) for t in (1, 2)
    ...         for c in range(20)]
    >>> reader, treatment, case, truth, rating = zip(*rows)
    >>> data = readings_from_long(reader, treatment, case, truth, rating)
    >>> result = obuchowski_rockette(data)
    >>> result.foms.shape, len(result.differences)
    ((2, 3), 1)
    """
    choice("readers", readers, ("random", "fixed"))
    choice("cases", cases, ("random", "fixed"))
    choice("design", design, ("factorial", "case_in_reader", "case_in_treatment", "mixed"))
    choice("missing", missing, ("refuse", "available"))
    figure: Endpoint = Auc() if endpoint is None else endpoint
    if readers == "random" and len(data.readers) < 2:
        raise AnalysisRefused(
            "one reader only: nothing can be said of readers like this one; take the readers as fixed, which "
            "gives this reader's own paired comparison"
        )
    note = ""
    if not data.complete:
        unread = int((~data.read).sum())
        if design == "factorial" and missing == "refuse":
            raise AnalysisRefused(
                f"{unread} readings are missing from a factorial design: say missing='available' to use what "
                "each reader read, or use u_statistics"
            )
        if design == "factorial":
            note = f"{unread} readings are missing: each cell uses the cases that were read"
    cells = figure.cells(data)
    cov = cell_covariance(data, figure, covariance, cells) if cases == "random" else None
    return or_of_cells(
        cells.values, cov, treatments=data.treatments, readers=data.readers, readers_are=readers,
        design=design, n_cases=len(data.cases), n_clusters=data.n_clusters, clip=clip,
        alternative=alternative, confidence=confidence,
        what=f"{figure.name}, {covariance} covariance" if cases == "random" else figure.name, note=note,
    )  # fmt: skip
