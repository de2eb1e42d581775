"""
Train the demonstration lesion detector on phantoms: ``python -m inference.engine.train_lesions``.

Everything is a function of the seeds. Training bodies carry many lesions, test bodies as many as phantoms have, from
another seed, and so have those on which the scores of the series are weighed against one another; the test set is
looked at once, at the end, for the card.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from inference.engine.bundle import LoadedDetector, load_detector, save_detector
from inference.engine.devices import use_threads
from inference.engine.lesions import FoundLesion, find_lesions, lesions_of_series
from inference.engine.manifest import CARD_NAME, Manifest
from inference.engine.networks.detector import Detector, DetectorConfig
from inference.engine.specification import MR_AXIAL, MR_SAGITTAL
from inference.engine.stacks import CaseImages
from inference.engine.training.detector import DetectorSettings, detection_figures, train_detector
from inference.engine.training.lesion_fusion import fit_series_scores
from inference.engine.training.phantom_lesions import (
    LESION_CLASSES,
    ShownLesions,
    TrainingPlanes,
    make_shown_lesions,
    training_planes,
)

#: Pixel spacing on which each kind of series is seen.
STEPS_MM: Mapping[str, float] = {MR_SAGITTAL: 1.4, MR_AXIAL: 1.2}
INPUTS: Mapping[str, Any] = {
    "series": {
        MR_SAGITTAL: {"max_in_plane_mm": 1.4, "max_slice_mm": 5.0, "min_slices": 7},
        MR_AXIAL: {"max_in_plane_mm": 1.2, "max_slice_mm": 5.0, "min_slices": 3},
    },
    "needs": [[MR_SAGITTAL], [MR_AXIAL]],
}
#: Least sensitivity at one false mark per case, on unseen phantoms, for a detector to be given out.
LEAST_SENSITIVITY = 0.5


def material(shown: Sequence[ShownLesions]) -> dict[str, list[TrainingPlanes]]:
    """Runs of slices of all cases, per kind of series."""
    result: dict[str, list[TrainingPlanes]] = {kind: [] for kind in STEPS_MM}
    for each in shown:
        for kind, planes in training_planes(each, STEPS_MM).items():
            result[kind] += planes
    return result


def figures_of(model: LoadedDetector, shown: Sequence[ShownLesions]) -> dict[str, dict[str, Any]]:
    """Figures with both series, and with each alone: what is missing is simply not there."""
    result = {}
    for name, planes in (("both", ("axial", "sagittal")), ("sagittal", ("sagittal",)), ("axial", ("axial",))):
        cases = [
            CaseImages(tuple(stack for stack in each.case.stacks if stack.plane in planes)) for each in shown
        ]
        found = [find_lesions(model, case).lesions for case in cases]
        result[name] = detection_figures(
            found, [each.lesions for each in shown], classes=LESION_CLASSES
        ).to_json()
    return result


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("inference/weights/lesion-demo"))
    parser.add_argument("--version", default="2")
    parser.add_argument("--bodies", type=int, default=40)
    parser.add_argument("--validation", type=int, default=14, help="bodies that the scores are fitted on")
    parser.add_argument("--held-out", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=5, help="of the bodies")
    parser.add_argument("--weights", type=Path, help="a detector that is trained: fit its scores and test it")
    parser.add_argument("--work", type=Path, help="folder for the checkpoint: a stopped training goes on")
    options = parser.parse_args(arguments)
    use_threads(1)
    torch.use_deterministic_algorithms(True)
    _say(f"{train(options).name}: written to {options.out}")
    return 0


def train(options: argparse.Namespace) -> Manifest:
    """Make the material, train, weigh the series, test once, write the model version."""
    if options.weights:
        base = load_detector(options.weights)
        detector, training = base.detector, dict(base.manifest.content["training"])
    else:
        detector, training = _trained(options)
    validation = make_shown_lesions(n_bodies=options.validation, seed=options.seed + 2, crowded=False)
    scores = fit_series_scores(
        [marks_of(detector, each) for each in validation],
        [each.lesions for each in validation],
        classes=LESION_CLASSES,
    )
    training["scores"] = {
        "bodies": options.validation,
        "lesions": sum(len(each.lesions) for each in validation),
    }
    facts: dict[str, Any] = {
        "name": "lesion-demo",
        "version": options.version,
        "synthetic": True,
        "purpose": "Demonstration of the product. Trained on synthetic phantoms only; not for any patient.",
        "training": training,
    }
    first = save_detector(options.out, detector=detector, facts=facts, inputs=INPUTS, scores=scores)
    held_out = make_shown_lesions(n_bodies=options.held_out, seed=options.seed + 1, crowded=False)
    facts["test"] = figures_of(LoadedDetector(first, detector, 0.0), held_out)
    manifest = save_detector(options.out, detector=detector, facts=facts, inputs=INPUTS, scores=scores)
    (options.out / CARD_NAME).write_text(detector_card(manifest))
    load_detector(options.out)
    for name, row in facts["test"].items():
        _say(f"{name}: sensitivity {row['sensitivity']:.3f} at {row['false_marks']:.2f} false marks per case")
    return replace(manifest)


def marks_of(detector: Detector, shown: ShownLesions) -> dict[str, list[FoundLesion]]:
    """What each series of a case shows by itself."""
    kinds = {"axial": MR_AXIAL, "sagittal": MR_SAGITTAL}
    return {
        kinds[stack.plane]: lesions_of_series(detector, kinds[stack.plane], stack)
        for stack in shown.case.stacks
    }


def _trained(options: argparse.Namespace) -> tuple[Detector, dict[str, Any]]:
    """A detector trained from nothing, and what the manifest says of that."""
    began = time.perf_counter()
    shown = make_shown_lesions(n_bodies=options.bodies, seed=options.seed, crowded=True)
    made = time.perf_counter()
    n_lesions = sum(len(each.lesions) for each in shown)
    _say(f"{options.bodies} bodies with {n_lesions} lesions")
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
    detector = train_detector(
        DetectorConfig(LESION_CLASSES, STEPS_MM),
        material(shown),
        DetectorSettings(epochs=options.epochs),
        checkpoint=options.work / "detector.safetensors" if options.work else None,
        after_epoch=lambda epoch, loss, seconds: _say(f"epoch {epoch}: loss {loss:.3f}, {seconds:.0f} s"),
    )
    trained = time.perf_counter()
    return detector, {
        "command": f"python -m inference.engine.train_lesions --bodies {options.bodies} "
        f"--validation {options.validation} --held-out {options.held_out} --epochs {options.epochs} "
        f"--seed {options.seed}",
        "torch": torch.__version__,
        "threads": 1,
        "bodies": options.bodies,
        "lesions": n_lesions,
        "parameters": sum(p.numel() for p in detector.parameters()),
        "minutes": {
            "material": round((made - began) / 60, 1),
            "training": round((trained - made) / 60, 1),
        },
    }


def detector_card(manifest: Manifest) -> str:
    """A model card in Markdown."""
    content, training = manifest.content, manifest.content["training"]
    lines = [
        f"# {manifest.name} {manifest.version}",
        "",
        "**Synthetic.** Trained on phantoms only. It has never seen a patient, and its figures say nothing about "
        "patients. For demonstration; not a medical device.",
        "",
        f"- Identity (SHA-256 of the manifest): `{manifest.digest}`",
        f"- Made by: `{training['command']}`",
        f"- On: one thread of a CPU, torch {training['torch']}; wall-clock minutes on a busy machine: material "
        f"{training['minutes']['material']}, training {training['minutes']['training']}",
        f"- Training material: {training['bodies']} bodies with {training['lesions']} lesions, drawn twice over so "
        "that there are many, three fictional scanners",
        f"- Scores of the series weighed against one another on {training['scores']['bodies']} further bodies with "
        f"{training['scores']['lesions']} lesions, drawn as often as phantoms have them",
        f"- Parameters: {training['parameters']:,}",
        "",
        "## Input and output",
        "",
        "Sagittal T2 (pixels 1.4 mm or finer, slices 5 mm or less apart, at least 7), axial T2 (1.2 mm, 5 mm, at "
        "least 3), or both. Out come boxes along the patient's axes in millimetres, each with a class and a score "
        "from 0 to 1 that ranks and claims no probability. A lesion that both planes show is given once.",
        "",
        "## Unseen phantoms",
        "",
        "A mark hits a lesion of its class whose box holds the mark's centre; every other mark is false.",
        "",
        "| series | cases | lesions | sensitivity | false marks per case | "
        + " | ".join(LESION_CLASSES)
        + " |",
        "|---|---|---|---|---|" + "---|" * len(LESION_CLASSES),
    ]
    for name, row in content["test"].items():
        own = " | ".join(f"{row['by_class'][c][0]} of {row['by_class'][c][1]}" for c in LESION_CLASSES)
        lines.append(
            f"| {name} | {row['n_cases']} | {row['n_lesions']} | {row['sensitivity']:.3f} | "
            f"{row['false_marks']:.2f} | {own} |"
        )
    return "\n".join(lines) + "\n"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
