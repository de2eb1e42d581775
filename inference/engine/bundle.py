"""Saving and loading a model version: networks, weights, and the golden self-test."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from inference.engine.devices import use_threads
from inference.engine.lesion_scores import ScoreWeights, kinds_key
from inference.engine.manifest import (
    FORMAT,
    GRADES,
    LESIONS,
    MANIFEST_NAME,
    ONNX,
    ONNX_NAME,
    PREPROCESSING_VERSION,
    PRESENCE,
    WEIGHTS_NAME,
    Manifest,
    ModelRefused,
    file_digest,
    read_manifest,
)
from inference.engine.networks.attention import AttentionConfig, AttentionNetwork
from inference.engine.networks.detector import Detector, DetectorConfig
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.networks.ordinal import corn_probabilities
from inference.engine.onnx_child import refusal_of
from inference.engine.onnx_grader import OnnxGrader
from inference.engine.onnx_session import MISSING, is_installed

#: Largest difference of a probability between the maker's machine and this one.
GOLDEN_TOLERANCE = 2e-4


@dataclass(frozen=True)
class LoadedModel:
    """
    A model version in memory, ready to run.

    Attributes
    ----------
    golden_difference : float
        Largest difference found by the self-test at load, which always runs on the CPU.
    device : str
        Where the networks lie, as torch names it.
    """

    manifest: Manifest
    grader: Grader | OnnxGrader
    localiser: Localiser
    golden_difference: float
    device: str = "cpu"

    def on(self, device: str) -> LoadedModel:
        """The same version with its networks on another device; an ONNX grader stays on the CPU."""
        self.localiser.to(device)
        if isinstance(self.grader, torch.nn.Module):
            self.grader.to(device)
        return replace(self, device=device)


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


@dataclass(frozen=True)
class LoadedPresence:
    """A model of presence, with its map, in memory; attributes as `LoadedModel`."""

    manifest: Manifest
    network: AttentionNetwork
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
    grader: Grader | OnnxGrader,
    localiser: Localiser,
    inputs: Mapping[str, Any],
    temperatures: Mapping[str, float],
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
    grader: Grader | OnnxGrader,
    localiser: Localiser,
    facts: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    temperatures: Mapping[str, float],
) -> Manifest:
    """
    Write a model version into a folder. The file of an ONNX grader lies there already.

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
    localiser.eval()
    tensors: dict[str, Tensor] = {}
    if isinstance(grader, Grader):
        grader.eval()
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
    if isinstance(grader, OnnxGrader):
        content["executor"] = ONNX
        content["files"][ONNX_NAME] = file_digest(folder / ONNX_NAME)
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
    if manifest.task != GRADES:
        raise ModelRefused(f"{manifest.name} gives {manifest.task}; grades are wanted here.")
    if threads is not None:
        use_threads(threads)
    grader: Grader | OnnxGrader
    try:
        config = GraderConfig.from_json(manifest.content["network"])
        localiser = Localiser(LocaliserConfig.from_json(manifest.content["localiser"]))
        parts: list[tuple[str, torch.nn.Module]] = [("localiser.", localiser)]
        if manifest.executor == ONNX:
            grader = _onnx_grader(manifest, config, threads or 1)
        else:
            grader = Grader(config).eval()
            parts.append(("grader.", grader))
        tensors = load_file(manifest.folder / WEIGHTS_NAME)
        for prefix, network in parts:
            own = {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            network.load_state_dict(own, strict=True)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"The weights do not fit the network of the manifest: {error}") from error
    localiser.eval()
    found = golden_output(grader, localiser, manifest.content["inputs"], manifest.content["temperatures"])
    return LoadedModel(manifest, grader, localiser, _checked(found, manifest))


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
    detector.eval()
    return _write(
        folder,
        {f"detector.{name}": value for name, value in detector.state_dict().items()},
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
    manifest = read_manifest(folder)
    if manifest.task != LESIONS:
        raise ModelRefused(f"{manifest.name} gives {manifest.task}, not lesions.")
    if threads is not None:
        use_threads(threads)
    try:
        detector = Detector(DetectorConfig.from_json(manifest.content["network"]))
        tensors = load_file(manifest.folder / WEIGHTS_NAME)
        detector.load_state_dict(
            {name.removeprefix("detector."): t for name, t in tensors.items()}, strict=True
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"The weights do not fit the network of the manifest: {error}") from error
    detector.eval()
    missing = set(manifest.inputs.requirements) - set(detector.config.in_plane_mm)
    if missing:
        raise ModelRefused(f"The manifest takes {', '.join(sorted(missing))}; the network does not see it.")
    difference = _checked(golden_lesions(detector), manifest)
    return LoadedDetector(manifest, detector, difference)


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
    network.eval()
    return _write(
        folder,
        {f"presence.{name}": value for name, value in network.state_dict().items()},
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
    manifest = read_manifest(folder)
    if manifest.task != PRESENCE:
        raise ModelRefused(f"{manifest.name} gives {manifest.task}, not presence.")
    if threads is not None:
        use_threads(threads)
    try:
        network = AttentionNetwork(AttentionConfig.from_json(manifest.content["network"]))
        tensors = load_file(manifest.folder / WEIGHTS_NAME)
        network.load_state_dict(
            {name.removeprefix("presence."): t for name, t in tensors.items()}, strict=True
        )
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelRefused(f"The weights do not fit the network of the manifest: {error}") from error
    network.eval()
    if set(manifest.inputs.requirements) != {network.config.kind}:
        raise ModelRefused(f"The network sees {network.config.kind} and nothing else; the manifest differs.")
    difference = _checked(golden_presence(network, manifest.content["inputs"]), manifest)
    return LoadedPresence(manifest, network, difference)


Loaded = LoadedModel | LoadedDetector | LoadedPresence


def load_any(folder: Path, *, threads: int | None = None) -> Loaded:
    """Load a model version of whatever task; raises as `load_model`."""
    task = read_manifest(folder).task
    if task == LESIONS:
        return load_detector(folder, threads=threads)
    if task == PRESENCE:
        return load_presence(folder, threads=threads)
    return load_model(folder, threads=threads)


def _write(folder: Path, tensors: Mapping[str, Tensor], content: Mapping[str, Any]) -> Manifest:
    """Write weights and the manifest that names them."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / WEIGHTS_NAME)
    whole = {
        **content,
        "format": FORMAT,
        "preprocessing": PREPROCESSING_VERSION,
        "files": {WEIGHTS_NAME: file_digest(folder / WEIGHTS_NAME)},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n")
    return read_manifest(folder)


def _checked(found: Mapping[str, Any], manifest: Manifest) -> float:
    difference = _difference(found, manifest.content["golden"])
    if not difference <= GOLDEN_TOLERANCE:
        raise ModelRefused(
            f"The golden self-test failed: the answers differ by {difference:.2g} from the maker's, "
            f"{GOLDEN_TOLERANCE:g} is allowed."
        )
    return difference


def _onnx_grader(manifest: Manifest, config: GraderConfig, threads: int) -> OnnxGrader:
    """Run the file once in a child process, then load it here."""
    if not is_installed():
        raise ModelRefused(MISSING)
    if config.attention != "joint":
        raise ModelRefused("An ONNX grader grades every joint by itself; the manifest says otherwise.")
    shapes: dict[str, list[int]] = {}
    for kind, requirement in manifest.inputs.requirements.items():
        shapes |= {kind: [2, *requirement.crop.shape], f"{kind}.present": [2]}
    why = refusal_of(manifest.folder / ONNX_NAME, inputs=shapes)
    if why:
        raise ModelRefused(f"{ONNX_NAME} is refused: {why}.")
    return OnnxGrader(manifest.folder / ONNX_NAME, config, threads=threads)


def _difference(found: Any, stated: Any) -> float:
    """Largest absolute difference of two nested JSON values; infinite where they are built differently."""
    if isinstance(found, dict) and isinstance(stated, dict) and found.keys() == stated.keys():
        return max((_difference(found[key], stated[key]) for key in found), default=0.0)
    if isinstance(found, list) and isinstance(stated, list) and len(found) == len(stated):
        return max((_difference(a, b) for a, b in zip(found, stated, strict=True)), default=0.0)
    if isinstance(found, int | float) and isinstance(stated, int | float):
        return abs(float(found) - float(stated))
    return float("inf")
