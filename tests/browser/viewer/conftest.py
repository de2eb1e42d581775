"""A site with the real gateway, and a page that fails its test on any console error or policy report."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.viewer.serving import ROOT, ViewerSite
from tests.browser.viewer.viewing import Viewing


@pytest.fixture(scope="session")
def front_end_build() -> Path:
    """The front-end build."""
    manifest = ROOT / "static" / "build" / "manifest.json"
    if not manifest.exists():
        pytest.skip("the front end is not built: npm ci && npm run build")
    return manifest.parent


@pytest.fixture(scope="session")
def viewer_site(shared_data: Path, front_end_build: Path, migrated_file: Path) -> Iterator[ViewerSite]:
    """A running site that shows folders of real images."""
    site = ViewerSite.start(shared_data, database=migrated_file)
    yield site
    site.stop()


@pytest.fixture(scope="session")
def gpu_browser(browser: Any, chromium_path: str) -> Iterator[Any]:
    """A Chromium whose WebGL works, by SwiftShader where there is no graphics card."""
    arguments = [
        "--no-sandbox",
        "--enable-unsafe-swiftshader",
        "--use-angle=swiftshader",
        "--ignore-gpu-blocklist",
    ]
    found = browser.browser_type.launch(executable_path=chromium_path, args=arguments)
    yield found
    found.close()


class Complaints(list[str]):
    """What the browser complained of, and what of it a test that breaks things on purpose expects."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: tuple[str, ...] = ()

    def unexpected(self) -> list[str]:
        """Return the complaints that nobody asked for."""
        return [text for text in self if not any(part in text for part in self.expected)]


@pytest.fixture
def complaints() -> Complaints:
    """What the browser complained of."""
    return Complaints()


@pytest.fixture(autouse=True)
def no_complaints(complaints: Complaints) -> None:
    """Leave the guard of every page to `open_viewer`, which asks for warnings too and knows what was planted."""


@pytest.fixture
def open_viewer(
    browser: Any, viewer_site: ViewerSite, complaints: Complaints
) -> Iterator[Callable[..., Viewing]]:
    """Open folders of images in the viewer, each in a context of its own."""
    contexts = []

    def opened(
        folder: str,
        *,
        width: int = 1440,
        height: int = 900,
        pixel_ratio: float = 1,
        before: Callable[[Any], None] | None = None,
        wait: str = "full",
        using: Any = None,
        at: ViewerSite | None = None,
        **config: Any,
    ) -> Viewing:
        context = (using or browser).new_context(
            viewport={"width": width, "height": height}, device_scale_factor=pixel_ratio
        )
        contexts.append(context)
        page = context.new_page()
        # Waits are for states; how long a state may take on a busy machine is no test's subject.
        page.set_default_timeout(60_000)
        page.on("console", lambda message: _note(complaints, message))
        page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
        page.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) =>"
            " console.error('policy', event.violatedDirective, event.blockedURI));"
        )
        if before is not None:
            before(page)
        page.goto(f"{(at or viewer_site).url}/viewer/{folder}/?{quote(json.dumps(config))}")
        viewing = Viewing(page)
        viewing.await_state(wait)
        return viewing

    yield opened
    for context in contexts:
        for page in context.pages:
            # A handler in the middle of an answer would raise into the next test.
            page.unroute_all(behavior="ignoreErrors")
        context.close()
    assert complaints.unexpected() == []


def _note(complaints: list[str], message: Any) -> None:
    if message.type in {"error", "warning"}:
        complaints.append(f"{message.type}: {message.text}")
