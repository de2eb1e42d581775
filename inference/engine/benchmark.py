"""
How fast the engine is on this machine: ``python -m inference.engine.benchmark MODEL_FOLDER``.

Compares a case's whole way (find, crop, grade) with the bare networks on ready tensors, in one process and
interleaved, so that a busy machine slows both; on a GPU too where there is one. Each line is printed as soon as
it is measured. The reference network has random weights: its speed does not depend on what it has learnt.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from inference.engine.bundle import LoadedModel, load_model
from inference.engine.facets import grade_case
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.specification import MR_SAGITTAL
from inference.engine.stacks import CaseImages
from inference.engine.training.phantom_joints import disc_stack, volume_stack
from readerstudy.phantom import SCANNERS, render_ct, render_disc_axials, render_mr, sample_body


@dataclass(frozen=True)
class Timing:
    """
    One network measured.

    Attributes
    ----------
    case_seconds : float
        Median of a case's whole way.
    network_seconds : float
        Median of the bare forward passes (localiser and grader) on ready tensors.
    one_by_one_seconds : float
        Median of the same with one joint a time.
    """

    case_seconds: float
    network_seconds: float
    one_by_one_seconds: float

    @property
    def overhead(self) -> float:
        """Share of the networks' own time that the rest of the way adds."""
        return self.case_seconds / self.network_seconds - 1


def phantom_case(seed: int = 1) -> CaseImages:
    """A synthetic case with CT, sagittal MR and axial MR along the discs."""
    rng, scanner = np.random.default_rng(seed), SCANNERS["A"]
    body = sample_body(rng)
    axial = disc_stack(render_disc_axials(body, "T2", scanner=scanner, rng=rng).values())
    ct = volume_stack(render_ct(body, scanner=scanner, rng=rng), "ct")
    return CaseImages((ct, volume_stack(render_mr(body, scanner=scanner, rng=rng), "sagittal"), axial))


def reference_model(small: LoadedModel, *, widen: float = 1.0) -> LoadedModel:
    """The 3-D reference network on three series, with random weights, behind the small model's localiser."""
    content = json.loads(json.dumps(dict(small.manifest.content)))
    crop = {"depth": 18, "height": 64, "width": 64, "depth_mm": 1.1, "in_plane_mm": 0.6}
    content["inputs"]["series"][MR_SAGITTAL] = {
        "crop": crop,
        "max_in_plane_mm": 1.2,
        "max_slice_mm": 5.0,
        "min_slices": 7,
    }
    config = GraderConfig(
        kinds=tuple(content["inputs"]["series"]),
        n_grades=content["outputs"]["n_grades"],
        encoder="resnet18-3d",
        widen=widen,
        width=128,
        layers=2,
        attention="case",
        share_encoder=True,
    )
    torch.manual_seed(0)
    return replace(small, manifest=replace(small.manifest, content=content), grader=Grader(config).eval())


@torch.no_grad()
def measure(model: LoadedModel, case: CaseImages, *, repeats: int) -> Timing:
    """
    Time a case's whole way and the bare networks, interleaved.

    Parameters
    ----------
    model : LoadedModel
    case : CaseImages
    repeats : int
        After one unmeasured pass of one joint through the networks.
    """
    n = len(model.manifest.outputs.structures)
    device = model.device
    crops = {
        kind: torch.rand(1, n, *rule.crop.shape, device=device)
        for kind, rule in model.manifest.inputs.requirements.items()
    }
    there = {kind: torch.ones(1, n, dtype=torch.bool, device=device) for kind in crops}
    levels = torch.arange(n, device=device) // 2
    frames = {stack.frame_of_reference for stack in case.stacks}
    volume = torch.rand(1, *model.localiser.config.shape, device=device)
    flag = torch.zeros(1, device=device)

    def networks() -> None:
        for _ in frames:
            model.localiser.locate(volume, flag)
        model.grader(crops, there, levels)

    def one_by_one() -> None:
        for _ in frames:
            model.localiser.locate(volume, flag)
        for joint in range(n):
            part = slice(joint, joint + 1)
            model.grader(
                {kind: value[:, part] for kind, value in crops.items()},
                {kind: value[:, part] for kind, value in there.items()},
                levels[part],
            )

    def settle() -> None:
        if device.startswith("cuda"):
            torch.cuda.synchronize()

    model.localiser.locate(volume, flag)
    model.grader(
        {kind: value[:, :1] for kind, value in crops.items()},
        {kind: value[:, :1] for kind, value in there.items()},
        levels[:1],
    )
    if device.startswith("cuda"):  # the first pass of each shape chooses its kernels
        networks()
        one_by_one()
    settle()
    works: list[Callable[[], Any]] = [lambda: grade_case(model, case), networks, one_by_one]
    seconds: list[list[float]] = [[], [], []]
    for _ in range(repeats):
        for work, own in zip(works, seconds, strict=True):
            started = time.perf_counter()
            work()
            settle()
            own.append(time.perf_counter() - started)
    whole, bare, single = (median(own) for own in seconds)
    return Timing(whole, bare, single)


