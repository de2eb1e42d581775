"""Trainings: take a frozen training set, start, stop, ask again, write down what came out."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from inference.engine.manifest import GRADES, TORCH, ModelRefused, read_manifest
from inference.engine.training_plan import TrainingPlan
from inference.models import ModelVersion, TrainingRun, TrainingSet
from inference.services.errors import InferenceRefused
from inference.services.registry import model_folder, register_model
from inference.services.training_material import erase_crops_of_ended
from inference.task_names import RUN_TRAINING
from readerstudy.core.audit import Actor, record
from readerstudy.core.jobs import cancel_job, enqueue_on_commit, retry_job
from readerstudy.core.models import Job
from readerstudy.studies.models import ReaderStudy


@transaction.atomic
def accept_training_set(
    *,
    study: ReaderStudy,
    items: Sequence[Mapping[str, Any]],
    test_patients: Sequence[str],
    protocol_digest: str,
    at: datetime,
) -> TrainingSet:
    """
    Keep a training set that `analysis` froze. The same content gives the one that is there.

    Parameters
    ----------
    items : sequence of mapping
        ``case``, ``patient``, ``partition`` (train or validation), ``structure``, ``finding``, ``grade``.
    test_patients : sequence of str
        Pseudonyms that no training may see.

    Raises
    ------
    InferenceRefused
        If a patient is in more than one part.
    """
    ReaderStudy.objects.select_for_update().get(pk=study.pk)
    parts: dict[str, str] = dict.fromkeys(test_patients, "test")
    for item in items:
        if item["partition"] not in {"train", "validation"}:
            raise InferenceRefused(
                _("%(part)s is no part of a training set. Nothing was kept.") % {"part": item["partition"]}
            )
        if parts.setdefault(item["patient"], item["partition"]) != item["partition"]:
            raise InferenceRefused(
                _("Patient %(patient)s is in more than one part of the training set. Nothing was kept.")
                % {"patient": item["patient"]}
            )
    content = {
        "protocol": protocol_digest,
        "items": [dict(item) for item in items],
        "test_patients": sorted(test_patients),
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    known = TrainingSet.objects.filter(study=study, digest=digest).first()
    if known is not None:
        return known
    number = (TrainingSet.objects.filter(study=study).aggregate(last=Max("number"))["last"] or 0) + 1
    return TrainingSet.objects.create(
        study=study,
        number=number,
        digest=digest,
        protocol_digest=protocol_digest,
        items=content["items"],
        test_patients=content["test_patients"],
        frozen_at=at,
    )


@transaction.atomic
def start_training(
    *,
    training_set: TrainingSet,
    plan: TrainingPlan,
    scales: Sequence[Mapping[str, Any]],
    actor: Actor | None,
    at: datetime,
) -> TrainingRun:
    """
    Start a training in the background.

    Parameters
    ----------
    scales : sequence of mapping
        ``finding``, ``n_grades``, ``cut`` of the protocol's findings.

    Raises
    ------
    InferenceRefused
        If the model to start from is not there or grades other structures, if the name and version are taken, or
        the plan weighs a finding that the protocol does not have.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=training_set.study_id)
    base = model_named(plan.start_from)
    if not base.may_run:
        raise InferenceRefused(
            _("%(base)s is %(state)s; a training starts from a validated model.")
            % {"base": base, "state": _(base.get_state_display())}
        )
    if base.manifest.get("task", GRADES) != GRADES:
        raise InferenceRefused(
            _("%(base)s marks lesions; a training starts from a model that grades.") % {"base": base}
        )
    if base.manifest.get("executor", TORCH) != TORCH:
        raise InferenceRefused(
            _("%(base)s is an ONNX file; a training starts from a model with weights of its own.")
            % {"base": base}
        )
    if ModelVersion.objects.filter(name=plan.name, version=plan.version).exists():
        raise InferenceRefused(
            _(
                "There is already a %(name)s %(version)s. Nothing was started; give the new one "
                "another version."
            )
            % {"name": plan.name, "version": plan.version}
        )
    findings = {scale["finding"] for scale in scales}
    foreign = sorted(plan.finding_weights.keys() - findings)
    if foreign:
        raise InferenceRefused(
            _("finding_weights names %(names)s, which the protocol does not have. It has %(known)s.")
            % {"names": ", ".join(foreign), "known": ", ".join(sorted(findings))}
        )
    structures = {item["structure"] for item in training_set.items}
    known = set(base.manifest["outputs"]["structures"])
    if not structures <= known:
        raise InferenceRefused(
            _(
                "%(base)s finds other structures than the protocol asks for (%(names)s ...). "
                "Nothing was started."
            )
            % {"base": base, "names": ", ".join(sorted(structures - known)[:3])}
        )
    number = (TrainingRun.objects.filter(study=study).aggregate(last=Max("number"))["last"] or 0) + 1
    run = TrainingRun.objects.create(
        study=study,
        training_set=training_set,
        started_from=base,
        number=number,
        plan=plan.to_json(),
        scales=[dict(scale) for scale in scales],
        started_at=at,
    )
    job = enqueue_on_commit(RUN_TRAINING, at=at, study_id=study.public_id, training_run_id=run.pk)
    run.job_id = job.public_id
    run.save(update_fields=["job_id"])
    _record("started", run, actor, at, model=f"{plan.name} {plan.version}", training_set=training_set.number)
    return run


