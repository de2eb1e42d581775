"""``manage.py make_large_study SLUG``: a simulated study of full size, locked, unblinded and computed, with times."""

import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.demo.building.large import make_large_study
from readerstudy.demo.building.measuring import finish, measure_pages
from readerstudy.studies.models import ReaderStudy

PATIENTS = 1132
PROTOCOL = Path("protocols") / "facet-joint-degeneration.yaml"


class Command(BaseCommand):
    help = (
        "Simulate a finished study (1,132 patients x 10 joints x 5 findings, two readers, adjudicator, panel, "
        "model, three centres, 10 % repeats), unblind it, and say how long its snapshot and pages take."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name of the study to make")
        parser.add_argument("--patients", type=int, default=PATIENTS, help=f"patients ({PATIENTS})")
        parser.add_argument("--seed", type=int, default=1, help="seed of the simulation (1)")
        parser.add_argument(
            "--as", dest="investigator", default="pi", metavar="NAME",
            help="account that becomes the study's investigator (pi); made without a password if missing",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        if ReaderStudy.objects.filter(slug=options["slug"]).exists():
            raise CommandError(f"There is a study named {options['slug']!r} already. Nothing was made.")
        if options["patients"] < 20:
            raise CommandError("A study needs 20 patients or more, so that every partition holds some.")
        investigator = User.objects.filter(username=options["investigator"]).first()
        if investigator is None:
            investigator = User(username=options["investigator"], display_name="Investigator (simulated)")
            investigator.set_unusable_password()
            investigator.save()
        begun = time.perf_counter()
        study = make_large_study(
            source=(Path(settings.BASE_DIR) / PROTOCOL).read_text(),
            slug=options["slug"],
            n_patients=options["patients"],
            seed=options["seed"],
            investigator=investigator,
            at=timezone.now(),
            say=self.stdout.write,
        )
        self.stdout.write(f"written in {time.perf_counter() - begun:.1f} s")
        for what, seconds in finish(study=study, investigator=investigator):
            self.stdout.write(f"{what}: {seconds:.2f} s")
        try:
            for what, seconds in measure_pages(study=study, investigator=investigator):
                self.stdout.write(f"{what}: {1000 * seconds:.0f} ms")
        except ValueError as missing:
            # The manifest of static files is read by the first page.
            self.stderr.write(
                f"The study stands; its pages were not timed: {missing} Run collectstatic first."
            )
