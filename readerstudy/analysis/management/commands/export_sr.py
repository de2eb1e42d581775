"""``manage.py export_sr S FILE.zip``: the answers of an unblinded study as DICOM structured reports (TID 1500)."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.analysis.services.structured import write_structured_reports
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Write reference standard, readers and model of every case as DICOM structured reports into a ZIP."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("file", type=Path, help="ZIP file to write")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study named {options['study']!r}.")
        snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
        if snapshot is None:
            raise CommandError("Reports are made of a computed snapshot of an unblinded study.")
        content = write_structured_reports(snapshot=snapshot, actor=None, at=timezone.now())
        options["file"].write_bytes(content)
        self.stdout.write(f"{options['file']} written, {len(content) // 1024} kB")
