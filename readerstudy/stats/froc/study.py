"""
Marks of readers as arrays, and their curves.

Conventions. A mark on a lesion (LL) carries the lesion's number; of several marks on one lesion the highest
rating counts and the others count for nothing. Any other mark is a non-lesion mark (NL). An unmarked lesion,
and a case without a non-lesion mark, rank below every rating (minus infinity) and tie among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from readerstudy.stats._arrays import BoolArray, FloatArray, IntArray, choice, read_only
from readerstudy.stats.estimate import _Record
from readerstudy.stats.mrmc.readings import Readings, places, positions


@dataclass(frozen=True, slots=True)
class FrocStudy:
    """
    Marks of several readers under several treatments.

    Parameters
    ----------
    treatments, readers, cases : tuple of str
        Identifiers, in the order of the axes.
    n_lesions : ndarray of int, shape (n_cases,)
        Lesions of each case; a case with none is non-diseased.
    weights : ndarray, shape (n_cases, max_lesions)
        Clinical weight of each lesion, summing to 1 within a diseased case; 0 beyond its lesions.
    lesion : ndarray, shape (n_treatments, n_readers, n_cases, max_lesions)
        Rating of each lesion, minus infinity where unmarked.
    non_lesion : ndarray, shape (n_treatments, n_readers, n_cases, max_marks)
        Ratings of the non-lesion marks, minus infinity where there is none.
    n_duplicates : int
        Further marks on a lesion already marked, which were left out.
    clusters : ndarray of int, shape (n_cases,), optional
        Patient of each case.
    """

    treatments: tuple[str, ...]
    readers: tuple[str, ...]
    cases: tuple[str, ...]
    n_lesions: IntArray
    weights: FloatArray
    lesion: FloatArray
    non_lesion: FloatArray
    n_duplicates: int = 0
    clusters: IntArray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.treatments), len(self.readers), len(self.cases))
        if self.lesion.shape[:3] != shape or self.non_lesion.shape[:3] != shape:
            raise ValueError(f"lesion and non_lesion must begin with the shape {shape}")
        total = self.weights.sum(axis=1)
        bad = np.flatnonzero((self.n_lesions > 0) & (np.abs(total - 1) > 1e-6))
        if bad.size:
            raise ValueError(
                f"the lesion weights of case {self.cases[bad[0]]} sum to {total[bad[0]]:g}, not to 1"
            )

    @property
    def diseased(self) -> BoolArray:
        """Whether a case has a lesion."""
        return np.asarray(self.n_lesions > 0)

    @property
    def complete(self) -> bool:
        """Every case was read by every reader: a case without marks has no row."""
        return True

    @property
    def read(self) -> BoolArray:
        """All readings are there."""
        return np.ones((len(self.treatments), len(self.readers), len(self.cases)), dtype=bool)

    @property
    def n_clusters(self) -> int | None:
        """Patients, where cases are nested in them."""
        return None if self.clusters is None else int(np.unique(self.clusters).size)

    @property
    def n_marks(self) -> IntArray:
        """Non-lesion marks, shape (n_treatments, n_readers, n_cases)."""
        return np.asarray((self.non_lesion > -np.inf).sum(axis=3), dtype=np.int64)

    def highest_non_lesion(self) -> FloatArray:
        """Highest non-lesion rating of each case, minus infinity without one."""
        return np.asarray(self.non_lesion.max(axis=3, initial=-np.inf))

    def highest(self) -> Readings:
        """The highest rating of each case, as an ROC study."""
        top = np.maximum(self.highest_non_lesion(), self.lesion.max(axis=3, initial=-np.inf))
        return Readings(self.treatments, self.readers, self.cases, self.diseased, top, self.clusters)

    def only(self, *, treatments: Sequence[str]) -> FrocStudy:
        """The same study with some of its treatments, in the order given."""
        t = places("treatment", treatments, self.treatments)
        return FrocStudy(
            tuple(treatments), self.readers, self.cases, self.n_lesions, self.weights,
            self.lesion[t], self.non_lesion[t], self.n_duplicates, self.clusters,
        )  # fmt: skip


def froc_study(
    *,
    cases: Sequence[Any],
    n_lesions: Sequence[int],
    lesion_weights: Sequence[Sequence[float]] | None = None,
    treatment: Sequence[Any],
    reader: Sequence[Any],
    case: Sequence[Any],
    is_lesion: Sequence[bool],
    lesion: Sequence[int],
    rating: Sequence[float],
    treatments: Sequence[Any] | None = None,
    readers: Sequence[Any] | None = None,
    clusters: Sequence[Any] | None = None,
) -> FrocStudy:
    """
    Arrange one row per mark into arrays.

    Parameters
    ----------
    cases : sequence
        All cases, those without marks too; identifiers are compared as text.
    n_lesions : sequence of int, length n_cases
        Lesions of each case.
    lesion_weights : sequence of sequence of float, optional
        Weights of each case's lesions; equal by default.
    treatment, reader, case, is_lesion, lesion, rating : sequence, length n_marks
        One row per mark; `lesion` is the lesion's number from 1 where `is_lesion`.
    treatments, readers : sequence, optional
        Those to take, in order, also if they have no mark.
    clusters : sequence, length n_cases, optional
        Patient of each case.

    Returns
    -------
    FrocStudy

    Raises
    ------
    ValueError
        If a mark names a case or lesion that is not there.
    """
    case_ids, k = positions("cases", case, cases)
    treatment_ids, i = positions("treatments", treatment, treatments)
    reader_ids, j = positions("readers", reader, readers)
    lesions = np.asarray(n_lesions, dtype=np.int64)
    if lesions.shape != (len(case_ids),) or np.any(lesions < 0):
        raise ValueError("n_lesions must hold one count of at least 0 per case")
    most = int(lesions.max(initial=0))
    weights = np.zeros((len(case_ids), max(most, 1)))
    for c, count in enumerate(lesions.tolist()):
        if count:
            given = None if lesion_weights is None else list(lesion_weights[c])
            if given is not None and len(given) not in (0, count):
                raise ValueError(f"case {case_ids[c]} has {count} lesions and {len(given)} weights")
            weights[c, :count] = given or 1.0 / count
    kept = (i >= 0) & (j >= 0)
    if np.any(k[kept] < 0):
        missing = [str(case[int(n)]) for n in np.flatnonzero(kept & (k < 0))]
        raise ValueError(f"a mark names case {missing[0]}, which is not among the cases")
    on_lesion = np.asarray(is_lesion, dtype=bool)
    number = np.asarray(lesion, dtype=np.int64)
    ratings = np.asarray(rating, dtype=np.float64)
    shape = (len(treatment_ids), len(reader_ids), len(case_ids))
    hits = np.full((*shape, max(most, 1)), -np.inf)
    rows = kept & on_lesion
    wrong = rows & ((number < 1) | (number > lesions[np.maximum(k, 0)]))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"a mark names lesion {number[at]} of case {case[at]}, which has {lesions[int(k[at])]}"
        )
    np.maximum.at(hits, (i[rows], j[rows], k[rows], number[rows] - 1), ratings[rows])
    duplicates = int(rows.sum() - (hits > -np.inf).sum())
    rows = kept & ~on_lesion
    cell = (i[rows] * shape[1] + j[rows]) * shape[2] + k[rows]
    order = np.argsort(cell, kind="stable")
    sizes = np.bincount(cell, minlength=int(np.prod(shape)))
    place = np.arange(cell.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    false = np.full((int(np.prod(shape)), max(int(sizes.max(initial=0)), 1)), -np.inf)
    false[cell[order], place] = ratings[rows][order]
    codes = None
    if clusters is not None:
        codes = np.unique([str(c) for c in clusters], return_inverse=True)[1].astype(np.int64)
    return FrocStudy(
        treatment_ids,
        reader_ids,
        case_ids,
        lesions,
        weights,
        hits,
        false.reshape(*shape, -1),
        duplicates,
        codes,
    )


@dataclass(frozen=True, slots=True)
class LocalisationCurve(_Record):
    """
    Operating points of one reader, from (0, 0) on.

    Parameters
    ----------
    x, y : ndarray, shape (n_points,)
        FROC: non-lesion marks per case (all cases) and share of lesions marked. AFROC: share of non-diseased
        cases with a non-lesion mark, and share of lesions. wAFROC: the same with weighted lesions. ROC:
        shares of cases by their highest rating.
    """

    x: FloatArray
    y: FloatArray


def localisation_curve(
    study: FrocStudy, *, curve: Literal["FROC", "AFROC", "wAFROC", "ROC"], treatment: str, reader: str
) -> LocalisationCurve:
    """
    Operating points of one reader at every rating used, repeated points once.

    Parameters
    ----------
    study : FrocStudy
        The marks.
    curve : {"FROC", "AFROC", "wAFROC", "ROC"}
        Which curve; all but FROC close at (1, 1).
    treatment, reader : str
        Whose.

    Returns
    -------
    LocalisationCurve

    References
    ----------
    .. [1] Chakraborty DP, Berbaum KS. Med Phys 2004;31:2313-2330. doi:10.1118/1.1769352
    """
    choice("curve", curve, ("FROC", "AFROC", "wAFROC", "ROC"))
    (i,) = places("treatment", [str(treatment)], study.treatments)
    (j,) = places("reader", [str(reader)], study.readers)
    hits, false = study.lesion[i, j], study.non_lesion[i, j]
    used = np.concatenate((hits.ravel(), false.ravel()))
    thresholds = np.unique(used[used > -np.inf])[::-1]
    diseased = study.diseased
    there = np.arange(hits.shape[1]) < study.n_lesions[:, None]
    top_false = study.highest_non_lesion()[i, j][~diseased]
    highest = study.highest().ratings[i, j]
    xs, ys = [0.0], [0.0]
    for t in thresholds:
        marked = (hits >= t) & there
        if curve == "FROC":
            x = float((false >= t).sum()) / len(study.cases)
        elif curve == "ROC":
            x = float((highest[~diseased] >= t).mean()) if (~diseased).any() else np.nan
        else:
            x = float((top_false >= t).mean()) if top_false.size else np.nan
        if curve == "ROC":
            y = float((highest[diseased] >= t).mean()) if diseased.any() else np.nan
        elif curve == "wAFROC":
            y = float((marked * study.weights).sum() / max(int(diseased.sum()), 1))
        else:
            y = float(marked.sum() / max(int(study.n_lesions.sum()), 1))
        if (x, y) != (xs[-1], ys[-1]):
            xs.append(x)
            ys.append(y)
    if curve != "FROC" and (xs[-1], ys[-1]) != (1.0, 1.0):
        xs.append(1.0)
        ys.append(1.0)
    return LocalisationCurve(read_only(np.array(xs)), read_only(np.array(ys)))
