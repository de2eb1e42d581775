"""What the journeys share: a study from a shipped protocol on phantoms, its people, and their windows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.flows.journey import PATIENCE_MS, Journey, signed_in


@pytest.fixture
def windows(browser: Any, live_server: Any) -> Iterator[Callable[[str], Page]]:
    """Open a window of its own for a person and sign in through the form."""
    contexts = []

    def opened(name: str) -> Page:
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        return signed_in(page, live_server.url, name)

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture
def journey(
    transactional_db: None, settings: Any, tmp_path: Any, live_server: Any, windows: Any
) -> Callable[..., Journey]:
    """Begin a journey: `create_study`, people, phantoms, screening, opening and assignment by commands."""
    settings.READERSTUDY_DATA_ROOT = tmp_path / "data"
    settings.READERSTUDY_IMPORT_PROCESSES = 1
    return lambda protocol, **how: Journey.begin(
        protocol, folder=tmp_path / "phantoms", url=live_server.url, windows=windows, **how
    )
