"""
Train the demonstration model on phantoms: ``python -m inference.engine.train_demo``.

Everything is a function of the seeds: on a CPU same code and same thread count give the same weights, on a
GPU nearly the same ones. Training, validation and
test bodies come from different seeds; the test set is looked at once, at the end, for the model card.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from inference.engine.bundle import load_model, save_model
from inference.engine.calibration import fit_temperatures
from inference.engine.crops import CropSpec
from inference.engine.devices import use_threads
from inference.engine.manifest import CARD_NAME, Manifest
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.networks.localiser import Localiser, LocaliserConfig
from inference.engine.networks.radiograph_localiser import RadiographLocaliser, RadiographLocaliserConfig
from inference.engine.specification import CT_AXIAL, MR_AXIAL, VIEW_OF, XR_AP, XR_OBLIQUE
from inference.engine.training.card import model_card
from inference.engine.training.evaluation import evaluate_findings
from inference.engine.training.grader import (
    EpochRecord,
    TrainSettings,
    experiment_record,
    predict_logits,
    train_grader,
)
from inference.engine.training.localiser import localiser_errors, train_localiser
from inference.engine.training.phantom_joints import (
    FINDINGS,
    LESIONS,
    STRUCTURES,
    JointCrops,
    make_coarse_volumes,
    make_joint_crops,
)
from inference.engine.training.radiograph_localiser import (
    LEVELS,
    CoarsePictures,
    make_coarse_pictures,
    radiograph_errors,
    train_radiograph_localiser,
)

SPECS: Mapping[str, CropSpec] = {
    CT_AXIAL: CropSpec(depth=18, height=64, width=64, depth_mm=1.1, in_plane_mm=0.6),
    MR_AXIAL: CropSpec(depth=6, height=64, width=64, depth_mm=3.0, in_plane_mm=0.6),
}
N_GRADES = {"narrowing": 4, "hypertrophy": 4, "osteophytes": 4, "erosion": 3, "cyst": 2}
#: Grade from which an item is positive in the shipped facet protocols.
CUTS = {"narrowing": 2, "hypertrophy": 2, "osteophytes": 2, "erosion": 1, "cyst": 1}
#: Least area under the curve on unseen, independent-findings phantoms for a finding to be given out.
LEAST_AUC = {"narrowing": 0.95, "hypertrophy": 0.95, "osteophytes": 0.95, "erosion": 0.90, "cyst": 0.90}
LEAST_HELD_OUT = 10
#: What ``--radiographs`` adds.
RADIOGRAPH_SPECS: Mapping[str, CropSpec] = {
    XR_AP: CropSpec(depth=1, height=48, width=48, depth_mm=1.0, in_plane_mm=0.8),
    XR_OBLIQUE: CropSpec(depth=1, height=48, width=48, depth_mm=1.0, in_plane_mm=0.8),
}
_LIMITS: Mapping[str, Mapping[str, float | int]] = {
    XR_AP: {"max_in_plane_mm": 0.6},
    XR_OBLIQUE: {"max_in_plane_mm": 0.6},
    CT_AXIAL: {"max_in_plane_mm": 0.9, "max_slice_mm": 1.6, "min_slices": 12},
    MR_AXIAL: {"max_in_plane_mm": 1.0, "max_slice_mm": 5.0, "min_slices": 3},
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("inference/weights/facet-demo"))
    parser.add_argument("--version", default="1")
    parser.add_argument("--bodies", type=int, default=260, help="training bodies of ten joints")
    parser.add_argument("--held-out", type=int, default=40, help="bodies of the validation and each test set")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--stop-after", type=int, default=0, help="end after this many of the epochs")
    parser.add_argument(
        "--drop-share",
        type=float,
        default=0.35,
        help="how often a series is withheld from a joint in training",
    )
    parser.add_argument("--localiser-bodies", type=int, default=100)
    parser.add_argument("--localiser-epochs", type=int, default=30)
    parser.add_argument("--localiser-from", type=Path, help="folder of a version whose localiser is kept")
    parser.add_argument(
        "--radiographs", action="store_true", help="learn AP and oblique radiographs beside CT and MR"
    )
    parser.add_argument("--seed", type=int, default=20231129)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda; where the networks are trained")
    parser.add_argument("--processes", type=int, default=1, help="that draw phantoms; changes no crop")
    parser.add_argument("--mixed-precision", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--work", type=Path, help="folder for crops and checkpoints, kept for a second run")
    options = parser.parse_args(arguments)
    if options.held_out < LEAST_HELD_OUT:
        parser.error(f"--held-out: at least {LEAST_HELD_OUT} bodies, or a rare grade is missing from a set.")
    use_threads(options.threads)
    torch.use_deterministic_algorithms(options.device == "cpu")
    with tempfile.TemporaryDirectory(prefix="readerstudy-train-") as scratch:
        work = options.work or Path(scratch)
        manifest = train(options, work)
    _say(f"{manifest.name} {manifest.version}: {manifest.digest}")
    return 0


def train(options: argparse.Namespace, work: Path) -> Manifest:
    """Make the material, train both networks, test once, write the model version."""

    specs = {**SPECS, **(RADIOGRAPH_SPECS if options.radiographs else {})}

    def crops(
        part: str, offset: int, correlation: Literal["independent", "correlated"], n: int
    ) -> JointCrops:
        began = time.perf_counter()
        made = make_joint_crops(
            work / part,
            n_bodies=n,
            seed=options.seed + offset,
            specs=specs,
            correlation=correlation,
            processes=options.processes,
        )
        _say(f"{part}: {len(made)} joints in {time.perf_counter() - began:.0f} s")
        return made

    training_set = crops("train", 0, "independent", options.bodies)
    validation = crops("validation", 1, "independent", options.held_out)
    settings = TrainSettings(
        epochs=options.epochs,
        stop_after=options.stop_after,
        seed=options.seed % 1_000_003,
        finding_weights={"erosion": 2.0, "cyst": 2.0},
        drop_share=options.drop_share,
        device=options.device,
        mixed_precision=options.mixed_precision,
    )
    config = GraderConfig(
        kinds=tuple(specs), n_grades=N_GRADES, lesions={kind: len(LESIONS) for kind in specs}
    )
    trained = train_grader(
        config,
        specs,
        FINDINGS,
        training_set,
        validation,
        settings,
        cuts=CUTS,
        checkpoint=work / "grader.safetensors",
        after_epoch=_report,
    )
    grader: Grader = trained.model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    localiser, localiser_minutes = _localiser(options)
    on_radiographs, radiograph_figures = _radiograph_localiser(options) if options.radiographs else (None, {})
    localiser_config = localiser.config
    errors, certainty = localiser_errors(
        localiser,
        make_coarse_volumes(
            n_bodies=max(2, options.held_out // 2),
            seed=options.seed + 3,
            shape=localiser_config.shape,
            voxel_mm=localiser_config.voxel_mm,
            processes=options.processes,
        ),
    )
    logits = predict_logits(grader, specs, validation)
    truth = {name: torch.from_numpy(validation.grades[:, i].copy()) for i, name in enumerate(FINDINGS)}
    temperatures = {name: round(value, 4) for name, value in fit_temperatures(logits, truth).items()}
    tests = {
        "independent": crops("test-independent", 4, "independent", options.held_out),
        "correlated": crops("test-correlated", 5, "correlated", options.held_out),
    }
    results = {
        name: evaluate_findings(
            grader, specs, joints, findings=FINDINGS, cuts=CUTS, temperatures=temperatures
        )
        for name, joints in tests.items()
    }
    off = {
        finding: f"AUC {row['auc']:.3f} on unseen phantoms, {LEAST_AUC[finding]:.2f} is asked for"
        for finding, row in results["independent"].items()
        if not row["auc"] >= LEAST_AUC[finding]
    }
    # What a kind of series alone does not show on unseen phantoms is not given out from it.
    seen_on = {
        finding: [kind for kind in specs if row[f"auc_{kind}_alone"] >= LEAST_AUC[finding]]
        for finding, row in results["independent"].items()
        if finding not in off
    }
    # A second run in the same work folder makes nothing again; the minutes are those of the making.
    parts = [training_set, validation, *tests.values()]
    minutes = {
        "material": round(sum(part.made_in_seconds for part in parts) / 60, 1),
        "grader": round(sum(record.seconds for record in trained.epochs) / 60, 1),
        "localiser": localiser_minutes,
    }
    facts: dict[str, Any] = {
        "name": "facet-demo-xr" if options.radiographs else "facet-demo",
        "version": options.version,
        "synthetic": True,
        "purpose": "Demonstration of the product. Trained on synthetic phantoms only; not for any patient.",
        "training": experiment_record(
            settings,
            trained,
            {
                "command": _command(options),
                "machine": _machine(options),
                "minutes": minutes,
                "bodies": options.bodies,
                "joints": len(training_set),
                "parameters": sum(p.numel() for p in grader.parameters()),
                "localiser_parameters": sum(p.numel() for p in localiser.parameters()),
            },
        ),
        "test": results,
        "localiser_test": {**_localiser_figures(errors, certainty), **radiograph_figures},
    }
    outputs = {"structures": list(STRUCTURES), "n_grades": N_GRADES, "switched_off": off, "seen_on": seen_on}
    inputs = {
        "series": {
            kind: {"crop": {k: getattr(spec, k) for k in spec.__dataclass_fields__}, **_LIMITS[kind]}
            for kind, spec in specs.items()
        },
        "needs": [[CT_AXIAL], [MR_AXIAL], *([kind] for kind in specs if kind in RADIOGRAPH_SPECS)],
    }
    manifest = save_model(
        options.out,
        grader=grader,
        localiser=localiser,
        facts=facts,
        inputs=inputs,
        outputs=outputs,
        temperatures=temperatures,
        radiograph_localiser=on_radiographs,
    )
    (options.out / CARD_NAME).write_text(model_card(manifest))
    load_model(options.out)
    return replace(manifest)


def _localiser(options: argparse.Namespace) -> tuple[Localiser, float]:
    began = time.perf_counter()
    if options.localiser_from is not None:
        kept = load_model(options.localiser_from)
        return kept.localiser, float(kept.manifest.content["training"]["minutes"]["localiser"])
    config = LocaliserConfig(STRUCTURES)
    volumes = make_coarse_volumes(
        n_bodies=options.localiser_bodies,
        seed=options.seed + 2,
        shape=config.shape,
        voxel_mm=config.voxel_mm,
        processes=options.processes,
    )
    trained = train_localiser(
        config,
        volumes,
        epochs=options.localiser_epochs,
        device=options.device,
        after_epoch=lambda epoch, loss: _say(f"localiser epoch {epoch}: loss {loss:.3f}"),
    )
    return trained, round((time.perf_counter() - began) / 60, 1)


def _radiograph_localiser(options: argparse.Namespace) -> tuple[RadiographLocaliser, dict[str, Any]]:
    """The finder of joints on radiographs, and its figures on bodies that it did not see."""
    config = RadiographLocaliserConfig(tuple(VIEW_OF[kind] for kind in RADIOGRAPH_SPECS), LEVELS)

    def pictures(n: int, offset: int) -> dict[str, CoarsePictures]:
        return make_coarse_pictures(
            config, n_bodies=n, seed=options.seed + offset, processes=options.processes
        )

    finder = train_radiograph_localiser(
        config,
        pictures(options.localiser_bodies, 6),
        epochs=options.localiser_epochs,
        after_epoch=lambda view, epoch, loss: _say(f"{view} radiographs, epoch {epoch}: loss {loss:.3f}"),
    )
    found = {}
    for view, errors in radiograph_errors(finder, pictures(max(2, options.held_out // 2), 7)).items():
        own = errors.ravel()
        found[f"{view} X-ray"] = {
            "n": int(own.size),
            "median_mm": round(float(np.median(own)), 2),
            "p95_mm": round(float(np.percentile(own, 95)), 2),
            "share_within_5_mm": round(float(np.mean(own <= 5.0)), 4),
        }
    return finder, found


def _localiser_figures(errors: torch.Tensor, certainty: torch.Tensor) -> dict[str, dict[str, float]]:
    # CT and MR alternate, see `make_coarse_volumes`.
    figures = {}
    for name, part in (("CT", slice(0, None, 2)), ("MR", slice(1, None, 2))):
        own = errors[part].flatten().numpy()
        figures[name] = {
            "n": int(own.size),
            "median_mm": round(float(np.median(own)), 2),
            "p95_mm": round(float(np.percentile(own, 95)), 2),
            "share_within_5_mm": round(float(np.mean(own <= 5.0)), 4),
            "certainty_p05": round(float(np.percentile(certainty[part].flatten().numpy(), 5)), 3),
        }
    return figures


def _command(options: argparse.Namespace) -> str:
    parts = ["python -m inference.engine.train_demo"]
    if options.localiser_from is not None:
        parts.append(f"--localiser-from {options.localiser_from.name}")
    if options.radiographs:
        parts.append("--radiographs")
    for name in (
        "bodies",
        "held_out",
        "epochs",
        "stop_after",
        "drop_share",
        "localiser_bodies",
        "localiser_epochs",
        "seed",
        "threads",
        "device",
        "processes",
    ):
        parts.append(f"--{name.replace('_', '-')} {getattr(options, name)}")
    return " ".join(parts)


def _machine(options: argparse.Namespace) -> str:
    words = f"{options.threads} thread(s) of {_processor()}, phantoms in {options.processes} process(es)"
    graphics = torch.cuda.get_device_name(0) if options.device.startswith("cuda") else "none"
    return f"{words}, device {options.device}, GPU: {graphics}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def _report(record: EpochRecord) -> None:
    auc = json.dumps({name: round(value, 3) for name, value in record.auc.items()})
    _say(
        f"epoch {record.epoch}: loss {record.train_loss:.4f}, validation {record.validation_loss:.4f}, "
        f"AUC {auc}, {record.seconds:.0f} s"
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
