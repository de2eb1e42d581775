"""The grey on the screen is the linear window of the raw DICOM value, within 2 levels, on CPU and GPU."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from tests.browser.viewer.conftest import Complaints
from tests.browser.viewer.serving import ViewerSite
from tests.browser.viewer.viewing import Viewing, bilinear, calm_points, linear_window

pytestmark = [pytest.mark.browser, pytest.mark.shared]
TOLERANCE = 2.0
POINTS = 150


def _raw(folder: Path, pane: dict[str, Any]) -> NDArray[np.float64]:
    """Return the modality values of the image that a viewport shows, read from the original file."""
    for name in sorted(folder.rglob("*.dcm")):
        header = pydicom.dcmread(name, stop_before_pixels=True)
        if header.get("Modality") != pane["modality"] or "ImagePositionPatient" not in header:
            continue
        same = np.allclose(header.ImagePositionPatient, pane["position"], atol=1e-3) and np.allclose(
            header.ImageOrientationPatient, pane["orientation"], atol=1e-4
        )
        if same:
            image = pydicom.dcmread(name)
            slope, intercept = float(image.get("RescaleSlope", 1)), float(image.get("RescaleIntercept", 0))
            return image.pixel_array.astype(float) * slope + intercept
    raise AssertionError(f"no file lies where {pane['label']} {pane['slice']} says it lies")


def _largest_error(viewing: Viewing, number: int, folder: Path) -> float:
    pane = viewing.panes[number]
    grey = linear_window(_raw(folder, pane), pane["window"]["center"], pane["window"]["width"])
    points = calm_points(grey, n=POINTS)
    read = viewing.greys(number, points)
    rows, columns = grey.shape
    inside = (
        (read[:, 0] >= 0)
        & (read[:, 1] > 0)
        & (read[:, 2] > 0)
        & (read[:, 1] < columns - 1.01)
        & (read[:, 2] < rows - 1.01)
    )
    assert inside.sum() >= 40, f"only {inside.sum()} points of {pane['label']} are on the screen"
    return float(np.abs(read[inside, 0] - bilinear(grey, read[inside, 1:])).max())


CASES = ["lumbar_mr/vb2_05", "lumbar_mr/sct_t2_lumbar", "lumbar_ct/ts_example"]


@pytest.mark.parametrize("folder", CASES)
def test_greys_are_the_linear_window_of_the_raw_values(
    open_viewer: Callable[..., Viewing], shared_data: Path, folder: str
) -> None:
    viewing = open_viewer(folder, rendering="cpu")
    assert viewing.page.evaluate("document.querySelector('rs-viewer').dataset.rendering") == "cpu"
    shown = viewing.panes
    assert {pane["label"].split()[0] for pane in shown} >= {"Sagittal", "Axial"}
    for number, pane in enumerate(shown):
        for place in (1, pane["count"] // 2, pane["count"]):
            viewing.show(number, place)
            assert _largest_error(viewing, number, shared_data / folder) <= TOLERANCE, (pane["label"], place)


@pytest.mark.parametrize(
    "turns", [["rotate-right"], ["rotate-left", "flip-across"], ["flip-down"], ["zoom-in", "zoom-in"]]
)
def test_turned_mirrored_and_enlarged_images_keep_their_greys(
    open_viewer: Callable[..., Viewing], shared_data: Path, turns: list[str]
) -> None:
    viewing = open_viewer("lumbar_mr/vb2_05", rendering="cpu")
    for number in range(len(viewing.panes)):
        for turn in turns:
            viewing.run(turn, number)
        assert _largest_error(viewing, number, shared_data / "lumbar_mr/vb2_05") <= TOLERANCE


@pytest.mark.parametrize("folder", ["lumbar_mr/vb2_05", "lumbar_ct/ts_example"])
def test_gpu_rendering_shows_the_same_greys(
    open_viewer: Callable[..., Viewing], gpu_browser: Any, shared_data: Path, folder: str
) -> None:
    viewing = open_viewer(folder, using=gpu_browser, rendering="gpu")
    expect(viewing.page.locator("rs-viewer")).to_have_attribute("data-rendering", "gpu")
    for number in range(len(viewing.panes)):
        assert _largest_error(viewing, number, shared_data / folder) <= TOLERANCE
        for turn in ("rotate-right", "flip-across"):
            viewing.run(turn, number)
        assert _largest_error(viewing, number, shared_data / folder) <= TOLERANCE


def test_scaled_displays_keep_their_greys(open_viewer: Callable[..., Viewing], shared_data: Path) -> None:
    viewing = open_viewer("lumbar_mr/vb2_05", rendering="cpu", pixel_ratio=1.5)
    assert _largest_error(viewing, 0, shared_data / "lumbar_mr/vb2_05") <= TOLERANCE


def test_presets_and_inversion_keep_their_greys(
    open_viewer: Callable[..., Viewing], shared_data: Path
) -> None:
    viewing = open_viewer("lumbar_ct/ts_example", rendering="cpu")
    viewing.run("preset-2", 1)
    assert viewing.panes[1]["window"] == {"center": 40, "width": 400, "preset": "2"}
    assert _largest_error(viewing, 1, shared_data / "lumbar_ct/ts_example") <= TOLERANCE
    points = np.array([[60.0, 50.0], [61.0, 50.0]])
    before = viewing.greys(1, points)[:, 0]
    viewing.run("invert", 1)
    assert np.abs(before + viewing.greys(1, points)[:, 0] - 255).max() <= 1


GPU_PART = "**/gpu-painter-*.js"


def test_images_stand_before_webgl_takes_over_and_keep_their_greys(
    open_viewer: Callable[..., Viewing], gpu_browser: Any, shared_data: Path
) -> None:
    """The first image waits for no graphics; what was turned and windowed meanwhile stays as it is."""
    held: list[Any] = []
    folder = "lumbar_mr/vb2_05"
    viewing = open_viewer(
        folder,
        using=gpu_browser,
        rendering="gpu",
        before=lambda page: page.route(GPU_PART, lambda route: held.append(route)),
    )
    viewer = viewing.page.locator("rs-viewer")
    expect(viewer).to_have_attribute("data-rendering", "cpu")
    viewing.run("rotate-right", 0)
    viewing.run("zoom-in", 1)
    before = [_largest_error(viewing, number, shared_data / folder) for number in (0, 1)]
    assert max(before) <= TOLERANCE
    (route,) = held
    route.continue_()
    expect(viewer).to_have_attribute("data-rendering", "gpu", timeout=60_000)
    assert viewing.page.locator(".rs-pane").first.locator("canvas").count() == 1
    for number in (0, 1):
        assert _largest_error(viewing, number, shared_data / folder) <= TOLERANCE
    viewing.show(0, viewing.panes[0]["slice"] + 2)
    assert _largest_error(viewing, 0, shared_data / folder) <= TOLERANCE


def test_without_webgl_s_part_images_are_drawn_all_the_same(
    open_viewer: Callable[..., Viewing], gpu_browser: Any, shared_data: Path, complaints: Complaints
) -> None:
    complaints.expected = ("The graphics card is not used", "Failed to load resource")
    folder = "lumbar_mr/vb2_05"
    viewing = open_viewer(
        folder,
        using=gpu_browser,
        rendering="gpu",
        before=lambda page: page.route(GPU_PART, lambda route: route.abort()),
    )
    viewing.page.wait_for_function("() => document.querySelector('rs-viewer').dataset.rendering === 'cpu'")
    assert _largest_error(viewing, 0, shared_data / folder) <= TOLERANCE


def test_a_machine_without_a_graphics_card_never_asks_for_webgl_s_part(
    open_viewer: Callable[..., Viewing],
) -> None:
    asked: list[str] = []
    viewing = open_viewer(
        "lumbar_mr/vb2_05",
        before=lambda page: page.on("request", lambda request: asked.append(request.url)),
    )
    viewing.page.evaluate("() => new Promise((done) => requestIdleCallback(done))")
    viewing.drawn()
    assert [url for url in asked if "reading-" in url]
    assert not [url for url in asked if "gpu-painter" in url]


@pytest.fixture(scope="module", params=["jpeg-ls", "explicit-le"])
def other_form(
    request: Any, shared_data: Path, front_end_build: Path, migrated_file: Path
) -> Iterator[ViewerSite]:
    """A site that keeps frames in another form than HTJ2K."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("READERSTUDY_FRAME_SYNTAX", request.param)
        site = ViewerSite.start(shared_data, database=migrated_file)
    yield site
    site.stop()


@pytest.mark.parametrize(
    "folder", ["lumbar_mr/vb2_05", "lumbar_ct/ts_example", "ct_real_dicom/totalsegmentator"]
)
def test_every_form_of_frames_shows_the_same_greys(
    open_viewer: Callable[..., Viewing], other_form: ViewerSite, shared_data: Path, folder: str
) -> None:
    viewing = open_viewer(folder, at=other_form, rendering="cpu")
    for number in range(len(viewing.panes)):
        assert _largest_error(viewing, number, shared_data / folder) <= TOLERANCE
