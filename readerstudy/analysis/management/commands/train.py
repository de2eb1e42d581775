"""``manage.py train STUDY --config FILE``: freeze the study's training set and train a model on it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from inference import tasks  # noqa: F401  (registers the handler that --now calls)
from inference.engine.training_plan import PlanRefused, read_plan
from inference.models import TrainingRun
from inference.services.errors import InferenceRefused
from inference.services.training import start_training
from readerstudy.analysis.services.training_sets import (
    TrainingSetRefused,
    freeze_training_set,
    scales_of,
)
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = (
        "Freeze the reference grades of a locked study's training and validation patients and train a model on "
        "them in the background. The test partition is not touched."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("--config", required=True, type=Path, help="the training plan, a YAML file")
        parser.add_argument(
            "--now", action="store_true", help="do the work in this process instead of waiting for a worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']!r}.")
        at = timezone.now()
        try:
            plan = read_plan(options["config"])
            frozen = freeze_training_set(study=study, actor=None, at=at)
            run = start_training(training_set=frozen, plan=plan, scales=scales_of(study), actor=None, at=at)
        except (PlanRefused, TrainingSetRefused, InferenceRefused) as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            f"Training {run.number} waits: {plan.name} {plan.version} on training set {frozen.number} "
            f"({len(frozen.items)} grades, {frozen.digest[:8]})."
        )
        if not options["now"]:
            return
        job = run_job(Job.objects.get(public_id=run.job_id).pk)
        if job is not None and job.state != Job.State.DONE:
            raise CommandError(job.error or f"The training is {job.state}.")
        run = TrainingRun.objects.select_related("result").get(pk=run.pk)
        self.stdout.write(f"Made {run.result} after {len(run.epochs)} epochs.")
