"""The adjudicator's item: A and B without names, one decision that stands."""

from collections import Counter

import pytest
from django.urls import reverse

from grading.answers import BadAnswer
from grading.blinding import blinded_items
from grading.models import Adjudication, CoveredGrade, Discordance, ReferenceGrade
from grading.services.adjudication import (
    AdjudicationRefused,
    AlreadySettled,
    OwnGradeFirst,
    answers_shown,
    give_covered_grade,
    settle_item,
)
from grading.services.chance import item_generator
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReaderStudy
from tests import factories
from tests.grading.conftest import AT, LATER

ITEM, OTHER = "L4-5-right|narrowing", "L4-5-right|cyst"


def settle(desk, item=ITEM, choice="A", given=None, reason_code="", **more):
    structure, finding = item.split("|")
    return settle_item(
        assignment=desk.adjudicator,
        structure=structure,
        finding=finding,
        choice=choice,
        given=given,
        reason_code=reason_code,
        at=LATER,
        **more,
    )


def own(grade):
    return {"kind": "grade", "grade": grade}


def reference(item=ITEM):
    structure, finding = item.split("|")
    return ReferenceGrade.objects.filter(structure=structure, finding=finding, superseded_at=None).first()


def test_keeping_a_letter_keeps_that_read(desk):
    first, second = desk.both_submitted(**{ITEM: 3})
    shown = answers_shown(Discordance.objects.get())
    decision = settle(desk, choice="B")
    kept_read, answer = shown["B"]
    assert (decision.kept_read_id, decision.grade) == (kept_read, answer.grade)
    assert decision.choice == Adjudication.Choice.KEPT
    assert (reference().grade, reference().provenance) == (answer.grade, "adjudicated")
    assert {first.pk, second.pk} == {read for read, _ in shown.values()}


def test_a_third_answer_needs_a_reason_of_the_protocol(desk):
    desk.both_submitted(**{ITEM: 3})
    for reason in ("", "because"):
        with pytest.raises(BadAnswer, match="reason"):
            settle(desk, choice="own", given=own(2), reason_code=reason)
    assert not Adjudication.objects.exists()
    decision = settle(desk, choice="own", given=own(2), reason_code="boundary")
    assert (decision.grade, decision.reason_code, reference().grade) == (2, "boundary", 2)


def test_an_own_answer_that_a_read_gave_needs_none(desk):
    desk.both_submitted(**{ITEM: 3})
    assert settle(desk, choice="own", given=own(3)).kept_read is None
    assert reference().grade == 3


def test_a_or_b_allows_no_third_answer(make):
    desk = make(adjudication={"may_choose": "a-or-b"})
    desk.both_submitted(**{ITEM: 3})
    with pytest.raises(BadAnswer, match="A or B only"):
        settle(desk, choice="own", given=own(2), reason_code="boundary")
    assert settle(desk, choice="own", given=own(1)).grade == 1


@pytest.mark.parametrize(
    ("choice", "given"),
    [
        ("C", None),
        ("", None),
        ("a", None),
        ("own", None),
        ("own", own(4)),
        ("own", {"kind": "value", "value": 1}),
    ],
)
def test_what_cannot_be_chosen_changes_nothing(desk, choice, given):
    desk.both_submitted(**{ITEM: 3})
    with pytest.raises((AdjudicationRefused, BadAnswer)):
        settle(desk, choice=choice, given=given, reason_code="boundary")
    assert reference() is None
    assert not AuditEvent.objects.filter(event="grading.item.adjudicated").exists()


def test_one_decision_per_item(desk):
    desk.both_submitted(**{ITEM: 3})
    settle(desk, choice="A")
    with pytest.raises(AlreadySettled):
        settle(desk, choice="B")
    assert Adjudication.objects.count() == 1


def test_there_is_nothing_to_settle_where_the_readers_agreed(desk):
    desk.both_submitted(**{ITEM: 3})
    with pytest.raises(AdjudicationRefused):
        settle(desk, item=OTHER)


def test_a_study_that_is_not_open_settles_nothing(desk):
    desk.both_submitted(**{ITEM: 3})
    ReaderStudy.objects.filter(pk=desk.study.pk).update(state="locked", locked_at=AT)
    with pytest.raises(AdjudicationRefused, match="not open"):
        settle(desk)


