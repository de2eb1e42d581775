"""``manage.py report S FILE``: the report of the newest snapshot; the ending says PDF or HTML."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.analysis.services.reports import as_html, note_report, report_pdf
from readerstudy.analysis.services.snapshots import latest_snapshot
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Write the report of an unblinded study as .pdf or .html."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("file", type=Path, help="file ending in .pdf or .html")

    def handle(self, *args: Any, **options: Any) -> None:
        study = ReaderStudy.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study named {options['study']!r}.")
        snapshot = latest_snapshot(study) if study.state == ReaderStudy.State.UNBLINDED else None
        if snapshot is None:
            raise CommandError("The report is made of a computed snapshot of an unblinded study.")
        target: Path = options["file"]
        if target.suffix not in {".pdf", ".html"}:
            raise CommandError("Name a file ending in .pdf or .html.")
        content = report_pdf(snapshot) if target.suffix == ".pdf" else as_html(snapshot).encode()
        target.write_bytes(content)
        note_report(snapshot=snapshot, actor=None, at=timezone.now(), form=target.suffix[1:])
        self.stdout.write(f"{target} written, {len(content) // 1024} kB")
