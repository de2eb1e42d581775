"""``manage.py release_aid STUDY --model NAME@VERSION``: give the readers of aided sessions the model's aid."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from inference.models import ModelVersion
from readerstudy.analysis.services.aids import AidRefused, release_aid
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = (
        "Release a frozen copy of a model version's predictions to every aided showing of an open study that waits "
        "for one. Unaided readers and sessions see nothing of it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("--model", required=True, help="NAME@VERSION, or the digest of its manifest")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']!r}.")
        name, _, version = options["model"].partition("@")
        found = (
            ModelVersion.objects.filter(name=name, version=version).first()
            if version
            else ModelVersion.objects.filter(digest=name).first()
        )
        if found is None:
            known = ", ".join(f"{each.name}@{each.version}" for each in ModelVersion.objects.order_by("pk"))
            raise CommandError(f"There is no model {options['model']!r}. There are: {known or 'none'}.")
        try:
            n = release_aid(study=study, version=found, actor=None, at=timezone.now())
        except AidRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"The aid of {found} was released for {n} aided showings.")
