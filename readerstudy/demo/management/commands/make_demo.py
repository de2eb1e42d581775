"""``manage.py make_demo [--without-model]``: the demonstration's accounts and its two studies."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from readerstudy.demo.building.people import accounts_file, make_people
from readerstudy.demo.building.studies import (
    FINISHED,
    OPEN,
    make_open_study,
    make_study,
    read_finished_study,
)
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = "Makes the demonstration: synthetic patients, simulated doctors, an account for every role."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--open-cases", type=int, default=12)
        parser.add_argument("--finished-cases", type=int, default=20)
        parser.add_argument("--seed", type=int, default=5635006)
        parser.add_argument("--without-model", action="store_true", help="leave out what needs torch")

    def handle(self, *args: Any, **options: Any) -> None:
        people = make_people()
        seed = options["seed"]
        if not ReaderStudy.objects.filter(slug=OPEN).exists():
            make_open_study(people=people, n_cases=options["open_cases"], seed=seed, say=self.say)
        if not ReaderStudy.objects.filter(slug=FINISHED).exists():
            made = make_study(
                slug=FINISHED,
                title="Facet joint degeneration, finished (demonstration)",
                n_cases=options["finished_cases"],
                seed=seed + 1,
                people=people,
                say=self.say,
                n_excluded=1,
            )
            read_finished_study(made=made, people=people, seed=seed, say=self.say)
        self.say(f"accounts: {accounts_file()}")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
