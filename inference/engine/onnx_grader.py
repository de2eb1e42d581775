"""
A grader that is an ONNX file, run by onnxruntime.

Inputs: for each kind of series ``<kind>`` (joints, depth, height, width) float32 and ``<kind>.present`` (joints) bool;
outputs: for each finding ``<finding>`` (joints, grades - 1) float32, conditional logits as in `ordinal`. Every joint is
graded by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.engine.manifest import ModelRefused
from inference.engine.networks.grader import GraderConfig
from inference.engine.onnx_session import MISSING, is_installed, open_session


class OnnxGrader:
    """
    Answers as `Grader` does.

    Parameters
    ----------
    path : Path
    config : GraderConfig
        ``kinds`` and ``n_grades`` say what the file must take and give.
    threads : int

    Raises
    ------
    ModelRefused
        If onnxruntime is not there, or the file takes or gives something else.
    """

    def __init__(self, path: Path, config: GraderConfig, *, threads: int = 1) -> None:
        if not is_installed():
            raise ModelRefused(MISSING)
        self.config = config
        try:
            self._session = open_session(path, threads=threads)
        except Exception as error:  # the runtime's own exceptions have no common base
            raise ModelRefused(f"{path.name} cannot be loaded: {str(error).splitlines()[0][:300]}") from error
        wanted = {name for kind in config.kinds for name in (kind, f"{kind}.present")}
        taken = {each.name for each in self._session.get_inputs()}
        if taken != wanted:
            raise ModelRefused(
                f"{path.name} takes {', '.join(sorted(taken))}; the manifest says {', '.join(sorted(wanted))}."
            )
        given, expected = {each.name for each in self._session.get_outputs()}, set(config.n_grades)
        if given != expected:
            raise ModelRefused(
                f"{path.name} gives {', '.join(sorted(given))}; the manifest says {', '.join(sorted(expected))}."
            )

    def __call__(
        self, crops: Mapping[str, Tensor], present: Mapping[str, Tensor], levels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Logits of every finding; shapes as `Grader.forward`."""
        cases, joints = next(iter(present.values())).shape
        feeds: dict[str, Any] = {}
        for kind in self.config.kinds:
            feeds[kind] = np.ascontiguousarray(crops[kind].flatten(0, 1).numpy(), dtype=np.float32)
            feeds[f"{kind}.present"] = present[kind].flatten().numpy()
        names = list(self.config.n_grades)
        result = {}
        for name, values in zip(names, self._session.run(names, feeds), strict=True):
            shape = (cases * joints, self.config.n_grades[name] - 1)
            if values.shape != shape:
                raise ModelRefused(f"The model gives {name} as {values.shape}, not as {shape}.")
            result[name] = torch.from_numpy(values).reshape(cases, joints, -1)
        return result
