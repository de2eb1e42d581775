"""Designs: who reads what, in which session, how often; drawn from a seed and written as shown."""

from collections import Counter
from dataclasses import replace

import pytest

from readerstudy.studies.models import Assignment
from readerstudy.studies.services.assignment import (
    AssignmentDesign,
    PlanChanged,
    assign_reads,
    plan_assignment,
)
from readerstudy.studies.services.errors import StudyRefused
from readerstudy.studies.services.studies import open_study
from tests.factories.studies import AT, FACET, make_cases, make_study, make_team

pytestmark = pytest.mark.django_db
TWO = AssignmentDesign(readers_per_case=2)


AIDED = FACET.replace("conditions: [unaided]", "conditions: [unaided, aided]")


def study_of(n_readers, n_cases, source=FACET):
    study = make_study(source=source)
    team = {f"reader_{n}": ("is_reader",) for n in range(n_readers)}
    make_team(study, {**team, "adjudicator": ("is_adjudicator",), "panel_member": ("is_panel",)})
    make_cases(study, [f"c{n:03d}" for n in range(n_cases)])
    return open_study(study=study, actor=None, at=AT)


def reading(plan):
    return [each for each in plan.showings if each.duty == "reader"]


def by_reader(plan):
    found = {}
    for each in reading(plan):
        found.setdefault(each.user_id, []).append(each)
    return found


def test_crossed_gives_every_case_to_every_reader():
    study = study_of(4, 6)
    plan = plan_assignment(study=study, seed=1, design=replace(TWO, layout="crossed"))
    per_case = Counter(each.case_id for each in reading(plan))
    assert len(per_case) == 6
    assert set(per_case.values()) == {4}


def test_split_plot_crosses_within_groups_only():
    study = study_of(4, 10)
    plan = plan_assignment(study=study, seed=1, design=replace(TWO, layout="split-plot", groups=2))
    teams = {}
    for each in reading(plan):
        teams.setdefault(each.case_id, set()).add(each.user_id)
    groups = {frozenset(team) for team in teams.values()}
    assert sorted(map(len, groups)) == [2, 2]
    assert len(frozenset.union(*groups)) == 4
    assert set(Counter(frozenset(team) for team in teams.values()).values()) == {5}


def test_overlap_is_read_by_everybody_and_the_rest_is_balanced():
    study = study_of(4, 20)
    plan = plan_assignment(study=study, seed=1, design=replace(TWO, overlap_fraction=0.25))
    per_case = Counter(each.case_id for each in reading(plan))
    assert Counter(per_case.values()) == {4: 5, 2: 15}
    load = Counter(each.user_id for each in reading(plan))
    assert max(load.values()) - min(load.values()) <= 1


def test_repeats_hide_among_held_back_cases_after_a_washout():
    study = study_of(2, 40)
    plan = plan_assignment(study=study, seed=1, design=replace(TWO, repeat_fraction=0.1, washout_days=28))
    for mine in by_reader(plan).values():
        again = [each for each in mine if each.occasion == 2]
        first = {each.case_id: each for each in mine if each.occasion == 1}
        assert len(again) == 4
        assert len(first) == 40
        # Each is shown in an earlier session first, and comes back in one where it is not alone.
        assert all(first[each.case_id].session < each.session for each in again)
        second = [each for each in mine if each.session == 2]
        assert len(second) == 8
        assert {each.washout_days for each in second} == {28}
        assert {each.washout_days for each in mine if each.session == 1} == {0}
        assert [each.position for each in mine] == list(range(1, 45))
    # Which are repeated differs from reader to reader.
    chosen = [{each.case_id for each in mine if each.occasion == 2} for mine in by_reader(plan).values()]
    assert chosen[0] != chosen[1]


def test_sequential_aided_follows_unaided_at_once():
    study = study_of(2, 6, AIDED)
    design = replace(TWO, conditions=("unaided", "aided"), aided_order="sequential")
    for mine in by_reader(plan_assignment(study=study, seed=1, design=design)).values():
        assert {each.session for each in mine} == {1}
        for before, after in zip(mine[::2], mine[1::2], strict=True):
            assert (before.case_id, before.condition, after.condition) == (after.case_id, "unaided", "aided")


def test_independent_sessions_have_orders_of_their_own():
    study = study_of(2, 12, AIDED)
    design = replace(TWO, conditions=("unaided", "aided"), aided_order="independent", washout_days=14)
    for mine in by_reader(plan_assignment(study=study, seed=1, design=design)).values():
        unaided = [each.case_id for each in mine if (each.session, each.condition) == (1, "unaided")]
        aided = [each.case_id for each in mine if (each.session, each.condition) == (2, "aided")]
        assert sorted(unaided) == sorted(aided)
        assert len(unaided) == 12
        assert unaided != aided
        assert {each.washout_days for each in mine if each.session == 2} == {14}


def test_crossover_balances_conditions_over_sessions_cases_and_readers():
    study = study_of(2, 12, AIDED)
    design = replace(TWO, conditions=("unaided", "aided"), aided_order="crossover", washout_days=14)
    plan = plan_assignment(study=study, seed=1, design=design)
    for mine in by_reader(plan).values():
        assert Counter((each.session, each.condition) for each in mine) == dict.fromkeys(
            [(1, "unaided"), (1, "aided"), (2, "unaided"), (2, "aided")], 6
        )
    first = {}
    for each in reading(plan):
        if each.session == 1:
            first.setdefault(each.case_id, set()).add(each.condition)
    # What one of two readers sees aided first, the other sees unaided first.
    assert all(seen == {"unaided", "aided"} for seen in first.values())


def test_written_as_planned_with_one_duty_per_case_and_person():
    study = study_of(2, 20)
    design = replace(TWO, repeat_fraction=0.2, washout_days=7)
    plan = plan_assignment(study=study, seed=5, design=design)
    draw = assign_reads(study=study, seed=5, design=design, expected_digest=plan.digest, actor=None, at=AT)
    assert AssignmentDesign.from_rule(draw.rule) == design
    written = set(
        Assignment.objects.values_list(
            "case_id", "user_id", "duty__duty", "position", "condition", "session", "occasion", "washout_days"
        )
    )
    assert written == {
        (e.case_id, e.user_id, e.duty, e.position, e.condition, e.session, e.occasion, e.washout_days)
        for e in plan.showings
    }


def test_another_plan_than_the_one_shown_is_refused():
    study = study_of(2, 4)
    plan = plan_assignment(study=study, seed=1)
    make_cases(study, ["late"])
    with pytest.raises(PlanChanged, match="Nothing was changed"):
        assign_reads(study=study, seed=1, expected_digest=plan.digest, actor=None, at=AT)
    assert not Assignment.objects.exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"layout": "star"}, "the layout is one of"),
        ({"overlap_fraction": 1.5}, "runs from 0 to 1"),
        ({"repeat_fraction": -0.1}, "repeats runs from 0 to 1"),
        ({"washout_days": 99999}, "3,650"),
        ({"conditions": ("aided",)}, "every design has an unaided read"),
        (
            {"conditions": ("unaided", "aided"), "aided_order": "crossover", "repeat_fraction": 0.1},
            "not drawn",
        ),
    ],
)
def test_a_design_that_does_not_hold_is_told(change, told):
    with pytest.raises(StudyRefused, match=told):
        AssignmentDesign(**change)


def test_aided_reads_need_a_protocol_with_the_condition():
    study = study_of(2, 4)
    with pytest.raises(StudyRefused, match="no aided condition"):
        plan_assignment(study=study, seed=1, design=replace(TWO, conditions=("unaided", "aided")))
