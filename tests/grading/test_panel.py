"""The panel: votes given singly, a majority of the quorum decides, the rest stands and is marked."""

import pytest
from django.urls import reverse

from grading.answers import BadAnswer
from grading.blinding import panel_case
from grading.models import Adjudication, Discordance, PanelReview, ReferenceGrade
from grading.queues import panel_queue
from grading.services.adjudication import settle_item
from grading.services.panel import PanelRefused, review_case, send_back
from readerstudy.core.models import AuditEvent
from readerstudy.studies.models import ReaderStudy
from tests.grading.conftest import AT, LATER

ITEM, AGREED = "L4-5-right|narrowing", "L4-5-right|cyst"


def settle(desk, choice="A"):
    for item in (
        Discordance.objects.filter(adjudications__superseded_at__isnull=False).distinct()
        or Discordance.objects.all()
    ):
        settle_item(
            assignment=desk.adjudicator,
            structure=item.structure,
            finding=item.finding,
            choice=choice,
            given=None,
            reason_code="",
            at=LATER,
        )


@pytest.fixture
def settled(desk):
    desk.both_submitted(**{ITEM: 3})
    settle(desk)
    return desk


@pytest.fixture
def of_three(make):
    desk = make(members=4, reference={"quorum": 3})
    desk.both_submitted(**{ITEM: 3})
    settle(desk)
    return desk


def vote(item=ITEM, grade=0, reason_code="boundary", **answer):
    structure, finding = item.split("|")
    given = answer or {"kind": "grade", "grade": grade}
    return {"structure": structure, "finding": finding, "reason_code": reason_code, **given}


def review(assignment, *overruled):
    return review_case(assignment=assignment, overruled=overruled, at=LATER)


def standing(item=ITEM):
    structure, finding = item.split("|")
    return ReferenceGrade.objects.get(structure=structure, finding=finding, superseded_at=None)


def events(name):
    return AuditEvent.objects.filter(event=f"grading.{name}").count()


def test_one_vote_confirms_every_item_of_a_quorum_of_one(settled):
    before = standing().grade
    review(settled.panel[0])
    rows = ReferenceGrade.objects.filter(superseded_at=None)
    assert rows.count() == 50
    assert set(rows.values_list("provenance", flat=True)) == {"confirmed"}
    assert (standing().grade, standing().basis, standing(AGREED).basis) == (before, "adjudicated", "agreed")
    assert (events("case.reviewed"), events("case.confirmed")) == (1, 1)


def test_overruling_changes_the_grade_and_keeps_what_stood(settled):
    earlier = standing()
    review(settled.panel[0], vote(grade=0), vote(AGREED, kind="not_assessable", reason="artefact"))
    now = standing()
    assert (now.grade, now.provenance, now.basis) == (0, "overruled", "adjudicated")
    assert (standing(AGREED).kind, standing(AGREED).reason) == ("not_assessable", "artefact")
    kept = ReferenceGrade.objects.get(pk=earlier.pk)
    assert (kept.grade, kept.superseded_at) == (earlier.grade, LATER)
    assert events("item.overruled") == 2


@pytest.mark.parametrize(
    "overruled",
    [
        [vote(reason_code="")],
        [vote(reason_code="because")],
        [vote(grade=4)],
        [vote("L9|narrowing")],
        [vote(grade=0), vote(grade=2)],
        [vote(AGREED, grade=1)],  # what stands
    ],
)
def test_a_vote_that_says_nothing_new_or_allowed_is_refused_whole(settled, overruled):
    with pytest.raises(BadAnswer):
        review(settled.panel[0], *overruled)
    assert not PanelReview.objects.exists()
    assert standing().provenance == "adjudicated"
    assert events("item.overruled") == 0


def test_a_case_with_open_items_is_not_reviewed(desk):
    desk.both_submitted(**{ITEM: 3})
    with pytest.raises(PanelRefused, match="still to be settled"):
        review(desk.panel[0])


def test_votes_are_counted_at_the_quorum_and_not_before(of_three):
    for member in of_three.panel[:2]:
        review(member)
        assert standing().provenance == "adjudicated"
    review(of_three.panel[2])
    assert standing().provenance == "confirmed"


def test_two_of_three_overrule(of_three):
    review(of_three.panel[0], vote(grade=0))
    review(of_three.panel[1])
    review(of_three.panel[2], vote(grade=0))
    assert (standing().grade, standing().provenance, standing().no_majority) == (0, "overruled", False)


def test_one_of_three_does_not(of_three):
    before = standing().grade
    review(of_three.panel[0], vote(grade=0))
    review(of_three.panel[1])
    review(of_three.panel[2])
    assert (standing().grade, standing().provenance) == (before, "confirmed")


