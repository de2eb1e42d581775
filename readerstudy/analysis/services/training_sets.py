"""
What a study hands to a training, by value: reference grades of training and validation patients, nothing else.

The test partition and external centres are named by pseudonym only, so that no training can take them in by
mistake; their figures for a trained model are computed once, by a recorded act.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from grading.models import Kind, ReferenceGrade
from inference.models import TrainingRun, TrainingSet
from inference.selectors import predictions_of
from inference.services.training import accept_training_set, note_test_figures
from readerstudy.accounts.models import User
from readerstudy.analysis.selectors import data_hash, finished_cases, plan_of, protocol_of
from readerstudy.analysis.services.locking import note_unblinding
from readerstudy.core.audit import record
from readerstudy.imaging.selectors import pixel_digests
from readerstudy.stats import clustered_accuracy, clustered_auc, clustered_binary_summary
from readerstudy.studies.models import Case, Patient, ReaderStudy
from readerstudy.studies.wording import partition_words

PARTS = (Patient.Partition.TRAIN, Patient.Partition.VALIDATION)
HELD_OUT = (Patient.Partition.TEST, Patient.Partition.EXTERNAL)


class TrainingSetRefused(Exception):
    """A training set that cannot be frozen, or a test partition that cannot be opened. Nothing was changed."""


@dataclass(frozen=True)
class TrainingSetPreview:
    """What would be frozen, for the page: counts only."""

    train_patients: int
    validation_patients: int
    held_out_patients: int
    train_items: int
    validation_items: int
    items_without_grade: int
    data_hash: str


def _reference(study: ReaderStudy, cases: list[Case]) -> "list[ReferenceGrade]":
    return list(
        ReferenceGrade.objects.filter(case__in=[case.pk for case in cases], superseded_at__isnull=True)
        .exclude(kind=Kind.VALUE)
        .select_related("case__patient")
        .order_by("case__pseudonym", "structure", "finding", "pk")
    )


def scales_of(study: ReaderStudy) -> list[dict[str, Any]]:
    """Return finding, number of grades and cut of every graded finding of the protocol."""
    plan = plan_of(study)
    return [
        {"finding": finding.id, "n_grades": finding.n_grades, "cut": plan.cut_of(finding.id)}
        for finding in protocol_of(study).document.findings
        if finding.scale
    ]


def preview(study: ReaderStudy) -> TrainingSetPreview:
    """Return the counts of what `freeze_training_set` would freeze now."""
    cases = finished_cases(study)
    rows = _reference(study, [case for case in cases if case.patient.partition in PARTS])
    graded = [row for row in rows if row.kind == Kind.GRADE]
    patients = {
        part: {case.patient_id for case in cases if case.patient.partition == part}
        for part in (*PARTS, *HELD_OUT)
    }
    return TrainingSetPreview(
        train_patients=len(patients[Patient.Partition.TRAIN]),
        validation_patients=len(patients[Patient.Partition.VALIDATION]),
        held_out_patients=sum(len(patients[part]) for part in HELD_OUT),
        train_items=sum(row.case.patient.partition == Patient.Partition.TRAIN for row in graded),
        validation_items=sum(row.case.patient.partition == Patient.Partition.VALIDATION for row in graded),
        items_without_grade=len(rows) - len(graded),
        data_hash=study.data_hash,
    )


@transaction.atomic
def freeze_training_set(*, study: ReaderStudy, actor: User | None, at: datetime) -> TrainingSet:
    """
    Freeze the reference grades of the training and validation patients and hand them to `inference`.

    Frozen twice from the same data, it is one training set.

    Raises
    ------
    TrainingSetRefused
        If the study is not locked, its data are not those that were signed, a part is empty, or the same pixels
        are in two parts.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state not in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise TrainingSetRefused(
            _(
                "Training starts from a locked study: until then reads and reference may still change. Lock it first."
            )
        )
    if data_hash(study) != study.data_hash:
        raise TrainingSetRefused(
            _(
                "The data do not have the hash that was signed at the lock. Check the audit log. Nothing was frozen."
            )
        )
    cases = finished_cases(study)
    _refuse_shared_pixels(cases)
    inside = [case for case in cases if case.patient.partition in PARTS]
    items = [
        {
            "case": row.case.pseudonym,
            "patient": row.case.patient.pseudonym,
            "partition": row.case.patient.partition,
            "structure": row.structure,
            "finding": row.finding,
            "grade": row.grade,
        }
        for row in _reference(study, inside)
        if row.kind == Kind.GRADE
    ]
    for part in PARTS:
        if not any(item["partition"] == part for item in items):
            raise TrainingSetRefused(
                _("No patient of the partition %(partition)s has a reference grade. Nothing was frozen.")
                % {"partition": partition_words(part)}
            )
    held_out = (
        Patient.objects.filter(study=study, partition__in=HELD_OUT)
        .order_by("pseudonym")
        .values_list("pseudonym", flat=True)
    )
    known = TrainingSet.objects.filter(study=study).count()
    frozen = accept_training_set(
        study=study,
        items=items,
        test_patients=list(held_out),
        protocol_digest=protocol_of(study).digest,
        at=at,
    )
    if TrainingSet.objects.filter(study=study).count() > known:
        record(
            event="analysis.training_set.frozen",
            at=at,
            actor=actor,
            study_id=study.public_id,
            subject_type="training set",
            subject_id=frozen.public_id,
            number=frozen.number,
            n_items=len(items),
            digest=frozen.digest,
        )
    return frozen


