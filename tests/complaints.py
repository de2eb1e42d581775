"""
What browsers complain of, in every test that opens a page.

Every window that any test opens is listened to: errors on the console (a broken Content-Security-Policy and an
answer of 400 or more stand there too) and errors that no script caught. A test that plants a fault declares what the
browser will say of it, and everything else fails it:

    @pytest.mark.complains("status of 409")
"""

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

_heard: list[str] = []


def listen(context: Any) -> None:
    """Note what the pages of a window complain of from now on."""

    def note(message: Any) -> None:
        if message.type == "error":
            _heard.append(f"console: {message.text} ({message.location.get('url', '')})")

    context.on("console", note)
    context.on("weberror", lambda error: _heard.append(f"script: {error.error}"))


def _listened(make: Callable[..., Any]) -> Callable[..., Any]:
    def made(*arguments: Any, **options: Any) -> Any:
        new = make(*arguments, **options)
        # `new_page` makes a window of its own for its page.
        listen(getattr(new, "context", new))
        return new

    return made


@pytest.fixture(scope="session", autouse=True)
def _every_window_is_listened_to() -> Iterator[None]:
    playwright = sys.modules.get("playwright.sync_api")
    if playwright is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (playwright.Browser, "new_context"),
            (playwright.Browser, "new_page"),
            (playwright.BrowserType, "launch_persistent_context"),
        ):
            patch.setattr(owner, name, _listened(getattr(owner, name)))
        yield


@pytest.fixture(autouse=True)
def no_complaints(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test on every complaint that it has not declared."""
    _heard.clear()
    yield
    expected = [pattern for mark in request.node.iter_markers("complains") for pattern in mark.args]
    unexpected = [text for text in _heard if not any(re.search(pattern, text) for pattern in expected)]
    _heard.clear()
    assert not unexpected, "The browser complained:\n" + "\n".join(unexpected)
