r"""
Figures of merit of marks, with their leave-one-case-out values in closed form.

The AFROC family compares each lesion's rating with the highest non-lesion rating of a case,

.. math:: \theta = \frac{1}{W F} \sum_{l} w_l \sum_{k} \psi(z_l, y_k), \quad W = \sum_l w_l

over F non-diseased cases (AFROC, wAFROC) or all cases (AFROC1, wAFROC1); weights are 1, or sum to 1 within a
diseased case (the w forms).

References
----------
.. [1] Chakraborty DP, Berbaum KS. Med Phys 2004;31:2313-2330. doi:10.1118/1.1769352
.. [2] Chakraborty DP, Zhai X. Med Phys 2016;43:2548-2557. doi:10.1118/1.4947125
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from readerstudy.stats._arrays import FloatArray
from readerstudy.stats.estimate import AnalysisRefused
from readerstudy.stats.mrmc.endpoints import Auc, Cells
from readerstudy.stats.roc.placements import placements

from .study import FrocStudy

FigureName = Literal[
    "wAFROC", "wAFROC1", "AFROC", "AFROC1", "HrAuc", "HrSe", "HrSp", "MaxLLF", "MaxNLF", "MaxNLFAllCases"
]
FIGURES: tuple[FigureName, ...] = (
    "wAFROC", "wAFROC1", "AFROC", "AFROC1", "HrAuc", "HrSe", "HrSp", "MaxLLF", "MaxNLF", "MaxNLFAllCases",
)  # fmt: skip
# Comparisons held at once; beyond it the cells are taken one by one.
_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class FrocFigure:
    """
    A figure of merit of marks, as an end point.

    Parameters
    ----------
    figure : str
        One of `FIGURES`. HrAuc, HrSe, HrSp: the case by its highest rating (a mark or none for the latter
        two). MaxLLF: share of lesions marked. MaxNLF, MaxNLFAllCases: non-lesion marks per non-diseased
        case, per case. Cases left out in turn by the jackknife: all, but only diseased ones for HrSe and
        MaxLLF and only non-diseased ones for HrSp and MaxNLF.
    """

    figure: FigureName

    def __post_init__(self) -> None:
        if self.figure not in FIGURES:
            raise ValueError(f"figure must be one of {', '.join(FIGURES)}, got {self.figure!r}")

    @property
    def name(self) -> str:
        """Words for reports."""
        return self.figure

    def values(self, study: FrocStudy) -> FloatArray:
        """Figures of all cells, shape (n_treatments, n_readers)."""
        if self.figure == "HrAuc":
            # Without the leave-one-out values one case of a class suffices.
            top, ill = study.highest().ratings, study.diseased
            if ill.all() or not ill.any():
                raise AnalysisRefused("HrAuc needs a diseased and a non-diseased case")
            return np.asarray(placements(top[..., ill], top[..., ~ill])[0].mean(axis=-1))
        return self._evaluate(study).values

    def cells(self, study: FrocStudy) -> Cells:
        """Figures and their leave-one-out values."""
        if not isinstance(study, FrocStudy):
            raise AnalysisRefused(f"{self.figure} needs marks; this study holds ratings of cases only")
        cells = self._evaluate(study)
        if not np.all(np.isfinite(cells.without)):
            raise AnalysisRefused(f"{self.figure} is undefined when one case is left out: too few cases")
        return cells

    def _evaluate(self, study: FrocStudy) -> Cells:
        diseased = study.diseased
        if not diseased.any() and self.figure not in ("HrSp", "MaxNLF", "MaxNLFAllCases"):
            raise AnalysisRefused(f"{self.figure} needs a diseased case")
        if diseased.all() and self.figure not in ("HrSe", "MaxLLF", "MaxNLFAllCases", "wAFROC1", "AFROC1"):
            raise AnalysisRefused(f"{self.figure} needs a non-diseased case")
        if self.figure in ("wAFROC", "wAFROC1", "AFROC", "AFROC1"):
            return _afroc(study, weighted=self.figure.startswith("w"), all_cases=self.figure.endswith("1"))
        if self.figure == "HrAuc":
            return Auc().cells(study.highest())
        if self.figure in ("HrSe", "HrSp"):
            marked = study.highest().ratings > -np.inf
            mask = diseased if self.figure == "HrSe" else ~diseased
            right = (marked if self.figure == "HrSe" else ~marked)[:, :, mask].astype(np.float64)
            return _ratio(right, np.ones(right.shape[2]))
        if self.figure == "MaxLLF":
            there = np.arange(study.lesion.shape[3]) < study.n_lesions[:, None]
            hit = ((study.lesion > -np.inf) & there).sum(axis=3)[:, :, diseased]
            return _ratio(hit.astype(np.float64), study.n_lesions[diseased].astype(np.float64))
        count = study.n_marks.astype(np.float64)
        if self.figure == "MaxNLF":
            count = count[:, :, ~diseased]
        return _ratio(count, np.ones(count.shape[2]))


def _ratio(top: FloatArray, bottom: FloatArray) -> Cells:
    """A ratio of sums over cases and the ratio without each case."""
    n, d = top.sum(axis=2), bottom.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        return Cells(n / d, (n[:, :, None] - top) / (d - bottom))


def _afroc(study: FrocStudy, *, weighted: bool, all_cases: bool) -> Cells:
    """Comparisons of lesions with highest non-lesion ratings, summed by case."""
    shape = study.lesion.shape[:3]
    n_cases = shape[2]
    case, number = np.nonzero(np.arange(study.lesion.shape[3]) < study.n_lesions[:, None])
    weight = study.weights[case, number] if weighted else np.ones(case.size)
    x = study.lesion[:, :, case, number].reshape(-1, case.size)
    column = np.arange(n_cases) if all_cases else np.flatnonzero(~study.diseased)
    y = study.highest_non_lesion().reshape(-1, n_cases)[:, column]
    # Position of each lesion's own case among the columns, -1 where it is not there.
    at = np.full(n_cases, -1)
    at[column] = np.arange(column.size)
    own = at[case]
    rows, columns, selves = np.zeros(x.shape), np.zeros(y.shape), np.zeros(x.shape)
    step = max(1, _AT_ONCE // max(x.shape[1] * y.shape[1], 1))
    for start in range(0, x.shape[0], step):
        part = slice(start, start + step)
        twice = (x[part, :, None] > y[part, None, :]).view(np.int8) + (
            x[part, :, None] >= y[part, None, :]
        ).view(np.int8)
        rows[part] = twice.sum(axis=2, dtype=np.int32) / 2.0
        columns[part] = np.einsum("l,clk->ck", weight, twice, dtype=np.float64) / 2.0
    if all_cases:
        mine = y[:, own]
        selves = (x > mine) + 0.5 * (x == mine)
    # Sums over a case's own lesions, as one product with its indicator.
    belongs = np.zeros((case.size, n_cases))
    belongs[np.arange(case.size), case] = weight
    by_case = rows @ belongs
    by_self = selves @ belongs if all_cases else 0.0
    as_column = np.zeros((x.shape[0], n_cases))
    as_column[:, column] = columns
    total = by_case.sum(axis=1, keepdims=True)
    in_column = (at >= 0).astype(np.float64)
    mass = belongs.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        bottom = (mass.sum() - mass) * (column.size - in_column)
        without = (total - by_case - as_column + by_self) / bottom
        values = total[:, 0] / (mass.sum() * column.size)
    return Cells(values.reshape(shape[:2]), without.reshape(shape))


def froc_figures(study: FrocStudy, figures: tuple[FigureName, ...] = FIGURES) -> dict[str, FloatArray]:
    """
    Several figures of merit of a study.

    Parameters
    ----------
    study : FrocStudy
        The marks.
    figures : tuple of str
        Which, of `FIGURES`.

    Returns
    -------
    dict of str to ndarray, shape (n_treatments, n_readers)
    """
    return {figure: FrocFigure(figure).values(study) for figure in figures}
