"""
A few-shot head that learns how to learn: almost no inner loop (ANIL).

The encoder stays frozen. On many small tasks from an anatomy with plenty of cases one linear body is found from which
a fresh head reaches good answers in a few steps of gradient descent; on the new task only that head is fitted.

References
----------
.. [1] Raghu A, Raghu M, Bengio S, Vinyals O. Rapid learning or feature reuse? Towards understanding the
       effectiveness of MAML. ICLR 2020. arXiv:1909.09157
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from inference.engine.small_sample import support_set
from inference.engine.stacks import Array


@dataclass(frozen=True)
class Task:
    """
    A labelled set from which episodes are drawn.

    Parameters
    ----------
    features : ndarray, shape (n, n_features)
    labels : ndarray of int, shape (n,)
    """

    features: Array
    labels: Array


@dataclass(frozen=True)
class AnilBody:
    """
    What learning from other tasks found.

    Attributes
    ----------
    projection : ndarray, shape (n_features, width)
    rate : float
        Step of the inner loop.
    steps : int
    """

    projection: Array
    rate: float
    steps: int

    def fit(self, features: ArrayLike, labels: Sequence[str], classes: Sequence[str]) -> AnilClassifier:
        """
        Fit a head to a support set.

        Raises
        ------
        ValueError
            If a class has no case.
        """
        x, y, centre, spread = support_set(features, labels, classes)
        numbers = torch.tensor([list(classes).index(name) for name in y.tolist()])
        body = torch.from_numpy(self.projection)
        z = torch.from_numpy((x - centre) / spread) @ body
        head = _inner_loop(z, numbers, len(classes), torch.tensor(self.rate, dtype=z.dtype), self.steps)
        return AnilClassifier(
            tuple(classes), centre, spread, (body @ head[:-1]).numpy(), head[-1].detach().numpy()
        )


@dataclass(frozen=True)
class AnilClassifier:
    """A head fitted to one task."""

    classes: tuple[str, ...]
    centre: Array
    spread: Array
    weights: Array
    bias: Array

    def probabilities(self, features: ArrayLike) -> Array:
        """Class probabilities, shape (n, n_classes), of features of shape (n, n_features)."""
        x = (np.asarray(features, dtype=float) - self.centre) / self.spread
        logits = x @ self.weights + self.bias
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        result: Array = p / p.sum(axis=1, keepdims=True)
        return result


def _inner_loop(z: Tensor, labels: Tensor, n_classes: int, rate: Tensor, steps: int) -> Tensor:
    """Head after gradient descent from zero, shape (width + 1, n_classes); differentiable."""
    z = torch.cat([z, torch.ones_like(z[:, :1])], dim=1)
    wanted = functional.one_hot(labels, n_classes).to(z.dtype)
    # Classes have equal say, however many cases each has.
    weight = (1 / wanted.sum(dim=0).clamp_min(1))[labels][:, None] / n_classes
    head = z.new_zeros(z.shape[1], n_classes)
    for _ in range(steps):
        error = torch.softmax(z @ head, dim=1) - wanted
        head = head - rate * (z.T @ (error * weight))
    return head


def learn_to_learn(
    tasks: Sequence[Task],
    *,
    width: int = 24,
    steps: int = 10,
    support: int = 5,
    query: int = 5,
    episodes: int = 400,
    seed: int = 1,
) -> AnilBody:
    """
    Find a body by many small episodes.

    Parameters
    ----------
    tasks : sequence of Task
        Of any number of classes each.
    width : int
        Of the body.
    steps : int
        Of the inner loop.
    support, query : int
        Cases per class that an episode learns from and is judged by. Classes with fewer are left out of it.
    episodes : int
    seed : int

    Raises
    ------
    ValueError
        If no task has two classes with enough cases.
    """
    rng = np.random.default_rng(seed)
    usable = []
    for task in tasks:
        enough = [c for c in np.unique(task.labels) if (task.labels == c).sum() >= support + query]
        if len(enough) >= 2:
            usable.append((task, enough))
    if not usable:
        raise ValueError(f"no task has two classes with {support + query} cases each")
    n_features = usable[0][0].features.shape[1]
    torch.manual_seed(seed)
    body = torch.randn(n_features, width, dtype=torch.float64) / np.sqrt(n_features)
    log_rate = torch.tensor(0.0, dtype=torch.float64)
    body.requires_grad_()
    log_rate.requires_grad_()
    optimiser = torch.optim.AdamW([body, log_rate], lr=5e-3, weight_decay=1e-3)
    for _ in range(episodes):
        task, classes = usable[int(rng.integers(len(usable)))]
        chosen = [rng.permutation(np.flatnonzero(task.labels == c))[: support + query] for c in classes]
        learn = np.concatenate([each[:support] for each in chosen])
        judge = np.concatenate([each[support:] for each in chosen])
        x = task.features[learn]
        centre, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
        first, second = (
            torch.from_numpy((task.features[part] - centre) / spread) @ body for part in (learn, judge)
        )
        place = {c: i for i, c in enumerate(classes)}
        labels, wanted = (
            torch.tensor([place[c] for c in task.labels[part].tolist()]) for part in (learn, judge)
        )
        head = _inner_loop(first, labels, len(classes), log_rate.exp(), steps)
        answers = torch.cat([second, torch.ones_like(second[:, :1])], dim=1) @ head
        loss = functional.cross_entropy(answers, wanted)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return AnilBody(body.detach().numpy(), float(log_rate.detach().exp()), steps)
