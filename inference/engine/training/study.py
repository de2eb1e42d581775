"""Training a model version on the reference standard of a study: from joint crops to a model's folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inference.engine.bundle import LoadedModel, save_model
from inference.engine.calibration import fit_temperatures
from inference.engine.devices import has_graphics_card
from inference.engine.manifest import CARD_NAME, Manifest
from inference.engine.networks.grader import Grader, GraderConfig
from inference.engine.training.evaluation import evaluate_findings
from inference.engine.training.grader import (
    EpochRecord,
    TrainSettings,
    experiment_record,
    predict_logits,
    train_grader,
)
from inference.engine.training.phantom_joints import JointCrops
from inference.engine.training.study_card import study_card
from inference.engine.training_plan import TrainingPlan

#: In the folder of the work.
CHECKPOINT_NAME = "grader.safetensors"


class TrainingRefused(Exception):
    """The material or the plan does not allow a training. Says why, for people."""


@dataclass(frozen=True)
class Scale:
    """A finding as the study's protocol has it."""

    finding: str
    n_grades: int
    cut: int


def device_of(plan: TrainingPlan) -> str:
    """
    Where to train.

    Raises
    ------
    TrainingRefused
        If a GPU is asked for and there is none.
    """
    there = has_graphics_card()
    if plan.device == "cuda" and not there:
        raise TrainingRefused("The plan asks for a GPU and this worker has none. Say device: auto or cpu.")
    return "cuda" if plan.device == "cuda" or (plan.device == "auto" and there) else "cpu"


def grader_of(base: LoadedModel) -> Grader:
    """
    The network to start from.

    Raises
    ------
    TrainingRefused
        If the model is an ONNX file, which has no weights to learn from here.
    """
    if not isinstance(base.grader, Grader):
        raise TrainingRefused(
            f"{base.manifest.name} is an ONNX file; a training starts from weights of its own."
        )
    return base.grader


def starting_weights(base: Grader, config: GraderConfig) -> dict[str, Tensor]:
    """
    Weights of an earlier grader that a new one can take over: same name, same shape.

    Transfer to another protocol keeps encoders and attention and starts with fresh heads.
    """
    wanted = Grader(config).state_dict()
    return {
        name: value
        for name, value in base.state_dict().items()
        if name in wanted and wanted[name].shape == value.shape
    }


