"""
Which mark hits which lesion, and precision, recall and F1 of marks at a threshold.

Conventions. A mark may hit at most one lesion: the best by the rule (largest overlap, smallest distance),
and of equally good ones the first. Of several marks on one lesion the one with the highest confidence hits,
then the better by the rule, then the first; the others are duplicates, ignored or counted as false
positives, as `duplicates` says. A lesion number that was scored elsewhere wins over geometry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from readerstudy.stats._arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_clusters,
    as_scores,
    choice,
    read_only,
)
from readerstudy.stats.accuracy.binary import measure_of_counts
from readerstudy.stats.estimate import Estimate, _Record
from readerstudy.stats.resampling.jackknife import jackknife_counts

HitRule = Literal["centre_in_box", "distance", "iou"]


@dataclass(frozen=True, slots=True)
class Hits(_Record):
    """
    Outcome of matching the marks of one image (or case) to its lesions.

    Parameters
    ----------
    lesion : ndarray of int, shape (n_marks,)
        Lesion hit by each mark, -1 for none.
    duplicate : ndarray of bool, shape (n_marks,)
        Marks on a lesion that another mark hits.
    found : ndarray of bool, shape (n_lesions,)
        Lesions hit.
    """

    lesion: IntArray
    duplicate: BoolArray
    found: BoolArray


def _boxes(name: str, values: ArrayLike) -> FloatArray:
    boxes = np.asarray(values, dtype=np.float64)
    if boxes.size == 0:
        return boxes.reshape(0, 2, boxes.shape[2] if boxes.ndim == 3 else 3)
    if boxes.ndim != 3 or boxes.shape[1] != 2 or boxes.shape[2] not in (2, 3):
        raise ValueError(
            f"{name} must have shape (n, 2, 2 or 3): lowest and highest corner, got {boxes.shape}"
        )
    if np.any(boxes[:, 1] < boxes[:, 0]):
        raise ValueError(f"{name} holds a box whose highest corner lies below its lowest")
    return boxes


def box_iou(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """
    Intersection over union of boxes in two or three dimensions.

    Parameters
    ----------
    first : array_like, shape (n, 2, d)
    second : array_like, shape (m, 2, d)
        Lowest and highest corner of each box in one unit and frame; d is 2 or 3.

    Returns
    -------
    ndarray, shape (n, m)
        0 for boxes that only touch, and for two boxes without extent.

    Examples
    --------
    >>> round(float(box_iou([[[0, 0], [2, 2]]], [[[1, 0], [3, 2]]])[0, 0]), 3)
    0.333
    """
    a, b = _boxes("first", first), _boxes("second", second)
    if a.shape[0] == 0 or b.shape[0] == 0:
        return np.zeros((a.shape[0], b.shape[0]))
    if a.shape[2] != b.shape[2]:
        raise ValueError("first and second must have the same number of dimensions")
    low = np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 1], b[None, :, 1])
    inside = np.maximum(high - low, 0).prod(axis=2)
    size_a, size_b = (a[:, 1] - a[:, 0]).prod(axis=1), (b[:, 1] - b[:, 0]).prod(axis=1)
    union = size_a[:, None] + size_b[None, :] - inside
    return np.asarray(np.divide(inside, union, out=np.zeros_like(inside), where=union > 0))


def match_marks(
    marks: ArrayLike,
    lesions: ArrayLike,
    confidence: ArrayLike,
    *,
    rule: HitRule,
    limit: float = 0.0,
    mark_class: ArrayLike | None = None,
    lesion_class: ArrayLike | None = None,
) -> Hits:
    """
    Match the marks of one image (or case) to its lesions.

    Parameters
    ----------
    marks : array_like
        Points (n_marks, d) for centre_in_box and distance, boxes (n_marks, 2, d) for iou; d is 2 or 3, in mm
        (or any one unit) and one frame of reference.
    lesions : array_like
        Boxes (n_lesions, 2, d) for centre_in_box and iou, points (n_lesions, d) for distance.
    confidence : array_like, shape (n_marks,)
        Confidence of each mark.
    rule : {"centre_in_box", "distance", "iou"}
        A mark hits when its centre lies in the lesion's box (borders included), when it lies within `limit`
        of the lesion's point (border included), or when the overlap is at least `limit` (and above 0).
    limit : float
        Distance in the unit of the points, or smallest overlap.
    mark_class, lesion_class : array_like, optional
        Classes that must agree for a hit.

    Returns
    -------
    Hits

    Examples
    --------
    >>> hits = match_marks([[0, 0], [9, 9]], [[1, 0]], [0.9, 0.4], rule="distance", limit=2.0)
    >>> hits.lesion.tolist(), hits.found.tolist()
    ([0, -1], [True])
    """
    choice("rule", rule, ("centre_in_box", "distance", "iou"))
    score = np.asarray(confidence, dtype=np.float64)
    if rule == "iou":
        quality = box_iou(marks, lesions)
        allowed = (quality >= limit) & (quality > 0)
    else:
        points = np.asarray(marks, dtype=np.float64)
        points = points if points.ndim == 2 else points.reshape(score.size, -1 if score.size else 0)
        if rule == "centre_in_box":
            boxes = _boxes("lesions", lesions)
            p = points[:, None, :]
            allowed = np.asarray(
                ((p >= boxes[None, :, 0]) & (p <= boxes[None, :, 1])).all(axis=2)
                if boxes.shape[0] and score.size
                else np.zeros((score.size, boxes.shape[0]), dtype=bool)
            )
            # Of several boxes around a point the one whose centre is nearest is meant.
            centre = boxes.mean(axis=1)
            gap = points[:, None, :] - centre[None, :, :] if boxes.shape[0] and score.size else None
        else:
            other = np.asarray(lesions, dtype=np.float64)
            other = other.reshape(-1, points.shape[1] if score.size else max(other.shape[-1], 1))
            gap = points[:, None, :] - other[None, :, :] if other.shape[0] and score.size else None
            allowed = np.zeros((score.size, other.shape[0]), dtype=bool)
        distance = np.zeros(allowed.shape) if gap is None else np.sqrt((gap**2).sum(axis=2))
        if rule == "distance" and gap is not None:
            allowed = distance <= limit
        quality = -distance
    if score.shape[0] != allowed.shape[0]:
        raise ValueError(
            f"confidence must hold one value per mark, got {score.shape[0]} for {allowed.shape[0]}"
        )
    if mark_class is not None and lesion_class is not None:
        allowed = allowed & (np.asarray(mark_class)[:, None] == np.asarray(lesion_class)[None, :])
    ranked = np.where(allowed, quality, -np.inf)
    best = ranked.argmax(axis=1) if ranked.shape[1] else np.zeros(score.size, dtype=np.int64)
    target = np.where(allowed.any(axis=1), best, -1).astype(np.int64)
    return _one_per_lesion(target, score, quality, allowed.shape[1])


def _one_per_lesion(target: IntArray, score: FloatArray, quality: FloatArray, n_lesions: int) -> Hits:
    own = np.array([quality[k, t] if t >= 0 else -np.inf for k, t in enumerate(target)])
    order = sorted(range(target.size), key=lambda k: (-score[k], -own[k], k))
    found = np.zeros(n_lesions, dtype=bool)
    duplicate = np.zeros(target.size, dtype=bool)
    for k in order:
        if target[k] < 0:
            continue
        if found[target[k]]:
            duplicate[k] = True
        found[target[k]] = True
    lesion = np.where(duplicate, -1, target)
    return Hits(read_only(lesion), read_only(duplicate), read_only(found))


@dataclass(frozen=True, slots=True)
class MarkAccuracy(_Record):
    """
    Precision, recall and F1 of marks at a confidence threshold.

    Parameters
    ----------
    threshold : float
        Marks at or above it count.
    precision, recall, f1 : Estimate
        Share of marks that hit, share of lesions hit, and their harmonic mean, with intervals over patients.
    true_positives, false_positives, missed : int
        Marks that hit, marks that do not, lesions not hit.
    """

    threshold: float
    precision: Estimate
    recall: Estimate
    f1: Estimate
    true_positives: int
    false_positives: int
    missed: int


def mark_accuracy(
    confidence: ArrayLike,
    hit: ArrayLike,
    mark_patient: ArrayLike,
    lesion_patient: ArrayLike,
    *,
    threshold: float,
    duplicate: ArrayLike | None = None,
    duplicates: Literal["ignore", "false_positive"] = "ignore",
    coverage: float = 0.95,
) -> MarkAccuracy:
    """
    Precision, recall and F1 of the marks of many images at a threshold, for one plane or reader.

    Parameters
    ----------
    confidence : array_like, shape (n_marks,)
        Confidence of each mark.
    hit : array_like of bool, shape (n_marks,)
        Whether the mark hits a lesion (one mark per lesion, from `match_marks`).
    mark_patient : array_like, shape (n_marks,)
        Patient of each mark.
    lesion_patient : array_like, shape (n_lesions,)
        Patient of each lesion, found or not.
    threshold : float
        Marks at or above it count. Each lesion must be hit by its mark of highest confidence, which is the
        convention of `match_marks`: then the hits at a threshold are those of the marks above it.
    duplicate : array_like of bool, shape (n_marks,), optional
        Further marks on a lesion already hit.
    duplicates : {"ignore", "false_positive"}
        What they count for.
    coverage : float
        Coverage of the intervals (delete-one-patient jackknife, logit scale).

    Returns
    -------
    MarkAccuracy
    """
    choice("duplicates", duplicates, ("ignore", "false_positive"))
    marks = np.asarray(mark_patient).astype(str)
    lesions = np.asarray(lesion_patient).astype(str)
    score = as_scores("confidence", confidence) if marks.size else np.zeros(0)
    good = np.asarray(hit, dtype=bool)
    again = np.zeros(good.shape, dtype=bool) if duplicate is None else np.asarray(duplicate, dtype=bool)
    if not score.shape == good.shape == again.shape == marks.shape:
        raise ValueError("confidence, hit, duplicate and mark_patient must have one value per mark")
    everyone = np.concatenate((marks, lesions))
    if everyone.size == 0:
        raise ValueError("there is neither a mark nor a lesion")
    codes, m = as_clusters(everyone, everyone.size)
    of_mark, of_lesion = codes[: marks.size], codes[marks.size :]
    counted = score >= threshold
    right = counted & good
    wrong = counted & ~good & (~again if duplicates == "ignore" else True)
    tp = np.bincount(of_mark[right], minlength=m).astype(np.float64)
    fp = np.bincount(of_mark[wrong], minlength=m).astype(np.float64)
    fn = np.bincount(of_lesion, minlength=m) - tp
    if np.any(fn < 0):
        raise ValueError("a patient has more hits than lesions: match one mark per lesion first")
    counts = np.stack((tp, fp, fn, np.zeros(m)), axis=1)

    def estimate(measure: str, name: str, why: str, n: float) -> Estimate:
        return jackknife_counts(
            counts, lambda c: measure_of_counts(c, measure), scale="logit", method=f"{name} of marks",
            undefined_because=why, confidence=coverage, limits=(0.0, 1.0), n=int(n),
        )  # fmt: skip

    return MarkAccuracy(
        float(threshold),
        estimate("ppv", "precision", "no mark at or above the threshold", tp.sum() + fp.sum()),
        estimate("sensitivity", "recall", "no lesion", tp.sum() + fn.sum()),
        estimate("f1", "F1", "no lesion and no mark", tp.sum() + fp.sum() + fn.sum()),
        int(tp.sum()), int(fp.sum()), int(fn.sum()),
    )  # fmt: skip
