"""
The files of a training: crops, which are pixels of patients, and the checkpoint, which is not.

Crops lie in the data root only while their training waits or runs. They are erased when it ends in whatever way,
and those of a case when it is withdrawn; a training that goes on later cuts again what it lacks.
"""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings

from inference.models import TrainingRun
from readerstudy.core.models import Job
from readerstudy.studies.models import Case

CASES, GATHERED = "cases", ("train", "validation")


def training_folder(run: TrainingRun) -> Path:
    """Folder of the data root with a training's crops and checkpoint."""
    return Path(settings.READERSTUDY_DATA_ROOT) / "training" / str(run.public_id)


def crops_file(run: TrainingRun, case: str) -> Path:
    """File of a case's crops; no pseudonym can turn its name into a path."""
    return training_folder(run) / CASES / f"{file_name(case)}.npz"


def file_name(case: str) -> str:
    """A name for a case's files that no pseudonym can turn into a path."""
    return hashlib.sha256(case.encode()).hexdigest()[:24]


def erase_material(run: TrainingRun) -> None:
    """Erase a finished training's crops and checkpoint. The model version and the record stay."""
    shutil.rmtree(training_folder(run), ignore_errors=True)


def erase_crops(run: TrainingRun) -> None:
    """Erase a training's crops and keep its checkpoint."""
    for name in (CASES, *GATHERED):
        shutil.rmtree(training_folder(run) / name, ignore_errors=True)


def erase_crops_of_case(case: Case) -> None:
    """Erase a withdrawn case's crops in every training of its study, those that were put together included."""
    for run in TrainingRun.objects.filter(study=case.study_id, result__isnull=True).order_by("pk"):
        path = crops_file(run, case.pseudonym)
        path.unlink(missing_ok=True)
        path.with_suffix(".part.npz").unlink(missing_ok=True)
        for name in GATHERED:
            shutil.rmtree(training_folder(run) / name, ignore_errors=True)


def erase_crops_of_ended(runs: Iterable[TrainingRun] | None = None) -> int:
    """
    Erase the crops of trainings whose job has ended without a model; returns how many had any.

    Called when a training begins and when one is stopped: a worker that was killed could not tidy up itself.
    """
    erased = 0
    for run in TrainingRun.objects.filter(result__isnull=True) if runs is None else runs:
        if not any((training_folder(run) / name).exists() for name in (CASES, *GATHERED)):
            continue
        job = Job.objects.filter(public_id=run.job_id).first()
        if job is None or job.is_finished:
            erase_crops(run)
            erased += 1
    return erased
