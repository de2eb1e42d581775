"""Workers die, jobs do not: every case is graded exactly once, whatever is killed and when."""

import random
import shutil
from functools import partial

import pytest

from tests.inference.conftest import PROTOCOL
from tests.inference.models_for_tests import SHIPPED, STRUCTURES, given_findings, shipped_variant
from tests.inference.worker_process import Site, wait_until
from tests.servers import Redis, RedisAbsent


@pytest.fixture
def site(tmp_path, phantom_cases, migrated_file):
    """An installation with two included phantom cases and the shipped model; messages go through files."""
    yield from _installed(tmp_path, phantom_cases, migrated_file)


@pytest.fixture
def site_with_redis(tmp_path, phantom_cases, migrated_file):
    """The same with messages through a Redis that keeps nothing on disk."""
    try:
        broker = Redis.start(tmp_path)
    except RedisAbsent as error:
        pytest.skip(str(error))
    yield from _installed(tmp_path, phantom_cases, migrated_file, broker)


def _installed(tmp_path, phantom_cases, migrated_file, broker=None):
    data_root = tmp_path / "site"
    data_root.mkdir()
    site = Site(data_root, broker)
    shutil.copyfile(migrated_file, data_root / "database.sqlite3")
    site.manage("create_study", PROTOCOL, "--slug", "facets")
    site.manage("import_dicom", "facets", phantom_cases, "--laterality", "established")
    site.manage("screen_cases", "facets", "--include-all", "--numbering", "5")
    site.manage("register_model", SHIPPED)
    yield site
    site.stop()


def assert_every_case_graded_once(site, n_cases, n_models=1):
    """One result per case and model, each item once; the unique constraints stand behind this."""
    n_items = n_cases * n_models * len(STRUCTURES) * len(given_findings())
    assert site.job_states() == {"done": n_cases * n_models}
    states = dict(site.ask("SELECT state, COUNT(*) FROM inference_inferencerun GROUP BY state"))
    assert states == {"done": n_cases * n_models}
    assert site.ask("SELECT COUNT(*) FROM inference_prediction") == [(n_items,)]
    graded = "SELECT COUNT(*) FROM core_auditevent WHERE event = 'inference.case.graded'"
    assert site.ask(graded) == [(n_cases * n_models,)]


def test_a_worker_killed_during_inference_loses_and_doubles_nothing(site):
    site.manage("infer", "facets", "--model", "facet-demo")
    site.start_worker()
    wait_until(lambda: site.job_states().get("running"), 90, "the first claim")
    site.kill_worker()
    assert site.job_states().get("done", 0) < 2
    site.start_worker()
    wait_until(lambda: site.job_states() == {"done": 2}, 90, "the end of all jobs")
    assert_every_case_graded_once(site, 2)
    attempts = [row[0] for row in site.ask("SELECT attempt FROM core_job WHERE kind = 'inference.run'")]
    assert max(attempts) >= 2


# One process for all: a process per command would take longer than the jobs.
START_ALL = """
from pathlib import Path
from django.utils import timezone
from inference.services.registry import mark_validated, register_model
from inference.services.runs import start_run
from readerstudy.studies.models import ReaderStudy
study = ReaderStudy.objects.get(slug="facets")
for folder in sorted(Path("{folder}").iterdir()):
    model = register_model(folder=folder, actor=None, at=timezone.now())
    mark_validated(model=model, golden_difference=0.0, actor=None, at=timezone.now())
    start_run(study=study, model=model, actor=None, at=timezone.now())
"""


def has_done(site, wanted):
    return site.job_states().get("done", 0) >= wanted


def kills_and_survivors(site, tmp_path, *, n_models, n_kills, seed):
    """Many jobs; child, worker and broker are killed at random; all is done within 60 s of the last kill."""
    rng = random.Random(seed)
    for number in range(n_models):
        shipped_variant(tmp_path / "variants" / f"v{number}", f"v{number}")
    site.manage("shell", "-c", START_ALL.format(folder=str(tmp_path / "variants")))
    total = 2 * n_models
    assert sum(site.job_states().values()) == total
    site.start_worker(processes=2)
    # Each kind at least twice, in random order.
    kinds = ["child", "worker", "broker"]
    victims = [*kinds, *kinds, *rng.choices(kinds, k=n_kills - 6)]
    rng.shuffle(victims)
    for victim in victims:
        done = site.job_states().get("done", 0)
        wanted = min(done + rng.randint(1, max(1, total // (n_kills + 2))), total - 1)
        wait_until(partial(has_done, site, wanted), 180, "progress between two kills")
        if victim == "child":
            site.kill_child()
        elif victim == "worker":
            site.kill_worker()
            site.start_worker(processes=2)
        else:
            site.kill_broker()
            site.start_broker()
    wait_until(lambda: site.job_states() == {"done": total}, 60, "the end of all jobs after the last kill")
    assert_every_case_graded_once(site, 2, n_models)


def test_sixty_jobs_survive_eight_random_kills_of_child_worker_and_broker(site_with_redis, tmp_path):
    kills_and_survivors(site_with_redis, tmp_path, n_models=30, n_kills=8, seed=1)


@pytest.mark.full
def test_two_hundred_jobs_survive_twenty_random_kills_over_redis(site_with_redis, tmp_path):
    kills_and_survivors(site_with_redis, tmp_path, n_models=100, n_kills=20, seed=2)


@pytest.mark.full
def test_two_hundred_jobs_survive_twenty_random_kills_over_files(site, tmp_path):
    kills_and_survivors(site, tmp_path, n_models=100, n_kills=20, seed=3)
