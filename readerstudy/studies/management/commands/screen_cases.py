"""``manage.py screen_cases S --include-all [--numbering V] [--accept-sides]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from readerstudy.imaging.selectors import lateralities
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.services.cases import accept_sides_by_convention, fix_numbering, include_case


class Command(BaseCommand):
    help = "Screens every case that waits: numbering, sides by convention, inclusion."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("--include-all", action="store_true", required=True)
        parser.add_argument("--numbering", help="variant of the protocol for all these cases")
        parser.add_argument(
            "--accept-sides", action="store_true", help="accept sides that are not established"
        )
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study, actor, at = study_named(options["study"]), actor_named(options["by"]), timezone.now()
        waiting = (
            study.cases.filter(status="imported").select_related("study", "image_set").order_by("pseudonym")
        )
        with plain_refusals():
            for case in waiting:
                if options["numbering"]:
                    fix_numbering(case=case, variant=options["numbering"], actor=actor, at=at)
                if (
                    options["accept_sides"]
                    and case.image_set
                    and set(lateralities(case.image_set)) != {"established"}
                ):
                    accept_sides_by_convention(case=case, actor=actor, at=at)
                include_case(case=case, actor=actor, at=at)
        self.stdout.write(f"{study.cases.filter(status='included').count()} cases are included.")
