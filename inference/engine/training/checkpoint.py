"""
Checkpoints without pickle: tensors as safetensors, the rest as JSON.

Nothing random is stored, because nothing random is carried over: each epoch draws from a generator made
from the seed and the epoch's number. So a training that was stopped and resumed is the same training.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn


def save_checkpoint(
    path: Path, *, model: nn.Module, optimiser: torch.optim.Optimizer, progress: dict[str, Any]
) -> None:
    """Write model, optimiser and progress into one file, complete or not at all."""
    tensors: dict[str, Tensor] = {
        f"model/{name}": value.detach().clone().contiguous() for name, value in model.state_dict().items()
    }
    for number, state in optimiser.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"optimiser/{number}/{name}"] = torch.as_tensor(value).clone().contiguous()
    half_written = path.with_suffix(".part")
    save_file(tensors, half_written, metadata={"progress": json.dumps(progress)})
    os.replace(half_written, path)


def load_checkpoint(path: Path, *, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Read a checkpoint back into model and optimiser; return the progress."""
    state: dict[int, dict[str, Tensor]] = {}
    weights: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        progress: dict[str, Any] = json.loads(file.metadata()["progress"])
        for key in file.keys():  # noqa: SIM118  (a safetensors handle is not iterable)
            area, _, rest = key.partition("/")
            if area == "model":
                weights[rest] = file.get_tensor(key)
            else:
                number, _, name = rest.partition("/")
                state.setdefault(int(number), {})[name] = file.get_tensor(key)
    model.load_state_dict(weights)
    full = optimiser.state_dict()
    full["state"] = state
    optimiser.load_state_dict(full)
    return progress


def read_progress(path: Path) -> dict[str, Any]:
    """Return the progress that a checkpoint holds, without its tensors; empty where there is none."""
    if not path.exists():
        return {}
    with safe_open(path, framework="pt") as file:
        progress: dict[str, Any] = json.loads(file.metadata()["progress"])
    return progress
