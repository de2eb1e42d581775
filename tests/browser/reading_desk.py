"""A reading page in a real Chromium: one reader, one case without images, so that keys and saves are what is tested."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from readerstudy.studies.models import Assignment
from tests import factories

PATIENCE_MS = 30_000


@dataclass
class ReadingDesk:
    """Where a reader sits: the server's address and the assignment."""

    url: str
    assignment: Assignment

    @property
    def document(self) -> Any:
        return self.assignment.study.protocols.get().document

    @property
    def address(self) -> str:
        return self.url + reverse("grading:read_case", kwargs={"assignment": self.assignment.public_id})

    def sign_in(self, context: BrowserContext, username: str = "") -> Page:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(self.url + reverse("accounts:sign_in"))
        if "/sign-in/" not in page.url:
            # The session of an earlier visit outlived it.
            return page
        page.fill("input[name=username]", username or self.assignment.user.username)
        page.fill("input[name=password]", factories.PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "/sign-in/" not in url)
        return page

    def open(self, page: Page) -> Page:
        page.goto(self.address)
        page.wait_for_selector("rs-grading[data-ready]")
        return page


def badge(page: Page, kind: str, timeout: int = PATIENCE_MS) -> None:
    """Wait until the badge says so."""
    expect(page.locator("#save-badge")).to_have_attribute("data-kind", kind, timeout=timeout)


def cell(page: Page, item: str) -> Any:
    return page.locator(f'rs-grading [data-item="{item}"]')
