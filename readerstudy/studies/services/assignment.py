"""Assignment: who reads which case, in what stored random order. Previewed first, then written."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import transaction

from readerstudy.core.audit import Actor, record
from readerstudy.studies.models import Assignment, Case, CaseDuty, Draw, ReaderStudy, StudyRole
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.services.studies import current_protocol


@dataclass(frozen=True)
class PlannedShowing:
    """One assignment before it is written."""

    case_id: int
    user_id: int
    duty: str
    position: int


@dataclass(frozen=True)
class AssignmentPlan:
    """What a seed gives: shown as a table before it is done, written unchanged afterwards."""

    seed: int
    showings: tuple[PlannedShowing, ...]
    digest: str

    def counts(self) -> dict[tuple[int, str], int]:
        """Return the number of cases per person and duty."""
        result: dict[tuple[int, str], int] = {}
        for showing in self.showings:
            key = showing.user_id, showing.duty
            result[key] = result.get(key, 0) + 1
        return result


def _problems(study: ReaderStudy, cases: list[Case]) -> list[str]:
    document = current_protocol(study).document
    problems = []
    if not cases:
        problems.append("there is no included case without an assignment")
    if document.numbering.get("set_by") == "doctor-before-reading":
        unnumbered = [case.pseudonym for case in cases if not case.numbering]
        if unnumbered:
            problems.append(f"the level numbering is not fixed for {_some(unnumbered)}")
    if document.is_sided:
        unsided = [case.pseudonym for case in cases if not _sides_stand(case)]
        if unsided:
            problems.append(
                f"the sides are neither established nor accepted by convention for {_some(unsided)}"
            )
    return problems


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _sides_stand(case: Case) -> bool:
    from readerstudy.imaging.selectors import lateralities

    return case.sides_accepted_by_convention or set(lateralities(case.image_set)) == {"established"}


def plan_assignment(*, study: ReaderStudy, seed: int) -> AssignmentPlan:
    """
    Plan the reads of every included case that has no assignment.

    Readers are dealt to cases in balanced blocks: each case gets the protocol's number of readers, and
    no reader has more than one case above another. Each person's order is a permutation of their own.
    One adjudicator per case in turn; every panel member sees every case.

    Raises
    ------
    StudyRefused
        With everything that is missing, in one message.
    """
    document = current_protocol(study).document
    cases = list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED, assignments__isnull=True)
        .select_related("image_set")
        .order_by("pseudonym")
    )
    roles = StudyRole.objects.filter(study=study).order_by("code")
    readers = [role.user_id for role in roles if role.is_reader]
    adjudicators = [role.user_id for role in roles if role.is_adjudicator and not role.is_reader]
    panel = [role.user_id for role in roles if role.is_panel and not role.is_reader]
    problems = _problems(study, cases)
    n = document.readers_per_case
    if len(readers) < n:
        problems.append(f"{n} readers are needed per case; the study has {len(readers)}")
    by_adjudicator = document.adjudication["by"] == "adjudicator"
    if by_adjudicator and not adjudicators:
        problems.append("the study has no adjudicator who is not a reader")
    wants_panel = document.reference["from"] in {"adjudicated+panel", "panel-read"}
    members = [user for user in panel if user not in adjudicators] or panel
    if wants_panel and not members:
        problems.append("the study has no panel member who is not a reader")
    if document.reference["from"] == "panel-read":
        quorum = int(document.reference.get("quorum", 1))
        if members and len(members) < quorum:
            problems.append(f"the panel reads with {quorum} members; the study has {len(members)}")
        chair = document.reference.get("chair")
        if chair and chair not in {role.code for role in roles if role.user_id in members}:
            problems.append(f"the chair {chair} is not a panel member of this study")
    if problems:
        raise StudyRefused(
            "The reads cannot be assigned yet: " + "; ".join(problems) + ". Nothing was changed."
        )

    generator = np.random.default_rng(seed)
    pairs: list[tuple[int, int, str]] = []
    load = dict.fromkeys(readers, 0)
    for index in generator.permutation(len(cases)):
        case = cases[int(index)]
        # The least loaded first; ties broken by the seed, so that no pair of readers is favoured.
        draw = {reader: generator.random() for reader in readers}
        chosen = sorted(readers, key=lambda reader, draw=draw: (load[reader], draw[reader]))[:n]
        for reader in chosen:
            load[reader] += 1
            pairs.append((case.pk, reader, CaseDuty.Duty.READER))
        adjudicator = adjudicators[int(index) % len(adjudicators)] if by_adjudicator else None
        if adjudicator is not None:
            pairs.append((case.pk, adjudicator, CaseDuty.Duty.ADJUDICATOR))
        if wants_panel:
            pairs.extend(
                (case.pk, member, CaseDuty.Duty.PANEL) for member in members if member != adjudicator
            )
    showings = []
    for user in sorted({user for _, user, _ in pairs}):
        mine = sorted((case, duty) for case, owner, duty in pairs if owner == user)
        for position, place in enumerate(generator.permutation(len(mine)), start=1):
            case_id, duty = mine[int(place)]
            showings.append(PlannedShowing(case_id=case_id, user_id=user, duty=duty, position=position))
    text = json.dumps([[s.case_id, s.user_id, s.duty, s.position] for s in showings])
    return AssignmentPlan(seed, tuple(showings), hashlib.sha256(text.encode()).hexdigest())


@transaction.atomic
def assign_reads(*, study: ReaderStudy, seed: int, actor: Actor | None, at: datetime) -> Draw:
    """
    Write the plan of a seed.

    Raises
    ------
    WrongState
        If the study is not open.
    StudyRefused
        As `plan_assignment`.
    """
    study = ReaderStudy.objects.select_for_update().get(pk=study.pk)
    if study.state != ReaderStudy.State.OPEN:
        raise WrongState(
            f"The study is {study.state}; reads are assigned while it is open. Nothing was changed."
        )
    plan = plan_assignment(study=study, seed=seed)
    number = study.draws.filter(purpose=Draw.Purpose.ASSIGNMENT).count() + 1
    draw = Draw.objects.create(
        study=study,
        purpose=Draw.Purpose.ASSIGNMENT,
        number=number,
        seed=seed,
        rule={"readers_per_case": current_protocol(study).document.readers_per_case},
        result_digest=plan.digest,
        drawn_at=at,
    )
    duties = CaseDuty.objects.bulk_create(
        [CaseDuty(case_id=s.case_id, user_id=s.user_id, duty=s.duty) for s in plan.showings], batch_size=500
    )
    offsets: dict[int, int] = {}
    for user_id in {showing.user_id for showing in plan.showings}:
        last = (
            Assignment.objects.filter(study=study, user_id=user_id, session=1).order_by("-position").first()
        )
        offsets[user_id] = last.position if last else 0
    Assignment.objects.bulk_create(
        [
            Assignment(
                duty=duty,
                case_id=showing.case_id,
                user_id=showing.user_id,
                study=study,
                draw=draw,
                position=offsets[showing.user_id] + showing.position,
                running_number=offsets[showing.user_id] + showing.position,
            )
            for duty, showing in zip(duties, plan.showings, strict=True)
        ],
        batch_size=500,
    )
    record(
        event="studies.assignment.drawn",
        at=at,
        actor=actor,
        study_id=study.public_id,
        subject_type="draw",
        subject_id=f"assignment {number}",
        seed=seed,
        n=len(plan.showings),
        digest=plan.digest,
    )
    return draw
