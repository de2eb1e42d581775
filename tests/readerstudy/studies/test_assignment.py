"""Assignment: the protocol's number of readers per case, balanced, in a stored random order of one's own."""

from collections import Counter

import pytest
from django.db import IntegrityError, transaction

from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import Assignment, Case, CaseDuty, ReaderStudy
from readerstudy.studies.services.assignment import assign_reads, plan_assignment
from readerstudy.studies.services.errors import StudyRefused, WrongState
from readerstudy.studies.services.studies import grant_roles, open_study
from tests.factories.studies import AT, make_cases, make_open_study, make_person, make_study, make_team

pytestmark = pytest.mark.django_db


def reads(study):
    return Assignment.objects.filter(study=study, duty__duty="reader")


class TestPlan:
    def test_each_case_has_two_readers_one_adjudicator_and_the_panel(self):
        study, _ = make_open_study(n_cases=8)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        per_case = Counter(CaseDuty.objects.values_list("case__pseudonym", "duty"))
        assert set(per_case.values()) == {1, 2}
        for case in study.cases.all():
            duties = Counter(case.duties.values_list("duty", flat=True))
            assert duties == {"reader": 2, "adjudicator": 1, "panel": 1}

    def test_load_of_several_readers_differs_by_one_at_most(self):
        study = make_study()
        team = {f"reader_{n}": ("is_reader",) for n in range(5)}
        make_team(study, {**team, "adjudicator": ("is_adjudicator",), "panel_member": ("is_panel",)})
        make_cases(study, [f"c{n:02d}" for n in range(23)])
        study = open_study(study=study, actor=None, at=AT)
        assign_reads(study=study, seed=3, actor=None, at=AT)
        load = Counter(reads(study).values_list("user__username", flat=True))
        assert sum(load.values()) == 46
        assert max(load.values()) - min(load.values()) <= 1
        pairs = {
            frozenset(case.duties.filter(duty="reader").values_list("user_id", flat=True))
            for case in study.cases.all()
        }
        assert len(pairs) >= 5  # no pair of readers is favoured

    def test_preview_is_what_is_written(self):
        study, _ = make_open_study(n_cases=6)
        plan = plan_assignment(study=study, seed=9)
        assert not Assignment.objects.exists()
        draw = assign_reads(study=study, seed=9, actor=None, at=AT)
        assert draw.result_digest == plan.digest
        written = Assignment.objects.values_list("case_id", "user_id", "duty__duty", "position")
        planned = {(each.case_id, each.user_id, each.duty, each.position) for each in plan.showings}
        assert set(written) == planned

    def test_seed_decides(self):
        study, _ = make_open_study(n_cases=10)
        digests = [plan_assignment(study=study, seed=seed).digest for seed in (1, 1, 2)]
        assert digests[0] == digests[1]
        assert digests[0] != digests[2]


class TestOrder:
    def test_everyone_has_a_random_order_of_their_own(self):
        study, people = make_open_study(n_cases=12)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        orders = []
        for name in ("first_reader", "second_reader"):
            mine = reads(study).filter(user=people[name]).order_by("position")
            assert [each.position for each in mine] == list(range(1, 13))
            assert [each.running_number for each in mine] == list(range(1, 13))
            orders.append([each.case_id for each in mine])
        assert sorted(orders[0]) == sorted(orders[1])
        assert orders[0] != orders[1]
        assert orders[0] != sorted(orders[0])

    def test_numbers_and_addresses_shared_by_nobody(self):
        study, _ = make_open_study(n_cases=6)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        n = Assignment.objects.count()
        for field in ("public_id", "presentation"):
            assert Assignment.objects.values(field).distinct().count() == n

    def test_later_cases_form_a_block_after_the_first(self):
        study, people = make_open_study(n_cases=4)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        before = list(reads(study).order_by("pk").values_list("pk", "position"))
        make_cases(study, ["later-1", "later-2"])
        assign_reads(study=study, seed=2, actor=None, at=AT)
        assert (
            list(
                reads(study)
                .filter(pk__in=[pk for pk, _ in before])
                .order_by("pk")
                .values_list("pk", "position")
            )
            == before
        )
        mine = reads(study).filter(user=people["first_reader"]).order_by("position")
        assert [each.position for each in mine] == [1, 2, 3, 4, 5, 6]
        assert {each.case.pseudonym for each in list(mine)[4:]} == {"later-1", "later-2"}

    def test_draw_is_on_record(self):
        study, people = make_open_study(n_cases=3)
        draw = assign_reads(study=study, seed=41, actor=people["coordinator"], at=AT)
        event = AuditEvent.objects.get(event="studies.assignment.drawn")
        assert (event.detail["seed"], event.detail["digest"]) == (41, draw.result_digest)
        assert event.actor_name == "Coordinator"


