"""
The child process that looks at an ONNX file before anybody else does: ``python -m inference.engine.onnx_child``.

It bounds its own memory and time, checks the file, and, asked to, loads it and runs it once on the self-test's input.
A file that crashes or hangs the runtime takes this process with it and nothing else.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

CHECK, RUN = "check", "run"
MEMORY_BYTES, SECONDS = 2 << 30, 120
ROOT = Path(__file__).resolve().parents[2]


def refusal_of(path: Path, *, inputs: dict[str, list[int]] | None = None) -> str:
    """
    Why an ONNX file may not be used, in words; empty where it may.

    Parameters
    ----------
    path : Path
    inputs : mapping of name to shape, optional
        Where given, the file is also loaded and run once with zeros (truth values for names in ``.present``).
    """
    request = json.dumps({"path": str(path.resolve()), "inputs": inputs})
    environment = {
        name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in os.environ
    }
    try:
        done = subprocess.run(
            [sys.executable, "-m", "inference.engine.onnx_child"],
            input=request,
            capture_output=True,
            text=True,
            timeout=SECONDS + 30,
            cwd=ROOT,
            env={**environment, "OMP_NUM_THREADS": "1"},
        )
        answer = json.loads(done.stdout.splitlines()[-1])
        return str(answer["refusal"])
    except subprocess.TimeoutExpired:
        return f"looking at it took longer than {SECONDS} s"
    except (ValueError, KeyError, IndexError):
        return "it ended the process that looked at it: it is damaged, or needs more memory than a model may"


def main() -> int:
    request = json.loads(sys.stdin.read())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    from inference.engine.onnx_file import OnnxRefused, check_onnx

    path = Path(request["path"])
    refusal = ""
    try:
        check_onnx(path)
        if request["inputs"] is not None:
            refusal = _run(path, request["inputs"])
    except OnnxRefused as error:
        refusal = str(error)
    except MemoryError:
        refusal = "it needs more memory than a model may"
    sys.stdout.write(json.dumps({"refusal": refusal}) + "\n")
    return 0


def _run(path: Path, inputs: dict[str, list[int]]) -> str:
    import numpy as np

    from inference.engine.onnx_session import open_session

    try:
        session = open_session(path, threads=1)
        session.run(
            None,
            {
                name: np.zeros(shape, bool if name.endswith(".present") else np.float32)
                for name, shape in inputs.items()
            },
        )
    except Exception as error:  # whatever the runtime raises on a graph that it does not like
        return f"it cannot be run: {str(error).splitlines()[0][:300]}"
    return ""


if __name__ == "__main__":
    raise SystemExit(main())
