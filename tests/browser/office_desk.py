"""A coordinator's page in a real Chromium, and the front end that it needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from readerstudy.accounts.models import User

ROOT = Path(__file__).resolve().parents[2]


def need_the_front_end() -> None:
    """Skip where the browser side is not built; `bin/test` builds it, and in CI a skip is a failure."""
    if not (ROOT / "static" / "build" / "manifest.json").exists():
        pytest.skip("the front end is not built: npm ci && npm run build")


def coordinator_page(live_server: Any, browser: Any) -> Iterator[Any]:
    """Yield the page of a signed-in coordinator."""
    client = Client()
    client.force_login(User.objects.get(username="coordinator"))
    context = browser.new_context(viewport={"width": 1440, "height": 900}, base_url=live_server.url)
    cookie = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": cookie, "url": live_server.url}])
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()
