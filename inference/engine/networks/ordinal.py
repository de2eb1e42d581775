"""
Ordinal grades by conditional probabilities (CORN).

For a scale of K grades the network gives K - 1 logits; the k-th is that of ``P(grade > k | grade >= k)``,
learnt on the examples with ``grade >= k`` only. Their running product is ``P(grade > k)``, which cannot rise
with k, so that the grades' probabilities are never negative.

References
----------
.. [1] Shi X, Cao W, Raschka S. Deep neural networks for rank-consistent ordinal regression based on
       conditional probabilities. Pattern Anal Appl 2023;26:941-955. doi:10.1007/s10044-023-01181-9
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def corn_loss(logits: Tensor, grades: Tensor, weights: Tensor | None = None) -> Tensor:
    """
    Mean conditional cross-entropy.

    Parameters
    ----------
    logits : Tensor, shape (n, n_grades - 1)
    grades : Tensor of int64, shape (n,)
        Negative where the grade is unknown; such examples count nothing.
    weights : Tensor, optional, shape (n_grades - 1, 2)
        Weight of the examples that stay and of those that pass, per step; balances rare grades.

    Returns
    -------
    Tensor
        Scalar; zero where no grade is known.
    """
    total = logits.sum() * 0.0
    counted = 0
    for step in range(logits.shape[1]):
        taking_part = grades >= step
        if not bool(taking_part.any()):
            continue
        passes = (grades[taking_part] > step).to(logits.dtype)
        loss = functional.binary_cross_entropy_with_logits(
            logits[taking_part, step], passes, reduction="none"
        )
        if weights is not None:
            share = weights[step, 0] * (1 - passes) + weights[step, 1] * passes
            total = total + (loss * share).sum() / share.sum().clamp_min(1e-6) * taking_part.sum()
        else:
            total = total + loss.sum()
        counted += int(taking_part.sum())
    return total / max(counted, 1)


def corn_probabilities(logits: Tensor) -> Tensor:
    """
    Probabilities of the grades.

    Parameters
    ----------
    logits : Tensor, shape (..., n_grades - 1)

    Returns
    -------
    Tensor, shape (..., n_grades)
        Non-negative, summing to 1.
    """
    above = torch.cumprod(torch.sigmoid(logits), dim=-1)
    one = torch.ones_like(above[..., :1])
    return torch.cat([one, above], dim=-1) - torch.cat([above, torch.zeros_like(one)], dim=-1)


def balanced_weights(grades: Tensor, n_grades: int, *, limit: float = 4.0) -> Tensor:
    """
    Weights for `corn_loss` that give both answers of each step equal say.

    Parameters
    ----------
    grades : Tensor of int64, shape (n,)
        Negative where unknown.
    n_grades : int
    limit : float
        Largest ratio between the two weights of a step; a handful of examples must not rule.

    Returns
    -------
    Tensor, shape (n_grades - 1, 2)
    """
    result = torch.ones(n_grades - 1, 2)
    for step in range(n_grades - 1):
        part = grades[grades >= step]
        n_pass = int((part > step).sum())
        n_stay = len(part) - n_pass
        if n_pass and n_stay:
            ratio = min(max(n_stay / n_pass, 1 / limit), limit)
            result[step] = torch.tensor([2 / (1 + ratio), 2 * ratio / (1 + ratio)])
    return result
