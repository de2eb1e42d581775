"""Runs: start, pause, resume, stop, retry, and writing down what a model said of a case."""

import hashlib
import json
import zlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from inference.engine.manifest import PREPROCESSING_VERSION
from inference.models import (
    HeatMap,
    InferenceRun,
    ModelVersion,
    PredictedLesion,
    Prediction,
    StudyModel,
    StudyRun,
)
from inference.services.errors import InferenceRefused
from inference.services.registry import attach_model
from inference.task_names import RUN_INFERENCE
from readerstudy.core.audit import Actor, record
from readerstudy.core.jobs import cancel_job, enqueue_on_commit, retry_job
from readerstudy.core.models import Job
from readerstudy.imaging.selectors import pixel_digests
from readerstudy.studies.models import Case, Landmark, ReaderStudy

if TYPE_CHECKING:
    from inference.engine.facets import CaseResult

#: How numbers are computed, by what runs the model; part of every inference key.
NUMERICS = {"torch": "torch-cpu-float32", "onnx": "onnxruntime-cpu-float32"}


def given_points(case: Case) -> dict[str, dict[str, list[float]]]:
    """Places of structures that were imported or confirmed, per frame of reference, LPS millimetres."""
    points: dict[str, dict[str, list[float]]] = {}
    for mark in Landmark.objects.filter(case=case).order_by("frame_of_reference_uid", "structure"):
        if mark.source == Landmark.Source.CONFIRMED:
            frame = points.setdefault(mark.frame_of_reference_uid, {})
            frame[mark.structure] = [mark.x_mm, mark.y_mm, mark.z_mm]
    return points


