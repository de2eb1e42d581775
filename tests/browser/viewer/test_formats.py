"""Files of every kind are shown with the right greys: bit depths, signs, inverted, compressed, without place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.uid import ImplicitVRLittleEndian

from tests.browser.viewer.viewing import Viewing, bilinear, calm_points, linear_window

pytestmark = [pytest.mark.browser, pytest.mark.shared]

# Real files that one viewport can show whole: radiographs (MONOCHROME1, 10 to 15 bit), MR and CT as scanners
# wrote them (signed, JPEG, JPEG-LS, RLE), secondary captures without spacing.
FOLDERS = [
    "xr_real",
    "lumbar_xr_simulated/ts_example",
    "mr_real_dicom/sag_anon",
    "ct_real_dicom/totalsegmentator",
    "spider_midsag",
    "lumbar_mr/vb2_09",
    "lumbar_mr/ivd_46",
]


def _candidates(folder: Path, pane: dict[str, Any]) -> list[NDArray[np.float64]]:
    """Return the modality values of the files that may be the image shown."""
    found = []
    for name in sorted(folder.rglob("*.dcm")):
        # One radiograph lacks preamble, mark and header group, and is implicit little endian.
        image = pydicom.dcmread(name, force=True)
        if "TransferSyntaxUID" not in image.file_meta:
            image.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        if (image.get("Rows"), image.get("Columns")) != (pane["rows"], pane["columns"]):
            continue
        placed = pane["position"] is not None and "ImagePositionPatient" in image
        if placed and not np.allclose(image.ImagePositionPatient, pane["position"], atol=1e-3):
            continue
        slope, intercept = (
            float(image.get("RescaleSlope", 1) or 1),
            float(image.get("RescaleIntercept", 0) or 0),
        )
        values = image.pixel_array.astype(float) * slope + intercept
        found.append(values)
    return found


def _matches(
    viewing: Viewing, number: int, values: NDArray[np.float64], pane: dict[str, Any], dark: bool
) -> float:
    grey = linear_window(values, pane["window"]["center"], pane["window"]["width"])
    if dark:
        grey = 255 - grey
    points = calm_points(grey, n=120)
    if len(points) < 20:
        return float("nan")
    read = viewing.greys(number, points)
    rows, columns = grey.shape
    inside = (read[:, 0] >= 0) & (read[:, 1] > 0) & (read[:, 2] > 0)
    inside &= (read[:, 1] < columns - 1.01) & (read[:, 2] < rows - 1.01)
    if inside.sum() < 15:
        return float("nan")
    return float(np.abs(read[inside, 0] - bilinear(grey, read[inside, 1:])).max())


@pytest.mark.parametrize("folder", FOLDERS)
def test_real_files_are_shown_with_their_own_greys(
    open_viewer: Callable[..., Viewing], shared_data: Path, folder: str
) -> None:
    viewing = open_viewer(folder, rendering="cpu", presets={})
    # Enlarged to at least one screen pixel a pixel, so that nothing is averaged.
    viewing.page.evaluate(
        """() => document.querySelector('rs-viewer').panes.forEach((pane) => {
        const size = pane.surface.image;
        const least = 1 / Math.min(size.pixelWidth, size.pixelHeight);
        if (pane.look.view.scale < least) pane.setLook({ view: { ...pane.look.view, scale: least } }); })"""
    )
    viewing.drawn()
    compared = 0
    for number, pane in enumerate(viewing.panes):
        dark = viewing.page.evaluate(
            "number => document.querySelector('rs-viewer').panes[number].frame.photometricInterpretation"
            " === 'MONOCHROME1'",
            number,
        )
        errors = [
            error
            for values in _candidates(shared_data / folder, pane)
            if values.ndim == 2 and not np.isnan(error := _matches(viewing, number, values, pane, dark))
        ]
        if errors:
            assert min(errors) <= 2, (pane["label"], errors[:5])
            compared += 1
    assert compared


def test_without_spacing_nothing_claims_millimetres(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer("spider_midsag")
    text = viewing.page.locator(".rs-pane").first.inner_text()
    assert "No scale" in text
    assert " mm" not in text
    assert viewing.page.locator(".rs-line").count() == 0
    viewing.focus_images()
    viewing.page.keyboard.press("KeyD")
    box = viewing.page.locator(".rs-pane").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    viewing.page.mouse.move(x, y)
    viewing.page.mouse.down()
    viewing.page.mouse.move(x + 60, y)
    viewing.page.mouse.up()
    assert viewing.page.locator(".rs-mark-text").first.text_content().endswith(" px")
    viewing.run("mpr")
    assert "Three planes need" in viewing.page.locator(".rs-waiting").first.inner_text()


def test_colour_images_keep_their_colours(open_viewer: Callable[..., Viewing], shared_data: Path) -> None:
    name = "transfer_syntaxes/US1_J2KR.dcm"
    viewing = open_viewer(name, rendering="cpu")
    pixels = pydicom.dcmread(shared_data / name).pixel_array.astype(int)
    rows, columns = pixels.shape[:2]
    points = [[columns * i // 12, rows * j // 12] for i in range(1, 12) for j in range(1, 12)]
    read = viewing.page.evaluate(
        """points => { const { surface } = document.querySelector('rs-viewer').panes[0];
        const { canvas } = surface; const copy = new OffscreenCanvas(canvas.width, canvas.height);
        const context = copy.getContext('2d', { willReadFrequently: true }); context.drawImage(canvas, 0, 0);
        return points.map((point) => { const [u, v] = surface.imagePxToCanvasPx(point).map(Math.floor);
          return [...context.getImageData(u, v, 1, 1).data.slice(0, 3)]; }); }""",
        points,
    )
    expected = np.array([pixels[row, column] for column, row in points])
    # Neighbouring pixels are mixed where the image is enlarged, so the middle of the errors is compared.
    assert np.median(np.abs(np.array(read) - expected).max(axis=1)) <= 2
    assert expected.max() > 60
