"""Signing in, opening results, and reading what charts draw."""

from typing import Any

from django.conf import settings
from django.test import Client


def sign_in(page: Any, live_server: Any, user: Any) -> None:
    client = Client()
    client.force_login(user)
    page.context.add_cookies(
        [
            {
                "name": settings.SESSION_COOKIE_NAME,
                "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
                "url": live_server.url,
            }
        ]
    )


def open_results(page: Any, address: str) -> None:
    page.goto(address)
    page.locator("html[data-charts-ready]").wait_for(state="attached")


def words(page: Any, chart: str) -> str:
    """Every text that a chart draws."""
    return page.locator(f"[data-chart={chart}]").inner_text()
