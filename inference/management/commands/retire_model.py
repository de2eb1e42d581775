"""``manage.py retire_model NAME[:VERSION] --reason TEXT``: take a model version out of use; its predictions stay."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from inference.services.errors import InferenceRefused
from inference.services.registry import retire_model
from inference.services.training import model_named


class Command(BaseCommand):
    help = "Retire a registered model version: no run and no training starts from it any more."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="name, name:version or the beginning of the digest")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            model = model_named(options["model"])
            retire_model(model=model, reason=options["reason"], actor=None, at=timezone.now())
        except InferenceRefused as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{model}: {model.state}")
