"""Training with feedback, a calibration that fails, one that passes, and the first case of the study: by keys alone."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import Rating, Read
from readerstudy.accounts.models import User
from readerstudy.studies.models import Assignment, PracticeTry
from tests.browser.reading_desk import ReadingDesk, badge
from tests.factories.practice import practice_study, truth_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def read_case(page, *, wrongly=False):
    """Grade the case on the page as its reference says, or everywhere against it, and submit."""
    page.wait_for_selector("rs-grading[data-ready]")
    public_id = page.url.rstrip("/").split("/")[-1]
    showing = Assignment.objects.select_related("case__practice").get(public_id=public_id)
    truth = truth_of(showing.case)
    for item in showing.study.protocols.get().document.items:
        grade = truth[item.key]
        page.keyboard.press(str(1 - grade if wrongly else grade))
    badge(page, "saved")
    here = page.url
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda address: address != here)


@pytest.mark.complains("404 .*/read/")
def test_a_reader_trains_fails_tries_again_and_starts(transactional_db, live_server, contexts):
    study = practice_study(slug="practice")
    reader = User.objects.get(username="practice-first-reader")
    own = Assignment.objects.get(user=reader, case__pseudonym="own-case")
    desk = ReadingDesk(live_server.url, own)
    page = desk.sign_in(contexts())
    page.goto(desk.address)
    expect(page.locator("main")).to_contain_text("There is nothing here for you")
    page.goto(live_server.url + reverse("grading:worklist", kwargs={"slug": study.slug}))
    expect(page.locator("h1")).to_have_text("Training and calibration")
    page.keyboard.press("Enter")
    page.wait_for_url("**/practice/")

    # Training: after each case one's own answers beside the reference.
    page.keyboard.press("Enter")
    page.wait_for_url("**/read/*/")
    expect(page.locator(".top-bar, header").first).to_contain_text("Training case 1")
    read_case(page)
    page.wait_for_url("**/feedback/")
    expect(page.locator("h1")).to_have_text("4 of 4 answers as in the reference")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: "/read/" in address and "feedback" not in address)
    read_case(page, wrongly=True)
    page.wait_for_url("**/feedback/")
    expect(page.locator("h1")).to_have_text("0 of 4 answers as in the reference")
    expect(page.locator("tbody tr")).to_have_count(4)
    expect(page.locator("tbody")).to_contain_text("differs")
    page.keyboard.press("Enter")
    page.wait_for_url("**/practice/")

    # Calibration: nothing of the reference on the way, the result at its end; then once more.
    for wrongly in (True, False):
        page.keyboard.press("Enter")
        for n in range(3):
            page.wait_for_url("**/read/*/")
            expect(page.locator(".top-bar, header").first).to_contain_text(f"Calibration case {n + 1}")
            assert "feedback" not in page.url
            read_case(page, wrongly=wrongly)
        page.wait_for_url("**/practice/")
        expect(page.locator("main")).to_contain_text("not passed" if wrongly else "You may read the cases")
    assert list(PracticeTry.objects.order_by("pk").values_list("use", "passed")) == [
        ("training", None),
        ("calibration", False),
        ("calibration", True),
    ]

    # Now the case of the study opens, as number 1.
    page.keyboard.press("Enter")
    page.wait_for_url("**/worklist/")
    page.keyboard.press("Enter")
    page.wait_for_url("**/read/*/")
    assert page.url == desk.address
    page.wait_for_selector("rs-grading[data-ready]")
    page.keyboard.press("1")
    badge(page, "saved")
    assert Rating.objects.filter(read__assignment=own).count() == 1
    assert Read.objects.exclude(assignment=own).count() == 2 + 3 + 3

    coordinator = desk.sign_in(contexts(), "practice-coordinator")
    coordinator.goto(live_server.url + reverse("grading:practice_desk", kwargs={"slug": study.slug}))
    row = coordinator.locator("tr", has_text="practice-first-reader")
    expect(row).to_contain_text("Try 1: not passed")
    expect(row).to_contain_text("Try 2: passed")
    expect(row).to_contain_text("open")
    expect(coordinator.locator("tr", has_text="practice-second-reader")).to_contain_text(
        "closed until passed"
    )
