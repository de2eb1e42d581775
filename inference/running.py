"""
The worker's side of a run: load the model once, read the case, grade it, write it down.

torch is imported inside the functions: the web process imports this package's tasks by name only, and must
not carry a gigabyte that it never uses.
"""

import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from inference.case_images import load_case_images
from inference.models import InferenceRun, ModelVersion
from inference.services.registry import model_folder
from inference.services.runs import write_result
from inference.task_names import GPU_QUEUE
from readerstudy.core.jobs import JobContext, JobRefused
from readerstudy.studies.services.studies import current_protocol

if TYPE_CHECKING:
    from inference.engine.bundle import Loaded


@lru_cache(maxsize=2)
def _load(folder: Path, device: str = "cpu") -> "Loaded":
    from inference.engine.bundle import LoadedModel, load_any

    loaded = load_any(folder, threads=settings.READERSTUDY_TORCH_THREADS)
    # Detectors and finders of presence are small; they stay on the processor of whichever machine.
    return loaded.on(device) if isinstance(loaded, LoadedModel) else loaded


def load_registered(model: ModelVersion, *, device: str = "cpu") -> "Loaded":
    """
    Return a registered model, loaded once per process.

    Parameters
    ----------
    model : ModelVersion
    device : {"cpu", "cuda"}

    Raises
    ------
    ModelRefused
        If its files are refused or are not those that were registered.
    """
    from inference.engine.manifest import ModelRefused

    loaded = _load(model_folder(model), device)
    if loaded.manifest.digest != model.digest:
        raise ModelRefused("The model's files are not those that were registered.")
    return loaded


def self_test(model: ModelVersion) -> float:
    """
    Load a registered model and run its golden self-test.

    Returns
    -------
    float
        Largest difference of a probability.

    Raises
    ------
    ModelRefused
    """
    return _load(model_folder(model)).golden_difference


def _device(queue: str) -> str:
    """Return where a job of a queue is done; raise `JobRefused` where this worker cannot."""
    from inference.engine.devices import has_graphics_card

    if queue != GPU_QUEUE:
        return "cpu"
    if not has_graphics_card():
        raise JobRefused(
            f"This run waited in {GPU_QUEUE}, and the worker that took it sees no graphics card. Nothing was graded. "
            f"Let a worker with a card listen to {GPU_QUEUE}, or set READERSTUDY_INFERENCE_QUEUE=inference.cpu, "
            "and try the run again."
        )
    return "cuda"


def run_case(context: JobContext, run_id: int) -> None:
    """
    Do one inference job. Safe to run twice: a run that has its result is left alone.

    Raises
    ------
    JobRefused
        If the model cannot be loaded or the images are gone; trying again would not help.
    """
    from inference.engine.bundle import LoadedDetector, LoadedPresence
    from inference.engine.facets import grade_case
    from inference.engine.lesions import find_lesions
    from inference.engine.manifest import ModelRefused
    from inference.engine.presence import find_presence

    run = InferenceRun.objects.select_related("case", "model", "study_run__study").get(pk=run_id)
    if run.state != InferenceRun.State.WAITING:
        return
    try:
        model = load_registered(run.model, device=_device(context.queue))
    except ModelRefused as error:
        raise JobRefused(str(error)) from error
    context.check()
    started = time.perf_counter()
    try:
        images, notes = load_case_images(run.case)
    except FileNotFoundError as error:
        raise JobRefused(
            "The images of this case are not in the cache; they may have been withdrawn."
        ) from error
    read_seconds = time.perf_counter() - started
    context.check()
    if isinstance(model, LoadedDetector):
        result = find_lesions(model, images, check=context.check)
    elif isinstance(model, LoadedPresence):
        result = find_presence(model, images, check=context.check)
    else:
        result = grade_case(
            model,
            images,
            check=context.check,
            saliency=True,
            assessable_on={
                finding.id: finding.assessable_on
                for finding in current_protocol(run.study_run.study).document.findings
                if finding.assessable_on
            },
        )
    result.notes.extend(notes)
    result.seconds["read"] = read_seconds
    with context.commit():
        write_result(run_id=run.pk, result=result, at=timezone.now())
