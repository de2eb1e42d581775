"""
Saving and loading a model version: networks, weights, and the golden self-test.

`files` reads and writes what every task has; each task has a module of its own.
"""

from __future__ import annotations

from pathlib import Path

from inference.engine.bundle.grades import LoadedModel, load_model, save_model
from inference.engine.bundle.lesions import LoadedDetector, load_detector, save_detector
from inference.engine.bundle.presence import LoadedPresence, load_presence, save_presence
from inference.engine.manifest import LESIONS, PRESENCE, read_manifest

__all__ = [
    "Loaded",
    "LoadedDetector",
    "LoadedModel",
    "LoadedPresence",
    "load_any",
    "load_detector",
    "load_model",
    "load_presence",
    "save_detector",
    "save_model",
    "save_presence",
]

Loaded = LoadedModel | LoadedDetector | LoadedPresence


def load_any(folder: Path, *, threads: int | None = None) -> Loaded:
    """Load a model version of whatever task; raises as `load_model`."""
    task = read_manifest(folder).task
    if task == LESIONS:
        return load_detector(folder, threads=threads)
    if task == PRESENCE:
        return load_presence(folder, threads=threads)
    return load_model(folder, threads=threads)
