"""Every tool of the images used once by hand, its values compared with what was drawn."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from playwright.sync_api import expect
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

from tests.browser.viewer.serving import ViewerSite
from tests.browser.viewer.viewing import Viewing, measured

pytestmark = [pytest.mark.browser, pytest.mark.shared]
CASE = "lumbar_mr/vb2_05"
KEEP_SLICES = """() => {
    window.slices = [];
    const shown = document.querySelector(".rs-pane");
    new MutationObserver(() => window.slices.push(Number(shown.dataset.slice)))
        .observe(shown, { attributeFilter: ["data-slice"] });
}"""


@pytest.mark.parametrize(
    ("tool", "points", "degrees"),
    [
        # Two plates whose lines meet at 12 + 25 degrees; the acute angle whichever way each was drawn.
        ("Cobb angle", [(60, 100), (140, 117), (60, 240), (140, 202.7)], 12.0 + 25.0),
        ("Cobb angle", [(140, 117), (60, 100), (60, 240), (140, 202.7)], 12.0 + 25.0),
        ("Cobb angle", [(60, 100), (140, 100), (80, 180), (80, 260)], 90.0),
        ("Angle", [(150, 150), (80, 150), (80, 90)], 90.0),
        ("Angle", [(150, 150), (80, 150), (20, 210)], 135.0),
    ],
)
def test_angles_are_those_of_the_drawing(
    open_viewer: Callable[..., Viewing], tool: str, points: list[tuple[float, float]], degrees: float
) -> None:
    viewing = open_viewer(CASE)
    button = viewing.page.get_by_role("button", name=tool, exact=True)
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    viewing.click(0, *points)
    assert measured(viewing.texts(), "°") == pytest.approx(degrees, abs=0.6)


def test_a_region_says_what_its_pixels_are(open_viewer: Callable[..., Viewing], shared_data: Any) -> None:
    viewing = open_viewer(CASE)
    viewing.page.get_by_role("button", name="Region", exact=True).click()
    viewing.drag(0, (60, 120), (100, 180))
    kept = viewing.page.evaluate("document.querySelector('rs-viewer').annotations.all[0].points_px")
    (x1, y1), (x2, y2) = kept
    pane = viewing.panes[0]
    header = next(
        file
        for file in map(pydicom.dcmread, sorted((shared_data / CASE).rglob("*.dcm")))
        if "ImagePositionPatient" in file
        and file.ImagePositionPatient == pytest.approx(pane["position"], abs=1e-3)
        and file.ImageOrientationPatient == pytest.approx(pane["orientation"], abs=1e-3)
    )
    array = header.pixel_array
    inside = [
        float(array[row, column])
        for row in range(array.shape[0])
        for column in range(array.shape[1])
        if ((column - (x1 + x2) / 2) / ((x2 - x1) / 2)) ** 2 + ((row - (y1 + y2) / 2) / ((y2 - y1) / 2)) ** 2
        <= 1
    ]
    spacing = [float(value) for value in header.PixelSpacing]
    texts = viewing.texts()
    assert texts[0].startswith(f"mean {sum(inside) / len(inside):.0f}, SD ")
    assert texts[1] == f"{min(inside):.0f} … {max(inside):.0f}"
    area = math.pi / 4 * (x2 - x1) * spacing[1] * (y2 - y1) * spacing[0]
    assert measured(texts, " mm²") == pytest.approx(area, abs=1)


def test_the_study_runs_to_and_fro_until_it_is_stopped(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    viewing.show(0, viewing.panes[0]["count"] - 1)
    play = page.get_by_role("button", name="Play", exact=True)
    page.evaluate(KEEP_SLICES)  # asked now and then, a slow machine would miss single images of the run
    play.click()
    expect(play).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("() => window.slices.some((slice, at) => slice > window.slices[at - 1])")
    slices = page.evaluate("window.slices")
    count = viewing.panes[0]["count"]
    assert slices[0] == count  # one step on, the last image of all; then back to the first, then on again
    first = slices.index(1)
    assert slices[: first + 2] == [*range(count, 0, -1), 2]
    viewing.focus_images()
    page.keyboard.press("KeyC")
    expect(play).to_have_attribute("aria-pressed", "false")
    stopped = viewing.panes[0]["slice"]
    for _ in range(5):
        viewing.drawn()
    assert viewing.panes[0]["slice"] == stopped


def test_a_thumbnail_brings_its_series(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(
        "lumbar_mr/sct_t2_lumbar", hanging=[{"name": "one", "viewports": [{"area": "main"}]}]
    )
    uid = viewing.page.locator(".rs-thumb:not([data-shown])").first.get_attribute("data-series")
    other = viewing.page.locator(f".rs-thumb[data-series='{uid}']")
    other.click()
    expect(viewing.page.locator(".rs-pane[data-active]")).to_have_attribute("data-series", str(uid))
    expect(viewing.page.locator(".rs-pane[data-active]")).to_have_attribute("data-ready", "")
    expect(other).to_have_attribute("data-active", "")


def test_what_has_no_button_is_in_the_menu(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    page.focus("#panel")
    more = page.get_by_role("button", name="More tools")
    more.click()
    entry = page.get_by_role("menuitem", name="Window: Wide")
    expect(entry).to_be_visible()
    before = viewing.panes[0]["window"]
    entry.click()
    expect(page.locator(".rs-menu")).to_be_hidden()
    assert viewing.panes[0]["window"]["width"] != pytest.approx(before["width"])
    assert page.evaluate("document.activeElement.id") == "panel", "the keys stay where they were"
    for name, field, wanted in (("Turn right", "rotation", 90), ("Mirror across", "flipH", True)):
        more.click()
        page.get_by_role("menuitem", name=name).click()
        assert page.evaluate("document.querySelector('rs-viewer').panes[0].look.view")[field] == wanted
    more.click()
    page.get_by_role("menuitem", name="Last image").click()
    expect(page.locator(".rs-pane").first).to_have_attribute("data-slice", str(viewing.panes[0]["count"]))
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator(".rs-menu")).to_be_hidden()
    expect(more).to_be_focused()


def test_the_menu_of_a_sided_study_mirrors_nothing(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, sided=True)
    viewing.page.get_by_role("button", name="More tools").click()
    expect(viewing.page.get_by_role("menuitem", name="Turn right")).to_be_visible()
    assert viewing.page.get_by_role("menuitem", name="Mirror").count() == 0


def test_the_crosshair_takes_the_other_planes_to_the_place(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer("lumbar_ct/ts_example")
    viewing.page.get_by_role("button", name="Crosshair", exact=True).click()
    shown = viewing.panes
    number = next(i for i, pane in enumerate(shown) if pane["label"].startswith("Sagittal"))
    height = shown[number]["rows"]
    other = next(i for i, pane in enumerate(shown) if pane["label"].startswith("Axial"))
    seen = []
    for share in (0.3, 0.7):
        viewing.click(number, (shown[number]["columns"] / 2, height * share))
        viewing.page.wait_for_selector(f".rs-grid > :nth-child({other + 1})[data-slice]")
        viewing.drawn()
        wanted = viewing.page.evaluate(
            """([sagittal, px, axial]) => { const { panes } = document.querySelector('rs-viewer');
            const place = panes[sagittal].placeUnder(panes[sagittal].surface.imagePxToCanvasPx(px)).mm;
            return panes[axial].stack.planes.map((plane) => Math.abs(
              plane.normal.reduce((sum, n, i) => sum + n * (place[i] - plane.origin[i]), 0))); }""",
            [number, [shown[number]["columns"] / 2, height * share], other],
        )
        now = viewing.panes[other]["slice"]
        assert wanted[now - 1] == pytest.approx(min(wanted), abs=1e-6)
        seen.append(now)
    assert seen[0] < seen[1]


def _file(folder: Path, **changes: Any) -> None:
    """Write a small picture of which only what is asked for is stated."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    image = Dataset()
    image.file_meta = meta
    image.SOPClassUID, image.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    image.StudyInstanceUID, image.SeriesInstanceUID = generate_uid(), generate_uid()
    image.PatientID, image.Modality, image.InstanceNumber = "shape", "OT", 1
    image.Rows, image.Columns = 100, 120
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    grey = np.zeros((100, 120), np.uint8)
    grey[20:80, 20:100] = 200
    image.PixelData = grey.tobytes()
    for word, value in changes.items():
        setattr(image, word, value)
    folder.mkdir(parents=True)
    image.save_as(folder / "image.dcm", enforce_file_format=True)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[ViewerSite]:
    """A site with pictures whose pixels are twice as high as wide, with and without a size."""
    folder = tmp_path_factory.mktemp("shapes")
    _file(folder / "aspect", PixelAspectRatio=["2", "1"])
    _file(folder / "spacing", PixelSpacing=["2", "1"])
    site = ViewerSite.start(folder, database=migrated_file)
    yield site
    site.stop()


