"""Opening an ONNX file with onnxruntime, where that is installed. Knows no torch: the child process stays small."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

MISSING = (
    "The model is an ONNX file and onnxruntime is not installed here. Install it with "
    "`pip install onnxruntime -c constraints.txt` and start the worker again."
)


def is_installed() -> bool:
    """Whether onnxruntime can be imported."""
    return find_spec("onnxruntime") is not None


def open_session(path: Path, *, threads: int) -> Any:
    """A session on the CPU, from the file's bytes: no path leads anywhere else."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
