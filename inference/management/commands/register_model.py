"""``manage.py register_model FOLDER [--approve]``: take a model version in, run its self-test, approve it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from inference.engine.manifest import ModelRefused
from inference.models import ModelVersion
from inference.services.errors import InferenceRefused
from inference.services.registry import approve_model, mark_validated, register_model


class Command(BaseCommand):
    help = "Register a model version from a folder with config.json and weights.safetensors."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--approve", action="store_true", help="approve it for confirmatory runs")
        parser.add_argument(
            "--without-self-test",
            action="store_true",
            help="only take it in, where torch is not installed; it runs once a worker has tested it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        try:
            model = register_model(folder=options["folder"], actor=None, at=at)
            if not options["without_self_test"]:
                from inference.running import self_test

                mark_validated(model=model, golden_difference=self_test(model), actor=None, at=timezone.now())
            if options["approve"] and model.state == ModelVersion.State.VALIDATED:
                approve_model(model=model, actor=None, at=timezone.now())
        except (ModelRefused, InferenceRefused) as error:
            raise CommandError(str(error)) from error
        synthetic = ", trained on synthetic images" if model.is_synthetic else ""
        self.stdout.write(f"{model}: {model.state}{synthetic}\n{model.digest}")
