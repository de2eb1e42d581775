"""The coordinator's overview follows the study while it stands open."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from readerstudy.studies.models import Case
from tests import factories
from tests.browser.reading_desk import PATIENCE_MS

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_flow_is_live(transactional_db, live_server, contexts):
    study = factories.reader_study(slug="lived")
    factories.study_role("coordinator", study=study, person=factories.user("coordinator"))
    waiting = factories.case(study=study, status="imported")
    page = contexts().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.clock.install()
    page.goto(live_server.url + reverse("accounts:sign_in"))
    page.fill("input[name=username]", "coordinator")
    page.fill("input[name=password]", factories.PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/sign-in/" not in url)
    page.goto(live_server.url + reverse("grading:overview", kwargs={"slug": "lived"}))
    included = page.locator("#flow li", has_text="Included").locator("b")
    expect(included).to_have_text("0")
    heading = page.locator("#flow h2").element_handle()
    Case.objects.filter(pk=waiting.pk).update(status="included")
    with page.expect_response("**/studies/lived/"):
        page.clock.fast_forward(31_000)
    expect(included).to_have_text("1")
    assert not heading.evaluate("each => each.isConnected")
    # What did not change is left alone.
    kept = page.locator("#disputes h2").element_handle()
    with page.expect_response("**/studies/lived/"):
        page.clock.fast_forward(31_000)
    assert kept.evaluate("each => each.isConnected")
