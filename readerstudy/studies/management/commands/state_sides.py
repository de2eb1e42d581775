"""``manage.py state_sides S CASE established|by-convention|unknown --source TEXT [--imaging-study N]``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readerstudy.imaging.models import Laterality
from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.models import Case
from readerstudy.studies.services.sides import state_sides


class Command(BaseCommand):
    help = "States what is known of left and right in the imaging studies of a case, before it is assigned."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("case", help="pseudonym of the case")
        parser.add_argument("sides", choices=Laterality.values)
        parser.add_argument("--source", required=True, help="how that is known")
        parser.add_argument(
            "--imaging-study",
            type=int,
            help="number of one imaging study as the page counts; every one by default",
        )
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study, number = study_named(options["study"]), options["imaging_study"]
        case = Case.objects.filter(study=study, pseudonym=options["case"]).select_related("image_set").first()
        if case is None:
            raise CommandError(f"The study has no case {options['case']!r}.")
        uids = (
            list(case.image_set.imaging_studies.order_by("pk").values_list("blinded_uid", flat=True))
            if case.image_set
            else []
        )
        if not uids or (number is not None and not 1 <= number <= len(uids)):
            raise CommandError(f"The case has {len(uids)} imaging studies.")
        chosen = uids if number is None else [uids[number - 1]]
        with plain_refusals():
            n_changed = state_sides(
                case=case,
                sides=dict.fromkeys(chosen, options["sides"]),
                source=options["source"],
                actor=actor_named(options["by"]),
                at=timezone.now(),
            )
        self.stdout.write(f"{n_changed} imaging studies of {case.pseudonym} changed.")
