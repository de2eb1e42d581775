"""The plan: who reads which case, in what random order, in which session. Nothing is written here."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.utils.translation import gettext as _

from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy, StudyRole
from readerstudy.studies.protocols.document import ProtocolDocument
from readerstudy.studies.services.assignment.design import (
    BALANCED,
    CROSSED,
    CROSSOVER,
    SEQUENTIAL,
    AssignmentDesign,
)
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import current_protocol

UNAIDED, AIDED = Assignment.Condition.UNAIDED.value, Assignment.Condition.AIDED.value


@dataclass(frozen=True)
class PlannedShowing:
    """One assignment before it is written; `position` counts a person's showings from 1."""

    case_id: int
    user_id: int
    duty: str
    position: int
    condition: str = UNAIDED
    session: int = 1
    occasion: int = 1
    washout_days: int = 0


@dataclass(frozen=True)
class AssignmentPlan:
    """What a seed gives: shown as a table before it is done, written unchanged afterwards."""

    seed: int
    design: AssignmentDesign
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
        problems.append(_("there is no included case without an assignment"))
    if document.numbering.get("set_by") == "doctor-before-reading":
        unnumbered = [case.pseudonym for case in cases if not case.numbering]
        if unnumbered:
            problems.append(
                _("the level numbering is not fixed for %(cases)s") % {"cases": _some(unnumbered)}
            )
    if document.is_sided:
        unsided = [case.pseudonym for case in cases if not _sides_stand(case)]
        if unsided:
            problems.append(
                _("the sides are neither established nor accepted by convention for %(cases)s")
                % {"cases": _some(unsided)}
            )
    return problems


def _panel_problems(document: ProtocolDocument, codes: Mapping[int, str], members: list[int]) -> list[str]:
    """What keeps a panel that reads itself from being assigned."""
    problems = []
    quorum = int(document.reference.get("quorum", 1))
    if members and len(members) < quorum:
        problems.append(
            _("the panel reads with %(quorum)s members; the study has %(n)s")
            % {"quorum": quorum, "n": len(members)}
        )
    chair = document.reference.get("chair")
    if chair and chair not in {codes[member] for member in members}:
        problems.append(_("the chair %(chair)s is not a panel member of this study") % {"chair": chair})
    return problems


def _some(names: list[str]) -> str:
    if len(names) <= 5:
        return ", ".join(names)
    return _("%(names)s and %(n)s more") % {"names": ", ".join(names[:5]), "n": len(names) - 5}


def _sides_stand(case: Case) -> bool:
    from readerstudy.imaging.selectors import lateralities

    return case.sides_accepted_by_convention or set(lateralities(case.image_set)) == {"established"}


def plan_assignment(
    *, study: ReaderStudy, seed: int, design: AssignmentDesign | None = None
) -> AssignmentPlan:
    """
    Plan the reads of every included case that has no assignment.

    Readers are dealt to cases as the design says. Each person's order is a permutation of their own, drawn
    per session. One adjudicator per case in turn; every panel member sees every case.

    Parameters
    ----------
    design : AssignmentDesign, optional
        What the protocol asks for by default.

    Raises
    ------
    StudyRefused
        With everything that is missing, in one message.
    """
    document = current_protocol(study).document
    design = design or AssignmentDesign.of(document)
    cases = list(
        Case.objects.filter(study=study, status=Case.Status.INCLUDED, assignments__isnull=True)
        .select_related("image_set")
        .order_by("pseudonym")
    )
    roles = StudyRole.objects.filter(study=study, left_at__isnull=True).order_by("code")
    readers = [role.user_id for role in roles if role.is_reader]
    adjudicators = [role.user_id for role in roles if role.is_adjudicator and not role.is_reader]
    panel = [role.user_id for role in roles if role.is_panel and not role.is_reader]
    problems = _problems(study, cases)
    if design.is_aided and "aided" not in document.reading["conditions"]:
        problems.append(_("the protocol has no aided condition: nothing could be released to the readers"))
    problems += _too_few_readers(design, len(readers), document.readers_per_case)
    by_adjudicator = document.adjudication["by"] == "adjudicator"
    if by_adjudicator and not adjudicators:
        problems.append(_("the study has no adjudicator who is not a reader"))
    wants_panel = document.reference["from"] in {"adjudicated+panel", "panel-read"}
    members = [user for user in panel if user not in adjudicators] or panel
    if wants_panel and not members:
        problems.append(_("the study has no panel member who is not a reader"))
    if document.reference["from"] == "panel-read":
        problems += _panel_problems(document, {role.user_id: role.code for role in roles}, members)
    if problems:
        raise StudyRefused(
            _("The reads cannot be assigned yet: %(problems)s. Nothing was changed.")
            % {"problems": "; ".join(problems)}
        )

    generator = np.random.default_rng(seed)
    dealt = _deal(design, [case.pk for case in cases], readers, generator)
    showings: list[PlannedShowing] = []
    for rank, reader in enumerate(readers):
        mine = sorted(case for case, owners in dealt.items() if reader in owners)
        showings += _sessions(design, reader, rank, mine, list(dealt), generator)
    others: dict[int, list[tuple[int, str]]] = {}
    for index, case in enumerate(dealt):
        adjudicator = adjudicators[index % len(adjudicators)] if by_adjudicator else None
        if adjudicator is not None:
            others.setdefault(adjudicator, []).append((case, CaseDuty.Duty.ADJUDICATOR))
        for member in members if wants_panel else ():
            if member != adjudicator:
                others.setdefault(member, []).append((case, CaseDuty.Duty.PANEL))
    for user in sorted(others):
        waiting = sorted(others[user])
        for position, place in enumerate(generator.permutation(len(waiting)), start=1):
            case_id, duty = waiting[int(place)]
            showings.append(PlannedShowing(case_id=case_id, user_id=user, duty=duty, position=position))
    showings.sort(key=lambda each: (each.user_id, each.position))
    text = json.dumps(
        [
            design.rule(),
            [
                [s.case_id, s.user_id, s.duty, s.position, s.condition, s.session, s.occasion, s.washout_days]
                for s in showings
            ],
        ],
        sort_keys=True,
    )
    return AssignmentPlan(seed, design, tuple(showings), hashlib.sha256(text.encode()).hexdigest())