def _grade_many(folder: Path, case: CaseImages, n_cases: int, barrier: Any, answers: Any) -> None:
    """One worker process of one thread: ready, wait for the others, grade, say how long it took."""
    model = load_model(folder, threads=1)
    grade_case(model, case)
    barrier.wait()
    started = time.perf_counter()
    for _ in range(n_cases):
        grade_case(model, case)
    answers.put(time.perf_counter() - started)


def throughput(folder: Path, case: CaseImages, *, workers: int, n_cases: int) -> float:
    """
    Cases per second of so many worker processes of one thread each, all at work together.

    Parameters
    ----------
    folder : Path
        Of the model version.
    case : CaseImages
    workers : int
    n_cases : int
        For each worker.
    """
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(workers), context.Queue()
    processes = [
        context.Process(target=_grade_many, args=(folder, case, n_cases, barrier, answers))
        for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        # The slowest decides: while it works alone the others' share is lost.
        slowest = max(float(answers.get(timeout=600)) for _ in processes)
    finally:
        for process in processes:
            process.join(timeout=30)
            if process.is_alive():
                process.kill()
    return workers * n_cases / slowest


def growth(folder: Path, case: CaseImages, *, workers: int, n_cases: int, rounds: int) -> tuple[float, float]:
    """
    How much more several workers do than one, interleaved so that a busy machine slows both.

    Returns
    -------
    one : float
        Median cases per second of one worker.
    growth : float
        Median of the rounds' ratios.
    """
    ones, ratios = [], []
    for _ in range(rounds):
        one = throughput(folder, case, workers=1, n_cases=n_cases)
        ratios.append(throughput(folder, case, workers=workers, n_cases=n_cases) / one)
        ones.append(one)
    return median(ones), median(ratios)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path, nargs="?", default=Path("inference/weights/facet-demo"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--reference-repeats",
        type=int,
        default=2,
        help="of the reference network on the CPU: tens of seconds each",
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--workers", type=int, default=2, help="processes of the throughput test; 1 leaves it out"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object at the end, no lines before it")
    options = parser.parse_args(arguments)
    say = (lambda _text: None) if options.json else _say
    small = load_model(options.model, threads=options.threads)
    case = phantom_case()
    found: dict[str, Any] = {"threads": options.threads, "torch": torch.__version__}
    devices = ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]
    found["gpu"] = torch.cuda.get_device_name(0) if len(devices) > 1 else "none"
    for device in devices:
        for name, model in (("small", small), ("reference", reference_model(small))):
            slow = name == "reference" and device == "cpu"
            repeats = options.reference_repeats if slow else options.repeats
            timing = measure(model.on(device), case, repeats=repeats)
            row = {
                "case_seconds": round(timing.case_seconds, 4),
                "network_seconds": round(timing.network_seconds, 4),
                "overhead": round(timing.overhead, 3),
                "one_by_one_seconds": round(timing.one_by_one_seconds, 4),
            }
            found[f"{name} on {device}"] = row
            say(
                f"{name} network on {device}: {row['case_seconds']:.3f} s a case, networks alone "
                f"{row['network_seconds']:.3f} s, overhead {row['overhead']:.0%}; one joint a time "
                f"{row['one_by_one_seconds']:.3f} s"
            )
    found["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    if len(devices) > 1:
        found["gpu_memory_mb"] = torch.cuda.max_memory_allocated() >> 20
    if options.workers > 1:
        one, more = growth(options.model, case, workers=options.workers, n_cases=6, rounds=3)
        found["throughput"] = {
            "workers": options.workers,
            "one_worker_cases_per_second": round(one, 3),
            "growth": round(more, 2),
        }
        say(
            f"small network, one worker of one thread {one:.2f} cases a second; "
            f"{options.workers} workers {more:.2f} times as many"
        )
    found["load"] = round(os.getloadavg()[0], 1)
    on_card = f" ({found['gpu_memory_mb']} MB of it)" if len(devices) > 1 else ""
    say(
        f"load of the machine {found['load']}; peak memory {found['memory_mb']} MB, "
        f"{options.threads} thread(s), GPU: {found['gpu']}{on_card}"
    )
    if options.json:
        _say(json.dumps(found))
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
