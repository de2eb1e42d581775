"""``manage.py benchmark_pages``: how long the coordinator's pages and the lists take on a large study."""

import statistics
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from readerstudy.accounts.models import User
from readerstudy.demo.building.crowded import SLUG, CrowdedStudy, make_crowded_study
from readerstudy.studies.models import ReaderStudy

PAGES = (
    ("coordinator", "grading:overview"),
    ("coordinator", "studies:cases"),
    ("coordinator", "studies:assignments"),
    ("coordinator", "grading:monitor"),
    ("coordinator", "studies:queries"),
    ("coordinator", "studies:deviations"),
    ("coordinator", "studies:team"),
    ("coordinator", "studies:invitations"),
    ("coordinator", "studies:protocol"),
    ("reader", "grading:worklist"),
    ("adjudicator", "grading:adjudication_list"),
    ("panel_member", "grading:panel_list"),
)


class Command(BaseCommand):
    help = (
        "Makes a large synthetic study in this database (once) and prints milliseconds and queries per page. "
        "Use a data root of its own (READERSTUDY_DATA_ROOT=/some/empty/folder) after migrate and collectstatic."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--cases", type=int, default=5000)
        parser.add_argument("--readers", type=int, default=20)
        parser.add_argument("--ratings", type=int, default=1_000_000)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--times", type=int, default=5, help="how often each page is asked for")
        parser.add_argument("--limit-ms", type=float, default=300)
        parser.add_argument(
            "--by-cpu",
            action="store_true",
            help="hold the limit against processor time: for a machine that others use, with SQLite",
        )
        parser.add_argument("--limit-queries", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        made = self._study(options)
        self.stdout.write(
            f"{'page':<28}{'median ms':>11}{'worst ms':>10}{'cpu ms':>8}{'queries':>9}{'kB':>8}"
        )
        over = []
        for role, name in PAGES:
            # A host that the installation answers to, whatever its settings say.
            client = Client(headers={"host": (settings.ALLOWED_HOSTS or ["localhost"])[0]})
            client.force_login(getattr(made, role))
            address = reverse(name, kwargs={"slug": SLUG})
            client.get(address)
            took, used = [], []
            for _ in range(options["times"]):
                started, worked = time.perf_counter(), time.process_time()
                answer = client.get(address)
                took.append(1000 * (time.perf_counter() - started))
                used.append(1000 * (time.process_time() - worked))
            with CaptureQueriesContext(connection) as queries:
                answer = client.get(address)
            if answer.status_code != 200:
                raise CommandError(f"{address} answered {answer.status_code}")
            median, n_queries = statistics.median(took), len(queries)
            cpu = statistics.median(used)
            size = len(answer.content) / 1000
            self.stdout.write(
                f"{name:<28}{median:>11.0f}{max(took):>10.0f}{cpu:>8.0f}{n_queries:>9}{size:>8.0f}"
            )
            judged = cpu if options["by_cpu"] else median
            if judged > options["limit_ms"] or n_queries > options["limit_queries"]:
                over.append(name)
        if over:
            raise CommandError(
                f"over {options['limit_ms']:g} ms or {options['limit_queries']} queries: {', '.join(over)}"
            )
        self.stdout.write(
            f"every page within {options['limit_ms']:g} ms and {options['limit_queries']} queries"
        )

    def _study(self, options: dict[str, Any]) -> CrowdedStudy:
        study = ReaderStudy.objects.filter(slug=SLUG).first()
        if study is None:
            made = make_crowded_study(
                n_cases=options["cases"],
                n_readers=options["readers"],
                n_ratings=options["ratings"],
                seed=options["seed"],
                say=self.stdout.write,
            )
            self.stdout.write(f"{made.n_ratings} ratings")
            return made
        person = lambda name: User.objects.get(username=f"crowded-{name}")  # noqa: E731
        return CrowdedStudy(
            study, person("coordinator"), person("reader-1"), person("adjudicator"), person("panel"), 0
        )
