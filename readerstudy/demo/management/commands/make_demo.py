"""``manage.py make_demo [--without-model] [--phantoms FOLDER]``: the demonstration's accounts and its two studies."""

import shutil
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from readerstudy.accounts.models import User
from readerstudy.demo.building import model as demo_model
from readerstudy.demo.building.jobs import run_waiting
from readerstudy.demo.building.people import accounts_file, make_people
from readerstudy.demo.building.studies import (
    FINISHED,
    OPEN,
    lock_and_unblind,
    make_finished_study,
    make_open_study,
)
from readerstudy.studies.models import ReaderStudy


class Command(BaseCommand):
    help = (
        "Makes what is missing of the demonstration: synthetic patients, simulated doctors, an account for "
        "every role, a study open for reading and one finished and unblinded."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--open-cases", type=int, default=12)
        parser.add_argument("--finished-cases", type=int, default=16)
        parser.add_argument("--seed", type=int, default=5635006)
        parser.add_argument("--without-model", action="store_true", help="leave out what needs torch")
        parser.add_argument(
            "--phantoms",
            type=Path,
            metavar="FOLDER",
            help="keep the drawn patients below FOLDER (30 MB each) and take from there what was drawn before; "
            "otherwise they are kept in the data root until both studies stand",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        people, seed = make_people(), options["seed"]
        # After a failure the next run goes on with what was drawn; once both studies stand, nobody needs it.
        passing = Path(settings.READERSTUDY_DATA_ROOT) / "demo-phantoms"
        drawn = {"phantoms": options["phantoms"] or passing, "say": self.say}
        model = None
        reason = "left out as asked" if options["without_model"] else demo_model.why_not()
        if reason:
            self.say(f"model: none runs ({reason})")
        else:
            model = demo_model.ready_model(people["coordinator"])
        if not ReaderStudy.objects.filter(slug=OPEN).exists():
            make_open_study(people=people, n_cases=options["open_cases"], seed=seed, **drawn)
        if not ReaderStudy.objects.filter(slug=FINISHED).exists():
            make_finished_study(people=people, n_cases=options["finished_cases"], seed=seed + 1, **drawn)
        shutil.rmtree(passing, ignore_errors=True)
        finished = ReaderStudy.objects.get(slug=FINISHED)
        if model is not None:
            self.run_model(finished, model, people["coordinator"])
        if finished.state == ReaderStudy.State.OPEN:
            lock_and_unblind(study=finished, people=people, say=self.say)
        if model is not None:
            # The worker does these when it starts: their progress is there to be seen.
            demo_model.run_once(
                study=ReaderStudy.objects.get(slug=OPEN), model=model, actor=people["coordinator"]
            )
        self.say(f"accounts: {accounts_file()}")

    def run_model(self, study: ReaderStudy, model: Any, actor: User) -> None:
        if demo_model.run_once(study=study, model=model, actor=actor):
            self.say(f"{study.slug}: the model grades every case")
            run_waiting(study)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
