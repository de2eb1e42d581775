"""A coordinator plays every seat of a dry run in a real browser; nothing of it stays."""

import json

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from readerstudy.core.models import AuditEvent
from tests import factories
from tests.browser.reading_desk import PATIENCE_MS, badge, cell
from tests.factories.protocols import small_source
from tests.grading.test_dry_run import files
from tests.grading.test_preview import rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sit(page, url, seat):
    page.goto(url)
    page.click(f'[data-seat="{seat}"]')
    expect(page.locator(".top-bar .badge-demo")).to_contain_text("Dry run")


def test_reader_adjudicator_and_panel_in_one_browser(
    transactional_db, live_server, contexts, settings, tmp_path
):
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    study = factories.reader_study(
        slug="tried", state="draft", source=small_source(findings=("cyst",)), asks_before_reading=False
    )
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    context = contexts()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(live_server.url + reverse("accounts:sign_in"))
    page.fill("input[name=username]", "coordinator")
    page.fill("input[name=password]", factories.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    before, files_before = rows(), files(tmp_path)

    # From the editor, with a file that is not stored: another scale of the panel.
    page.goto(live_server.url + reverse("studies:edit_protocol", kwargs={"slug": "tried"}))
    text = page.input_value("#source")
    page.fill("#source", text.replace("quorum: 3", "quorum: 1"))
    page.click("text=Dry run with this file")
    expect(page.locator("#content")).to_contain_text("With the file from the editor")
    page.fill("#id_n_cases", "1")
    page.click("button:text-is('Begin')")
    desk = live_server.url + reverse("grading:dry_run", kwargs={"slug": "tried"})
    expect(page.locator("[data-seat]")).to_have_count(4)

    for seat, grade in (("reader-1", "0"), ("reader-2", "1")):
        sit(page, desk, seat)
        page.click("#continue")
        page.wait_for_selector("rs-grading[data-ready]")
        for _ in range(2):
            page.keyboard.press(grade)
        badge(page, "saved")
        expect(cell(page, "L4-5-right|cyst")).to_have_text(grade)
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("dialog[open]")
        page.keyboard.press("Control+Enter")
        page.wait_for_url("**/worklist/")
        assert f"/dry-run/{seat}/" in page.url
        # Nothing waits on this device either.
        assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0

    sit(page, desk, "adjudicator-1")
    page.click("#continue")
    page.wait_for_url("**/adjudication/*-*/")
    is_covered = json.loads(page.locator("#adjudication-config").text_content())["covered"]
    for place in (1, 2):
        expect(page.locator("rs-adjudication p").first).to_contain_text(f"item {place} of 2")
        if is_covered:
            page.keyboard.press("1")
            with page.expect_response("**/first-grade/"):
                page.keyboard.press("Enter")
        expect(page.locator("rs-adjudication .card-answer .box")).to_have_count(2)
        page.keyboard.press("a")
        with page.expect_response("**/settle/") as answered:
            page.keyboard.press("Enter")
        assert answered.value.status == 200
    page.wait_for_url("**/adjudication/")
    sit(page, desk, "panel-1")
    page.click("#continue")
    page.wait_for_selector("rs-panel .grade-grid")
    with page.expect_response("**/confirm/") as answered:
        page.keyboard.press("Control+Enter")
        if page.locator("dialog[open]").count():
            page.keyboard.press("Control+Enter")
    assert answered.value.status == 200
    page.wait_for_url("**/panel/")

    page.goto(desk)
    expect(page.locator("tbody td:text-is('nothing waits')")).to_have_count(4)
    page.click("text=End the dry run")
    expect(page.locator("#content")).to_contain_text("The dry run is gone")
    assert files(tmp_path) == files_before
    after = rows()
    assert {name for name in after if after[name] != before[name]} <= {"core.AuditEvent", "core.AuditChain"}
    assert AuditEvent.objects.filter(event="grading.dry_run.begun").count() == 1
