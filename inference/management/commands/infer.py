"""``manage.py infer STUDY --model MODEL``: run a model on the included cases of a study."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q
from django.utils import timezone

from inference import tasks  # noqa: F401  (registers the handler that --now calls)
from inference.models import ModelVersion
from inference.selectors import run_progress
from inference.services.errors import InferenceRefused
from inference.services.runs import start_run
from readerstudy.core.jobs import run_job
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Run a model on every included case of a study that it has not seen with the same input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("--model", required=True, help="name, name:version or digest")
        parser.add_argument(
            "--case", action="append", metavar="CODE", help="this case only; may be given several times"
        )
        parser.add_argument(
            "--now", action="store_true", help="do the work in this process instead of waiting for a worker"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']!r}.")
        model = find_model(options["model"])
        try:
            study_run = start_run(
                study=study, model=model, actor=None, at=timezone.now(), only=options["case"]
            )
        except InferenceRefused as error:
            raise CommandError(str(error)) from error
        if study_run is None:
            self.stdout.write("Every included case has its result from this model already.")
            return
        self.stdout.write(f"Run {study_run.number}: {study_run.runs.count()} cases wait for {model}.")
        if options["now"]:
            for job_id in study_run.runs.order_by("pk").values_list("job_id", flat=True):
                run_job(Job.objects.get(public_id=job_id).pk)
            progress = run_progress(study_run)
            self.stdout.write(
                f"{progress.n_done} done, {progress.n_in_part} in part, {progress.n_refused} refused, "
                f"{progress.n_failed} failed."
            )


def find_model(text: str) -> ModelVersion:
    """
    Find a model by name, ``name:version`` or the beginning of its digest; the newest of a name.

    Raises
    ------
    CommandError
        If there is none.
    """
    name, _, version = text.partition(":")
    by_digest = Q(digest__startswith=text) if len(text) >= 8 else Q(pk__in=[])
    found = ModelVersion.objects.filter(
        Q(name=name, **({"version": version} if version else {})) | by_digest
    ).order_by("-registered_at", "-pk")
    model = found.exclude(state=ModelVersion.State.RETIRED).first() or found.first()
    if model is None:
        known = ", ".join(str(each) for each in ModelVersion.objects.order_by("name", "version"))
        raise CommandError(f"There is no model {text!r}. Registered: {known or 'none'}.")
    return model
