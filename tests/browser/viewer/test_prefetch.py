"""The next case is in the browser's cache before it is opened."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.viewer.serving import ViewerSite
from tests.browser.viewer.viewing import Viewing

pytestmark = [pytest.mark.browser, pytest.mark.shared]
NEXT = "lumbar_mr/vb2_09"


def test_the_next_case_comes_from_the_cache(
    open_viewer: Callable[..., Viewing], viewer_site: ViewerSite
) -> None:
    upcoming: dict[str, Any] = {}

    def open_next(page: Any) -> None:
        # The server gives the right to the next case's images together with this page.
        text = page.context.request.get(f"{viewer_site.url}/viewer/{NEXT}/?fixed").text()
        config = json.loads(re.search(r'id="viewer-config"[^>]*>(.*?)</script>', text, re.DOTALL).group(1))
        upcoming["dicomweb"] = re.search(r'data-dicomweb="([^"]+)"', text).group(1)
        upcoming["series"] = [
            {"study_uid": each["study_uid"], "series_uid": each["series_uid"]} for each in config["series"]
        ]
        upcoming["images"] = sum(each["n_images"] for each in config["series"])
        asked = json.dumps({"dicomweb": upcoming["dicomweb"], "series": upcoming["series"]})
        page.add_init_script(f"window.upcoming = {asked};")
        page.add_init_script(
            "document.addEventListener('DOMContentLoaded', () => {"
            " const node = document.getElementById('viewer-config');"
            " const config = JSON.parse(node.textContent);"
            " if (!location.search.includes('fixed')) config.prefetch = window.upcoming;"
            " node.textContent = JSON.stringify(config); });"
        )

    viewing = open_viewer("lumbar_mr/vb2_05", before=open_next)
    page = viewing.page
    page.wait_for_selector(f"rs-viewer[data-prefetched='{upcoming['images']}']", timeout=30_000)
    fetched: list[Any] = []
    page.on("response", lambda answer: fetched.append(answer) if "/frames/" in answer.url else None)
    page.goto(f"{viewer_site.url}/viewer/{NEXT}/?fixed")
    Viewing(page).await_state("full")
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').filter(({ name }) => name.includes('/frames/'))"
        ".map(({ transferSize }) => transferSize)"
    )
    assert len(fetched) == upcoming["images"]
    assert len(sizes) >= 20
    assert all(size == 0 for size in sizes), "frames went over the network again"


def test_the_next_case_is_fetched_once_a_series_that_nobody_looks_at_is_here_too(
    open_viewer: Callable[..., Viewing], viewer_site: ViewerSite
) -> None:
    # The series without a viewport comes last of all.
    viewing = open_viewer(
        "lumbar_mr/vb2_05",
        hanging=[{"name": "One", "viewports": [{"modality": "MR", "plane": "sagittal", "area": "main"}]}],
        prefetch={"dicomweb": "/dicomweb/00000000-0000-0000-0000-000000000000", "series": []},
    )
    assert len(viewing.panes) == 1
    assert viewing.page.evaluate("document.querySelector('rs-viewer').stacks.length") == 2
    viewing.page.wait_for_selector("rs-viewer[data-prefetched='0']")
