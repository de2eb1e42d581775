"""The guard over every page of the suite: it hears what a browser complains of, and lets nothing pass."""

import pytest
from django.conf import settings
from django.shortcuts import resolve_url

from tests import complaints

pytestmark = pytest.mark.django_db(transaction=True)

PLANTED = {
    "a script that throws": ("setTimeout(() => { throw new Error('planted') }, 0)", "planted"),
    "a word on the console": ("console.error('planted')", "planted"),
    "a broken policy": (
        "document.head.append(Object.assign(document.createElement('script'), {textContent: '1'}))",
        "Content Security Policy",
    ),
    "an answer that is an error": ("fetch('/no/such/page')", "404"),
    "an image that is not there": ("fetch('/dicomweb/no/such/image')", "404"),
}


@pytest.mark.complains("planted", "Content Security Policy", "404", "500")
@pytest.mark.parametrize("fault", PLANTED)
def test_every_kind_of_complaint_is_heard(browser, live_server, fault):
    script, words = PLANTED[fault]
    page = browser.new_page()
    page.goto(f"{live_server.url}{resolve_url(settings.LOGIN_URL)}")
    assert complaints._heard == []
    with page.expect_event("pageerror" if "throws" in fault else "console"):
        page.evaluate(script)
    assert any(words in text for text in complaints._heard), complaints._heard
    page.close()
