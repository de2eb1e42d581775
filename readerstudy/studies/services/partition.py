"""The partition of patients: drawn once, stratified, never moved by later patients."""

import hashlib
import json
from datetime import datetime

import numpy as np
from django.db import transaction
from django.utils.translation import gettext as _

from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Case, Draw, Patient, ReaderStudy
from readerstudy.studies.services.errors import WrongState
from readerstudy.studies.services.studies import current_protocol
from readerstudy.studies.wording import state_words

DRAWN = (Patient.Partition.TRAIN, Patient.Partition.VALIDATION, Patient.Partition.TEST)


def largest_remainder(n: int, shares: list[float]) -> list[int]:
    """Split `n` into whole numbers that follow `shares` (which add up to 1) as nearly as possible."""
    exact = [n * share for share in shares]
    counts = [int(value) for value in exact]
    by_remainder = sorted(range(len(shares)), key=lambda k: (counts[k] - exact[k], k))
    for k in by_remainder[: n - sum(counts)]:
        counts[k] += 1
    return counts


@transaction.atomic
def draw_partition(*, study: ReaderStudy, seed: int, actor: Actor | None, at: datetime) -> Draw:
    """
    Draw the partition of every patient that has none.

    Patients of external centres are kept apart. Within each centre (the stratum) patients are
    shuffled by the seed and dealt by the protocol's shares; what an earlier draw decided stays.

    Raises
    ------
    WrongState
        If the study is locked or unblinded.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state in {ReaderStudy.State.LOCKED, ReaderStudy.State.UNBLINDED}:
        raise WrongState(
            _("The study is %(state)s. Nothing was changed.") % {"state": state_words(study.state)}
        )
    rule = dict(current_protocol(study).document.partition)
    shares = [rule["train"], rule["validation"], rule["test"]]
    generator = np.random.default_rng(seed)
    waiting = (
        Patient.objects.filter(study=study, partition="")
        # Who is practised on is in no partition.
        .exclude(cases__status=Case.Status.PRACTICE)
        .select_related("centre")
        .order_by("centre__code", "pseudonym")
    )
    strata: dict[str, list[Patient]] = {}
    for patient in waiting:
        stratum = patient.centre.code if "centre" in rule.get("stratify", []) else ""
        strata.setdefault("external" if patient.centre.is_external else f"centre {stratum}", []).append(
            patient
        )
    result: dict[str, str] = {}
    for name in sorted(strata):
        members = strata[name]
        if name == "external":
            result.update({patient.pseudonym: Patient.Partition.EXTERNAL for patient in members})
            continue
        order = generator.permutation(len(members))
        counts = largest_remainder(len(members), shares)
        labels = [label for label, count in zip(DRAWN, counts, strict=True) for _ in range(count)]
        for place, label in zip(order, labels, strict=True):
            result[members[place].pseudonym] = label
    digest = hashlib.sha256(json.dumps(sorted(result.items())).encode()).hexdigest()
    number = study.draws.filter(purpose=Draw.Purpose.PARTITION).count() + 1
    draw = Draw.objects.create(
        study=study,
        purpose=Draw.Purpose.PARTITION,
        number=number,
        seed=seed,
        rule=rule,
        result_digest=digest,
        drawn_at=at,
    )
    for label in (*DRAWN, Patient.Partition.EXTERNAL):
        names = [name for name, value in result.items() if value == label]
        Patient.objects.filter(study=study, partition="", pseudonym__in=names).update(
            partition=label, partition_draw=draw
        )
    counts_text = ", ".join(
        f"{label} {sum(value == label for value in result.values())}"
        for label in (*DRAWN, Patient.Partition.EXTERNAL)
    )
    record(
        event="studies.partition.drawn",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="draw",
        subject_id=f"partition {number}",
        seed=seed,
        counts=counts_text,
        digest=digest,
    )
    return draw
