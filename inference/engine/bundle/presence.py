"""Versions that say whether something is there, and where they looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from inference.engine.bundle.files import checked, golden_input, load_networks, open_version, write_version
from inference.engine.manifest import PRESENCE, Manifest, ModelRefused
from inference.engine.networks.attention import AttentionConfig, AttentionNetwork


@dataclass(frozen=True)
class LoadedPresence:
    """A model of presence, with its map, in memory; attributes as `LoadedModel`."""

    manifest: Manifest
    network: AttentionNetwork
    golden_difference: float


@torch.no_grad()
def golden_presence(network: AttentionNetwork, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a model of presence answers to `golden_input`, as JSON values."""
    windows = golden_input(inputs)[network.config.kind][0]
    logits, shares = network(network.tiles(windows))
    return {
        "chances": [round(float(value), 6) for value in torch.sigmoid(logits)],
        "strongest": [round(float(value), 6) for value in shares.amax(dim=(1, 2, 3))],
    }


def save_presence(
    folder: Path,
    *,
    network: AttentionNetwork,
    facts: Mapping[str, Any],
    inputs: Mapping[str, Any],
    structure: str,
    finding: str,
    temperature: float = 1.0,
) -> Manifest:
    """
    Write a model of presence into a folder.

    Parameters
    ----------
    folder : Path
    network : AttentionNetwork
    facts, inputs : mapping
        As `save_model` takes them; one kind of series, that of the network.
    structure, finding : str
        The item that it answers, with two grades: not there, there.
    temperature : float
        Of the logit, fitted on validation patients.
    """
    return write_version(
        folder,
        {"presence": network.eval()},
        {
            **facts,
            "task": PRESENCE,
            "inputs": inputs,
            "outputs": {"structures": [structure], "n_grades": {finding: 2}},
            "network": network.config.to_json(),
            "temperature": temperature,
            "golden": golden_presence(network, inputs),
        },
    )


def load_presence(folder: Path, *, threads: int | None = None) -> LoadedPresence:
    """
    Load a model of presence and run its golden self-test.

    Raises
    ------
    ModelRefused
        As `load_model`.
    """
    manifest = open_version(folder, task=PRESENCE, threads=threads)
    network = load_networks(
        manifest,
        lambda: {"presence": AttentionNetwork(AttentionConfig.from_json(manifest.content["network"]))},
    )["presence"]
    if set(manifest.inputs.requirements) != {network.config.kind}:
        raise ModelRefused(f"The network sees {network.config.kind} and nothing else; the manifest differs.")
    found = golden_presence(network, manifest.content["inputs"])
    return LoadedPresence(manifest, network, checked(found, manifest))
