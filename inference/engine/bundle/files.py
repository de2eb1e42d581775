"""The files of a model version: written with a manifest that names them, read back, and tested on a golden input."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.engine.devices import use_threads
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

Network = TypeVar("Network", bound=torch.nn.Module)

#: Largest difference of a probability between the maker's machine and this one.
GOLDEN_TOLERANCE = 2e-4


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


def write_version(
    folder: Path,
    networks: Mapping[str, torch.nn.Module],
    content: Mapping[str, Any],
    *,
    others: Sequence[str] = (),
) -> Manifest:
    """
    Write the weights of networks and the manifest that names them.

    Parameters
    ----------
    folder : Path
        Made where it is missing; an older version in it is replaced.
    networks : mapping of prefix to Module
        The prefix stands before the name of each of its tensors.
    content : mapping
        Of the manifest, but for its format, the version of preprocessing and the files.
    others : sequence of str
        Files with weights that lie in the folder already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{prefix}.{name}": value.contiguous()
        for prefix, network in networks.items()
        for name, value in network.state_dict().items()
    }
    save_file(tensors, folder / WEIGHTS_NAME)
    whole = {
        **content,
        "format": FORMAT,
        "preprocessing": PREPROCESSING_VERSION,
        "files": {name: file_digest(folder / name) for name in (WEIGHTS_NAME, *others)},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
    return read_manifest(folder)


def open_version(folder: Path, *, task: str, threads: int | None) -> Manifest:
    """
    Read the manifest of a version that has to be of a task, and bound this process's threads.

    Raises
    ------
    ModelRefused
        If the files are refused, or the version is of another task.
    """
    manifest = read_manifest(folder)
    if manifest.task != task:
        raise ModelRefused(f"{manifest.name} gives {manifest.task}, not {task}.")
    if threads is not None:
        use_threads(threads)
    return manifest


def load_networks(manifest: Manifest, make: Callable[[], Mapping[str, Network]]) -> dict[str, Network]:
    """
    Make networks as the manifest describes them and fill in their weights.

    Parameters
    ----------
    manifest : Manifest
    make : callable
        Returns the empty networks by the prefix of their tensors.

    Raises
    ------
    ModelRefused
        If the description makes no network, or the weights do not fit it.
    """
    try:
        networks = dict(make())
        tensors: dict[str, Tensor] = load_file(manifest.folder / WEIGHTS_NAME)
        for prefix, network in networks.items():
            start = f"{prefix}."
            own = {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
            network.load_state_dict(own, strict=True)
            network.eval()
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"The weights do not fit the network of the manifest: {error}") from error
    return networks


def checked(found: Mapping[str, Any], manifest: Manifest) -> float:
    """Return how far the answers to the golden input are from the maker's; raise `ModelRefused` where too far."""
    difference = _difference(found, manifest.content["golden"])
    if not difference <= GOLDEN_TOLERANCE:
        raise ModelRefused(
            f"The golden self-test failed: the answers differ by {difference:.2g} from the maker's, "
            f"{GOLDEN_TOLERANCE:g} is allowed."
        )
    return difference


def _difference(found: Any, stated: Any) -> float:
    """Largest absolute difference of two nested JSON values; infinite where they are built differently."""
    if isinstance(found, dict) and isinstance(stated, dict) and found.keys() == stated.keys():
        return max((_difference(found[key], stated[key]) for key in found), default=0.0)
    if isinstance(found, list) and isinstance(stated, list) and len(found) == len(stated):
        return max((_difference(a, b) for a, b in zip(found, stated, strict=True)), default=0.0)
    if isinstance(found, int | float) and isinstance(stated, int | float):
        return abs(float(found) - float(stated))
    return float("inf")