@pytest.mark.parametrize(("folder", "unit"), [("aspect", "px"), ("spacing", "mm")])
def test_pixels_keep_their_shape_and_without_a_size_no_millimetre_is_said(
    open_viewer: Callable[..., Viewing], shapes: ViewerSite, folder: str, unit: str
) -> None:
    viewing = open_viewer(folder, at=shapes)
    left, top = viewing.screen_px(0, (20, 20))
    right, _ = viewing.screen_px(0, (60, 20))
    _, bottom = viewing.screen_px(0, (20, 60))
    assert (bottom - top) == pytest.approx(2 * (right - left), rel=1e-3)
    tools = viewing.page.get_by_role("toolbar")
    tools.get_by_role("button", name="Length", exact=True).click()
    viewing.drag(0, (30, 30), (30, 70))
    # 40 rows: of 2 mm each where a size is stated, else counted.
    assert measured(viewing.texts(), f" {unit}") == pytest.approx(80 if unit == "mm" else 40, abs=1)
    tools.get_by_role("button", name="Angle", exact=True).click()
    viewing.click(0, (90, 40), (50, 40), (90, 60))  # 40 across, 20 rows of 2 down
    assert measured(viewing.texts(), "°") == pytest.approx(45, abs=0.7)
    said = viewing.page.locator(".rs-pane").first.inner_text()
    assert (" mm" in said) is (unit == "mm")
    assert ("No scale" in said) is (unit == "px")
