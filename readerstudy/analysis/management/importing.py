"""What the import commands share: read the file, call one service, name every refused row."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis.services.imports import ImportRefused
from readerstudy.studies.models import ReaderStudy
from readerstudy.studies.services.errors import StudyRefused


class ImportCommand(BaseCommand):
    """``manage.py import_X S FILE.csv``."""

    service: Callable[..., int]

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of an open study")
        parser.add_argument("file", type=Path, help="CSV file, UTF-8")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study named {options['study']!r}.")
        try:
            text = options["file"].read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"The file cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError("The file is not UTF-8. Nothing was changed.") from None
        try:
            n = type(self).service(
                study=study, text=text, actor=None, at=timezone.now(), source=options["file"].name
            )
        except ImportRefused as refusal:
            for problem in refusal.problems:
                self.stderr.write(str(problem))
            raise CommandError(f"{len(refusal.problems)} rows refused. Nothing was changed.") from None
        except StudyRefused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{n} rows taken in.")
