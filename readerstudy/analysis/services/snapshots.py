"""Snapshots: asked for in the transaction of an act, computed in the background, never changed again."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from readerstudy.accounts.models import User
from readerstudy.analysis.code_version import code_version
from readerstudy.analysis.datasets import Dataset, freeze, thaw
from readerstudy.analysis.models import Snapshot, SnapshotView
from readerstudy.analysis.plan import AnalysisPlan
from readerstudy.analysis.results import View, compute_plan, compute_view
from readerstudy.analysis.results.resampled import compute_resampled
from readerstudy.analysis.selectors import build_dataset, data_hash, plan_of, protocol_of
from readerstudy.analysis.task_names import COMPUTE_SNAPSHOT
from readerstudy.core.audit import record
from readerstudy.core.jobs import JobContext, JobRefused, enqueue_on_commit
from readerstudy.studies.models import ReaderStudy


class SnapshotRefused(Exception):
    """A snapshot that cannot be made. Nothing was changed."""


def results_digest(results: dict[str, Any]) -> str:
    """SHA-256 of results in canonical JSON."""
    text = json.dumps(results, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@transaction.atomic
def request_snapshot(*, study: ReaderStudy, actor: User | None, at: datetime) -> Snapshot:
    """
    Ask for a new snapshot of an unblinded study.

    Raises
    ------
    SnapshotRefused
        Before unblinding.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.UNBLINDED:
        raise SnapshotRefused(_("Figures are computed after unblinding. Nothing was changed."))
    plan = plan_of(study)
    last = Snapshot.objects.filter(study=study).order_by("-number").first()
    snapshot = Snapshot.objects.create(
        study=study,
        number=last.number + 1 if last else 1,
        data_hash=study.data_hash,
        predictions_hash=study.predictions_hash,
        protocol_digest=protocol_of(study).digest,
        code_version=code_version(),
        seed=plan.seed,
        plan=plan.as_dict(),
        asked_by_id=actor.public_id if actor else None,
        asked_by_name=(actor.display_name or actor.username) if actor else "",
        created_at=at,
    )
    job = enqueue_on_commit(COMPUTE_SNAPSHOT, at=at, study_id=study.public_id, snapshot_id=snapshot.pk)
    snapshot.job_id = job.public_id
    snapshot.save(update_fields=["job_id"])
    record(
        event="analysis.snapshot.requested",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="snapshot",
        subject_id=snapshot.public_id,
        snapshot=snapshot.number,
        data_hash=snapshot.short_data_hash,
    )
    return snapshot


def compute_snapshot(*, snapshot_id: int, context: JobContext, clock: Callable[[], datetime]) -> None:
    """
    Compute a snapshot under its job; safe to run twice.

    Parameters
    ----------
    clock : callable
        Asked when the work has ended.

    Raises
    ------
    JobRefused
        If the data no longer have the hash that was signed.
    """
    snapshot = Snapshot.objects.select_related("study").get(pk=snapshot_id)
    if snapshot.state == Snapshot.State.DONE:
        return
    Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.RUNNING)
    if data_hash(snapshot.study) != snapshot.data_hash:
        problem = "the data do not have the hash that was signed at the lock"
        with context.commit():
            Snapshot.objects.filter(pk=snapshot.pk).update(state=Snapshot.State.FAILED)
            record(
                event="analysis.snapshot.failed",
                at=clock(),
                actor=None,
                study_id=snapshot.study.public_id,
                subject_type="snapshot",
                subject_id=snapshot.public_id,
                snapshot=snapshot.number,
                problem=problem,
            )
        raise JobRefused(
            _("The snapshot was not computed: the data do not have the hash that was signed at the lock.")
        )
    dataset = build_dataset(snapshot.study)

    def progress(done: int, total: int) -> None:
        context.progress(done, total, f"{done} of {total} views of the plan")

    results = compute_plan(dataset, AnalysisPlan.from_dict(snapshot.plan), progress=progress)
    finished_at = clock()
    digest = results_digest(results)
    with context.commit():
        Snapshot.objects.filter(pk=snapshot.pk).exclude(state=Snapshot.State.DONE).update(
            state=Snapshot.State.DONE,
            frozen=freeze(dataset),
            results=results,
            results_digest=digest,
            finished_at=finished_at,
        )
        record(
            event="analysis.snapshot.computed",
            at=finished_at,
            actor=None,
            study_id=snapshot.study.public_id,
            subject_type="snapshot",
            subject_id=snapshot.public_id,
            snapshot=snapshot.number,
            digest=digest[:12],
        )


def latest_snapshot(study: ReaderStudy) -> Snapshot | None:
    """Return the newest computed snapshot, without its frozen arrays."""
    return (
        Snapshot.objects.filter(study=study, state=Snapshot.State.DONE)
        .defer("frozen")
        .order_by("-number")
        .first()
    )


def pending_snapshot(study: ReaderStudy) -> Snapshot | None:
    """Return a newer snapshot that is waiting, running or failed."""
    newest = Snapshot.objects.filter(study=study).defer("frozen", "results").order_by("-number").first()
    return newest if newest is not None and newest.state != Snapshot.State.DONE else None


def dataset_of(snapshot: Snapshot) -> Dataset:
    """Return the arrays that a snapshot was computed from."""
    frozen = Snapshot.objects.values_list("frozen", flat=True).get(pk=snapshot.pk)
    return thaw(bytes(frozen))


def figures_of(*, snapshot: Snapshot, view: View, at: datetime) -> dict[str, Any]:
    """
    Return the figures of one state of the filters, from a snapshot's own data.

    States of the plan are stored with the snapshot; another is computed once, from the frozen arrays,
    and kept.
    """
    planned: dict[str, Any] | None = snapshot.results["views"].get(view.key)
    if planned is not None:
        return planned
    return _kept(
        snapshot,
        view.key,
        at,
        lambda: compute_view(dataset_of(snapshot), AnalysisPlan.from_dict(snapshot.plan), view),
    )


def resampled_if_known(*, snapshot: Snapshot, view: View) -> dict[str, Any] | None:
    """Return the bootstrap figures of a state where they were computed before, else None."""
    planned = snapshot.results["views"].get(view.key, {})
    if "resampled" in planned:
        return dict(planned["resampled"])
    kept = SnapshotView.objects.filter(snapshot=snapshot, key=_resampled_key(view)).first()
    return None if kept is None else dict(kept.results)


def resampled_of(*, snapshot: Snapshot, view: View, at: datetime) -> dict[str, Any]:
    """Return the bootstrap figures of a state: computed once, from the frozen arrays, and kept."""
    known = resampled_if_known(snapshot=snapshot, view=view)
    if known is not None:
        return known
    return _kept(
        snapshot,
        _resampled_key(view),
        at,
        lambda: compute_resampled(dataset_of(snapshot), AnalysisPlan.from_dict(snapshot.plan), view),
    )


def _resampled_key(view: View) -> str:
    return f"{view.key}|resampled"


def _kept(
    snapshot: Snapshot, key: str, at: datetime, compute: Callable[[], dict[str, Any]]
) -> dict[str, Any]:
    kept = SnapshotView.objects.filter(snapshot=snapshot, key=key).first()
    if kept is not None:
        return dict(kept.results)
    figures = compute()
    try:
        with transaction.atomic():
            SnapshotView.objects.create(snapshot=snapshot, key=key, results=figures, created_at=at)
    except IntegrityError:
        pass  # another request was faster; the same data give the same figures
    return figures
