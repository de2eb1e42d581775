"""The first registration of the facet study: juniors settle jointly, the senior group reads and makes the reference."""

import pytest
from django.core.management import call_command
from playwright.sync_api import expect

from grading.models import Adjudication, Discordance, JointSession, ReferenceGrade
from readerstudy.analysis.selectors import finished_cases
from tests import factories
from tests.flows.journey import PATIENCE_MS, ready, submit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PEOPLE = {
    "first-junior": "reader",
    "second-junior": "reader",
    "chair": "panel",
    "other-senior": "panel",
    "coordinator": "coordinator",
}
DISPUTED = {("L4-5-right", "narrowing"): 3, ("L4-5-left", "cyst"): 1}


@pytest.mark.complains("409 .*/joint/")
def test_two_juniors_settle_jointly_and_two_seniors_make_the_reference(journey):
    made = journey(
        "facet-joint-degeneration-2022",
        people=PEOPLE,
        cases=2,
        seed=5,
        bodies="facet-joint-degeneration",
        modalities=["MR"],
        numbering="5",
    )
    slug, items = made.study.slug, made.document.items
    zeros = {item.key: 0 for item in items}
    for showing in made.showings("first-junior"):
        made.read(showing, answers=zeros)
    first = made.windows("first-junior")
    made.open(first, "grading:joint_list", slug=slug)

    def come_together():
        first.fill("#second-name", "second-junior")
        first.fill("#second-password", factories.PASSWORD)
        first.press("#second-password", "Enter")

    # The second has not submitted everything: nothing opens, and nothing is told of what differs.
    (begun, rest) = made.showings("second-junior")
    made.read(begun, answers={**zeros, **DISPUTED})
    come_together()
    expect(first.locator("[role=alert]")).to_contain_text("when both of you have submitted all your reads")
    assert "items to settle" not in first.inner_text("main")
    made.read(rest, answers={**zeros, **DISPUTED})
    assert Discordance.objects.count() == 4
    assert not ReferenceGrade.objects.exists()

    made.open(first, "grading:worklist", slug=slug)
    first.click("text=Settle together what you dispute")
    come_together()
    first.click("#continue")
    for n in range(4):
        first.wait_for_url("**/joint/*-*/")
        expect(first.locator("rs-adjudication p").first).to_contain_text(
            f"item {n % 2 + 1} of 2", timeout=PATIENCE_MS
        )
        here = first.url
        first.keyboard.press("a" if n % 2 else "b")
        with first.expect_response("**/settle/") as answered:
            first.keyboard.press("Enter")
        assert answered.value.status == 200
        if n % 2:
            first.wait_for_url(lambda address, here=here: address != here)
    made.open(first, "grading:joint_list", slug=slug)
    expect(first.locator("h1")).to_contain_text("Everything is settled")
    first.click("text=End the joint session")
    joint = JointSession.objects.get()
    assert joint.ended_at is not None
    settled = Adjudication.objects.all()
    assert {each.joint for each in settled} == {joint}
    # What the juniors agree on, or settle, is compared with the reference; it does not make it.
    assert not ReferenceGrade.objects.exists()

    # The seniors read by themselves, the chair in the browser: a whole case by ten keys.
    for showing in made.showings("other-senior"):
        made.read(showing, answers=zeros)
    chair = made.windows("chair")
    made.open(chair, "grading:panel_list", slug=slug)
    chair.keyboard.press("Enter")
    chair.wait_for_url("**/read/*/")
    ready(chair)
    chair.keyboard.press("2")
    for _ in made.document.structures:
        chair.keyboard.press("n")
    submit(chair)
    # Away from the next case, which the test reads by calls: its images end with that read.
    chair.goto("about:blank")
    assert ReferenceGrade.objects.count() == len(items)
    parted = ReferenceGrade.objects.get(no_majority=True)
    first_item = items[0].key
    assert ((parted.structure, parted.finding), parted.grade) == (first_item, 2)
    made.read(made.showings("chair")[1], answers=zeros)
    assert set(ReferenceGrade.objects.values_list("provenance", flat=True)) == {"panel_read"}
    assert len(finished_cases(made.study)) == 2
    call_command("verify_audit", slug)
