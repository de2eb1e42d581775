"""How long the lock, the snapshot and the pages of a study take."""

import time
from collections.abc import Iterator

from django.conf import settings
from django.test import Client
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.analysis.selectors import data_hash, predictions_hash
from readerstudy.analysis.services.locking import lock, unblind
from readerstudy.demo.building.jobs import run_waiting
from readerstudy.studies.models import ReaderStudy

Timed = Iterator[tuple[str, float]]


def finish(*, study: ReaderStudy, investigator: User) -> Timed:
    """Lock, unblind and compute the snapshot in this process; yield what took how long."""
    begun = time.perf_counter()
    digest = data_hash(study)
    yield "data hash", time.perf_counter() - begun
    begun = time.perf_counter()
    study = lock(study=study, actor=investigator, signed_digest=digest, reason="simulated", at=timezone.now())
    yield "lock", time.perf_counter() - begun
    begun = time.perf_counter()
    unblind(
        study=study,
        actor=investigator,
        signed_digest=predictions_hash(study),
        reason="simulated",
        at=timezone.now(),
    )
    yield "unblind", time.perf_counter() - begun
    begun = time.perf_counter()
    run_waiting(study)
    yield "snapshot with all intervals of the plan", time.perf_counter() - begun


# A state of the plan, then one outside it, first computed and then kept.
PAGES = (
    ("results page, state of the plan", "results/"),
    ("results page, a state outside the plan, first time", "results/?finding=osteophytes&cut=1&centre=A&partition=all"),
    ("results page, the same state again", "results/?finding=osteophytes&cut=1&centre=A&partition=all"),
    ("figures of a state outside the plan, first time", "results/figures.json?finding=cyst&centre=B&partition=all"),
    (
        "bootstrap figures of a state outside the plan, first time",
        "results/resampled.json?finding=cyst&cut=1&partition=all",
    ),
    ("items of a cell", "results/items/?finding=cyst&partition=all&who=R1&cell=fn"),
    ("report page", "results/report/"),
)  # fmt: skip


def measure_pages(*, study: ReaderStudy, investigator: User) -> Timed:
    """Ask for the pages as the investigator would; yield what took how long on the server."""
    host = next((name for name in settings.ALLOWED_HOSTS if name not in {"*", ""}), "localhost")
    client = Client(headers={"host": host.lstrip(".")})
    client.force_login(investigator)
    for what, path in PAGES:
        begun = time.perf_counter()
        answer = client.get(f"/studies/{study.slug}/{path}")
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        yield what, time.perf_counter() - begun
