"""Model versions for tests: the shipped demonstration model, variants of its data sheet, and untrained ones."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inference.engine.bundle import save_model
from inference.engine.manifest import Manifest, read_manifest
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig

SHIPPED = Path(__file__).resolve().parents[2] / "inference" / "weights" / "facet-demo"
LEVELS = ("L1-2", "L2-3", "L3-4", "L4-5", "L5-S1")
STRUCTURES = tuple(f"{level}-{side}" for level in LEVELS for side in ("right", "left"))
N_GRADES = {"narrowing": 4, "hypertrophy": 4, "osteophytes": 4, "erosion": 3, "cyst": 2}


def shipped_variant(
    folder: Path, version: str, change: Callable[[dict[str, Any]], None] | None = None
) -> Path:
    """The shipped weights under another version, with a changed manifest."""
    folder.mkdir(parents=True)
    for path in SHIPPED.iterdir():
        shutil.copyfile(path, folder / path.name)
    content = json.loads((folder / "config.json").read_text())
    content["version"] = version
    if change is not None:
        change(content)
    (folder / "config.json").write_text(json.dumps(content))
    return folder


def given_findings() -> dict[str, int]:
    """Findings that the shipped model gives out from MR, with their number of grades."""
    return read_manifest(SHIPPED).outputs.given_from(["MR-axial"])


def untrained_model(
    folder: Path, *, version: str = "1", name: str = "untrained", n_grades: dict[str, int] | None = None
) -> Manifest:
    """A model version that has learnt nothing: it takes axial MR, and every place is too uncertain for it."""
    torch.manual_seed(5)
    grades = n_grades or N_GRADES
    crop = {"depth": 3, "height": 32, "width": 32, "depth_mm": 3.0, "in_plane_mm": 1.0}
    grader = Grader(GraderConfig(kinds=("MR-axial",), n_grades=grades, channels=(4, 8, 8), width=16))
    localiser = Localiser(LocaliserConfig(STRUCTURES, shape=(24, 24, 40), voxel_mm=6.0, channels=4))
    return save_model(
        folder,
        grader=grader,
        localiser=localiser,
        facts={"name": name, "version": version, "synthetic": True},
        inputs={
            "series": {
                "MR-axial": {"crop": crop, "max_in_plane_mm": 1.0, "max_slice_mm": 5.0, "min_slices": 3}
            },
            "needs": [["MR-axial"]],
        },
        outputs={"structures": list(STRUCTURES), "n_grades": grades},
        temperatures=dict.fromkeys(grades, 1.0),
    )
