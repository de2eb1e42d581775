"""A person changes keys on a page, without a mouse, and reads with them; what is taken is refused."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from readerstudy.accounts.models import User
from tests.browser.reading_desk import badge, cell

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def row(page, side, action):
    return page.locator(f'rs-key-map li[data-side="{side}"][data-action="{action}"]')


def test_keys_chosen_after_signing_out_are_not_said_to_be_kept(desk, contexts):
    context = contexts()
    page = desk.sign_in(context)
    page.goto(desk.url + reverse("accounts:keys"))
    context.clear_cookies(name="sessionid")
    row(page, "panel", "flag").get_by_role("button", name="Off").click()
    expect(page.locator("rs-key-map [role=status]")).to_contain_text("You are signed out. Nothing was sent")
    expect(row(page, "panel", "flag").locator("kbd")).to_have_text("F")
    assert User.objects.get(pk=desk.assignment.user_id).key_map == {}


@pytest.mark.complains("409 .*/keys/save/")
def test_own_keys_by_keys_alone(desk, contexts):
    page = desk.sign_in(contexts())
    page.goto(desk.url + reverse("accounts:keys"))
    press, told = page.keyboard.press, page.locator("rs-key-map [role=status]")
    flag = row(page, "panel", "flag")
    flag.get_by_role("button", name="Change").focus()
    press("Enter")
    expect(told).to_contain_text("Press the key for: Flag")
    press("n")
    expect(told).to_contain_text("N is taken by: Whole joint normal")
    expect(flag.locator("kbd")).to_have_text("F")
    press("Enter")
    press("Escape")
    expect(told).to_have_text("Nothing was changed.")
    press("Enter")
    press("j")
    expect(told).to_contain_text("Flag: J. Kept.")
    expect(flag.locator("kbd")).to_have_text("J")
    # What the browser keeps for itself is the server's to refuse.
    row(page, "viewer", "invert").get_by_role("button", name="Change").focus()
    press("Enter")
    page.keyboard.press("F5")
    expect(told).to_contain_text("F5 cannot be chosen")
    row(page, "viewer", "invert").get_by_role("button", name="Off").focus()
    press("Enter")
    expect(told).to_contain_text("Invert: off. Kept.")
    assert User.objects.get(pk=desk.assignment.user_id).key_map == {
        "panel": {"flag": ["KeyJ"]},
        "viewer": {"invert": []},
    }
    # A further key beside the one that is there; the same key twice is said, a fifth cannot be asked for.
    more = flag.get_by_role("button", name="Add")
    for key, words in (
        ("j", "J is its key"),
        ("k", "J, K. Kept."),
        ("y", "K, Y. Kept."),
        (";", "Y, ;. Kept."),
    ):
        more.focus()
        press("Enter")
        expect(told).to_contain_text("Press a further key for: Flag")
        press(key)
        expect(told).to_contain_text(words)
    expect(flag.locator("kbd")).to_have_text(["J", "K", "Y", ";"])
    expect(more).to_be_disabled()
    kept = User.objects.get(pk=desk.assignment.user_id).key_map["panel"]
    assert kept == {"flag": ["KeyJ", "KeyK", "KeyY", "Semicolon"]}
    desk.open(page)
    item = "L1-2-right|narrowing"
    expect(page.locator(".panel-actions")).to_contain_text("J")
    press("2")
    press("ArrowLeft")
    press("f")
    expect(cell(page, item)).not_to_have_accessible_name("flagged")
    press("k")
    badge(page, "saved")
    assert page.evaluate("item => document.querySelector('rs-grading').cells.get(item).flag", item) is True
    page.goto(desk.url + reverse("accounts:keys"))
    page.get_by_role("button", name="All keys as they were made").click()
    expect(told).to_contain_text("All keys are the product's own again.")
    assert User.objects.get(pk=desk.assignment.user_id).key_map == {}
    page.goto("about:blank")
