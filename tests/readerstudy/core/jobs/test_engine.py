"""The job engine: claim, lease, fence, heartbeat, cancel, bounded attempts, reaper."""

import threading
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection, transaction
from django.utils import timezone

from readerstudy.core.jobs import registry
from readerstudy.core.jobs.engine import (
    JobCancelled,
    JobContext,
    JobRefused,
    LeaseLost,
    claim,
    run_job,
)
from readerstudy.core.jobs.enqueue import cancel_job, enqueue_on_commit, retry_job
from readerstudy.core.jobs.reaper import reap
from readerstudy.core.jobs.registry import JobKind, job_handler
from readerstudy.core.models import AuditChain, Job

State = Job.State


@pytest.fixture
def kind(monkeypatch):
    """A kind of job that only this test knows."""
    monkeypatch.setattr(registry, "_KINDS", dict(registry._KINDS))
    monkeypatch.setattr(registry, "_HANDLERS", dict(registry._HANDLERS))
    return JobKind("tests.engine", max_attempts=3)


@pytest.fixture
def sent(monkeypatch):
    """The wake-up messages that left."""
    messages = []
    monkeypatch.setattr(
        current_app, "send_task", lambda name, kwargs, queue: messages.append((kwargs["job_id"], queue))
    )
    return messages


def ask(kind, **payload):
    return enqueue_on_commit(kind, at=timezone.now(), **payload)


def expire(job):
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def touch(name):
    """Write something that a unit would write."""
    AuditChain.objects.create(name=name)


def touched():
    return set(AuditChain.objects.values_list("name", flat=True))


