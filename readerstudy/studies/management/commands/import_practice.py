"""``manage.py import_practice STUDY FILE.csv``: take cases for training and calibration, with their reference."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.studies.management.support import plain_refusals, study_named
from readerstudy.studies.services.practice import COLUMNS, take_practice_cases


class Command(BaseCommand):
    help = (
        "Take cases for training and calibration of readers, with the reference they are judged by. The table has "
        f"the columns {', '.join(COLUMNS)}. These cases are never read for the study."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("table", type=Path, help="CSV file")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        try:
            table = options["table"].read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"The table cannot be read: {error}") from None
        with plain_refusals():
            n = take_practice_cases(study=study, table=table, actor=None, at=timezone.now())
        self.stdout.write(f"{n} cases were taken for practice.")
