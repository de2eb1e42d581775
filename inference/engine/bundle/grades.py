"""Versions that grade: the joint finders and the grader, which may be an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from inference.engine.bundle.files import checked, golden_input, load_networks, open_version, write_version
from inference.engine.manifest import GRADES, ONNX, ONNX_NAME, Manifest, ModelRefused
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.networks.ordinal import corn_probabilities
from inference.engine.networks.radiograph_localiser import RadiographLocaliser, RadiographLocaliserConfig
from inference.engine.onnx_child import refusal_of
from inference.engine.onnx_grader import OnnxGrader
from inference.engine.onnx_session import MISSING, is_installed


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
    radiograph_localiser : RadiographLocaliser or None
        None where the version takes no radiographs, or only with places that a person gave.
    """

    manifest: Manifest
    grader: Grader | OnnxGrader
    localiser: Localiser
    golden_difference: float
    device: str = "cpu"
    radiograph_localiser: RadiographLocaliser | None = None

    def on(self, device: str) -> LoadedModel:
        """The same version with its networks on another device; an ONNX grader stays on the CPU."""
        self.localiser.to(device)
        if self.radiograph_localiser is not None:
            self.radiograph_localiser.to(device)
        if isinstance(self.grader, torch.nn.Module):
            self.grader.to(device)
        return replace(self, device=device)


@torch.no_grad()
def golden_output(
    grader: Grader | OnnxGrader,
    localiser: Localiser,
    inputs: Mapping[str, Any],
    temperatures: Mapping[str, float],
    radiograph_localiser: RadiographLocaliser | None = None,
) -> dict[str, Any]:
    """What the networks answer to `golden_input`, as JSON values."""
    crops = golden_input(inputs)
    present = {kind: torch.ones(value.shape[:2], dtype=torch.bool) for kind, value in crops.items()}
    logits = grader(crops, present)
    count = torch.arange(int(torch.tensor(localiser.config.shape).prod()), dtype=torch.float64)
    volume = (0.5 + 0.5 * torch.sin(count * 0.031)).reshape(1, *localiser.config.shape).to(torch.float32)
    side, front = localiser(volume, torch.zeros(1))
    answer: dict[str, Any] = {
        "probabilities": {
            finding: [[round(float(p), 6) for p in row] for row in probabilities[0]]
            for finding, probabilities in (
                (name, corn_probabilities(value / temperatures.get(name, 1.0)))
                for name, value in logits.items()
            )
        },
        "maps": [round(float(torch.softmax(view.flatten(), 0).std() * 1e4), 6) for view in (side, front)],
    }
    if radiograph_localiser is not None:
        config = radiograph_localiser.config
        count = torch.arange(config.shape[0] * config.shape[1], dtype=torch.float64)
        picture = (0.5 + 0.5 * torch.sin(count * 0.031)).reshape(1, *config.shape).to(torch.float32)
        answer["radiograph_maps"] = {
            view: round(
                float(torch.softmax(radiograph_localiser.maps(view, picture).flatten(), 0).std() * 1e4), 6
            )
            for view in config.views
        }
    return answer


def save_model(
    folder: Path,
    *,
    grader: Grader | OnnxGrader,
    localiser: Localiser,
    facts: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    temperatures: Mapping[str, float],
    radiograph_localiser: RadiographLocaliser | None = None,
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
    radiograph_localiser : RadiographLocaliser, optional

    Returns
    -------
    Manifest
    """
    networks: dict[str, torch.nn.Module] = {"localiser": localiser.eval()}
    content = {
        **facts,
        "inputs": inputs,
        "outputs": outputs,
        "network": grader.config.to_json(),
        "localiser": localiser.config.to_json(),
        "temperatures": dict(temperatures),
    }
    if radiograph_localiser is not None:
        networks["radiograph_localiser"] = radiograph_localiser.eval()
        content["radiograph_localiser"] = radiograph_localiser.config.to_json()
    if isinstance(grader, Grader):
        networks = {"grader": grader.eval(), **networks}
    else:
        content["executor"] = ONNX
    content["golden"] = golden_output(grader, localiser, inputs, temperatures, radiograph_localiser)
    return write_version(folder, networks, content, others=() if isinstance(grader, Grader) else (ONNX_NAME,))


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
    manifest = open_version(folder, task=GRADES, threads=threads)
    content = manifest.content

    def make() -> dict[str, Grader | Localiser | RadiographLocaliser]:
        networks: dict[str, Grader | Localiser | RadiographLocaliser] = {
            "localiser": Localiser(LocaliserConfig.from_json(content["localiser"]))
        }
        if "radiograph_localiser" in content:
            networks["radiograph_localiser"] = RadiographLocaliser(
                RadiographLocaliserConfig.from_json(content["radiograph_localiser"])
            )
        if manifest.executor != ONNX:
            networks["grader"] = Grader(GraderConfig.from_json(content["network"]))
        return networks

    networks = load_networks(manifest, make)
    localiser = networks["localiser"]
    grader = networks.get("grader") or _onnx_grader(manifest, threads or 1)
    assert isinstance(localiser, Localiser)  # noqa: S101  (made so above)
    assert isinstance(grader, Grader | OnnxGrader)  # noqa: S101  (likewise)
    on_radiographs = networks.get("radiograph_localiser")
    assert on_radiographs is None or isinstance(on_radiographs, RadiographLocaliser)  # noqa: S101  (likewise)
    found = golden_output(grader, localiser, content["inputs"], content["temperatures"], on_radiographs)
    return LoadedModel(
        manifest, grader, localiser, checked(found, manifest), radiograph_localiser=on_radiographs
    )


def _onnx_grader(manifest: Manifest, threads: int) -> OnnxGrader:
    """Run the file once in a child process, then load it here."""
    if not is_installed():
        raise ModelRefused(MISSING)
    try:
        config = GraderConfig.from_json(manifest.content["network"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelRefused(f"The manifest describes no grader: {error}") from error
    if config.attention != "joint":
        raise ModelRefused("An ONNX grader grades every joint by itself; the manifest says otherwise.")
    shapes: dict[str, list[int]] = {}
    for kind, requirement in manifest.inputs.requirements.items():
        shapes |= {kind: [2, *requirement.crop.shape], f"{kind}.present": [2]}
    why = refusal_of(manifest.folder / ONNX_NAME, inputs=shapes)
    if why:
        raise ModelRefused(f"{ONNX_NAME} is refused: {why}.")
    return OnnxGrader(manifest.folder / ONNX_NAME, config, threads=threads)