def test_letters_are_shuffled_per_item_and_say_nothing_of_the_reader(make):
    """Each item has an order of its own; over many, the first reader is A as often as B."""
    desk = make()
    first, second = desk.submitted(desk.first, grade=0), desk.submitted(desk.second, grade=1)
    orders = {(each.structure, each.finding): tuple(each.order) for each in Discordance.objects.all()}
    assert len(orders) == 50
    assert set(orders.values()) == {(first.pk, second.pk), (second.pk, first.pk)}
    # Many cases, without writing them: the order of an item comes from this source alone.
    as_a = Counter()
    for _ in range(40):
        case = factories.case(study=desk.study)
        for item in desk.document.items:
            as_a[int(item_generator(case, *item.key).permutation(2)[0])] += 1
    n = sum(as_a.values())
    # Five standard deviations of a fair coin.
    assert abs(as_a[0] - n / 2) < 5 * (n / 4) ** 0.5


def test_letters_stay_as_they_were(desk):
    desk.both_submitted(**{ITEM: 3})
    item = Discordance.objects.get()
    assert answers_shown(item) == answers_shown(Discordance.objects.get(pk=item.pk))


# --- the own grade first --------------------------------------------------------------------------


@pytest.fixture
def covered(make):
    desk = make(adjudication={"third_read_first": True})
    desk.both_submitted(**{ITEM: 3})
    return desk


def page(desk):
    return blinded_items(assignment=desk.adjudicator, code="S1", next_address="").adjudication


def first_grade(desk, grade=2, item=ITEM):
    structure, finding = item.split("|")
    return give_covered_grade(
        assignment=desk.adjudicator, structure=structure, finding=finding, given=own(grade), at=LATER
    )


def test_a_and_b_are_not_in_the_page_before_the_own_grade(covered):
    (item,) = page(covered)["items"]
    assert (item["shown"], item["own"]) == ([], None)
    with pytest.raises(OwnGradeFirst):
        settle(covered)
    first_grade(covered)
    (item,) = page(covered)["items"]
    assert item["own"]["grade"] == 2
    assert {each["grade"] for each in item["shown"]} == {1, 3}


def test_the_own_grade_is_kept_beside_the_decision(covered):
    first_grade(covered, 2)
    decision = settle(covered, choice="A")
    assert decision.covered_answer["grade"] == 2
    assert decision.grade in {1, 3}


def test_the_first_own_grade_stands(covered):
    given = first_grade(covered, 2)
    assert first_grade(covered, 0) == given
    assert CoveredGrade.objects.get().grade == 2
    assert AuditEvent.objects.filter(event="grading.item.graded_covered").count() == 1


def test_the_own_grade_over_http_uncovers(client, covered):
    client.force_login(covered.adjudicator.user)
    address = reverse("api:item-first-grade", kwargs={"assignment": covered.adjudicator.public_id})
    settling = reverse("api:item-settle", kwargs={"assignment": covered.adjudicator.public_id})
    item = {"structure": "L4-5-right", "finding": "narrowing"}
    post = lambda where, body: client.post(where, body, content_type="application/json")  # noqa: E731
    early = post(settling, {**item, "choice": "A", "covered": own(1)})
    assert (early.status_code, early.json()["code"]) == (409, "refused")
    assert post(address, {**item, "answer": own(9)}).status_code == 400
    answer = post(address, {**item, "answer": own(2)})
    assert answer.json()["own"]["grade"] == 2
    assert {each["letter"] for each in answer.json()["shown"]} == {"A", "B"}
    assert post(settling, {**item, "choice": "A"}).json() == {"n_open": 0}
    assert post(address, {**item, "answer": own(2)}).json()["code"] == "already_settled"


def test_nothing_is_covered_where_the_protocol_does_not_say_so(desk):
    desk.both_submitted(**{ITEM: 3})
    with pytest.raises(AdjudicationRefused):
        first_grade(desk)


def test_audited_items_look_like_the_others_and_change_no_reference(make):
    desk = make(adjudication={"third_read_first": True, "audit_fraction": 1})
    desk.both_submitted(**{ITEM: 3})
    items = page(desk)["items"]
    assert len(items) == 50
    assert {frozenset(each) for each in items} == {frozenset({"structure", "finding", "own", "shown"})}
    assert "audit" not in str(page(desk))
    assert Discordance.objects.filter(is_audit=True).count() == 49
    settle(desk, item=OTHER, choice="own", given=own(0), reason_code="boundary", covered=own(0))
    assert (reference(OTHER).grade, reference(OTHER).provenance) == (1, "agreed")
    assert Adjudication.objects.get().covered_answer["grade"] == 0


def test_the_audit_draw_takes_its_fraction(make):
    desk = make(adjudication={"third_read_first": True, "audit_fraction": 0.3})
    desk.both_submitted()
    n = 50
    drawn = Discordance.objects.count()
    assert abs(drawn - 0.3 * n) < 5 * (n * 0.3 * 0.7) ** 0.5
    assert drawn > 0
