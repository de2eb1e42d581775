"""Versions that mark lesions: the detector, and how sure its marks are."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inference.engine.bundle.files import checked, load_networks, open_version, write_version
from inference.engine.lesion_scores import ScoreWeights, kinds_key
from inference.engine.manifest import LESIONS, Manifest, ModelRefused
from inference.engine.networks.detector import Detector, DetectorConfig


@dataclass(frozen=True)
class LoadedDetector:
    """A lesion detector in memory; attributes as `LoadedModel`."""

    manifest: Manifest
    detector: Detector
    golden_difference: float

    def weights_of(self, kinds: Collection[str]) -> ScoreWeights | None:
        """How to score marks where these kinds of series were looked at; None where the maker did not say."""
        entry = self.manifest.content.get("scores", {}).get(kinds_key(kinds))
        return ScoreWeights.from_json(entry) if entry is not None else None


@torch.no_grad()
def golden_lesions(detector: Detector) -> dict[str, Any]:
    """What a detector answers to a pattern by arithmetic, as JSON values: a few numbers of each map."""
    result = {}
    for kind in detector.config.in_plane_mm:
        count = torch.arange(5 * 64 * 64, dtype=torch.float64)
        pattern = (0.6 + 0.5 * torch.sin(count * 0.05) * torch.cos(count * 0.0007)).reshape(5, 64, 64)
        scores, boxes = detector.of(kind)(pattern.to(torch.float32))
        result[kind] = {
            "scores": [round(float(value), 6) for value in torch.sigmoid(scores).amax(dim=(1, 2, 3))],
            "boxes": [round(float(value), 6) for value in boxes.mean(dim=(1, 2, 3))],
        }
    return result


def save_detector(
    folder: Path,
    *,
    detector: Detector,
    facts: Mapping[str, Any],
    inputs: Mapping[str, Any],
    scores: Mapping[str, ScoreWeights] | None = None,
) -> Manifest:
    """
    Write a lesion detector into a folder.

    Parameters
    ----------
    folder : Path
    detector : Detector
    facts, inputs : mapping
        As `save_model` takes them.
    scores : mapping of name to ScoreWeights, optional
        How sure marks are for each set of kinds of series, see `lesion_scores`.
    """
    return write_version(
        folder,
        {"detector": detector.eval()},
        {
            **facts,
            "task": LESIONS,
            "inputs": inputs,
            "outputs": {"structures": [], "n_grades": {}, "lesion_classes": list(detector.config.classes)},
            "network": detector.config.to_json(),
            "golden": golden_lesions(detector),
            "scores": {name: each.to_json() for name, each in (scores or {}).items()},
        },
    )


def load_detector(folder: Path, *, threads: int | None = None) -> LoadedDetector:
    """
    Load a lesion detector and run its golden self-test.

    Raises
    ------
    ModelRefused
        As `load_model`.
    """
    manifest = open_version(folder, task=LESIONS, threads=threads)
    detector = load_networks(
        manifest, lambda: {"detector": Detector(DetectorConfig.from_json(manifest.content["network"]))}
    )["detector"]
    missing = set(manifest.inputs.requirements) - set(detector.config.in_plane_mm)
    if missing:
        raise ModelRefused(f"The manifest takes {', '.join(sorted(missing))}; the network does not see it.")
    return LoadedDetector(manifest, detector, checked(golden_lesions(detector), manifest))
