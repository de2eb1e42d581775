"""A real Celery worker is killed, or loses its lease asleep: every unit is done exactly once."""

import os
import signal
from uuid import UUID

import pytest
from django.utils import timezone

from readerstudy.core.audit import verify_chain
from readerstudy.core.jobs.enqueue import enqueue_on_commit
from readerstudy.core.models import Job
from tests.readerstudy.core.jobs.counting_work import COUNT, counted
from tests.servers import Gate, Worker

pytestmark = [pytest.mark.both_databases, pytest.mark.django_db(transaction=True)]

STUDY = UUID(int=21)
UNITS = 6
WORK = "tests.readerstudy.core.jobs.counting_work"


@pytest.fixture
def gates(tmp_path):
    made = {name: Gate(tmp_path / name) for name in ("arrived", "done")}
    os.mkfifo(tmp_path / "go_on")
    yield made
    for gate in made.values():
        gate.close()


@pytest.fixture
def start(tmp_path):
    workers = []

    def start_worker():
        worker = Worker.start(tmp_path, include=WORK)
        workers.append(worker)
        return worker

    yield start_worker
    for worker in workers:
        if worker.process.poll() is None:
            worker.kill()


def ask(tmp_path, where):
    return enqueue_on_commit(
        COUNT,
        at=timezone.now(),
        study_id=STUDY,
        study=str(STUDY),
        units=UNITS,
        stop_at=3,
        where=where,
        arrived=str(tmp_path / "arrived"),
        go_on=str(tmp_path / "go_on"),
        done=str(tmp_path / "done"),
    )


@pytest.mark.parametrize("where", ["between units", "inside a unit"])
def test_killed_worker_loses_nothing_and_repeats_nothing(tmp_path, gates, start, where):
    job = ask(tmp_path, where)

    first = start()
    gates["arrived"].wait()
    first.kill()
    assert [unit for unit, _ in counted(STUDY)] == [0, 1, 2]
    second = start()
    gates["done"].wait()
    second.stop()

    job.refresh_from_db()
    assert (job.state, job.attempt, job.error) == (Job.State.DONE, 2, "")
    assert (job.progress_done, job.progress_total) == (UNITS, UNITS)
    assert counted(STUDY) == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    assert list(verify_chain(str(STUDY))) == []


def test_worker_that_slept_through_its_lease_commits_nothing(tmp_path, gates, start):
    job = ask(tmp_path, "between units")

    sleeper = start()
    gates["arrived"].wait()
    sleeper.process.send_signal(signal.SIGSTOP)
    other = start()
    gates["done"].wait()
    other.stop()
    sleeper.process.send_signal(signal.SIGCONT)
    with (tmp_path / "go_on").open("wb") as gate:
        gate.write(b"x")
    sleeper.stop()

    job.refresh_from_db()
    assert (job.state, job.attempt) == (Job.State.DONE, 2)
    assert counted(STUDY) == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    assert "was taken over" in sleeper.log.read_text()
