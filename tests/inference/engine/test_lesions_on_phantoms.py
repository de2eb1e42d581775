"""Lesions of unseen phantoms: the shipped detector, and one that is trained here from nothing, on both planes."""

from pathlib import Path

import pytest
import torch

from inference.engine.bundle import LoadedDetector, load_detector, save_detector
from inference.engine.networks.detector import DetectorConfig
from inference.engine.train_lesions import INPUTS, LEAST_SENSITIVITY, STEPS_MM, figures_of, main, material
from inference.engine.training.detector import DetectorSettings, train_detector
from inference.engine.training.phantom_lesions import LESION_CLASSES, make_shown_lesions

SHIPPED = Path(__file__).resolve().parents[3] / "inference" / "weights" / "lesion-demo"


@pytest.fixture(scope="module")
def unseen():
    """Eight bodies of a seed that no training used."""
    return make_shown_lesions(n_bodies=8, seed=990, crowded=False, pixels=(192, 160))


def test_the_shipped_detector_finds_lesions_of_unseen_bodies(unseen):
    figures = figures_of(load_detector(SHIPPED, threads=1), unseen)
    assert figures["both"]["n_lesions"] >= 20
    for name in ("both", "axial"):
        assert figures[name]["sensitivity"] >= 0.7, name
        assert figures[name]["false_marks"] <= 1.0
    assert (SHIPPED / "weights.safetensors").stat().st_size <= 5 << 20


def test_a_detector_trained_here_finds_at_least_half(unseen, tmp_path):
    """From nothing, in a minute: sensitivity at least 0.5 at one false mark per case, classes told apart."""
    torch.set_num_threads(1)
    shown = make_shown_lesions(n_bodies=12, seed=41, crowded=True, pixels=(192, 128))
    config = DetectorConfig(LESION_CLASSES, STEPS_MM, (12, 24, 32, 48))
    detector = train_detector(
        config, material(shown), DetectorSettings(epochs=8, learning_rate=3e-3, window=80)
    )
    facts = {"name": "here", "version": "1", "synthetic": True}
    manifest = save_detector(tmp_path / "m", detector=detector, facts=facts, inputs=INPUTS)
    figures = figures_of(LoadedDetector(manifest, detector, 0.0), unseen)
    assert figures["both"]["sensitivity"] >= LEAST_SENSITIVITY, figures
    assert figures["both"]["false_marks"] <= 1.0


@pytest.mark.full
def test_the_documented_command_makes_a_detector_that_may_be_given_out(tmp_path):
    assert main(["--out", str(tmp_path / "m"), "--work", str(tmp_path / "w")]) == 0
    test = load_detector(tmp_path / "m").manifest.content["test"]
    assert {name: row["sensitivity"] >= LEAST_SENSITIVITY for name, row in test.items()} == dict.fromkeys(
        ("both", "sagittal", "axial"), True
    )