def model_named(text: str) -> ModelVersion:
    """
    Return a registered model by ``name``, ``name:version`` or the beginning of its digest; the newest of a name.

    Raises
    ------
    InferenceRefused
        If there is none.
    """
    name, _colon, version = text.partition(":")
    found = ModelVersion.objects.exclude(state=ModelVersion.State.RETIRED).order_by("-registered_at", "-pk")
    model = found.filter(name=name, **({"version": version} if version else {})).first()
    if model is None and len(text) >= 8:
        model = found.filter(digest__startswith=text).first()
    if model is None:
        known = ", ".join(str(each) for each in ModelVersion.objects.order_by("name", "version"))
        raise InferenceRefused(
            _("There is no model %(text)s to start from. Registered: %(known)s.")
            % {"text": repr(text), "known": known or _("none")}
        )
    return model


def job_of(run: TrainingRun) -> Job | None:
    return Job.objects.filter(public_id=run.job_id).first() if run.job_id else None


@transaction.atomic
def stop_training(*, run: TrainingRun, actor: Actor | None, at: datetime) -> None:
    """
    Stop after the current epoch, and erase the crops.

    The checkpoint stays: asked for again, the training cuts the crops again and goes on from it.
    """
    job = job_of(run)
    if job is None or not cancel_job(job, at=at):
        raise InferenceRefused(
            _("Training %(number)s has ended. Nothing was changed.") % {"number": run.number}
        )
    # A running job erases its own when it sees the wish; this is for one that waited.
    transaction.on_commit(partial(erase_crops_of_ended, [run]))
    _record("stopped", run, actor, at)


@transaction.atomic
def retry_training(*, run: TrainingRun, actor: Actor | None, at: datetime) -> None:
    """Go on with a training that failed or was stopped."""
    job = job_of(run)
    if job is None or not retry_job(job, at=at):
        raise InferenceRefused(
            _("Training %(number)s neither failed nor was stopped. Nothing was changed.")
            % {"number": run.number}
        )
    _record("retried", run, actor, at)


def note_epochs(*, run_id: int, epochs: Sequence[Mapping[str, Any]]) -> None:
    """Keep the record of the epochs so far. Called inside the job's fenced transaction."""
    TrainingRun.objects.filter(pk=run_id, result__isnull=True).update(epochs=[dict(each) for each in epochs])


def note_left_out(*, run_id: int, left_out: Mapping[str, str]) -> None:
    """Keep which cases have no usable images. Called inside the job's fenced transaction."""
    TrainingRun.objects.filter(pk=run_id, result__isnull=True).update(left_out=dict(left_out))


def take_result(*, run_id: int, folder: Path, at: datetime) -> ModelVersion:
    """
    Register what a training made, once. Called inside the job's fenced transaction.

    The crops, which are pixels of patients, are erased by the caller when the transaction stands.

    Raises
    ------
    ModelRefused, InferenceRefused
        As `register_model`.
    """
    run = TrainingRun.objects.select_related("study").get(pk=run_id)
    if run.result is not None:
        return run.result
    model = register_model(folder=folder, actor=None, at=at)
    TrainingRun.objects.filter(pk=run_id).update(result=model, finished_at=at)
    _record("finished", run, None, at, model=str(model))
    return model


@transaction.atomic
def note_test_figures(
    *, run: TrainingRun, figures: Mapping[str, Any], actor: Actor | None, at: datetime
) -> None:
    """
    Write down the test partition's figures, once.

    Raises
    ------
    InferenceRefused
        If they were written before; those stand.
    """
    changed = TrainingRun.objects.filter(pk=run.pk, test_opened_at__isnull=True, result__isnull=False).update(
        test_opened_at=at, test_figures=dict(figures)
    )
    if not changed:
        raise InferenceRefused(
            _(
                "The test partition was opened for training %(number)s before. Its figures "
                "stand; it is opened once."
            )
            % {"number": run.number}
        )
    _record("test_opened", run, actor, at, model=str(run.result))
    run.refresh_from_db()


def card_of(model: ModelVersion) -> str:
    """Return a registered model's card, empty where it has none or its files are gone."""
    try:
        path = read_manifest(model_folder(model)).folder / "MODEL_CARD.md"
    except ModelRefused:
        return ""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _record(act: str, run: TrainingRun, actor: Actor | None, at: datetime, **detail: object) -> None:
    record(
        event=f"inference.training.{act}",
        at=at,
        actor=actor,
        study_id=run.study.public_id,
        subject_type="training",
        subject_id=run.public_id,
        number=run.number,
        **detail,
    )
