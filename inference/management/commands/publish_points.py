"""``manage.py publish_points STUDY --run N``: write a run's joint points as a table, or publish them."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from inference.models import StudyRun
from inference.services.errors import InferenceRefused
from inference.services.points import publish_points, read_points, write_points


class Command(BaseCommand):
    help = (
        "Make the joint points that a model found places of the study, before anybody reads the cases. With --write "
        "they are written as a table to correct, with --points a corrected table is published."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("study", help="short name of the study")
        parser.add_argument("--run", type=int, required=True, help="number of the run")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--write", type=Path, help="CSV to write; nothing is published")
        which.add_argument("--points", type=Path, help="corrected CSV; the points as found where absent")

    def handle(self, *args: Any, **options: Any) -> None:
        study_run = StudyRun.objects.filter(study__slug=options["study"], number=options["run"]).first()
        if study_run is None:
            raise CommandError(f"The study {options['study']!r} has no run {options['run']}.")
        if options["write"]:
            options["write"].write_text(write_points(study_run), encoding="utf-8")
            self.stdout.write(f"Wrote {options['write'].name}. Nothing was published.")
            return
        try:
            points = None
            if options["points"]:
                points = read_points(options["points"].read_text(encoding="utf-8-sig"))
            n = publish_points(study_run=study_run, points=points, actor=None, at=timezone.now())
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{options['points'].name} cannot be read as UTF-8 text.") from error
        except InferenceRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"Published the places of {n} cases.")
