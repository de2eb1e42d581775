"""Saving and loading a model version: networks, weights, and the golden self-test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.engine.manifest import (
    FORMAT,
    MANIFEST_NAME,
    PREPROCESSING_VERSION,
    WEIGHTS_NAME,
    Manifest,
    ModelRefused,
    file_digest,
    read_manifest,
)
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.networks.ordinal import corn_probabilities

#: Largest difference of a probability between the maker's machine and this one.
GOLDEN_TOLERANCE = 2e-4


@dataclass(frozen=True)
class LoadedModel:
    """
    A model version in memory, ready to run.

    Attributes
    ----------
    golden_difference : float
        Largest difference found by the self-test at load.
    """

    manifest: Manifest
    grader: Grader
    localiser: Localiser
    golden_difference: float


def golden_input(manifest_inputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """
    The self-test's input: a pattern by arithmetic, the same on every machine.

    Returns
    -------
    dict of kind to Tensor, shape (1, 2, depth, height, width)
    """
    result = {}
    for kind, entry in manifest_inputs["series"].items():
        crop = entry["crop"]
        shape = (1, 2, crop["depth"], crop["height"], crop["width"])
        count = torch.arange(int(torch.tensor(shape).prod()), dtype=torch.float64)
        pattern = 0.5 + 0.5 * torch.sin(count * 0.05) * torch.cos(count * 0.0007)
        result[kind] = pattern.reshape(shape).to(torch.float32)
    return result


@torch.no_grad()
def golden_output(
    grader: Grader, localiser: Localiser, inputs: Mapping[str, Any], temperatures: Mapping[str, float]
) -> dict[str, Any]:
    """What the networks answer to `golden_input`, as JSON values."""
    crops = golden_input(inputs)
    present = {kind: torch.ones(value.shape[:2], dtype=torch.bool) for kind, value in crops.items()}
    logits = grader(crops, present)
    count = torch.arange(int(torch.tensor(localiser.config.shape).prod()), dtype=torch.float64)
    volume = (0.5 + 0.5 * torch.sin(count * 0.031)).reshape(1, *localiser.config.shape).to(torch.float32)
    side, front = localiser(volume, torch.zeros(1))
    return {
        "probabilities": {
            finding: [[round(float(p), 6) for p in row] for row in probabilities[0]]
            for finding, probabilities in (
                (name, corn_probabilities(value / temperatures.get(name, 1.0)))
                for name, value in logits.items()
            )
        },
        "maps": [round(float(torch.softmax(view.flatten(), 0).std() * 1e4), 6) for view in (side, front)],
    }


def save_model(
    folder: Path,
    *,
    grader: Grader,
    localiser: Localiser,
    facts: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    temperatures: Mapping[str, float],
) -> Manifest:
    """
    Write a model version into a folder.

    Parameters
    ----------
    folder : Path
        Made where it is missing; an older version in it is replaced.
    grader, localiser : networks
    facts : mapping
        ``name``, ``version``, ``synthetic`` and whatever describes the training.
    inputs, outputs : mapping
        As `InputSpecification` and `OutputSchema` read them.
    temperatures : mapping of finding to float

    Returns
    -------
    Manifest
    """
    folder.mkdir(parents=True, exist_ok=True)
    grader.eval()
    localiser.eval()
    tensors = {f"grader.{name}": value.contiguous() for name, value in grader.state_dict().items()}
    tensors |= {f"localiser.{name}": value.contiguous() for name, value in localiser.state_dict().items()}
    save_file(tensors, folder / WEIGHTS_NAME)
    content = {
        **facts,
        "format": FORMAT,
        "preprocessing": PREPROCESSING_VERSION,
        "inputs": inputs,
        "outputs": outputs,
        "network": grader.config.to_json(),
        "localiser": localiser.config.to_json(),
        "temperatures": dict(temperatures),
        "golden": golden_output(grader, localiser, inputs, temperatures),
        "files": {WEIGHTS_NAME: file_digest(folder / WEIGHTS_NAME)},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    return read_manifest(folder)


def load_model(folder: Path, *, threads: int | None = None) -> LoadedModel:
    """
    Load a model version and run its golden self-test.

    Parameters
    ----------
    folder : Path
    threads : int, optional
        Threads of this process for all networks; unchanged by default.

    Raises
    ------
    ModelRefused
        If the files are refused, the weights do not fit the network, or the self-test fails.
    """
    manifest = read_manifest(folder)
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        grader = Grader(GraderConfig.from_json(manifest.content["network"]))
        localiser = Localiser(LocaliserConfig.from_json(manifest.content["localiser"]))
        tensors = load_file(manifest.folder / WEIGHTS_NAME)
        for prefix, network in (("grader.", grader), ("localiser.", localiser)):
            own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            network.load_state_dict(own, strict=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"The weights do not fit the network of the manifest: {error}") from error
    grader.eval()
    localiser.eval()
    found = golden_output(grader, localiser, manifest.content["inputs"], manifest.content["temperatures"])
    difference = _difference(found, manifest.content["golden"])
    if not difference <= GOLDEN_TOLERANCE:
        raise ModelRefused(
            f"The golden self-test failed: the answers differ by {difference:.2g} from the maker's, "
            f"{GOLDEN_TOLERANCE:g} is allowed."
        )
    return LoadedModel(manifest, grader, localiser, difference)


def _difference(found: Any, stated: Any) -> float:
    """Largest absolute difference of two nested JSON values; infinite where they are built differently."""
    if isinstance(found, dict) and isinstance(stated, dict) and found.keys() == stated.keys():
        return max((_difference(found[key], stated[key]) for key in found), default=0.0)
    if isinstance(found, list) and isinstance(stated, list) and len(found) == len(stated):
        return max((_difference(a, b) for a, b in zip(found, stated, strict=True)), default=0.0)
    if isinstance(found, int | float) and isinstance(stated, int | float):
        return abs(float(found) - float(stated))
    return float("inf")
