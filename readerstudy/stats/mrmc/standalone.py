"""One model against several readers, and non-inferiority of one treatment to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from readerstudy.stats._arrays import FloatArray, choice, read_only
from readerstudy.stats.distributions import t_quantile, t_tail
from readerstudy.stats.estimate import Alternative, AnalysisRefused, Estimate, HypothesisTest, _Record

from .covariance import CovarianceMethod, jackknife_covariance
from .endpoints import Auc, Cells, Endpoint
from .obuchowski_rockette import FEW_READERS, obuchowski_rockette, or_of_cells
from .results import Mean, MrmcResult


@dataclass(frozen=True, slots=True)
class StandaloneResult(_Record):
    """
    A model (or algorithm) against several readers.

    Parameters
    ----------
    fom_model : float
        Figure of merit of the model.
    foms_readers : ndarray, shape (n_readers,)
        Those of the readers.
    mean_readers : Estimate
        Their mean, with the interval of the difference's standard error.
    difference : Estimate
        Readers' mean minus the model.
    test : HypothesisTest
        Of no difference.
    var_r, var_error, cov2 : float
        Variance over readers, error variance and covariance of the differences.
    means : tuple of Mean
        Model and readers each with its own interval (two-modality method only).
    note : str
    """

    fom_model: float
    foms_readers: FloatArray
    mean_readers: Estimate
    difference: Estimate
    test: HypothesisTest
    var_r: float
    var_error: float
    cov2: float
    means: tuple[Mean, ...]
    note: str = ""


def standalone_vs_readers(
    data: Any,
    *,
    model: str,
    endpoint: Endpoint | None = None,
    method: Literal["single_modality", "two_modality"] = "single_modality",
    cases: Literal["random", "fixed"] = "random",
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> StandaloneResult:
    r"""
    Compare a model with a random sample of readers on the same cases.

    Parameters
    ----------
    data : Readings, FrocStudy or LrocStudy
        One treatment; the model is one of its readers.
    model : str
        Identifier of the model among the readers.
    endpoint : Endpoint, optional
        Figure of merit; the empirical AUC by default.
    method : {"single_modality", "two_modality"}
        The readers' differences from the model as one sample, or the model repeated as a treatment of its own
        in an Obuchowski-Rockette analysis. The difference and its test are the same.
    cases : {"random", "fixed"}
        Whether the claim is on cases like these.
    alternative : {"two-sided", "greater", "less"}
        Direction of the test of readers minus model.
    confidence : float
        Coverage of the intervals.

    Returns
    -------
    StandaloneResult

    Raises
    ------
    AnalysisRefused
        With fewer than two readers beside the model, missing readings, or several treatments.

    References
    ----------
    .. [1] Hillis SL, Obuchowski NA, Berbaum KS. Acad Radiol 2011;18:129-142. doi:10.1016/j.acra.2010.09.007
    .. [2] Hupse R et al. Eur Radiol 2013;23:93-100.
    .. [3] Chakraborty DP. Observer Performance Methods for Diagnostic Imaging. CRC Press, 2017, ch. 22.
    """
    choice("method", method, ("single_modality", "two_modality"))
    choice("cases", cases, ("random", "fixed"))
    if str(model) not in data.readers:
        raise ValueError(f"model {model!r} is not among the readers {', '.join(data.readers)}")
    if len(data.treatments) != 1:
        raise AnalysisRefused(f"a model is compared within one treatment, got {len(data.treatments)}")
    if not data.complete:
        raise AnalysisRefused("the comparison needs every reader and the model to have read every case")
    figure: Endpoint = Auc() if endpoint is None else endpoint
    place = data.readers.index(str(model))
    others = [k for k in range(len(data.readers)) if k != place]
    j = len(others)
    if j < 2:
        raise AnalysisRefused(
            "fewer than two readers beside the model: nothing can be said of readers like these; compare the "
            "model with the one reader instead"
        )
    cells = figure.cells(data)
    foms, without = cells.values[0], cells.without[0]
    psi = foms[others] - foms[place]
    gap = Cells(psi[None, :], (without[others] - without[place])[None])
    n = len(data.cases)
    words = (
        f"model against readers ({method.replace('_', ' ')}), {figure.name}; random readers, {cases} cases"
    )
    nan = math.nan
    ms_r = float(psi.var(ddof=1))
    if cases == "random":
        own = jackknife_covariance(gap)
        error = float(np.trace(own)) / j
        cov2 = float((own.sum() - np.trace(own)) / (j * (j - 1)))
        top = ms_r + j * max(cov2, 0.0)
        df = (top / ms_r) ** 2 * (j - 1) if ms_r > 0 else math.inf
    else:
        error = cov2 = nan
        top, df = ms_r, j - 1.0
    se = math.sqrt(top / j)
    d, mean = float(psi.mean()), float(foms[others].mean())
    half = t_quantile(confidence, df) * se if se > 0 else 0.0
    m = data.n_clusters
    notes = [FEW_READERS] if j == 2 else []
    if cases == "fixed":
        notes.append("fixed cases: there is no error variance to give")
    note = "; ".join(notes)
    if se > 0:
        test = HypothesisTest(d / se, df, t_tail(d / se, df, alternative), n, m, words, alternative)
    elif abs(d) < 1e-12:
        test = HypothesisTest(
            0.0,
            df,
            1.0,
            n,
            m,
            words,
            alternative,
            note="readers and model are identical: p = 1 by convention",
        )
    else:
        test = HypothesisTest(
            nan, df, nan, n, m, words, alternative, undefined_because="the variance of the difference is 0"
        )
    means: tuple[Mean, ...] = ()
    if method == "two_modality":
        means = _as_treatments(data, cells, place, others, cases, confidence).means
    return StandaloneResult(
        float(foms[place]), read_only(foms[others].copy()),
        Estimate(mean, mean - half, mean + half, se, n, m, words, confidence),
        Estimate(d, d - half, d + half, se, n, m, words, confidence),
        test, ms_r, error, cov2, means, note,
    )  # fmt: skip


def _as_treatments(
    data: Any, cells: Cells, place: int, others: list[int], cases: str, confidence: float
) -> MrmcResult:
    """Obuchowski-Rockette with the model repeated once per reader as a treatment of its own."""
    j = len(others)
    repeated = [place] * j
    foms = np.stack((cells.values[0][repeated], cells.values[0][others]))
    both = Cells(foms, np.stack((cells.without[0][repeated], cells.without[0][others])))
    return or_of_cells(
        foms, jackknife_covariance(both) if cases == "random" else None,
        treatments=("algorithm", "readers"), readers=tuple(data.readers[k] for k in others),
        n_cases=len(data.cases), n_clusters=data.n_clusters, clip=False, confidence=confidence,
        what="model as a treatment",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class MarginTest(_Record):
    """
    Test of one treatment against another with a margin.

    Parameters
    ----------
    difference : Estimate
        Test treatment minus reference, with its two-sided interval.
    test : HypothesisTest
        One-sided, of the difference against minus the margin (non-inferiority), or against plus the margin
        (superiority).
    margin : float
        The margin, at least 0.
    lower_bounds : tuple of (float, float)
        One-sided confidence and the lower bound of the difference at it.
    analysis : MrmcResult
        The analysis behind it.
    """

    difference: Estimate
    test: HypothesisTest
    margin: float
    lower_bounds: tuple[tuple[float, float], ...]
    analysis: MrmcResult

    @property
    def note(self) -> str:
        """Note of the analysis."""
        return self.analysis.note


def non_inferiority(
    data: Any,
    *,
    reference: str,
    test: str,
    margin: float,
    endpoint: Endpoint | None = None,
    covariance: CovarianceMethod = "jackknife",
    kind: Literal["non_inferiority", "superiority"] = "non_inferiority",
    one_sided_confidence: tuple[float, ...] = (0.975,),
    confidence: float = 0.95,
) -> MarginTest:
    r"""
    Whether a treatment is not worse than the reference by a margin, or better by one (random readers and
    cases).

    .. math:: t = (\hat d + \delta)/\widehat{se} \quad\text{(non-inferiority)}, \qquad
              t = (\hat d - \delta)/\widehat{se} \quad\text{(superiority)}

    Parameters
    ----------
    data : Readings or FrocStudy
        The readings.
    reference, test : str
        Identifiers of the treatments.
    margin : float
        Margin on the scale of the figure of merit, at least 0; fixed in the plan before unblinding.
    endpoint, covariance
        As in `obuchowski_rockette`.
    kind : {"non_inferiority", "superiority"}
        Against minus or plus the margin.
    one_sided_confidence : tuple of float
        Confidence of the one-sided lower bounds.
    confidence : float
        Coverage of the two-sided interval.

    Returns
    -------
    MarginTest

    References
    ----------
    .. [1] Chen W, Petrick NA, Sahiner B. Acad Radiol 2012;19:1158-1165. doi:10.1016/j.acra.2012.04.011
    """
    choice("kind", kind, ("non_inferiority", "superiority"))
    if not margin >= 0:
        raise ValueError(f"margin must be 0 or more, got {margin!r}")
    pair = data.only(treatments=[str(test), str(reference)])
    result = obuchowski_rockette(pair, endpoint=endpoint, covariance=covariance, confidence=confidence)
    d = result.differences[0]
    e, df = d.estimate, d.test.df
    shift = margin if kind == "non_inferiority" else -margin
    method = f"{kind.replace('_', '-')} with margin {margin:g}; {result.method}"
    if e.se > 0:
        t = (e.value + shift) / e.se
        tested = HypothesisTest(t, df, t_tail(t, df, "greater"), e.n, e.n_clusters, method, "greater")
    else:
        nan = math.nan
        tested = HypothesisTest(
            nan, df, nan, e.n, e.n_clusters, method, "greater", undefined_because=e.note or "no variance"
        )
    bounds = tuple(
        (level, e.value - (t_quantile(2 * level - 1, df) if level != 0.5 else 0.0) * e.se if level >= 0.5 else
         e.value + t_quantile(1 - 2 * level, df) * e.se)
        for level in one_sided_confidence
    )  # fmt: skip
    return MarginTest(e, tested, margin, bounds, result)
