"""``manage.py open_study S``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.services.studies import current_protocol, open_study


class Command(BaseCommand):
    help = "Opens a draft study for reading; its protocol is frozen from then on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        with plain_refusals():
            open_study(study=study, actor=actor_named(options["by"]), at=timezone.now())
        self.stdout.write(f"Study {study.slug} is open. Protocol digest {current_protocol(study).digest}.")
