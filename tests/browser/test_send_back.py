"""The panel sends an item back by keys and says why; the adjudicator reads the reason where the item comes back."""

from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import SentBack
from grading.services.adjudication import settle_item
from tests import factories
from tests.browser.reading_desk import PATIENCE_MS
from tests.factories.protocols import small_source
from tests.grading.conftest import LATER, make_desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
ITEM = {"structure": "L4-5-right", "finding": "narrowing"}


def opened(contexts: Any, live_server: Any, name: str, showing: Any) -> Any:
    page = contexts().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(live_server.url + reverse("accounts:sign_in"))
    page.fill("input[name=username]", showing.user.username)
    page.fill("input[name=password]", factories.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    page.goto(live_server.url + reverse(name, kwargs={"assignment": showing.public_id}))
    return page


def settled(**sections: Any) -> Any:
    desk = make_desk(source=small_source(findings=("narrowing", "cyst"), **sections))
    desk.both_submitted(**{"L4-5-right|narrowing": 3})
    settle_item(assignment=desk.adjudicator, **ITEM, choice="A", given=None, reason_code="", at=LATER)
    return desk


def test_the_reason_is_chosen_by_a_digit_and_reaches_the_adjudicator(
    transactional_db: None, live_server: Any, contexts: Any
) -> None:
    desk = settled()
    page = opened(contexts, live_server, "grading:confirm_case", desk.panel[0])
    expect(page.locator("#panel-item")).to_contain_text("Both ask for a reason")
    page.keyboard.press("b")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("Send back Joint-space narrowing, L4/5 right?")
    send = dialog.get_by_role("button", name="Send back")
    expect(send).to_be_disabled()
    # A key beyond the reasons chooses nothing, and Escape leaves all as it was.
    page.keyboard.press("9")
    expect(send).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert not SentBack.objects.exists()
    page.keyboard.press("b")
    page.keyboard.press("3")
    expect(dialog.locator('[aria-pressed="true"]')).to_contain_text("On the boundary of two grades")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert SentBack.objects.get().reason_code == "boundary"

    page = opened(contexts, live_server, "grading:adjudicate_case", desk.adjudicator)
    expect(page.locator(".sent-back")).to_have_text("Sent back by the panel: On the boundary of two grades")
    expect(page.locator("body")).not_to_contain_text(str(desk.panel[0].user))


def test_without_reasons_in_the_protocol_words_are_asked(
    transactional_db: None, live_server: Any, contexts: Any
) -> None:
    desk = settled(adjudication_reasons=[])
    page = opened(contexts, live_server, "grading:confirm_case", desk.panel[0])
    page.keyboard.press("b")
    dialog = page.locator("dialog[open]")
    send = dialog.get_by_role("button", name="Send back")
    words = dialog.get_by_role("textbox")
    words.fill("   ")
    expect(send).to_be_disabled()
    words.fill("seen on slice 12")
    with page.expect_navigation():
        send.click()
    assert SentBack.objects.get().reason_text == "seen on slice 12"