def train_on_study(
    plan: TrainingPlan,
    base: LoadedModel,
    scales: Sequence[Scale],
    train: JointCrops,
    validation: JointCrops,
    *,
    facts: Mapping[str, Any],
    work: Path,
    out: Path,
    after_epoch: Callable[[EpochRecord], None] | None = None,
) -> Manifest:
    """
    Train, calibrate on the validation patients, and write the model version.

    Parameters
    ----------
    plan : TrainingPlan
    base : LoadedModel
        ``plan.start_from``.
    scales : sequence of Scale
        Columns of the grades of both sets.
    train, validation : JointCrops
    facts : mapping
        What the manifest says of the material: study, training set, ``synthetic``, patients, what was left out.
    work, out : Path
        For the checkpoint, and for the model version.
    after_epoch : callable, optional
        As `train_grader` takes it.

    Returns
    -------
    Manifest

    Raises
    ------
    TrainingRefused
        If a set is empty, or a finding has one grade only in the training set.
    """
    _check(scales, train, validation)
    began = time.perf_counter()
    device = device_of(plan)
    findings = tuple(each.finding for each in scales)
    n_grades = {each.finding: each.n_grades for each in scales}
    cuts = {each.finding: each.cut for each in scales}
    specs = {kind: each.crop for kind, each in base.manifest.inputs.requirements.items()}
    earlier = base.grader.config
    config = GraderConfig.from_json({**earlier.to_json(), "n_grades": n_grades})
    taken = starting_weights(grader_of(base), config) if plan.fine_tune else {}
    settings = TrainSettings(
        epochs=plan.epochs,
        batch=plan.batch,
        learning_rate=plan.learning_rate,
        weight_decay=plan.weight_decay,
        drop_share=plan.drop_share,
        finding_weights=plan.finding_weights,
        balance_grades=plan.balance_grades,
        lesion_weight=0.0,  # readers grade joints; where a lesion lies within one is not known
        patience=plan.patience,
        seed=plan.seed,
        device=device,
        mixed_precision=plan.mixed_precision,
    )
    torch.use_deterministic_algorithms(device == "cpu")
    trained = train_grader(
        config,
        specs,
        findings,
        train,
        validation,
        settings,
        cuts=cuts,
        checkpoint=work / CHECKPOINT_NAME,
        after_epoch=after_epoch,
        initial=taken,
        frozen=tuple(name for name in taken if name.startswith("encoders.")) if plan.freeze_encoder else (),
    )
    grader: Grader = trained.model.to("cpu", memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    logits = predict_logits(grader, specs, validation)
    truth = {name: torch.from_numpy(validation.grades[:, i].copy()) for i, name in enumerate(findings)}
    known = {name: values >= 0 for name, values in truth.items()}
    temperatures = {
        name: round(value, 4)
        for name, value in fit_temperatures(
            {name: logits[name][known[name]] for name in findings if bool(known[name].any())},
            {name: truth[name][known[name]] for name in findings},
        ).items()
    }
    training = experiment_record(
        settings,
        trained,
        {
            "device": device,
            "minutes": round(sum(record.seconds for record in trained.epochs) / 60, 2),
            "joints": len(train),
            "validation_joints": len(validation),
            "parameters": sum(p.numel() for p in grader.parameters()),
        },
    )
    figures = evaluate_findings(
        grader, specs, validation, findings=findings, cuts=cuts, temperatures=temperatures
    )
    manifest = save_trained(
        plan,
        base,
        grader,
        train,
        facts={
            **facts,
            "weights_taken_over": len(taken),
            "training": training | {"minutes_in_all": round((time.perf_counter() - began) / 60, 2)},
            "validation": figures,
        },
        n_grades=n_grades,
        temperatures=temperatures,
        out=out,
    )
    (out / CARD_NAME).write_text(study_card(manifest))
    return manifest


def save_trained(
    plan: TrainingPlan,
    base: LoadedModel,
    grader: Grader,
    joints: JointCrops,
    *,
    facts: Mapping[str, Any],
    n_grades: Mapping[str, int],
    temperatures: Mapping[str, float],
    out: Path,
) -> Manifest:
    """
    Write what came of a plan as a model version of its own.

    Parameters
    ----------
    plan : TrainingPlan
    base : LoadedModel
        What it started from: joint finder, input specification and structures are taken over.
    grader : Grader
    joints : JointCrops
        What was learnt from. A kind of series that never showed anything in it gives nothing out.
    facts : mapping
        What the manifest says of the material and the training.
    n_grades : mapping of finding to int
    temperatures : mapping of finding to float
    out : Path
    """
    kinds = base.manifest.inputs.requirements
    shown = [kind for kind in kinds if bool(np.asarray(joints.crops[kind]).reshape(len(joints), -1).any())]
    return save_model(
        out,
        grader=grader,
        localiser=base.localiser,
        facts=plain_values(
            {
                "name": plan.name,
                "version": plan.version,
                "plan": plan.to_json(),
                "started_from": {
                    "model": f"{base.manifest.name} {base.manifest.version}",
                    "digest": base.manifest.digest,
                },
                **facts,
            }
        ),
        inputs=base.manifest.content["inputs"],
        outputs={
            "structures": list(base.manifest.outputs.structures),
            "n_grades": dict(n_grades),
            "seen_on": dict.fromkeys(n_grades, shown),
        },
        temperatures=temperatures,
    )


def _check(scales: Sequence[Scale], train: JointCrops, validation: JointCrops) -> None:
    for name, joints in (("training", train), ("validation", validation)):
        if not len(joints):
            raise TrainingRefused(
                f"The {name} set has no joint with an image and a grade. Nothing was trained."
            )
    one = [
        each.finding
        for number, each in enumerate(scales)
        if len(np.unique(train.grades[:, number][train.grades[:, number] >= 0])) < 2
    ]
    if one:
        raise TrainingRefused(
            f"In the training set every joint has the same grade, or none, for {', '.join(one)}: there is nothing "
            "to learn. Nothing was trained."
        )


def plain_values(value: Any) -> Any:
    """JSON values: a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): plain_values(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
