"""``manage.py export S DIR``: every table of an unblinded study as files."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis.services.exports import ExportRefused, write_export
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Write the rows, the snapshot and a data dictionary of an unblinded study into a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("folder", type=Path, help="folder to write into; made where it is missing")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study named {options['study']!r}.")
        try:
            files = write_export(study=study, actor=None, at=timezone.now())
        except ExportRefused as refusal:
            raise CommandError(str(refusal)) from None
        folder: Path = options["folder"]
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8", newline="")
        self.stdout.write(f"{len(files)} files written to {folder}")
