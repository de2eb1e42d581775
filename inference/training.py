"""
The worker's side of a training: cut the joints of each case once, train, register what came out.

Every step can be done again: crops that are there are not cut again, the checkpoint holds the last epoch, and the
result is registered in the job's fenced transaction.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from django.utils import timezone

from inference.case_images import load_case_images
from inference.models import ModelVersion, TrainingRun
from inference.running import load_registered, self_test
from inference.services.errors import InferenceRefused
from inference.services.registry import mark_validated
from inference.services.training import note_epochs, note_left_out, take_result
from inference.services.training_material import (
    CASES,
    crops_file,
    erase_crops,
    erase_crops_of_ended,
    erase_material,
    file_name,
    training_folder,
)
from readerstudy.core.jobs import JobCancelled, JobContext, JobRefused
from readerstudy.studies.models import Case, Landmark


def train(context: JobContext, training_run_id: int) -> None:
    """
    Do one training job. Crops outlive it only where it will go on by itself.

    Raises
    ------
    JobRefused
        If the model to start from cannot be loaded or the material does not allow a training.
    """
    erase_crops_of_ended()
    try:
        _train(context, training_run_id)
    except (JobCancelled, JobRefused):
        erase_crops(TrainingRun.objects.get(pk=training_run_id))
        raise


def _train(context: JobContext, training_run_id: int) -> None:
    from inference.engine.manifest import ModelRefused
    from inference.engine.training.small_study import train_small_sample
    from inference.engine.training.study import Scale, TrainingRefused
    from inference.engine.training.study_joints import CaseGrades, gather, together
    from inference.engine.training_plan import SMALL_SAMPLE, TrainingPlan

    run = TrainingRun.objects.select_related("training_set", "started_from", "study", "result").get(
        pk=training_run_id
    )
    if run.result is not None:
        _close(run, run.result)
        return
    try:
        base = load_registered(run.started_from)
    except ModelRefused as error:
        raise JobRefused(str(error)) from error
    folder = training_folder(run)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    left_out = _cut_cases(context, run, base)
    scales = [Scale(**scale) for scale in run.scales]
    findings = [scale.finding for scale in scales]
    patients = sorted({item["patient"] for item in run.training_set.items})
    sets = {}
    for part in ("train", "validation"):
        grades: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        patient_of: dict[str, int] = {}
        for item in run.training_set.items:
            if item["partition"] == part:
                grades[item["case"]][item["structure"], item["finding"]] = item["grade"]
                patient_of[item["case"]] = patients.index(item["patient"])
        cases = [CaseGrades(file_name(case), patient_of[case], grades[case]) for case in sorted(grades)]
        sets[part] = gather(base, cases, folder / CASES, folder / part, findings)
    plan = TrainingPlan.from_json(run.plan)
    facts = {
        "synthetic": run.study.is_demonstration,
        "purpose": "For the study whose reference standard it was trained on; not a medical device.",
        "material": _material(run, left_out),
    }
    try:
        if plan.mode == SMALL_SAMPLE:
            train_small_sample(
                plan,
                base,
                scales,
                together(sets["train"], sets["validation"]),
                facts=facts,
                out=folder / "model",
                after_finding=lambda n: context.progress(n, len(scales), "findings"),
            )
        else:
            _train_network(context, run, plan, base, scales, sets, facts)
    except (TrainingRefused, ValueError) as error:
        raise JobRefused(str(error)) from error
    try:
        with context.commit():
            model = take_result(run_id=run.pk, folder=folder / "model", at=timezone.now())
    except (ModelRefused, InferenceRefused) as error:
        raise JobRefused(str(error)) from error
    _close(run, model)


def _train_network(
    context: JobContext,
    run: TrainingRun,
    plan: Any,
    base: Any,
    scales: list[Any],
    sets: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    from inference.engine.training.checkpoint import read_progress
    from inference.engine.training.study import CHECKPOINT_NAME, train_on_study

    folder = training_folder(run)
    # The checkpoint is written first: it may know an epoch that a killed worker could not put on record.
    epochs = [_plain(each) for each in read_progress(folder / CHECKPOINT_NAME).get("records", [])]

    def after_epoch(record: Any) -> None:
        epochs[record.epoch :] = [_plain(asdict(record))]
        with context.commit():
            note_epochs(run_id=run.pk, epochs=epochs)
        context.progress(record.epoch + 1, plan.epochs, "epochs")

    context.progress(len(epochs), plan.epochs, "epochs")
    train_on_study(
        plan,
        base,
        scales,
        sets["train"],
        sets["validation"],
        facts=facts,
        work=folder,
        out=folder / "model",
        after_epoch=after_epoch,
    )


def _close(run: TrainingRun, model: ModelVersion) -> None:
    """What follows a registered result; done again harmlessly when a worker was killed in between."""
    mark_validated(model=model, golden_difference=self_test(model), actor=None, at=timezone.now())
    erase_material(run)


def _cut_cases(context: JobContext, run: TrainingRun, base: Any) -> dict[str, str]:
    """Cut the joints of every case that was not cut yet; return the cases without usable images."""
    from inference.engine.training.study_joints import refusal_of, write_case_crops

    (training_folder(run) / CASES).mkdir(exist_ok=True, mode=0o700)
    names = sorted({item["case"] for item in run.training_set.items})
    left_out: dict[str, str] = {}
    for place, name in enumerate(names):
        context.progress(place, len(names), "cases")
        path = crops_file(run, name)
        # Asked case by case: one may be withdrawn while others are cut.
        case = Case.objects.filter(study=run.study, pseudonym=name).select_related("image_set").first()
        refusal = refusal_of(path) if path.exists() else write_case_crops(base, _images(case), path)
        if case is not None and _was_withdrawn(case):
            path.unlink(missing_ok=True)
            refusal = write_case_crops(base, _images(None), path)
        if refusal:
            left_out[name] = refusal
    with context.commit():
        note_left_out(run_id=run.pk, left_out=left_out)
    return left_out


def _was_withdrawn(case: Case) -> bool:
    """Whether it is by now; what the eraser could not find yet is erased here."""
    return Case.objects.filter(pk=case.pk, status=Case.Status.WITHDRAWN).exists()


def _images(case: Case | None) -> Any:
    """A case's images with every place that was given for it: imported ones too, since nothing is predicted here."""
    from inference.engine.stacks import CaseImages

    if case is None or case.image_set is None or case.status != Case.Status.INCLUDED:
        return CaseImages((), {})
    try:
        images, _ = load_case_images(case)
    except FileNotFoundError:
        return CaseImages((), {})
    points: dict[str, dict[str, Any]] = {}
    for mark in Landmark.objects.filter(case=case).order_by("frame_of_reference_uid", "structure"):
        frame = points.setdefault(mark.frame_of_reference_uid, {})
        frame[mark.structure] = np.array([mark.x_mm, mark.y_mm, mark.z_mm])
    return replace(images, points_mm=points)


def _material(run: TrainingRun, left_out: Mapping[str, str]) -> dict[str, Any]:
    items = run.training_set.items
    patients = {
        part: len({item["patient"] for item in items if item["partition"] == part})
        for part in ("train", "validation")
    }
    return {
        "study": run.study.slug,
        "protocol_digest": run.training_set.protocol_digest,
        "training_set": run.training_set.number,
        "training_set_digest": run.training_set.digest,
        "train_patients": patients["train"],
        "validation_patients": patients["validation"],
        "test_patients": len(run.training_set.test_patients),
        "left_out": dict(left_out),
    }


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    """JSON values of an epoch's record: what is not a number becomes null."""
    auc = {name: value if np.isfinite(value) else None for name, value in record["auc"].items()}
    return {**record, "auc": auc}
