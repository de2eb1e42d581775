"""The grey on the screen is the linear window of the raw DICOM value, within 2 levels, on CPU and GPU."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

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
    assert viewing.page.evaluate("document.querySelector('rs-viewer').dataset.rendering") == "gpu"
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
