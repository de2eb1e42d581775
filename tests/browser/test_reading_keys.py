"""A whole case by the keyboard alone, and how long a key takes to the screen."""

import re

import pytest
from playwright.sync_api import expect

from grading.models import Rating, Read
from tests.browser import key_timing
from tests.browser.reading_desk import badge, cell

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_fifty_items_without_a_mouse(desk, contexts, record_property):
    page = desk.open(desk.sign_in(contexts()))
    key_timing.watch(page)
    items, keys = desk.document.items, 0
    expected = {}
    for place, item in enumerate(items):
        if place == 3:
            page.keyboard.press("x")
            page.keyboard.press("1")
            keys += 1
            expected[item.key] = ("not_assessable", None, "not-covered")
        else:
            grade = place % item.finding.n_grades
            page.keyboard.press(f"Numpad{grade}" if place % 2 else str(grade))
            expected[item.key] = ("grade", grade, "")
        keys += 1
    badge(page, "saved")
    taken = key_timing.key_times(page)
    record_property("keys", keys)
    # As fast as a program can press them, some fifty a second; test_reading_with_images.py has a reader's pace.
    taken.record(record_property)
    assert len(taken.times) == keys == 51
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: url != desk.address)
    read = Read.objects.get(assignment=desk.assignment)
    assert read.state == Read.State.SUBMITTED
    saved = {(r.structure, r.finding): (r.kind, r.grade, r.reason) for r in read.ratings.all()}
    assert saved == expected


def test_every_key_of_the_panel(desk, contexts):
    page = desk.open(desk.sign_in(contexts()))
    press = page.keyboard.press
    first, second = "L1-2-right|narrowing", "L1-2-right|hypertrophy"
    press("2")
    press("ArrowLeft")
    expect(cell(page, first)).to_be_focused()
    press("f")
    expect(cell(page, first)).to_have_class(re.compile("is-flagged"))
    press("c")
    page.keyboard.type("spur behind the joint")
    press("Escape")
    expect(cell(page, first)).to_be_focused()
    # Whole joint normal: what has an answer keeps it, and one goes on to the next joint.
    press("n")
    expect(cell(page, "L1-2-left|narrowing")).to_be_focused()
    expect(cell(page, second)).to_have_text("0")
    expect(cell(page, first)).to_have_text("2")
    press("Control+z")
    expect(cell(page, second)).to_have_text("")
    press("9")
    expect(page.locator("rs-grading .panel-message")).to_contain_text("grades 0 to 3")
    press("Backspace")
    press("Tab")
    expect(cell(page, "L1-2-left|narrowing")).to_be_focused()
    press("Shift+Tab")
    expect(cell(page, first)).to_be_focused()
    press("Tab")
    press("Tab")
    expect(cell(page, "L2-3-right|narrowing")).to_be_focused()
    press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    # Enter closes it; the keys are changed in a window of their own, so that the case stays where it is.
    expect(page.locator("dialog[open] button")).to_be_focused()
    expect(page.locator("dialog[open] a")).to_have_attribute("target", "_blank")
    press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    # Submitting goes to the first item without an answer.
    press("Control+Enter")
    expect(page.locator("rs-grading .panel-message")).to_contain_text("missing")
    badge(page, "saved")
    assert Rating.objects.get().note == "spur behind the joint"


def test_tab_is_no_trap(desk, contexts):
    """Tab leaves the grid at both ends, and Escape leaves it at once."""
    page = desk.open(desk.sign_in(contexts()))
    inside = lambda: page.evaluate("() => Boolean(document.activeElement.closest('.grade-grid'))")  # noqa: E731
    for _ in range(10):
        assert inside()
        page.keyboard.press("Tab")
    assert not inside()
    page.keyboard.press("Shift+Tab")
    assert inside()
    page.keyboard.press("Escape")
    expect(page.locator("rs-grading .panel-foot .button")).to_be_focused()


def test_one_comes_back_to_the_same_place_with_the_same_answers(desk, contexts):
    page = desk.open(desk.sign_in(contexts()))
    for key in ("1", "0", "2"):
        page.keyboard.press(key)
    badge(page, "saved")
    page.goto(desk.url)
    desk.open(page)
    expect(cell(page, "L1-2-right|erosion")).to_be_focused()
    expect(cell(page, "L1-2-right|narrowing")).to_have_text("1")
