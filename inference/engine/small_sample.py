"""
Classes from few cases: a frozen encoder and prototypes, judged by repeated cross-validation by patient.

With 5 to 20 patients per class no network can be trained. A frozen encoder turns each case into features; a
class is the mean of its few cases, and a new case is as likely of a class as it lies near its mean. Nothing is
fitted but means and one scale, so there is little to overfit.

References
----------
.. [1] Snell J, Swersky K, Zemel R. Prototypical networks for few-shot learning. NeurIPS 2017. arXiv:1703.05175
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from inference.engine.networks.encoders import SlabEncoder
from inference.engine.stacks import Array

#: Fewer patients of a class than this say nothing about it.
LEAST_PATIENTS = 5


class TooFewPatients(ValueError):
    """A class has fewer patients than any statement needs. The message names it."""


class Classifier(Protocol):
    """What a few-shot head gives when it is fitted."""

    def probabilities(self, features: ArrayLike) -> Array:
        """Class probabilities, shape (n, n_classes)."""


class Fit(Protocol):
    """Fits a few-shot head: `fit_prototypes` or `AnilBody.fit`."""

    def __call__(self, features: ArrayLike, labels: Sequence[str], classes: Sequence[str]) -> Classifier: ...


@dataclass(frozen=True)
class Prototypes:
    """
    Class means in a standardised feature space.

    Attributes
    ----------
    classes : tuple of str
    means : ndarray, shape (n_classes, n_features)
    centre, spread : ndarray, shape (n_features,)
        Standardisation, from the support cases.
    scale : float
        Distance that counts as one unit of log-odds.
    """

    classes: tuple[str, ...]
    means: Array
    centre: Array
    spread: Array
    scale: float

    def probabilities(self, features: ArrayLike) -> Array:
        """
        Class probabilities.

        Parameters
        ----------
        features : array_like, shape (n, n_features)

        Returns
        -------
        ndarray, shape (n, n_classes)
            Rows sum to 1.
        """
        x = (np.asarray(features, dtype=float) - self.centre) / self.spread
        distance = ((x[:, None, :] - self.means[None]) ** 2).mean(axis=2)
        logits = -distance / self.scale
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        result: Array = p / p.sum(axis=1, keepdims=True)
        return result


def support_set(
    features: ArrayLike, labels: Sequence[str], classes: Sequence[str]
) -> tuple[Array, NDArray[np.str_], Array, Array]:
    """
    A support set with what standardises it.

    Parameters
    ----------
    features : array_like, shape (n, n_features)
    labels : sequence of str, length n
    classes : sequence of str

    Returns
    -------
    tuple of ndarray
        Features (float64), labels, and each feature's mean and standard deviation (at least 1e-6).

    Raises
    ------
    ValueError
        If a class has no case.
    """
    x, y = np.asarray(features, dtype=float), np.asarray(labels)
    missing = [name for name in classes if not np.any(y == name)]
    if missing:
        raise ValueError(f"no case of class {', '.join(missing)}")
    return x, y, x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)


def fit_prototypes(features: ArrayLike, labels: Sequence[str], classes: Sequence[str]) -> Prototypes:
    """
    Prototypes of a support set.

    Parameters
    ----------
    features : array_like, shape (n, n_features)
    labels : sequence of str, length n
    classes : sequence of str

    Raises
    ------
    ValueError
        If a class has no case.
    """
    x, y, centre, spread = support_set(features, labels, classes)
    z = (x - centre) / spread
    means = np.stack([z[y == name].mean(axis=0) for name in classes])
    own = means[[list(classes).index(name) for name in y]]
    scale = float(np.maximum(((z - own) ** 2).mean(), 1e-3))
    return Prototypes(tuple(classes), means, centre, spread, scale)


@dataclass(frozen=True)
class SmallSampleResult:
    """
    What repeated cross-validation found.

    Attributes
    ----------
    macro_auc : ndarray, shape (n_repeats,)
        Mean over the classes of one-against-the-rest areas, once per repeat.
    low, high : float
        2.5th and 97.5th percentile of means over resampled patients and repeats.
    n_patients : dict of class to int
    """

    macro_auc: Array
    low: float
    high: float
    n_patients: dict[str, int]

    @property
    def mean(self) -> float:
        return float(self.macro_auc.mean())


def cross_validate(
    features: ArrayLike,
    labels: Sequence[str],
    patients: Sequence[object],
    *,
    n_repeats: int = 20,
    n_folds: int = 5,
    rng: np.random.Generator,
    fit: Fit = fit_prototypes,
) -> SmallSampleResult:
    """
    Judge a few-shot head by repeated stratified cross-validation that keeps patients whole.

    Parameters
    ----------
    features : array_like, shape (n, n_features)
    labels : sequence of str
        Class of each case; all cases of a patient have one class.
    patients : sequence
        Patient of each case.
    n_repeats, n_folds : int
    rng : numpy.random.Generator
    fit : callable
        The head; prototypes by default.

    Returns
    -------
    SmallSampleResult

    Raises
    ------
    TooFewPatients
        If a class has fewer than five patients.
    ValueError
        If a patient has two classes.
    """
    x, y, who = np.asarray(features, dtype=float), np.asarray(labels), np.asarray(patients)
    classes = sorted(set(y.tolist()))
    class_of: dict[object, str] = {}
    for patient, label in zip(who.tolist(), y.tolist(), strict=True):
        if class_of.setdefault(patient, label) != label:
            raise ValueError(f"patient {patient!r} has cases of two classes")
    members = {name: sorted(p for p, label in class_of.items() if label == name) for name in classes}  # type: ignore[type-var]
    for name, own in members.items():
        if len(own) < LEAST_PATIENTS:
            raise TooFewPatients(
                f"Class {name!r} has {len(own)} patients; {LEAST_PATIENTS} are the least for any statement."
            )
    scores = np.zeros((n_repeats, len(y), len(classes)))
    for repeat in range(n_repeats):
        fold_of: dict[object, int] = {}
        for own in members.values():
            for place, index in enumerate(rng.permutation(len(own))):
                fold_of[own[int(index)]] = place % n_folds
        folds = np.array([fold_of[patient] for patient in who.tolist()])
        for fold in range(n_folds):
            test = folds == fold
            head = fit(x[~test], y[~test].tolist(), classes)
            scores[repeat, test] = head.probabilities(x[test])
    areas = np.array([_macro_auc(score, y, classes) for score in scores])
    resampled = []
    everyone = [np.flatnonzero(who == patient) for own in members.values() for patient in own]
    starts = np.cumsum([0, *[len(own) for own in members.values()]])
    for _ in range(500):
        chosen = np.concatenate(
            [
                everyone[int(i)]
                for first, last in pairwise(starts.tolist())
                for i in rng.integers(first, last, last - first)
            ]
        )
        repeat = int(rng.integers(n_repeats))
        resampled.append(_macro_auc(scores[repeat][chosen], y[chosen], classes))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return SmallSampleResult(
        areas, float(low), float(high), {name: len(own) for name, own in members.items()}
    )


@dataclass(frozen=True)
class Episodes:
    """
    What a head reached when it learnt from few patients and was judged by others, many times over.

    Attributes
    ----------
    macro_auc : ndarray, shape (n_episodes,)
    low, high : float
        2.5th and 97.5th percentile over episodes with their judging patients resampled.
    per_class : int
        Patients per class that each episode learnt from.
    """

    macro_auc: Array
    low: float
    high: float
    per_class: int

    @property
    def mean(self) -> float:
        return float(self.macro_auc.mean())


def run_episodes(
    features: ArrayLike,
    labels: Sequence[str],
    *,
    per_class: int,
    rng: np.random.Generator,
    fit: Fit = fit_prototypes,
    n_episodes: int = 20,
) -> Episodes:
    """
    Learn from `per_class` patients of each class and judge by all others, `n_episodes` times.

    Parameters
    ----------
    features : array_like, shape (n, n_features)
        One row per patient.
    labels : sequence of str
    per_class : int
    rng : numpy.random.Generator
    fit : callable
    n_episodes : int

    Raises
    ------
    TooFewPatients
        If `per_class` is below five, or a class leaves fewer than five patients to judge by.
    """
    x, y = np.asarray(features, dtype=float), np.asarray(labels)
    classes = sorted(set(y.tolist()))
    if per_class < LEAST_PATIENTS:
        raise TooFewPatients(
            f"{per_class} patients of a class; {LEAST_PATIENTS} are the least to learn from."
        )
    for name in classes:
        if (n := int((y == name).sum())) < per_class + LEAST_PATIENTS:
            raise TooFewPatients(
                f"Class {name!r} has {n} patients; {per_class} to learn from leave fewer than "
                f"{LEAST_PATIENTS} to judge by."
            )
    areas, resampled = [], []
    for _ in range(n_episodes):
        learn = np.concatenate([rng.permutation(np.flatnonzero(y == name))[:per_class] for name in classes])
        judge = np.setdiff1d(np.arange(len(y)), learn)
        head = fit(x[learn], y[learn].tolist(), classes)
        score, truth = head.probabilities(x[judge]), y[judge]
        areas.append(_macro_auc(score, truth, classes))
        places = [np.flatnonzero(truth == name) for name in classes]
        for _ in range(50):
            chosen = np.concatenate([own[rng.integers(0, len(own), len(own))] for own in places])
            resampled.append(_macro_auc(score[chosen], truth[chosen], classes))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Episodes(np.array(areas), float(low), float(high), per_class)


def _macro_auc(score: Array, labels: Array, classes: Sequence[str]) -> float:
    areas = []
    for number, name in enumerate(classes):
        positive, negative = score[labels == name, number], score[labels != name, number]
        above = (positive[:, None] > negative[None]).mean() + 0.5 * (
            positive[:, None] == negative[None]
        ).mean()
        areas.append(float(above))
    return float(np.mean(areas))


@torch.no_grad()
def frozen_features(encoder: SlabEncoder, crops: Tensor) -> Array:
    """
    Features of crops from a trained encoder that stays as it is.

    Parameters
    ----------
    encoder : SlabEncoder
    crops : Tensor, shape (n, depth, height, width)

    Returns
    -------
    ndarray, shape (n, n_features)
        Mean and maximum of the deep maps, over places and slabs: what the encoder sees, not what it concludes.
    """
    encoder.eval()
    deep, _ = encoder.maps(crops)
    flat = deep.transpose(1, 2).flatten(2)
    result: Array = torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1).double().numpy()
    return result
