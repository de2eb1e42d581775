"""Simulated gradings shared by the tests of the statistics; all synthetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Gradings:
    """A reference, two readers and a model's score for joints nested in patients."""

    clusters: np.ndarray
    reference: np.ndarray
    first: np.ndarray
    second: np.ndarray
    score: np.ndarray
    n_grades: int = 4


def simulate(rng: np.random.Generator, patients: int = 40, joints: int = 10) -> Gradings:
    """Grade a latent severity with patient, reader and item parts, cut into four grades."""
    clusters = np.repeat(np.arange(patients), joints)
    severity = rng.normal(size=patients)[clusters] + rng.normal(size=clusters.size)

    def grade(noise: float) -> np.ndarray:
        seen = severity + noise * rng.normal(size=clusters.size) + 0.4 * rng.normal(size=patients)[clusters]
        return np.digitize(seen, [-0.3, 0.8, 1.9])

    return Gradings(clusters, grade(0.0), grade(0.8), grade(1.0), severity + rng.normal(size=clusters.size))


@pytest.fixture
def gradings() -> Gradings:
    return simulate(np.random.default_rng(20240501))
