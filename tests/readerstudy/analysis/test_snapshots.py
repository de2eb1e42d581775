"""A snapshot holds its data, is computed once, and never changes."""

import io
import json

import pytest
from django.core.management import call_command

from grading.models import ReferenceGrade
from readerstudy.analysis.datasets import freeze, thaw
from readerstudy.analysis.models import Snapshot
from readerstudy.analysis.results import View, compute_view
from readerstudy.analysis.results.resampled import compute_resampled
from readerstudy.analysis.selectors import build_dataset, plan_of
from readerstudy.analysis.services.snapshots import (
    SnapshotRefused,
    dataset_of,
    figures_of,
    latest_snapshot,
    request_snapshot,
)
from readerstudy.core.jobs import run_job
from readerstudy.core.models import AuditEvent, Job
from tests.readerstudy.analysis.conftest import NOW
from tests.tampering import without_append_only

pytestmark = pytest.mark.django_db


def test_snapshot_is_computed_after_unblinding(study_with_results):
    snapshot = latest_snapshot(study_with_results.study)
    assert snapshot.number == 1
    assert snapshot.data_hash == study_with_results.study.data_hash
    assert snapshot.predictions_hash == study_with_results.study.predictions_hash
    assert snapshot.results["plan"]["margin"] == 0.05
    assert "narrowing|2|all|all" in snapshot.results["views"]


def test_frozen_arrays_come_back_as_they_were(study_with_results):
    dataset = build_dataset(study_with_results.study)
    again = thaw(freeze(dataset))
    assert again.cases == dataset.cases
    assert again.readers == dataset.readers
    assert again.model == dataset.model
    for name, data in dataset.findings.items():
        for part in ("reference", "reads", "first_reads", "contributed", "basis"):
            assert (getattr(again.findings[name], part) == getattr(data, part)).all()
        assert (again.findings[name].probabilities == data.probabilities).all()


def test_command_prints_what_the_page_shows(client, study_with_results):
    client.force_login(study_with_results.investigator)
    page = client.get("/studies/finished/results/figures.json?finding=erosion&partition=all").json()
    out = io.StringIO()
    call_command("analyse", "finished", json="-", stdout=out)
    printed = json.loads(out.getvalue())
    assert printed["data_hash"] == page["data_hash"]
    figures = printed["views"]["erosion|1|all|all"]
    assert figures == {key: page[key] for key in figures}


def test_a_view_outside_the_plan_is_computed_from_the_frozen_data_and_kept(study_with_results):
    snapshot = latest_snapshot(study_with_results.study)
    # The tables change behind the snapshot's back; its figures must not.
    before = figures_of(snapshot=snapshot, view=View("narrowing", 1, "all"), at=NOW)
    with without_append_only():
        ReferenceGrade.objects.filter(case__study=study_with_results.study, kind="grade").update(grade=0)
    snapshot.views.all().delete()
    again = figures_of(snapshot=snapshot, view=View("narrowing", 1, "all"), at=NOW)
    assert again == before
    assert again["population"]["positive"] > 0
    assert snapshot.views.count() == 1


def test_a_new_snapshot_leaves_the_old_one_alone(study_with_results):
    study = study_with_results.study
    first = Snapshot.objects.get(study=study, number=1)
    asked = request_snapshot(study=study, actor=study_with_results.investigator, at=NOW)
    run_job(Job.objects.get(public_id=asked.job_id).pk)
    second = latest_snapshot(study)
    assert second.number == 2
    assert second.results_digest == first.results_digest
    kept = Snapshot.objects.get(pk=first.pk)
    assert (kept.results, bytes(kept.frozen)) == (first.results, bytes(first.frozen))


def test_changed_data_fail_the_snapshot_with_the_reason(study_with_results):
    study = study_with_results.study
    row = ReferenceGrade.objects.filter(case__study=study, kind="grade", grade=0).first()
    with without_append_only():
        ReferenceGrade.objects.filter(pk=row.pk).update(grade=1)
    asked = request_snapshot(study=study, actor=None, at=NOW)
    job = run_job(Job.objects.get(public_id=asked.job_id).pk)
    assert job.state == Job.State.FAILED
    assert "hash" in job.error
    asked.refresh_from_db()
    assert asked.state == Snapshot.State.FAILED
    assert AuditEvent.objects.filter(event="analysis.snapshot.failed").count() == 1
    assert latest_snapshot(study).number == 1


def test_running_a_computed_snapshot_again_changes_nothing(study_with_results):
    snapshot = Snapshot.objects.get(study=study_with_results.study, number=1)
    job = Job.objects.get(public_id=snapshot.job_id)
    Job.objects.filter(pk=job.pk).update(state=Job.State.QUEUED)
    run_job(job.pk)
    again = Snapshot.objects.get(pk=snapshot.pk)
    assert (again.finished_at, again.results_digest) == (snapshot.finished_at, snapshot.results_digest)
    assert AuditEvent.objects.filter(event="analysis.snapshot.computed").count() == 1


def test_no_snapshot_before_unblinding(open_study_ready):
    with pytest.raises(SnapshotRefused):
        request_snapshot(study=open_study_ready.study, actor=None, at=NOW)


def test_snapshot_uses_its_own_arrays(study_with_results):
    snapshot = latest_snapshot(study_with_results.study)
    view = View("cyst", 1, "all")
    plan = plan_of(study_with_results.study)
    figures = compute_view(dataset_of(snapshot), plan, view)
    figures["resampled"] = compute_resampled(dataset_of(snapshot), plan, view)
    assert figures == snapshot.results["views"][view.key]
