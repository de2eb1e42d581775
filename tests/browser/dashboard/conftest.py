"""A page that looks at results."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def page(browser: Any, live_server: Any) -> Iterator[Any]:
    """A page that fails the test on any script error or broken policy."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=live_server.url)
    # A busy machine may take long to answer: it is the state that is waited for.
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on(
        "console",
        lambda message: page.problems.append(message.text) if message.type == "error" else None,
    )
    yield page
    context.close()
