"""Images end with their case: a page that submits it asks for none any more, and goes on when the case stays."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.viewer.viewing import Viewing

pytestmark = [pytest.mark.browser, pytest.mark.shared]
TELL = "name => document.dispatchEvent(new CustomEvent(name))"


def test_nothing_is_asked_for_once_the_case_ends(open_viewer: Callable[..., Viewing]) -> None:
    asked: list[str] = []
    ended: list[str] = []

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        # The first image is drawn; the case ends while the others are under way.
        if len(asked) == 1:
            route.continue_()

    def before(page: Any) -> None:
        page.route("**/frames/*", answer)
        page.on("requestfailed", lambda request: ended.append(request.url))

    viewing = open_viewer("lumbar_mr/vb2_05", before=before, wait="none")
    page = viewing.page
    page.wait_for_selector(".rs-pane[data-ready], .rs-pane .rs-waiting:not([hidden])")
    page.evaluate(TELL, "rs:case-ends")
    page.evaluate("fetch('/static/css/tokens.css').then((answer) => answer.text())")
    before_staying = len(asked)
    assert len(ended) == before_staying - 1, "what was under way was not given up"
    page.evaluate("document.querySelector('rs-viewer').panes.forEach((pane) => pane.step(1))")
    page.evaluate("fetch('/static/css/tokens.css').then((answer) => answer.text())")
    assert len(asked) == before_staying, "an image was asked for after the case had ended"
    page.unroute("**/frames/*")
    page.evaluate(TELL, "rs:case-stays")
    viewing.await_state("full")
