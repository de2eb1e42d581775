"""From a shipped protocol to a tried-out reading page, in a browser; trying sends nothing and leaves nothing."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from grading.models import Rating, RatingEntry, Read
from readerstudy.studies.models import ReaderStudy
from tests import factories
from tests.browser.reading_desk import ReadingDesk, badge, cell
from tests.grading.test_preview import rows

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_coordinator_makes_a_study_and_tries_its_page(transactional_db, live_server, contexts):
    study = factories.reader_study(slug="old")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    reader = factories.study_role("reader", study=study).user
    desk = ReadingDesk(live_server.url, factories.assignment(of=factories.case(study=study), person=reader))
    context = contexts()
    page = desk.sign_in(context, "coordinator")
    page.goto(live_server.url + reverse("studies:create"))
    page.click('a[href$="facet-joint-degeneration"]')
    expect(page.locator("[data-verdict]")).to_contain_text("No problem. Version 1, 50 items")
    page.fill("#source", page.input_value("#source").replace("readers_per_case: 2", "readers_per_case: none"))
    expect(page.locator("[data-problems]")).to_contain_text("readers_per_case")
    page.fill("#source", page.input_value("#source").replace("readers_per_case: none", "readers_per_case: 3"))
    expect(page.locator("[data-verdict]")).to_contain_text("No problem")
    page.fill("[name=slug]", "fresh")
    page.click("text=Make the draft")
    page.wait_for_url("**/studies/fresh/protocol/")
    assert ReaderStudy.objects.get(slug="fresh").protocols.get().document.readers_per_case == 3

    page.goto(live_server.url + reverse("studies:edit_protocol", kwargs={"slug": "fresh"}))
    before = rows()
    with context.expect_page() as opened:
        page.click("text=Preview the reading page")
    tried = opened.value
    tried.wait_for_selector("rs-grading[data-ready]")
    sent = []
    tried.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    expect(tried.locator(".status-bar")).to_contain_text("nothing is sent or kept")
    tried.keyboard.press("2")
    for _ in range(10):
        tried.keyboard.press("n")
    badge(tried, "saved")
    expect(cell(tried, "L1-2-right|narrowing")).to_have_text("2")
    expect(tried.locator(".grid-head")).to_contain_text("50 of 50 graded")
    tried.keyboard.press("Control+Enter")
    tried.wait_for_selector("dialog[open]")
    tried.keyboard.press("Control+Enter")
    expect(tried.locator(".panel-message")).to_contain_text("Nothing was sent")
    assert sent == []
    assert tried.evaluate("indexedDB.databases().then((all) => all.length)") == 0
    tried.reload()
    tried.wait_for_selector("rs-grading[data-ready]")
    assert rows() == before
    assert not any(model.objects.exists() for model in (Read, Rating, RatingEntry))


def test_the_editors_verdict_speaks_the_pages_language(transactional_db, live_server, contexts):
    study = factories.reader_study(slug="old")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    reader = factories.study_role("reader", study=study).user
    desk = ReadingDesk(live_server.url, factories.assignment(of=factories.case(study=study), person=reader))
    page = desk.sign_in(contexts(locale="zh-CN"), "coordinator")
    page.goto(live_server.url + reverse("studies:create") + "?from=shipped/facet-joint-degeneration")
    expect(page.locator("[data-verdict]")).to_contain_text("没有问题")
