"""Simulated doctors at work: they open, answer, submit, settle and confirm as people do, by the services."""

import csv
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.utils import timezone

from grading.answers import GivenAnswer
from grading.models import Read
from grading.selectors import case_is_settled, open_discordances, standing_reference
from grading.services.adjudication import answers_shown, settle_item
from grading.services.panel import review_case
from grading.services.reading import open_read, submit_read
from grading.services.saving import save_answers
from grading.services.unseen import ImagesShown
from readerstudy.accounts.models import User
from readerstudy.phantom.readers import (
    JUNIOR_READERS,
    SENIOR_READERS,
    Answer,
    ReaderModel,
    draw_severity,
    simulate_reads,
)
from readerstudy.studies.models import Assignment, CaseDuty, ReaderStudy

READERS: Mapping[str, ReaderModel] = dict(zip(("reader1", "reader2"), JUNIOR_READERS, strict=True))
SENIOR, PANEL = SENIOR_READERS


@dataclass(frozen=True)
class Truth:
    """
    What phantoms were made with.

    grades : case pseudonym -> structure -> finding -> grade.
    severity : case pseudonym -> (structure, finding) -> place on the latent line, the same for all readers.
    """

    grades: Mapping[str, Mapping[str, Mapping[str, int]]]
    severity: Mapping[str, Mapping[tuple[str, str], float]]

    def seen_by(self, model: ReaderModel, cases: list[str], rng: np.random.Generator) -> list[list[Answer]]:
        """Return what a simulated doctor answers to cases, in the order given."""
        severity = [self.severity[case] for case in cases]
        return simulate_reads([self.grades[case] for case in cases], rng, model, severity=severity)


def read_truth(folder: Path, *, seed: int) -> Truth:
    """Return the grades that phantoms were made with, from their ``reference.csv``."""
    grades: dict[str, dict[str, dict[str, int]]] = {}
    with (folder / "reference.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            structures = grades.setdefault(row["case_id"], {})
            structures.setdefault(row["structure"], {})[row["finding"]] = int(row["grade"])
    drawn = draw_severity(list(grades.values()), np.random.default_rng([seed, 0]))
    return Truth(grades, dict(zip(grades, drawn, strict=True)))


def _mine(study: ReaderStudy, user: User, duty: str) -> list[Assignment]:
    found = Assignment.objects.filter(study=study, user=user, duty__duty=duty, withdrawn_at__isnull=True)
    return list(found.select_related("case", "user", "study").order_by("position"))


_NOT_ASSESSABLE = {"kind": "not_assessable", "reason": "artefact"}


def _given(answer: Answer) -> dict[str, object]:
    if answer.kind == "grade":
        return {"kind": "grade", "grade": answer.grade}
    return dict(_NOT_ASSESSABLE)


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
    reads = truth.seen_by(model, [each.case.pseudonym for each in mine], rng)
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
            submit_read(read_id=read.pk, at=timezone.now(), images=ImagesShown.all_of(read))


def _own_view(
    truth: Truth, case: str, rng: np.random.Generator, model: ReaderModel
) -> dict[tuple[str, str], int | None]:
    (answers,) = truth.seen_by(model, [case], rng)
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
        view = _own_view(truth, assignment.case.pseudonym, rng, SENIOR)
        items = list(open_discordances([assignment.case_id]).order_by("structure", "finding", "pk"))
        for item in items if number < n_cases else items[:begin_next_with]:
            own = view[(item.structure, item.finding)]
            shown = {letter: answer for letter, (_, answer) in answers_shown(item).items()}
            _settle(assignment, item.structure, item.finding, own, shown)


def _settle(
    assignment: Assignment, structure: str, finding: str, own: int | None, shown: Mapping[str, GivenAnswer]
) -> None:
    """Keep the read that says the same; else give a third answer with its reason."""
    same = [letter for letter, answer in shown.items() if answer.grade == own]
    answer = {"kind": "grade", "grade": own} if own is not None else _NOT_ASSESSABLE
    settle_item(
        assignment=assignment,
        structure=structure,
        finding=finding,
        choice=same[0] if same else "own",
        given=None if same else answer,
        covered=answer,
        reason_code="" if same else "boundary",
        at=timezone.now(),
    )


def confirm_cases(
    *, study: ReaderStudy, member: User, truth: Truth, rng: np.random.Generator, n_cases: int | None = None
) -> None:
    """Let a simulated panel member confirm settled cases, overruling what is off by two grades or more."""
    settled = [each for each in _mine(study, member, CaseDuty.Duty.PANEL) if case_is_settled(each.case_id)]
    for assignment in settled[:n_cases]:
        view = _own_view(truth, assignment.case.pseudonym, rng, PANEL)
        overruled = [
            {
                "structure": each.structure,
                "finding": each.finding,
                "kind": "grade",
                "grade": view[(each.structure, each.finding)],
                "reason_code": "other-slice",
            }
            for each in standing_reference(assignment.case_id)
            if _far(each.grade, view[(each.structure, each.finding)])
        ]
        review_case(assignment=assignment, overruled=overruled, at=timezone.now())


def _far(stands: int | None, seen: int | None) -> bool:
    return stands is not None and seen is not None and abs(stands - seen) >= 2