def _refuse_shared_pixels(cases: list[Case]) -> None:
    """Refuse a study in which one image lies in two partitions, under whatever patient's name."""
    owner: dict[str, tuple[str, str]] = {}
    shared: dict[tuple[str, str], int] = defaultdict(int)
    for case in cases:
        if case.image_set is None:
            continue
        part = "held out" if case.patient.partition in HELD_OUT else case.patient.partition
        for digest in set(pixel_digests(case.image_set)):
            first = owner.setdefault(digest, (part, case.pseudonym))
            if first[0] != part:
                shared[first[1], case.pseudonym] += 1
    if shared:
        (one, other), n = max(shared.items(), key=lambda pair: pair[1])
        raise TrainingSetRefused(
            _(
                "Cases %(one)s and %(other)s share %(n)d images and lie in different partitions: what is learnt "
                "from one would be tested on the other. Exclude one of them. Nothing was frozen."
            )
            % {"one": one, "other": other, "n": n}
        )


@transaction.atomic
def open_test_partition(*, run: TrainingRun, actor: User, at: datetime) -> Mapping[str, Any]:
    """
    Compute a trained model's figures on the held-out patients, once, and keep them with the training.

    Returns
    -------
    mapping of finding to mapping
        ``auc``, ``exact``, ``sensitivity``, ``specificity`` as estimates with patient-level intervals, and counts.

    Raises
    ------
    TrainingSetRefused
        If the study is not unblinded, the training has no model yet, or the model has not run on every held-out case.
    InferenceRefused
        If they were opened before.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=run.study_id)
    if study.state != ReaderStudy.State.UNBLINDED:
        raise TrainingSetRefused(_("Figures are shown after unblinding only. Nothing was opened."))
    if run.result is None:
        raise TrainingSetRefused(_("This training has not made a model yet. Nothing was opened."))
    cases = [case for case in finished_cases(study) if case.patient.partition in HELD_OUT]
    if not cases:
        raise TrainingSetRefused(_("No held-out patient has a reference standard. Nothing was opened."))
    predicted = {
        (row.case_id, row.structure, row.finding): row.probabilities
        for row in predictions_of(study, model=run.result)
    }
    seen = {key[0] for key in predicted}
    waiting = [case.pseudonym for case in cases if case.pk not in seen]
    if waiting:
        raise TrainingSetRefused(
            _(
                "%(model)s has no result for %(n)d of %(all)d held-out cases (%(cases)s). Run it on the study "
                "first. Nothing was opened."
            )
            % {
                "model": run.result,
                "n": len(waiting),
                "all": len(cases),
                "cases": ", ".join(waiting[:3]),
            }
        )
    rows = [row for row in _reference(study, cases) if row.kind == Kind.GRADE]
    figures = {scale["finding"]: _figures(scale, rows, predicted) for scale in run.scales}
    note_test_figures(run=run, figures=figures, actor=actor, at=at)
    note_unblinding(
        study=study, actor=actor, act="results", at=at, detail=f"test partition of training {run.number}"
    )
    return figures


def _figures(
    scale: Mapping[str, Any],
    rows: list[ReferenceGrade],
    predicted: Mapping[tuple[int, str, str], tuple[float, ...]],
) -> dict[str, Any]:
    finding, cut = scale["finding"], scale["cut"]
    own = [row for row in rows if row.finding == finding]
    there = [row for row in own if (row.case_id, row.structure, finding) in predicted]
    result: dict[str, Any] = {"cut": cut, "n_reference": len(own), "n": len(there)}
    if not there:
        return {
            **result,
            "undefined_because": "the model gives no grade of this finding on the held-out cases",
        }
    truth = np.array([row.grade for row in there])
    probabilities = np.array([predicted[row.case_id, row.structure, finding] for row in there])
    patients = np.array([row.case.patient_id for row in there])
    grades = probabilities.argmax(axis=1)
    summary = clustered_binary_summary(truth, grades, clusters=patients, cut=cut)
    return {
        **result,
        "n_positive": int((truth >= cut).sum()),
        "auc": clustered_auc(truth >= cut, probabilities[:, cut:].sum(axis=1), clusters=patients).as_dict(),
        "exact": clustered_accuracy(truth, grades, clusters=patients, n_grades=scale["n_grades"]).as_dict(),
        "sensitivity": summary.sensitivity.as_dict(),
        "specificity": summary.specificity.as_dict(),
    }