def test_without_a_majority_the_adjudicated_grade_stands_and_is_marked(of_three):
    before = standing().grade
    review(of_three.panel[0], vote(grade=0))
    review(of_three.panel[1], vote(grade=2))
    review(of_three.panel[2])
    now = standing()
    assert (now.grade, now.provenance, now.no_majority) == (before, "adjudicated", True)


def test_a_decided_case_takes_no_further_vote(of_three):
    for member in of_three.panel[:3]:
        review(member)
    rows = ReferenceGrade.objects.count()
    with pytest.raises(PanelRefused, match="decided"):
        review(of_three.panel[3], vote(grade=0))
    assert ReferenceGrade.objects.count() == rows
    assert events("case.confirmed") == 1


def test_a_decided_case_is_not_sent_back_even_without_a_majority(of_three):
    review(of_three.panel[0], vote(grade=0))
    review(of_three.panel[1], vote(grade=2))
    review(of_three.panel[2])
    with pytest.raises(PanelRefused, match="decided"):
        send_back(
            assignment=of_three.panel[3],
            structure="L4-5-right",
            finding="narrowing",
            reason_code="other-slice",
            at=LATER,
        )
    assert standing().no_majority
    queue = panel_queue(study=of_three.study, member=of_three.panel[3].user)
    assert queue.rows == ()


def test_one_vote_per_member_and_round(of_three):
    review(of_three.panel[0])
    with pytest.raises(PanelRefused, match="stands"):
        review(of_three.panel[0], vote(grade=0))


def test_sending_back_begins_a_new_round_with_everybody(of_three):
    review(of_three.panel[0], vote(grade=0))
    send_back(
        assignment=of_three.panel[1],
        structure="L4-5-right",
        finding="narrowing",
        reason_code="other-slice",
        at=LATER,
    )
    assert not ReferenceGrade.objects.filter(
        structure="L4-5-right", finding="narrowing", superseded_at=None
    ).exists()
    with pytest.raises(PanelRefused, match="still to be settled"):
        review(of_three.panel[2])
    settle(of_three, choice="B")
    assert Adjudication.objects.count() == 2
    # The vote of the first round counts no more.
    for member in of_three.panel[:2]:
        review(member)
        assert standing().provenance == "adjudicated"
    review(of_three.panel[2])
    assert (standing().provenance, events("item.sent_back")) == ("confirmed", 1)


@pytest.mark.parametrize("item", [AGREED, "L9|narrowing"])
def test_only_an_adjudicated_item_is_sent_back(settled, item):
    structure, finding = item.split("|")
    with pytest.raises(PanelRefused):
        send_back(
            assignment=settled.panel[0],
            structure=structure,
            finding=finding,
            reason_code="other-slice",
            at=LATER,
        )
    assert standing().provenance == "adjudicated"


def test_a_study_that_is_not_open_takes_no_vote(settled):
    ReaderStudy.objects.filter(pk=settled.study.pk).update(state="locked", locked_at=AT)
    with pytest.raises(PanelRefused, match="not open"):
        review(settled.panel[0])
    with pytest.raises(PanelRefused, match="not open"):
        send_back(
            assignment=settled.panel[0],
            structure="L4-5-right",
            finding="narrowing",
            reason_code="other-slice",
            at=LATER,
        )


def test_other_votes_stay_covered(of_three):
    before = panel_case(assignment=of_three.panel[1], code="P2", next_address="")
    review(of_three.panel[0], vote(grade=0), vote(AGREED, grade=0))
    after = panel_case(assignment=of_three.panel[1], code="P2", next_address="")
    assert (before.panel, before.viewer) == (after.panel, after.viewer)
    assert (before.votes_given, after.votes_given) == (0, 1)


def test_the_calls_confirm_and_send_back(client, settled):
    client.force_login(settled.panel[0].user)
    place = {"assignment": settled.panel[0].public_id}
    post = lambda name, body: client.post(reverse(name, kwargs=place), body, content_type="application/json")  # noqa: E731
    item = {"structure": "L4-5-right", "finding": "narrowing"}
    assert post("api:panel-send-back", item).json()["code"] == "bad_answer"
    assert post("api:panel-send-back", item | {"reason_code": "other-slice"}).status_code == 200
    assert post("api:panel-confirm", {}).json()["code"] == "refused"
    settle(settled)
    assert post("api:panel-confirm", {"overruled": [vote(grade=0, reason_code="")]}).status_code == 400
    assert post("api:panel-confirm", {"overruled": [vote(grade=0)]}).status_code == 200
    assert standing().provenance == "overruled"
