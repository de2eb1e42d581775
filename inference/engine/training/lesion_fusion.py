"""Fitting of what each series is worth, on bodies that the detector did not learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain, combinations

import numpy as np

from inference.engine.lesion_scores import ScoreWeights, fit_scores, kinds_key
from inference.engine.lesions import FoundLesion, grouped_planes, joined_mark


def fit_series_scores(
    found: Sequence[Mapping[str, Sequence[FoundLesion]]],
    truth: Sequence[Sequence[FoundLesion]],
    *,
    classes: Sequence[str],
) -> dict[str, ScoreWeights]:
    """
    Weights for every set of kinds of series.

    Parameters
    ----------
    found : sequence of (mapping of kind to sequence of FoundLesion)
        Per case what each series showed, as `lesions_of_series` gives it.
    truth : sequence of sequence of FoundLesion
    classes : sequence of str

    Returns
    -------
    dict of name to ScoreWeights
        Names as `kinds_key` makes them. A set whose marks all hit, or never, is left out.
    """
    kinds = sorted({kind for each in found for kind in each})
    result = {}
    for chosen in chain.from_iterable(combinations(kinds, n) for n in range(1, len(kinds) + 1)):
        marks, hits = [], []
        for per_kind, lesions in zip(found, truth, strict=True):
            free = list(range(len(lesions)))
            for members in grouped_planes([per_kind.get(kind, ()) for kind in chosen]):
                # The box that would be given out is judged, not that of one series.
                box = joined_mark(members)
                hit = next((i for i in free if _holds(lesions[i], box)), None)
                if hit is not None:
                    free.remove(hit)
                marks.append((box.lesion_class, {each.planes[0]: each.score for each in members}))
                hits.append(hit is not None)
        if 0 < sum(hits) < len(hits):
            result[kinds_key(chosen)] = fit_scores(marks, hits, classes=classes, kinds=chosen)
    return result


def _holds(lesion: FoundLesion, mark: FoundLesion) -> bool:
    apart = np.abs(np.array(mark.centre_mm) - lesion.centre_mm)
    return lesion.lesion_class == mark.lesion_class and bool(np.all(apart <= lesion.half_mm))
