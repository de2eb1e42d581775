"""``manage.py create_study PROTOCOL.yaml --slug S``"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.studies.management.support import actor_named, plain_refusals
from readerstudy.studies.services.studies import create_study


class Command(BaseCommand):
    help = "Makes a draft study from a protocol file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("protocol", type=Path)
        parser.add_argument("--slug", required=True)
        parser.add_argument("--title", default="")
        parser.add_argument(
            "--demonstration", action="store_true", help="mark everything as demonstration data"
        )
        parser.add_argument(
            "--straight-to-cases",
            action="store_true",
            help="readers begin without acknowledging charter and viewing conditions",
        )
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["protocol"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.")
        with plain_refusals():
            study = create_study(
                source=path.read_text(encoding="utf-8"),
                slug=options["slug"],
                title=options["title"],
                is_demonstration=options["demonstration"],
                asks_before_reading=not (options["demonstration"] or options["straight_to_cases"]),
                actor=actor_named(options["by"]),
                at=timezone.now(),
                name=path.name,
            )
        self.stdout.write(f"Study {study.slug} is a draft. Give people roles, import images, then open it.")
