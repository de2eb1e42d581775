"""Simulated doctors at work: they open, answer, submit, settle and confirm as people do, by the services."""

import csv
import uuid
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from django.utils import timezone

from grading.answers import GivenAnswer
from grading.models import Read
from grading.selectors import case_is_settled, open_discordances, standing_reference
from grading.services.adjudication import answers_shown, settle_item
from grading.services.panel import review_case
from grading.services.reading import open_read, save_answers, submit_read
from readerstudy.accounts.models import User
from readerstudy.phantom import ReaderModel, simulate_reads
from readerstudy.phantom.readers import Answer
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy

Truth = Mapping[str, Mapping[str, Mapping[str, int]]]  # case pseudonym -> structure -> finding -> grade

# Two junior doctors, one who sees too much and one who sees too little; weighted kappa about 0.5.
READERS = {
    "reader1": ReaderModel(bias=0.10, noise=0.62, case_noise=0.12, not_assessable=0.004),
    "reader2": ReaderModel(bias=-0.12, noise=0.70, case_noise=0.15, not_assessable=0.004),
}
SENIOR = ReaderModel(noise=0.42, case_noise=0.05)
PANEL = ReaderModel(noise=0.30, case_noise=0.0)


def read_truth(folder: Path) -> Truth:
    """Return the grades that phantoms were made with, from their ``reference.csv``."""
    truth: dict[str, dict[str, dict[str, int]]] = {}
    with (folder / "reference.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            structures = truth.setdefault(row["case_id"], {})
            structures.setdefault(row["structure"], {})[row["finding"]] = int(row["grade"])
    return truth


def _mine(study: ReaderStudy, user: User, duty: str) -> list[Assignment]:
    found = Assignment.objects.filter(study=study, user=user, duty__duty=duty, withdrawn_at__isnull=True)
    return list(found.select_related("case", "user", "study").order_by("position"))


def _given(answer: Answer) -> dict[str, object]:
    if answer.kind == "grade":
        return {"kind": "grade", "grade": answer.grade}
    return {"kind": "not_assessable", "reason": "artefact"}


def read_cases(
    *,
    study: ReaderStudy,
    reader: User,
    truth: Truth,
    model: ReaderModel,
    rng: np.random.Generator,
    n_cases: int | None = None,
    begin_next_with: int = 0,
) -> None:
    """
    Let a simulated doctor read cases in their own order.

    Parameters
    ----------
    n_cases : int, optional
        How many to submit; all by default.
    begin_next_with : int
        How many items of the case after the last are answered, and left at that.
    """
    mine = _mine(study, reader, CaseDuty.Duty.READER)
    n_cases = len(mine) if n_cases is None else min(n_cases, len(mine))
    reads = simulate_reads([truth[each.case.pseudonym] for each in mine], rng, model)
    for number, (assignment, answers) in enumerate(zip(mine, reads, strict=True)):
        wanted = len(answers) if number < n_cases else begin_next_with if number == n_cases else 0
        if not wanted:
            break
        read = open_read(assignment=assignment, at=timezone.now())
        if read.state == Read.State.SUBMITTED:
            continue
        save_answers(
            read_id=read.pk,
            answers=[
                {
                    "key": str(uuid.uuid4()),
                    "structure": answer.structure,
                    "finding": answer.finding,
                    "base": 0,
                    **_given(answer),
                }
                for answer in answers[:wanted]
            ],
            at=timezone.now(),
        )
        if number < n_cases:
            submit_read(read_id=read.pk, at=timezone.now())


def _own_view(truth: Mapping[str, Mapping[str, int]], rng: np.random.Generator, model: ReaderModel):
    (answers,) = simulate_reads([truth], rng, model)
    return {(each.structure, each.finding): each.grade for each in answers}


def settle_cases(
    *,
    study: ReaderStudy,
    adjudicator: User,
    truth: Truth,
    rng: np.random.Generator,
    n_cases: int | None = None,
    begin_next_with: int = 0,
) -> None:
    """Let a simulated senior doctor settle the disputed items of cases, and begin one more."""
    waiting = [
        each
        for each in _mine(study, adjudicator, CaseDuty.Duty.ADJUDICATOR)
        if open_discordances([each.case_id]).exists()
    ]
    n_cases = len(waiting) if n_cases is None else n_cases
    for number, assignment in enumerate(waiting[: n_cases + 1]):
        view = _own_view(truth[assignment.case.pseudonym], rng, SENIOR)
        items = list(open_discordances([assignment.case_id]).order_by("structure", "finding", "pk"))
        for item in items if number < n_cases else items[:begin_next_with]:
            own = view[(item.structure, item.finding)]
            shown = {letter: answer for letter, (_, answer) in answers_shown(item).items()}
            _settle(assignment, item.structure, item.finding, own, shown)


def _settle(
    assignment: Assignment, structure: str, finding: str, own: int, shown: Mapping[str, GivenAnswer]
) -> None:
    graded = {letter: answer.grade for letter, answer in shown.items() if answer.grade is not None}
    letter = min(graded, key=lambda each: (abs(graded[each] - own), each)) if graded else ""
    if letter and abs(graded[letter] - own) == 0:
        choice, given, reason = letter, None, ""
    else:
        choice, given, reason = "own", {"kind": "grade", "grade": own}, "boundary"
    settle_item(
        assignment=assignment,
        structure=structure,
        finding=finding,
        choice=choice,
        given=given,
        covered={"kind": "grade", "grade": own},
        reason_code=reason,
        at=timezone.now(),
    )


def confirm_cases(
    *, study: ReaderStudy, member: User, truth: Truth, rng: np.random.Generator, n_cases: int | None = None
) -> None:
    """Let a simulated panel member confirm settled cases, overruling what is off by two grades or more."""
    settled = [each for each in _mine(study, member, CaseDuty.Duty.PANEL) if case_is_settled(each.case_id)]
    for assignment in settled[:n_cases]:
        view = _own_view(truth[assignment.case.pseudonym], rng, PANEL)
        overruled = [
            {
                "structure": each.structure,
                "finding": each.finding,
                "kind": "grade",
                "grade": view[(each.structure, each.finding)],
                "reason_code": "other-slice",
            }
            for each in standing_reference(assignment.case_id)
            if each.grade is not None and abs(each.grade - view[(each.structure, each.finding)]) >= 2
        ]
        review_case(assignment=assignment, overruled=overruled, at=timezone.now())
