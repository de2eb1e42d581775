"""What the pages of models, runs and trainings show."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import get_language

from inference.models import ModelVersion, TrainingRun
from inference.selectors import FitRow, registry_rows, run_rows
from inference.services.registry import fit_to_protocol
from inference.services.training import job_of
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.studies import current_protocol


def registry_page(study: ReaderStudy) -> dict[str, Any]:
    """Registry rows with their fit to the study's protocol, and the study's runs; primitives only."""
    protocol = current_protocol(study)
    fits = {
        model.pk: tuple(
            FitRow(line.what, line.fits, line.detail)
            for line in fit_to_protocol(model=model, protocol=protocol)
        )
        for model in ModelVersion.objects.all()
    }
    return {
        "labels": labels(study),
        "models": registry_rows(study, fits),
        "runs": run_rows(study),
        "trainings": [
            {
                "number": run.number,
                "model": f"{run.plan['name']} {run.plan['version']}",
                "started_at": run.started_at,
                "state": training_state(run),
                "epochs": len(run.epochs),
            }
            for run in TrainingRun.objects.filter(study=study).order_by("-number")
        ],
    }


WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"
_OF_JOB = {Job.State.RUNNING: RUNNING, Job.State.CANCELLED: STOPPED, Job.State.FAILED: FAILED}


def finding_names(study: ReaderStudy) -> dict[str, str]:
    """Labels of the protocol's findings in the page's language; a finding that it no longer has keeps its code."""
    language = get_language() or "en"
    return {
        finding.id: finding.label.in_language(language)
        for finding in current_protocol(study).document.findings
    }


def labels(study: ReaderStudy) -> dict[str, str]:
    """Labels of the protocol's findings, structures and marks in the page's language, by their codes."""
    language = get_language() or "en"
    document = current_protocol(study).document
    known = [*document.structures, *document.findings, *document.marks]
    return {each.id: each.label.in_language(language) for each in known}


def training_state(run: TrainingRun) -> str:
    """How a training stands: by its result, else by its job."""
    if run.result_id is not None:
        return DONE
    job = job_of(run)
    return WAITING if job is None else _OF_JOB.get(Job.State(job.state), WAITING)


@dataclass(frozen=True)
class EpochRow:
    """One epoch: losses, and the area under the curve of each finding on the validation patients."""

    number: int
    train_loss: float
    validation_loss: float
    auc: tuple[float | None, ...]
    seconds: float
    is_best: bool


@dataclass(frozen=True)
class TrainingPage:
    """A training as its page shows it; primitives only."""

    number: int
    model: str
    state: str
    error: str
    stage: str
    done: int
    total: int
    started_at: datetime
    training_set: int
    training_set_digest: str
    started_from: str
    findings: tuple[str, ...]
    epochs: tuple[EpochRow, ...]
    left_out: tuple[tuple[str, str], ...]
    result_digest: str
    is_synthetic: bool
    small_sample: tuple[dict[str, Any], ...]
    test: tuple[dict[str, Any], ...]
    test_opened_at: datetime | None
    study_is_unblinded: bool

    @property
    def is_going_on(self) -> bool:
        return self.state in {WAITING, RUNNING}


def training_page(run: TrainingRun) -> TrainingPage:
    """Return what the page of one training shows."""
    job = job_of(run)
    findings = tuple(scale["finding"] for scale in run.scales)
    names = finding_names(run.study)
    losses = [each["validation_loss"] for each in run.epochs]
    best = losses.index(min(losses)) if losses else -1
    return TrainingPage(
        number=run.number,
        model=f"{run.plan['name']} {run.plan['version']}",
        state=training_state(run),
        error=job.error if job else "",
        stage=job.message if job else "",
        done=job.progress_done if job else 0,
        total=job.progress_total if job else 0,
        started_at=run.started_at,
        training_set=run.training_set.number,
        training_set_digest=run.training_set.digest,
        started_from=str(run.started_from),
        findings=tuple(names.get(finding, finding) for finding in findings),
        epochs=tuple(
            EpochRow(
                number=each["epoch"] + 1,
                train_loss=each["train_loss"],
                validation_loss=each["validation_loss"],
                auc=tuple(each["auc"].get(finding) for finding in findings),
                seconds=each["seconds"],
                is_best=place == best,
            )
            for place, each in enumerate(run.epochs)
        ),
        left_out=tuple(sorted(run.left_out.items())),
        result_digest=run.result.short_digest if run.result else "",
        is_synthetic=run.study.is_demonstration,
        small_sample=tuple(
            {"finding": names.get(finding, finding), **row}
            for finding, row in (run.result.manifest.get("small_sample", {}) if run.result else {}).items()
        ),
        test=tuple(
            {"finding": names.get(finding, finding), **figures}
            for finding, figures in run.test_figures.items()
        ),
        test_opened_at=run.test_opened_at,
        study_is_unblinded=run.study.state == ReaderStudy.State.UNBLINDED,
    )
