"""``manage.py withdraw_case S CASE``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.models import Case
from readerstudy.studies.services.cases import withdraw_case


class Command(BaseCommand):
    help = "Erases the images and the identity behind a case for good; answers given on it stay."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("case", help="pseudonym of the case")
        parser.add_argument("--by", help="account in whose name this is done")
        parser.add_argument(
            "--yes", action="store_true", help="do it; without, only say what would be erased"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        study = study_named(options["study"])
        case = Case.objects.filter(study=study, pseudonym=options["case"]).first()
        if case is None:
            raise CommandError(f"The study has no case {options['case']!r}.")
        if not options["yes"]:
            self.stdout.write(
                f"Would erase the images and the identity behind {case.pseudonym}. Add --yes to do it."
            )
            return
        with plain_refusals():
            withdraw_case(case=case, actor=actor_named(options["by"]), at=timezone.now())
        self.stdout.write(f"Case {case.pseudonym}: images and identity are erased; answers stay.")
