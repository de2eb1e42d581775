"""
How sure a mark is, from what each series said of it.

The networks of two planes are not equally good, and not for the same classes: a fissure on axial slices is worth more
than one on sagittal ones. A logistic regression, fitted on bodies that no network learnt from, weighs for each set of
series that was looked at which of them show a mark, how strongly, and of what class it is. With one series this is
Platt's scaling [1]_ with an offset for each class; with several it joins them.

References
----------
.. [1] Platt J. Probabilistic outputs for support vector machines. In: Advances in large margin classifiers. MIT Press,
       1999:61-74
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from inference.engine.stacks import Array


def kinds_key(kinds: Collection[str]) -> str:
    """Name of a set of kinds of series, as the manifest has it."""
    return "+".join(sorted(kinds))


@dataclass(frozen=True)
class ScoreWeights:
    """
    Weights for one set of kinds of series.

    Attributes
    ----------
    offset : float
    by_class : mapping of class to float
    by_kind : mapping of kind to (float, float)
        What it adds that this series shows the mark, and the weight of its own log-odds.
    """

    offset: float
    by_class: Mapping[str, float]
    by_kind: Mapping[str, tuple[float, float]]

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> ScoreWeights:
        """Read one entry of the ``scores`` part of a manifest."""
        return cls(
            float(content["offset"]),
            {name: float(value) for name, value in content["by_class"].items()},
            {kind: (float(pair[0]), float(pair[1])) for kind, pair in content["by_kind"].items()},
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "offset": round(self.offset, 4),
            "by_class": {name: round(value, 4) for name, value in self.by_class.items()},
            "by_kind": {kind: [round(value, 4) for value in pair] for kind, pair in self.by_kind.items()},
        }

    def score(self, lesion_class: str, seen: Mapping[str, float]) -> float:
        """
        Score in (0, 1) of a mark.

        Parameters
        ----------
        lesion_class : str
        seen : mapping of kind to float
            The network's own score in each series that shows the mark.
        """
        total = self.offset + self.by_class.get(lesion_class, 0.0)
        for kind, own in seen.items():
            there, slope = self.by_kind[kind]
            total += there + slope * log_odds(own)
        return 1 / (1 + math.exp(-total))


def log_odds(score: float) -> float:
    """Log-odds of a score, kept within what a network can mean."""
    p = min(max(score, 1e-4), 1 - 1e-4)
    return math.log(p / (1 - p))


def fit_scores(
    marks: Sequence[tuple[str, Mapping[str, float]]],
    hits: ArrayLike,
    *,
    classes: Sequence[str],
    kinds: Sequence[str],
    penalty: float = 1.0,
) -> ScoreWeights:
    """
    Fit the weights of one set of kinds by penalised maximum likelihood.

    Parameters
    ----------
    marks : sequence of (class, mapping of kind to score)
        Of bodies that no network learnt from, with all that each series showed of them.
    hits : array_like of bool
        Whether each mark hit a lesion.
    classes, kinds : sequence of str
    penalty : float
        Of the squared weights but the offset; a class with few marks keeps an offset near nought.

    Raises
    ------
    ValueError
        If no mark hit, or every one did.
    """
    y = np.asarray(hits, dtype=float)
    if not 0 < y.sum() < len(y):
        raise ValueError("marks that hit and marks that did not are both needed")
    rows = [
        [
            1.0,
            *(float(name == label) for name in classes),
            *(
                value
                for kind in kinds
                for value in ((1.0, log_odds(seen[kind])) if kind in seen else (0.0, 0.0))
            ),
        ]
        for label, seen in marks
    ]
    weights = _newton(np.array(rows), y, penalty)
    first = 1 + len(classes)
    return ScoreWeights(
        float(weights[0]),
        dict(zip(classes, (float(value) for value in weights[1:first]), strict=True)),
        {
            kind: (float(weights[first + 2 * place]), float(weights[first + 2 * place + 1]))
            for place, kind in enumerate(kinds)
        },
    )


def _newton(x: Array, y: Array, penalty: float) -> Array:
    """Weights of a penalised logistic regression; the first column is the offset and is not drawn in."""
    ridge = np.full(x.shape[1], penalty)
    ridge[0] = 1e-6
    weights = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (p - y) + ridge * weights
        curvature = (x * (p * (1 - p))[:, None]).T @ x + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        # A step too far is halved on its way by its own size.
        weights = weights - step / max(1.0, float(np.abs(step).max()) / 4)
        if float(np.abs(step).max()) < 1e-8:
            break
    return weights