def _too_few(needed: int, n_readers: int) -> str:
    return _("%(needed)s readers are needed per case; the study has %(n)s") % {
        "needed": needed,
        "n": n_readers,
    }


def _too_few_readers(design: AssignmentDesign, n_readers: int, needed: int) -> list[str]:
    if design.layout == BALANCED and n_readers < design.readers_per_case:
        return [_too_few(design.readers_per_case, n_readers)]
    if design.layout == CROSSED and n_readers < needed:
        return [_too_few(needed, n_readers)]
    if design.layout not in {BALANCED, CROSSED} and n_readers < needed * design.groups:
        return [
            _("%(all)s readers are needed for %(groups)s groups of %(each)s; the study has %(n)s")
            % {"all": needed * design.groups, "groups": design.groups, "each": needed, "n": n_readers}
        ]
    return []


def _deal(
    design: AssignmentDesign, cases: Sequence[int], readers: Sequence[int], generator: np.random.Generator
) -> dict[int, tuple[int, ...]]:
    """Return the readers of each case, in an order drawn from the seed."""
    order = [cases[int(index)] for index in generator.permutation(len(cases))]
    if design.layout == CROSSED:
        return {case: tuple(readers) for case in order}
    if design.layout != BALANCED:
        people = [readers[int(index)] for index in generator.permutation(len(readers))]
        groups = [tuple(people[start :: design.groups]) for start in range(design.groups)]
        return {case: groups[place % design.groups] for place, case in enumerate(order)}
    n_shared = round(design.overlap_fraction * len(order))
    load = dict.fromkeys(readers, 0)
    dealt: dict[int, tuple[int, ...]] = {}
    for place, case in enumerate(order):
        if place < n_shared:
            dealt[case] = tuple(readers)
            continue
        # The least loaded first; ties broken by the seed, so that no pair of readers is favoured.
        draw = {reader: generator.random() for reader in readers}
        chosen = sorted(readers, key=lambda reader, draw=draw: (load[reader], draw[reader]))
        dealt[case] = tuple(chosen[: design.readers_per_case])
        for reader in dealt[case]:
            load[reader] += 1
    return dealt


def _sessions(
    design: AssignmentDesign,
    reader: int,
    rank: int,
    mine: Sequence[int],
    all_cases: Sequence[int],
    generator: np.random.Generator,
) -> list[PlannedShowing]:
    """Return one reader's showings in order: sessions one after the other, each shuffled by itself."""
    # session -> entries of (case, condition, occasion); an entry of several showings stays together.
    sessions: dict[int, list[list[tuple[int, str, int]]]] = {1: []}
    if not design.is_aided:
        again, held_back = _repeats(design, mine, generator)
        sessions[1] = [[(case, UNAIDED, 1)] for case in mine if case not in held_back]
        if again:
            sessions[2] = [[(case, UNAIDED, 2)] for case in again] + [
                [(case, UNAIDED, 1)] for case in held_back
            ]
    elif design.aided_order == SEQUENTIAL:
        again, held_back = _repeats(design, mine, generator)
        pair = lambda case: [(case, UNAIDED, 1), (case, AIDED, 1)]  # noqa: E731
        sessions[1] = [pair(case) for case in mine if case not in held_back]
        if again:
            sessions[2] = [[(case, UNAIDED, 2)] for case in again] + [pair(case) for case in held_back]
    elif design.aided_order == CROSSOVER:
        # A case that one reader sees aided first, the next reader sees unaided first.
        place = {case: number for number, case in enumerate(all_cases)}
        first = {case: (AIDED if (place[case] + rank) % 2 else UNAIDED) for case in mine}
        sessions[1] = [[(case, first[case], 1)] for case in mine]
        sessions[2] = [[(case, UNAIDED if first[case] == AIDED else AIDED, 1)] for case in mine]
    else:
        sessions[1] = [[(case, UNAIDED, 1)] for case in mine]
        sessions[2] = [[(case, AIDED, 1)] for case in mine]
    showings: list[PlannedShowing] = []
    for session, entries in sorted(sessions.items()):
        for place in generator.permutation(len(entries)):
            for case, condition, occasion in entries[int(place)]:
                showings.append(
                    PlannedShowing(
                        case_id=case,
                        user_id=reader,
                        duty=CaseDuty.Duty.READER,
                        position=len(showings) + 1,
                        condition=condition,
                        session=session,
                        occasion=occasion,
                        washout_days=design.washout_days if session > 1 else 0,
                    )
                )
    return showings


def _repeats(
    design: AssignmentDesign, mine: Sequence[int], generator: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Return the cases shown once more, and new ones held back for the same session, so that none stands out."""
    n_again = round(design.repeat_fraction * len(mine))
    if not n_again:
        return [], []
    order = [mine[int(place)] for place in generator.permutation(len(mine))]
    again, others = order[:n_again], order[n_again:]
    return sorted(again), sorted(others[: min(n_again, len(others) // 2)])
