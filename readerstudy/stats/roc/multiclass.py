"""Areas under ROC curves of several classes: one against the rest, one against one, Hand and Till."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import FloatArray, IntArray, as_grades, as_scores, same_length
from readerstudy.stats.accuracy.multiclass import _probabilities
from readerstudy.stats.estimate import Estimate, _Record

from .curves import average_precision_value
from .placements import placements


@dataclass(frozen=True, slots=True)
class MulticlassAuc(_Record):
    """
    Areas of several classes.

    Parameters
    ----------
    per_class, average_precision : tuple of float
        Each class against the rest; NaN for a class that is absent (or alone).
    ovr_macro, ovr_weighted : float
        Mean of `per_class`, plain and weighted by prevalence.
    ovo_macro, ovo_weighted : float
        Hand and Till's M: mean over pairs of classes of the two areas within the pair, plain and weighted by
        the pair's prevalence.
    micro_ovr : float
        Area of all (item, class) decisions pooled.
    note : str
        Classes left out; the means are NaN when a class is absent.
    """

    per_class: tuple[float, ...]
    average_precision: tuple[float, ...]
    ovr_macro: float
    ovr_weighted: float
    ovo_macro: float
    ovo_weighted: float
    micro_ovr: float
    note: str = ""


def _area(positive: FloatArray, negative: FloatArray) -> float:
    if positive.size == 0 or negative.size == 0:
        return math.nan
    return float(placements(positive, negative)[0].mean())


def multiclass_auc(reference: ArrayLike, probabilities: ArrayLike) -> MulticlassAuc:
    """
    Areas of predicted class probabilities.

    Parameters
    ----------
    reference : array_like of int, shape (n_items,)
        Class index, in 0 .. n_classes - 1.
    probabilities : array_like, shape (n_items, n_classes)
        Predicted probabilities. Rows are scaled to sum 1 for the averaged areas, not for the micro and the
        single ones.

    Returns
    -------
    MulticlassAuc

    References
    ----------
    .. [1] Hand DJ, Till RJ. Mach Learn 2001;45:171-186. doi:10.1023/A:1010920819831
    """
    truth = as_grades("reference", reference, None)
    raw = _probabilities(probabilities, truth.shape[0])
    q = raw.shape[1]
    as_grades("reference", reference, q)
    p = raw / raw.sum(axis=1, keepdims=True)
    of = [truth == k for k in range(q)]
    prevalence = np.array([mask.mean() for mask in of])
    single = [_area(raw[of[k], k], raw[~of[k], k]) for k in range(q)]
    scaled = np.array([_area(p[of[k], k], p[~of[k], k]) for k in range(q)])
    pairs, sizes = [], []
    for a in range(q):
        for b in range(a + 1, q):
            pairs.append((_area(p[of[a], a], p[of[b], a]) + _area(p[of[b], b], p[of[a], b])) / 2)
            sizes.append(prevalence[a] + prevalence[b])
    onehot = np.stack(of, axis=1)
    absent = [str(k) for k in range(q) if not of[k].any()]
    note = f"classes {', '.join(absent)} are not in the reference: means not estimable" if absent else ""
    return MulticlassAuc(
        per_class=tuple(single),
        average_precision=tuple(average_precision_value(of[k], raw[:, k]) for k in range(q)),
        ovr_macro=float(scaled.mean()),
        ovr_weighted=float((scaled * prevalence).sum() / prevalence.sum()),
        ovo_macro=float(np.mean(pairs)),
        ovo_weighted=float(np.dot(pairs, sizes) / np.sum(sizes)),
        micro_ovr=_area(raw[onehot], raw[~onehot]),
        note=note,
    )


def hand_till_score(
    reference: ArrayLike, score: ArrayLike, *, n_classes: int | None = None, confidence: float = 0.95
) -> Estimate:
    """
    Hand and Till's mean pairwise area of one score for several ordered or unordered classes.

    Parameters
    ----------
    reference : array_like of int, shape (n_items,)
        Class index.
    score : array_like, shape (n_items,)
        One score for all classes.
    n_classes : int, optional
        Number of classes; those without an item are left out and named in the note.
    confidence : float
        Kept with the result; no interval is given.

    Returns
    -------
    Estimate
        Mean over pairs of classes, each pair's area taken in its better direction (at least 1/2): the measure
        asks whether a score separates classes, in whatever order. Undefined with fewer than two classes.

    References
    ----------
    .. [1] Hand DJ, Till RJ. Mach Learn 2001;45:171-186. doi:10.1023/A:1010920819831
    """
    truth: IntArray = as_grades("reference", reference, n_classes)
    values = as_scores("score", score)
    n = same_length(reference=truth, score=values)
    present = np.unique(truth)
    method = "Hand-Till mean pairwise AUC of one score, better direction of each pair"
    nan = math.nan
    if present.size < 2:
        why = "fewer than two classes"
        return Estimate.undefined(why, n=n, n_clusters=None, method=method, confidence=confidence)
    areas = []
    for i, a in enumerate(present):
        for b in present[i + 1 :]:
            area = _area(values[truth == b], values[truth == a])
            areas.append(max(area, 1 - area))
    gone = 0 if n_classes is None else n_classes - present.size
    note = f"{gone} classes have no item and are left out" if gone else ""
    return Estimate(float(np.mean(areas)), nan, nan, nan, n, None, method, confidence, note=note)