@pytest.mark.both_databases
@pytest.mark.django_db
class TestEnqueue:
    def test_message_leaves_after_the_commit_only(self, kind, sent, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            job = ask(kind, case_id=5)
            assert sent == []
        assert sent == [(job.pk, "default")]
        assert (job.state, job.payload, job.attempt) == (State.QUEUED, {"case_id": 5}, 0)

    def test_act_that_is_undone_asks_for_nothing(self, kind, sent):
        class Undone(Exception):
            pass

        @transaction.atomic
        def act():
            ask(kind)
            raise Undone

        with pytest.raises(Undone):
            act()
        assert not Job.objects.exists()
        assert sent == []

    def test_broker_that_is_away_loses_no_job(self, kind, monkeypatch, django_capture_on_commit_callbacks):
        def away(*_, **__):
            raise ConnectionError

        monkeypatch.setattr(current_app, "send_task", away)
        with django_capture_on_commit_callbacks(execute=True):
            job = ask(kind)
        assert Job.objects.get(pk=job.pk).state == State.QUEUED


@pytest.mark.both_databases
@pytest.mark.django_db
class TestRun:
    def test_job_is_done_once(self, kind):
        calls = []
        job_handler(kind)(lambda context, **payload: calls.append(payload))
        job = ask(kind, run_id=3)
        done = run_job(job.pk)
        assert (done.state, done.attempt, done.lease_until) == (State.DONE, 1, None)
        assert done.finished_at >= done.started_at
        assert run_job(job.pk) is None
        assert calls == [{"run_id": 3}]

    def test_failure_is_tried_again_later_and_not_for_ever(self, kind):
        def handler(context):
            raise OSError("disk is full")

        job_handler(kind)(handler)
        job = ask(kind)
        for attempt in (1, 2):
            after = run_job(job.pk)
            assert (after.state, after.attempt) == (State.QUEUED, attempt)
            assert after.not_before > timezone.now()
            assert run_job(job.pk) is None  # not due yet
            Job.objects.filter(pk=job.pk).update(not_before=None)
        after = run_job(job.pk)
        assert (after.state, after.attempt) == (State.FAILED, 3)
        assert after.error == "OSError: disk is full"

    def test_refusal_is_final_and_says_why(self, kind):
        def handler(context):
            raise JobRefused("The series has no spacing.")

        job_handler(kind)(handler)
        after = run_job(ask(kind).pk)
        assert (after.state, after.attempt, after.error) == (State.FAILED, 1, "The series has no spacing.")

    def test_kind_without_handler_is_refused(self, kind):
        after = run_job(ask(kind).pk)
        assert after.state == State.FAILED
        assert "does not know" in after.error

    def test_retry_starts_a_failed_job_again(self, kind, sent, django_capture_on_commit_callbacks):
        job = run_job(ask(kind).pk)
        with django_capture_on_commit_callbacks(execute=True):
            assert retry_job(job, at=timezone.now())
        job_handler(kind)(lambda context: None)
        assert run_job(job.pk).state == State.DONE
        assert not retry_job(job, at=timezone.now())
        assert (job.pk, "default") in sent


@pytest.mark.both_databases
@pytest.mark.django_db
class TestFence:
    def taken_over(self, kind, sent):
        """A worker that holds an old claim, and the one that holds the job now."""
        job = ask(kind)
        old = JobContext(claim(job.pk))
        expire(job)
        reap(now=timezone.now())
        return old, JobContext(claim(job.pk))

    def test_worker_that_lost_its_lease_commits_nothing(self, kind, sent):
        old, new = self.taken_over(kind, sent)
        with pytest.raises(LeaseLost), old.commit():
            touch("by the old worker")
        with new.commit():
            touch("by the new worker")
        assert touched() == {"by the new worker"}

    def test_unit_that_fails_leaves_nothing(self, kind):
        context = JobContext(claim(ask(kind).pk))

        def unit():
            with context.commit():
                touch("half a unit")
                raise OSError

        with pytest.raises(OSError):
            unit()
        assert touched() == set()

    def test_old_worker_shows_no_progress_and_ends_nothing(self, kind, sent):
        takeover = {}

        def handler(context):
            expire(job)
            reap(now=timezone.now())
            takeover["by"] = claim(job.pk)
            with pytest.raises(LeaseLost):
                context.progress(1, 2)
            with context.commit():
                touch("too late")

        job_handler(kind)(handler)
        job = ask(kind)
        after = run_job(job.pk)
        assert (after.state, after.attempt, after.progress_total) == (State.RUNNING, 2, 0)
        assert takeover["by"].attempt == 2
        assert touched() == set()

    def test_beat_prolongs_the_lease_of_its_own_claim_only(self, kind, sent):
        old, new = self.taken_over(kind, sent)
        expire(Job.objects.get(pk=new.job_id))
        assert not old.beat()
        assert Job.objects.get(pk=new.job_id).lease_until < timezone.now()
        with pytest.raises(LeaseLost):
            old.check()
        assert new.beat()
        assert Job.objects.get(pk=new.job_id).lease_until > timezone.now()
        new.check()


@pytest.mark.both_databases
@pytest.mark.django_db
class TestCancel:
    def test_waiting_job_ends_at_once(self, kind):
        job = ask(kind)
        assert cancel_job(job, at=timezone.now())
        assert run_job(job.pk) is None
        assert Job.objects.get(pk=job.pk).state == State.CANCELLED
        assert not cancel_job(job, at=timezone.now())

    def test_running_job_ends_at_its_next_unit(self, kind):
        def handler(context):
            with context.commit():
                touch("first unit")
            assert cancel_job(job, at=timezone.now())
            context.beat()
            context.check()
            touch("second unit")

        job_handler(kind)(handler)
        job = ask(kind)
        after = run_job(job.pk)
        assert after.state == State.CANCELLED
        assert touched() == {"first unit"}

    def test_check_tells_the_handler(self, kind):
        job = ask(kind)
        context = JobContext(claim(job.pk))
        context.check()
        cancel_job(job, at=timezone.now())
        context.beat()
        with pytest.raises(JobCancelled):
            context.check()


@pytest.mark.both_databases
@pytest.mark.django_db
class TestReaper:
    def test_job_of_a_dead_worker_waits_again(self, kind, sent):
        job = ask(kind)
        claim(job.pk)
        assert reap(now=timezone.now()) == 0
        expire(job)
        assert reap(now=timezone.now()) == 1
        assert sent == [(job.pk, "default")]
        assert Job.objects.get(pk=job.pk).state == State.QUEUED

    def test_job_that_kills_its_workers_is_given_up(self, kind, sent):
        job = ask(kind)
        for _ in range(3):
            assert claim(job.pk)
            expire(job)
            reap(now=timezone.now())
        after = Job.objects.get(pk=job.pk)
        assert after.state == State.FAILED
        assert "stopped 3 times" in after.error
        assert claim(job.pk) is None

    def test_dead_worker_of_a_cancelled_job_ends_it(self, kind, sent):
        job = ask(kind)
        claim(job.pk)
        cancel_job(job, at=timezone.now())
        expire(job)
        reap(now=timezone.now())
        assert Job.objects.get(pk=job.pk).state == State.CANCELLED

    def test_lost_message_is_sent_again_when_due(self, kind, sent):
        job, later = ask(kind), ask(kind)
        Job.objects.filter(pk=later.pk).update(not_before=timezone.now() + timedelta(minutes=1))
        reap(now=timezone.now())
        assert sent == [(job.pk, "default")]
        sent.clear()
        reap(now=timezone.now() + timedelta(minutes=2))
        assert {job_id for job_id, _ in sent} == {job.pk, later.pk}


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_of_two_claims_at_once_one_holds(kind):
    for _ in range(10):
        job = ask(kind)
        barrier, held, faults = threading.Barrier(2), [], []

        def take(job=job, barrier=barrier, held=held, faults=faults):
            try:
                barrier.wait(timeout=120)
                held.append(claim(job.pk))
            except Exception as error:
                faults.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=take) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        assert sorted(each is not None for each in held) == [False, True]
        assert Job.objects.get(pk=job.pk).attempt == 1


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_long_computation_keeps_its_lease(kind, settings):
    settings.READERSTUDY_JOB_LEASE_SECONDS = 0.6
    beats = threading.Semaphore(0)

    def handler(context):
        claimed_until = Job.objects.get(pk=job.pk).lease_until
        beat = context.beat

        def counted():
            kept = beat()
            beats.release()
            return kept

        context.beat = counted
        for _ in range(4):
            assert beats.acquire(timeout=120)
        assert Job.objects.get(pk=job.pk).lease_until > claimed_until
        assert reap(now=claimed_until) == 0
        context.check()

    job_handler(kind)(handler)
    job = ask(kind)
    assert run_job(job.pk).state == State.DONE


@pytest.mark.both_databases
@pytest.mark.django_db(transaction=True)
def test_heartbeat_tells_a_long_computation_that_it_was_cancelled(kind, settings):
    settings.READERSTUDY_JOB_LEASE_SECONDS = 0.3

    def handler(context):
        cancel_job(job, at=timezone.now())
        assert context._cancelled.wait(timeout=120)
        context.check()

    job_handler(kind)(handler)
    job = ask(kind)
    assert run_job(job.pk).state == State.CANCELLED