@pytest.mark.both_databases
class TestDuty:
    def test_one_person_holds_one_duty_for_a_case(self):
        study, people = make_open_study(n_cases=1)
        case = study.cases.get()
        CaseDuty.objects.create(case=case, user=people["first_reader"], duty="reader")
        with pytest.raises(IntegrityError), transaction.atomic():
            CaseDuty.objects.create(case=case, user=people["first_reader"], duty="adjudicator")

    def test_reader_who_also_settles_does_not_settle_their_own_case(self):
        study = make_study()
        people = make_team(
            study,
            {
                "first_reader": ("is_reader", "is_adjudicator"),
                "second_reader": ("is_reader",),
                "panel_member": ("is_panel",),
            },
        )
        make_cases(study, ["a"])
        study = open_study(study=study, actor=None, at=AT)
        with pytest.raises(StudyRefused, match="no adjudicator who is not a reader"):
            assign_reads(study=study, seed=1, actor=None, at=AT)
        grant_roles(study=study, user=make_person("senior"), roles=["is_adjudicator"], actor=None, at=AT)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        assert people["first_reader"].case_duties.get().duty == "reader"


class TestRefusals:
    def test_everything_that_is_missing_is_told_at_once(self):
        study = make_study()
        make_team(study, {"first_reader": ("is_reader",)})
        make_cases(study, ["a", "b"])
        Case.objects.filter(pseudonym="a").update(numbering={}, sides_accepted_by_convention=False)
        study = open_study(study=study, actor=None, at=AT)
        with pytest.raises(StudyRefused) as caught:
            assign_reads(study=study, seed=1, actor=None, at=AT)
        text = str(caught.value)
        for missing in (
            "the level numbering is not fixed for a",
            "the sides are neither established nor accepted by convention for a",
            "2 readers are needed per case; the study has 1",
            "no adjudicator",
            "no panel member",
            "Nothing was changed",
        ):
            assert missing in text
        assert not Assignment.objects.exists()

    def test_excluded_and_unscreened_cases_are_not_read(self):
        study, _ = make_open_study(n_cases=2)
        make_cases(study, ["out"], status=Case.Status.EXCLUDED)
        make_cases(study, ["waiting"], status=Case.Status.IMPORTED)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        assert not Assignment.objects.filter(case__pseudonym__in=["out", "waiting"]).exists()

    def test_second_draw_without_new_cases_is_refused(self):
        study, _ = make_open_study(n_cases=2)
        assign_reads(study=study, seed=1, actor=None, at=AT)
        with pytest.raises(StudyRefused, match="no included case without an assignment"):
            assign_reads(study=study, seed=2, actor=None, at=AT)

    @pytest.mark.parametrize("state", ["draft", "locked", "unblinded"])
    def test_reads_are_assigned_in_an_open_study_only(self, state):
        study, _ = make_open_study(n_cases=2)
        ReaderStudy.objects.filter(pk=study.pk).update(state=state, locked_at=AT, unblinded_at=AT)
        with pytest.raises(WrongState):
            assign_reads(study=study, seed=1, actor=None, at=AT)
        assert not Assignment.objects.exists()
