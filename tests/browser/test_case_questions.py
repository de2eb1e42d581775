"""The questions about the whole case: by the keyboard, saved at once, asked for before submitting."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import Read
from readerstudy.studies.models import Protocol
from readerstudy.studies.protocols.loading import load_protocol
from tests import factories
from tests.browser.reading_desk import badge

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def require_image_quality(desk):
    source = factories.facet_source(case_questions={"image-quality": {"required": True}})
    Protocol.objects.update(source=source, digest=load_protocol(source).digest)


def test_questions_about_the_case_by_the_keyboard(desk, contexts):
    require_image_quality(desk)
    page = desk.open(desk.sign_in(contexts()))
    press = page.keyboard.press
    for _ in desk.document.structures:
        press("n")
    # Everything is graded, the required question is not: the page goes there and says so.
    press("Control+Enter")
    message = page.locator("rs-grading .panel-message")
    expect(message).to_contain_text("Image quality: this question about the case has no answer yet")
    press("2")
    press("6")
    page.keyboard.type("Metal at L5/S1.")
    badge(page, "saved")
    press("Escape")
    expect(page.locator("rs-grading [data-item].is-current")).to_be_focused()
    badge(page, "saved")
    # One comes back to the same answers; undo takes the last one back.
    page.reload()
    page.wait_for_selector("rs-grading[data-ready]")
    page.keyboard.press("q")
    questions = page.locator(".case-questions")
    expect(questions.locator("[aria-checked=true]")).to_have_text(["2Limited", "6Poor image quality"])
    expect(questions.locator("textarea")).to_have_value("Metal at L5/S1.")
    press("Backspace")
    expect(questions.locator("[aria-checked=true]")).to_have_text(["6Poor image quality"])
    press("Control+z")
    expect(questions.locator("[aria-checked=true]")).to_have_count(2)
    badge(page, "saved")
    press("Control+Enter")
    page.wait_for_selector("dialog[open]")
    press("Control+Enter")
    page.wait_for_url(lambda url: url != desk.address)
    read = Read.objects.get(assignment=desk.assignment)
    assert read.state == Read.State.SUBMITTED
    assert read.case_answers == {
        "image-quality": "limited",
        "exclusion": "poor-image-quality",
        "comment": "Metal at L5/S1.",
    }


def test_another_windows_answer_is_a_conflict(desk, contexts):
    page = desk.open(desk.sign_in(contexts()))
    other = desk.open(page.context.new_page())
    for window, digit in ((page, "1"), (other, "3")):
        window.keyboard.press("q")
        window.keyboard.press(digit)
    expect(other.locator(".conflict-box")).to_contain_text("Good in the other window, Poor here")
    other.click("text=Keep mine")
    badge(other, "saved")
    assert Read.objects.get(assignment=desk.assignment).case_answers == {"image-quality": "poor"}
    assert reverse("grading:read_case", kwargs={"assignment": desk.assignment.public_id}) in other.url
