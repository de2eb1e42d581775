"""
Dorfman, Berbaum and Metz' analysis of jackknife pseudovalues, in Hillis' form.

With normalised pseudovalues its tests are those of Obuchowski and Rockette on the jackknife covariance; what
it adds are the variance components of a three-way analysis of variance (treatments, readers, cases).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.distributions import f_tail
from readerstudy.stats.estimate import AnalysisRefused, _Record

from .covariance import jackknife_covariance
from .endpoints import Auc, Cells, Endpoint
from .obuchowski_rockette import or_of_cells
from .results import MrmcResult


@dataclass(frozen=True, slots=True)
class PseudovalueComponents(_Record):
    """Variance components of the pseudovalues, negative values kept."""

    var_r: float
    var_c: float
    var_tr: float
    var_tc: float
    var_rc: float
    var_error: float


@dataclass(frozen=True, slots=True)
class PseudovalueAnova(_Record):
    """Mean squares of treatments (t), readers (r) and cases (c), and F of treatments from them."""

    ms_t: float
    ms_r: float
    ms_c: float
    ms_tr: float
    ms_tc: float
    ms_rc: float
    ms_trc: float
    f: float
    df2: float
    p: float


@dataclass(frozen=True, slots=True)
class DbmResult(_Record):
    """The analysis of variance of pseudovalues and the tests that it shares with Obuchowski-Rockette."""

    components: PseudovalueComponents
    anova: PseudovalueAnova
    analysis: MrmcResult


def pseudovalues(cells: Cells) -> FloatArray:
    r"""
    Normalised jackknife pseudovalues.

    :math:`N\hat\theta - (N-1)\hat\theta_{(-k)}`, shifted so that their mean is the figure.

    Parameters
    ----------
    cells : Cells
        Figures and their leave-one-out values.

    Returns
    -------
    ndarray, shape (n_treatments, n_readers, n_units)
        Their mean over cases is the figure of merit.
    """
    n = cells.n_units
    raw = n * cells.values[:, :, None] - (n - 1) * cells.without
    return np.asarray(raw + (cells.values - raw.mean(axis=2))[:, :, None])


def anova(y: FloatArray) -> PseudovalueAnova:
    """Three-way analysis of variance of pseudovalues (n_treatments, n_readers, n_cases), one per cell."""
    i, j, k = y.shape
    m = y.mean()
    t, r, c = y.mean((1, 2)) - m, y.mean((0, 2)) - m, y.mean((0, 1)) - m
    tr = y.mean(2) - m - t[:, None] - r[None, :]
    tc = y.mean(1) - m - t[:, None] - c[None, :]
    rc = y.mean(0) - m - r[:, None] - c[None, :]
    rest = (
        y - m - t[:, None, None] - r[None, :, None] - c[None, None, :]
        - tr[:, :, None] - tc[:, None, :] - rc[None, :, :]
    )  # fmt: skip

    def square(x: FloatArray, copies: int, df: int) -> float:
        return float((x**2).sum()) * copies / df

    ms_t, ms_r, ms_c = square(t, j * k, i - 1), square(r, i * k, j - 1), square(c, i * j, k - 1)
    ms_tr = square(tr, k, (i - 1) * (j - 1))
    ms_tc = square(tc, j, (i - 1) * (k - 1))
    ms_rc = square(rc, i, (j - 1) * (k - 1))
    ms_trc = square(rest, 1, (i - 1) * (j - 1) * (k - 1))
    bottom = ms_tr + max(ms_tc - ms_trc, 0.0)
    f = ms_t / bottom if bottom > 0 else np.inf
    df2 = (bottom / ms_tr) ** 2 * (i - 1) * (j - 1) if ms_tr > 0 else np.inf
    return PseudovalueAnova(
        ms_t,
        ms_r,
        ms_c,
        ms_tr,
        ms_tc,
        ms_rc,
        ms_trc,
        float(f),
        float(df2),
        f_tail(float(f), i - 1.0, float(df2)),
    )


def dbm(
    data: Any,
    *,
    endpoint: Endpoint | None = None,
    readers: Literal["random", "fixed"] = "random",
    cases: Literal["random", "fixed"] = "random",
    clip: bool = True,
    confidence: float = 0.95,
) -> DbmResult:
    """
    Dorfman-Berbaum-Metz analysis of a factorial multi-reader study.

    Parameters
    ----------
    data : Readings or FrocStudy
        Complete readings of at least two treatments by at least two readers.
    endpoint : Endpoint, optional
        Figure of merit; the empirical AUC by default.
    readers, cases, clip, confidence
        As in `obuchowski_rockette`.

    Returns
    -------
    DbmResult

    Raises
    ------
    AnalysisRefused
        With fewer than two treatments or readers, or with missing readings.

    References
    ----------
    .. [1] Dorfman DD, Berbaum KS, Metz CE. Invest Radiol 1992;27:723-731.
       doi:10.1097/00004424-199209000-00015
    .. [2] Hillis SL, Berbaum KS, Metz CE. Acad Radiol 2008;15:647-661. doi:10.1016/j.acra.2007.12.015
    """
    if len(data.readers) < 2 or len(data.treatments) < 2:
        raise AnalysisRefused("DBM needs at least two treatments and two readers")
    if not data.complete:
        raise AnalysisRefused("DBM needs every reader to have read every case; use u_statistics")
    figure: Endpoint = Auc() if endpoint is None else endpoint
    cells = figure.cells(data)
    table = anova(pseudovalues(cells))
    i, j, k = cells.without.shape
    components = PseudovalueComponents(
        var_r=(table.ms_r - table.ms_tr - table.ms_rc + table.ms_trc) / (i * k),
        var_c=(table.ms_c - table.ms_tc - table.ms_rc + table.ms_trc) / (i * j),
        var_tr=(table.ms_tr - table.ms_trc) / k,
        var_tc=(table.ms_tc - table.ms_trc) / j,
        var_rc=(table.ms_rc - table.ms_trc) / i,
        var_error=table.ms_trc,
    )
    analysis = or_of_cells(
        cells.values, jackknife_covariance(cells) if cases == "random" else None,
        treatments=data.treatments, readers=data.readers, readers_are=readers, n_cases=len(data.cases),
        n_clusters=data.n_clusters, clip=clip, confidence=confidence, what=f"{figure.name}, DBM",
    )  # fmt: skip
    return DbmResult(components, table, analysis)
