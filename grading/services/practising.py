"""Beginning a training or calibration, and judging it when its last case is submitted."""

from datetime import datetime

import numpy as np
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext_noop as N_

from grading.models import Rating, Read
from grading.practice import (
    CALIBRATION,
    NUMBERS_FROM,
    SESSION,
    TRAINING,
    PracticeRules,
    next_showing,
    practice_cases,
    practice_state,
    showings_of,
    try_of,
)
from readerstudy.accounts.models import User
from readerstudy.core.audit import record
from readerstudy.core.keys import derive_key
from readerstudy.stats import weighted_kappa
from readerstudy.studies.models import Assignment, CaseDuty, PracticeTry, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import Finding
from readerstudy.studies.services.studies import current_protocol

# Of a finding's items with a grade in the reference, the share that the reader must have graded as well.
LEAST_COMPARED = 0.5


class PracticeRefused(Exception):
    """A training or calibration that cannot be begun. Nothing was changed."""


@transaction.atomic
def begin_practice(*, study: ReaderStudy, reader: User, use: str, at: datetime) -> Assignment:
    """
    Begin a reader's training or the next try of the calibration; its cases come in an order of its own.

    Returns
    -------
    Assignment
        The first case.

    Raises
    ------
    PracticeRefused
        If the study is not open, the person reads nothing in it, it is not the turn of this use, no try is left,
        or the study has fewer cases for it than the protocol asks.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise PracticeRefused(N_("The study is not open."))
    active = {"is_reader": True, "paused_at": None, "left_at": None}
    if not StudyRole.objects.filter(study=study, user=reader, **active).exists():
        raise PracticeRefused(N_("You are no active reader of this study."))
    state = practice_state(study, reader)
    if state.running is not None:
        raise PracticeRefused(N_("Finish what you have begun first."))
    if not use or use != state.next_use:
        raise PracticeRefused(N_("This cannot be begun now."))
    cases = list(practice_cases(study, use).select_related("case"))
    needed = state.rules.n_training if use == TRAINING else state.rules.n_calibration
    if len(cases) < needed:
        raise PracticeRefused(N_("The coordinator has not prepared enough cases for this yet."))
    number = PracticeTry.objects.filter(study=study, user=reader, use=use).count() + 1
    begun = PracticeTry.objects.create(
        study=study,
        user=reader,
        protocol=current_protocol(study),
        use=use,
        number=number,
        started_at=at,
    )
    last = Assignment.objects.filter(study=study, user=reader, session=SESSION).aggregate(n=Max("position"))
    place = last["n"] or 0
    seed = derive_key("grading.practice", str(study.public_id), str(reader.public_id), f"{use} {number}")
    order = np.random.default_rng(int.from_bytes(seed[:8], "big")).permutation(len(cases))
    for offset, index in enumerate(order, start=1):
        case = cases[int(index)].case
        duty, _ = CaseDuty.objects.get_or_create(
            case=case, user=reader, defaults={"duty": CaseDuty.Duty.READER}
        )
        Assignment.objects.create(
            duty=duty,
            case=case,
            user=reader,
            study=study,
            session=SESSION,
            occasion=number,
            position=place + offset,
            running_number=NUMBERS_FROM + place + offset,
        )
    record(
        event="grading.practice.begun",
        at=at,
        actor=reader,
        study_id=study.public_id,
        subject_type="user",
        subject_id=reader.public_id,
        use=use,
        number=number,
    )
    first = next_showing(begun)
    assert first is not None  # noqa: S101  (a try has cases)
    return first


@transaction.atomic
def end_practice_read(*, read: Read, at: datetime) -> None:
    """End the try of a practice read when it was its last one; a calibration is judged then."""
    given = PracticeTry.objects.select_for_update().get(pk=try_of(read.assignment).pk)
    if given.finished_at is not None or next_showing(given) is not None:
        return
    given.finished_at = at
    if given.use == CALIBRATION:
        given.figures = _figures(given)
        given.passed = _passed(given, PracticeRules.of(given.protocol.document.reading))
    given.save(update_fields=["finished_at", "figures", "passed"])
    record(
        event="grading.practice.ended",
        at=at,
        actor=read.reader,
        study_id=read.assignment.study.public_id,
        subject_type="user",
        subject_id=read.reader.public_id,
        use=given.use,
        number=given.number,
        result={None: "done", True: "passed", False: "not passed"}[given.passed],
    )


def _passed(given: PracticeTry, rules: PracticeRules) -> bool:
    if not given.figures:
        # Nothing with grades is asked: there is no agreement to judge.
        return True
    if any(row["passed"] is False for row in given.figures) and rules.on_each:
        return False
    kappas = [row["kappa"] for row in given.figures]
    return None not in kappas and (rules.on_each or float(np.mean(kappas)) >= rules.kappa)


def _figures(given: PracticeTry) -> list[dict[str, object]]:
    """Compare a reader's grades with the reference, finding by finding."""
    document = given.protocol.document
    rules = PracticeRules.of(document.reading)
    showings = list(showings_of(given))
    references = {each.case_id: each.case.practice.reference for each in showings}
    pairs: dict[str, list[tuple[int, int | None]]] = {}
    answers = Rating.objects.filter(
        read__assignment__in=showings, read__state=Read.State.SUBMITTED, read__superseded_at__isnull=True
    ).values_list("read__case_id", "structure", "finding", "grade")
    for case_id, structure, finding, grade in answers:
        truth = references[case_id].get(f"{structure}|{finding}", {})
        if truth.get("kind") == "grade":
            pairs.setdefault(finding, []).append((truth["grade"], grade))
    return [
        _figure(finding, pairs.get(finding.id, []), rules) for finding in document.findings if finding.scale
    ]


def _figure(finding: Finding, pairs: list[tuple[int, int | None]], rules: PracticeRules) -> dict[str, object]:
    """Return one finding's agreement; without variation, agreement everywhere counts as the highest kappa."""
    both = [(truth, own) for truth, own in pairs if own is not None]
    kappa: float | None = None
    if pairs and len(both) >= LEAST_COMPARED * len(pairs):
        truths, own = zip(*both, strict=True)
        weights = "identity" if finding.kind == "nominal" else "quadratic"
        found = weighted_kappa(truths, own, n_grades=finding.n_grades, weights=weights)
        if not np.isnan(found.value):
            kappa = round(float(found.value), 4)
        elif truths == own:
            kappa = 1.0
    same = sum(truth == own for truth, own in both)
    return {
        "finding": finding.id,
        "kappa": kappa,
        "same": same,
        "n": len(both),
        "not_compared": len(pairs) - len(both),
        "passed": kappa is not None and kappa >= rules.kappa,
    }
