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
from readerstudy.core.jobs import JobContext, JobRefused

if TYPE_CHECKING:
    from inference.engine.bundle import Loaded


@lru_cache(maxsize=2)
def _load(folder: Path) -> "Loaded":
    from inference.engine.bundle import load_any

    return load_any(folder, threads=settings.READERSTUDY_TORCH_THREADS)


def load_registered(model: ModelVersion) -> "Loaded":
    """
    Return a registered model, loaded once per process.

    Raises
    ------
    ModelRefused
        If its files are refused or are not those that were registered.
    """
    from inference.engine.manifest import ModelRefused

    loaded = _load(model_folder(model))
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
        model = load_registered(run.model)
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
        result = grade_case(model, images, check=context.check, saliency=True)
    result.notes.extend(notes)
    result.seconds["read"] = read_seconds
    with context.commit():
        write_result(run_id=run.pk, result=result, at=timezone.now())