def input_key(*, model: ModelVersion, case: Case, protocol_digest: str) -> str:
    """Digest of everything that a run's result depends on."""
    parts = [
        model.digest,
        PREPROCESSING_VERSION,
        protocol_digest,
        str(case.public_id),
        pixel_digests(case.image_set) if case.image_set else (),
        given_points(case),
        NUMERICS[model.manifest.get("executor", "torch")],
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def start_run(
    *,
    study: ReaderStudy,
    model: ModelVersion,
    actor: Actor | None,
    at: datetime,
    only: Collection[str] | None = None,
) -> StudyRun | None:
    """
    Run a model on every included case that it has not seen with the same input.

    Parameters
    ----------
    study, model, actor, at
    only : collection of str, optional
        Pseudonyms of the cases; every included one where they are not named.

    Returns
    -------
    StudyRun or None
        None where every case has its result already.

    Raises
    ------
    InferenceRefused
        If the model may not run, or the study has no included case.
    ModelDoesNotFit
        If it does not fit the protocol.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if not model.may_run:
        raise InferenceRefused(
            _("%(model)s is %(state)s; it runs once it is validated. Nothing was started.")
            % {"model": model, "state": _(model.get_state_display())}
        )
    attached = attach_model(study=study, model=model, actor=actor, at=at)
    cases = list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED, image_set__isnull=False)
        .select_related("image_set")
        .order_by("pseudonym")
    )
    if not cases:
        raise InferenceRefused(_("The study has no included case with images. Nothing was started."))
    if only is not None:
        unknown = sorted(set(only) - {case.pseudonym for case in cases})
        if unknown:
            raise InferenceRefused(
                _("The study has no included case with images named %(names)s. Nothing was started.")
                % {"names": ", ".join(unknown)}
            )
        cases = [case for case in cases if case.pseudonym in only]
    keys = {
        input_key(model=model, case=case, protocol_digest=attached.protocol_digest): case for case in cases
    }
    known = set(InferenceRun.objects.filter(input_key__in=keys).values_list("input_key", flat=True))
    fresh = {key: case for key, case in keys.items() if key not in known}
    if not fresh:
        return None
    number = (StudyRun.objects.filter(study=study).aggregate(last=Max("number"))["last"] or 0) + 1
    study_run = StudyRun.objects.create(study=study, model=model, number=number, started_at=at)
    kind = replace(RUN_INFERENCE, queue=settings.READERSTUDY_INFERENCE_QUEUE)
    for key, case in fresh.items():
        run = InferenceRun.objects.create(study_run=study_run, case=case, model=model, input_key=key)
        job = enqueue_on_commit(kind, at=at, study_id=study.public_id, run_id=run.pk)
        InferenceRun.objects.filter(pk=run.pk).update(job_id=job.public_id)
    _record("started", study_run, actor, at, model=str(model), n=len(fresh))
    return study_run


def _jobs(study_run: StudyRun, *states: str) -> list[Job]:
    ids = study_run.runs.filter(job_id__isnull=False).values_list("job_id", flat=True)
    return list(Job.objects.filter(public_id__in=list(ids), state__in=states).order_by("created_at", "pk"))


@transaction.atomic
def pause_run(*, study_run: StudyRun, actor: Actor | None, at: datetime) -> None:
    """Let running cases finish and hold the waiting ones back."""
    _open(study_run)
    if study_run.paused_at is not None:
        return
    for job in _jobs(study_run, Job.State.QUEUED):
        cancel_job(job, at=at)
    StudyRun.objects.filter(pk=study_run.pk).update(paused_at=at)
    study_run.refresh_from_db()
    _record("paused", study_run, actor, at)


@transaction.atomic
def resume_run(*, study_run: StudyRun, actor: Actor | None, at: datetime) -> None:
    """Queue what a pause held back."""
    _open(study_run)
    if study_run.paused_at is None:
        return
    StudyRun.objects.filter(pk=study_run.pk).update(paused_at=None)
    study_run.refresh_from_db()
    for job in _jobs(study_run, Job.State.CANCELLED):
        retry_job(job, at=at, queue=settings.READERSTUDY_INFERENCE_QUEUE)
    _record("resumed", study_run, actor, at)


@transaction.atomic
def stop_run(*, study_run: StudyRun, actor: Actor | None, at: datetime) -> None:
    """Stop a run for good. What is done stays."""
    _open(study_run)
    jobs = _jobs(study_run, Job.State.QUEUED, Job.State.RUNNING)
    for job in jobs:
        cancel_job(job, at=at)
    StudyRun.objects.filter(pk=study_run.pk).update(stopped_at=at)
    study_run.refresh_from_db()
    _record("stopped", study_run, actor, at, n=len(jobs))


@transaction.atomic
def retry_failed(*, study_run: StudyRun, actor: Actor | None, at: datetime) -> int:
    """Queue the failed cases of a run again, and the cancelled ones of a stopped run. Returns how many."""
    states = [Job.State.FAILED]
    if study_run.stopped_at is not None:
        states.append(Job.State.CANCELLED)
        StudyRun.objects.filter(pk=study_run.pk).update(stopped_at=None)
        study_run.refresh_from_db()
    queue = settings.READERSTUDY_INFERENCE_QUEUE
    n = sum(retry_job(job, at=at, queue=queue) for job in _jobs(study_run, *states))
    if n:
        _record("retried", study_run, actor, at, n=n)
    return n


def _open(study_run: StudyRun) -> None:
    study_run.refresh_from_db()
    if study_run.stopped_at is not None:
        raise InferenceRefused(
            _("Run %(number)s was stopped. Nothing was changed.") % {"number": study_run.number}
        )


def write_result(*, run_id: int, result: "CaseResult", at: datetime) -> bool:
    """
    Write down what a model said of a case, once.

    Called inside the job's fenced transaction.

    Returns
    -------
    bool
        False where the run had its result already; nothing is changed then.
    """
    if result.refusal:
        state = InferenceRun.State.REFUSED
    elif result.left_out:
        state = InferenceRun.State.IN_PART
    else:
        state = InferenceRun.State.DONE
    changed = InferenceRun.objects.filter(pk=run_id, state=InferenceRun.State.WAITING).update(
        state=state,
        refusal_reason=result.refusal,
        input_points=result.input_points if result.points or result.pixels else "",
        left_out=result.left_out,
        points={
            frame: {name: [*point.point_mm, point.certainty, point.source] for name, point in points.items()}
            for frame, points in result.points.items()
        },
        pixels={
            picture: {name: [*place.place_px, place.certainty, place.source] for name, place in own.items()}
            for picture, own in result.pixels.items()
        },
        series_used=result.series,
        notes=result.notes,
        seconds={stage: round(value, 4) for stage, value in result.seconds.items()},
        finished_at=at,
    )
    if not changed:
        return False
    Prediction.objects.bulk_create(
        [
            Prediction(run_id=run_id, structure=structure, finding=finding, probabilities=list(row))
            for (structure, finding), row in sorted(result.probabilities.items())
        ],
        batch_size=500,
    )
    PredictedLesion.objects.bulk_create(
        [
            PredictedLesion(
                run_id=run_id,
                number=number,
                lesion_class=lesion.lesion_class,
                score=lesion.score,
                frame_of_reference=lesion.frame_of_reference,
                box={
                    **{
                        f"{axis}_mm": round(value, 3)
                        for axis, value in zip("xyz", lesion.centre_mm, strict=True)
                    },
                    **{
                        f"d{axis}_mm": round(2 * value, 3)
                        for axis, value in zip("xyz", lesion.half_mm, strict=True)
                    },
                },
                planes=list(lesion.planes),
            )
            for number, lesion in enumerate(result.lesions, start=1)
        ],
        batch_size=500,
    )
    HeatMap.objects.bulk_create(
        [
            HeatMap(
                run_id=run_id,
                kind=heat.kind,
                method=heat.method,
                series_uid=heat.series,
                frame_of_reference=heat.frame_of_reference,
                shape=list(heat.values.shape[1:]),
                cell_mm=[round(edge, 3) for edge in heat.cell_mm],
                items=[
                    {
                        "structure": structure,
                        "finding": finding,
                        "affine": [round(float(value), 4) for value in affine[:3].ravel()],
                    }
                    for (structure, finding), affine in zip(heat.items, heat.affines, strict=True)
                ],
                values=zlib.compress(heat.values.tobytes()),
            )
            for heat in result.heat
        ]
    )
    run = InferenceRun.objects.select_related("case", "study_run__study", "model").get(pk=run_id)
    record(
        event="inference.case.graded",
        at=at,
        actor=None,
        study_id=run.study_run.study.public_id,
        subject_type="case",
        subject_id=run.case.public_id,
        case=run.case.pseudonym,
        model=str(run.model),
        outcome=InferenceRun.State(state).label,
    )
    return True


def attachments(study: ReaderStudy) -> list[StudyModel]:
    """Models attached to a study, newest first."""
    return list(
        StudyModel.objects.filter(study=study).select_related("model").order_by("-attached_at", "-pk")
    )


def _record(act: str, study_run: StudyRun, actor: Actor | None, at: datetime, **detail: object) -> None:
    record(
        event=f"inference.run.{act}",
        at=at,
        actor=actor,
        study_id=study_run.study.public_id,
        subject_type="run",
        subject_id=f"run {study_run.number}",
        number=study_run.number,
        **detail,
    )
