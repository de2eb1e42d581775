"""``manage.py assign S --seed N``"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from readerstudy.studies.management.support import actor_named, plain_refusals, study_named
from readerstudy.studies.pages import plan_rows
from readerstudy.studies.services.assignment import assign_reads, plan_assignment
from readerstudy.studies.services.partition import draw_partition


class Command(BaseCommand):
    help = "Draws partitions and assigns every included case that has no reader; --preview only shows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study")
        parser.add_argument("--seed", type=int, required=True)
        parser.add_argument("--preview", action="store_true")
        parser.add_argument("--by", help="account in whose name this is done")

    def handle(self, *args: Any, **options: Any) -> None:
        study, actor, at = study_named(options["study"]), actor_named(options["by"]), timezone.now()
        with plain_refusals():
            plan = plan_assignment(study=study, seed=options["seed"])
            for row in plan_rows(study, plan):
                self.stdout.write(f"{row.code}\t{row.duty}\t{row.n_cases}")
            if options["preview"]:
                return
            draw_partition(study=study, seed=options["seed"], actor=actor, at=at)
            assign_reads(study=study, seed=options["seed"], actor=actor, at=at)
        self.stdout.write(f"Assigned. Digest of the plan {plan.digest}.")
