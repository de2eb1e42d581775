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
from tests.browser.viewer.viewing import Viewing

pytestmark = [pytest.mark.browser, pytest.mark.shared]
CASE = "lumbar_mr/vb2_05"
LESION = {"id": "lesion", "shape": "box3d", "classes": [{"id": "cyst", "label": "Cyst"}]}
TAKE_LESION = "document.dispatchEvent(new CustomEvent('rs:set-tool', { detail: { tool: 'mark:lesion' } }))"
KEEP_MARKS = "document.addEventListener('rs:marks', ({ detail }) => { window.marks = detail.marks; });"
KEEP_SLICES = """() => {
    window.slices = [];
    const shown = document.querySelector(".rs-pane");
    new MutationObserver(() => window.slices.push(Number(shown.dataset.slice)))
        .observe(shown, { attributeFilter: ["data-slice"] });
}"""


def _canvas(viewing: Viewing, pane: int, px: tuple[float, float]) -> tuple[float, float]:
    """Return where an image px is on the screen."""
    box = viewing.page.locator(".rs-pane").nth(pane).locator(".rs-surface").bounding_box()
    x, y = viewing.page.evaluate(
        "([pane, px]) => document.querySelector('rs-viewer').panes[pane].surface.imagePxToCanvasPx(px)",
        [pane, px],
    )
    return box["x"] + x, box["y"] + y


def _click(viewing: Viewing, pane: int, *points: tuple[float, float]) -> None:
    for point in points:
        x, y = _canvas(viewing, pane, point)
        viewing.page.mouse.move(x, y)
        viewing.page.mouse.down()
        viewing.page.mouse.up()
    viewing.drawn()


def _drag(viewing: Viewing, pane: int, start: tuple[float, float], end: tuple[float, float]) -> None:
    viewing.page.mouse.move(*_canvas(viewing, pane, start))
    viewing.page.mouse.down()
    viewing.page.mouse.move(*_canvas(viewing, pane, end), steps=3)
    viewing.page.mouse.up()
    viewing.drawn()


def _texts(viewing: Viewing, pane: int = 0) -> list[str]:
    found: list[str] = viewing.page.locator(".rs-pane").nth(pane).locator(".rs-mark-text").all_text_contents()
    return found


def _value(texts: list[str], unit: str) -> float:
    (text,) = [text for text in texts if text.endswith(unit)]
    return float(text.removesuffix(unit))


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
    _click(viewing, 0, *points)
    assert _value(_texts(viewing), "°") == pytest.approx(degrees, abs=0.6)


def test_a_region_says_what_its_pixels_are(open_viewer: Callable[..., Viewing], shared_data: Any) -> None:
    viewing = open_viewer(CASE)
    viewing.page.get_by_role("button", name="Region", exact=True).click()
    _drag(viewing, 0, (60, 120), (100, 180))
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
    texts = _texts(viewing)
    assert texts[0].startswith(f"mean {sum(inside) / len(inside):.0f}, SD ")
    assert texts[1] == f"{min(inside):.0f} … {max(inside):.0f}"
    area = math.pi / 4 * (x2 - x1) * spacing[1] * (y2 - y1) * spacing[0]
    assert _value(texts, " mm²") == pytest.approx(area, abs=1)


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
        _click(viewing, number, (shown[number]["columns"] / 2, height * share))
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


SHAPES = {
    "point": [(70, 130)],
    "box": [(60, 120), (90, 150)],
    "box3d": [(60, 120), (90, 150)],
    "ellipse": [(60, 120), (90, 150)],
    "polygon": [(60, 120), (90, 120), (90, 150)],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_mark_of_each_shape_is_kept_by_instance_px_and_mm_and_undone(
    open_viewer: Callable[..., Viewing], shape: str
) -> None:
    viewing = open_viewer(
        CASE,
        mark_kinds=[{"id": "lesion", "shape": shape, "classes": [{"id": "cyst", "label": "Cyst"}]}],
        before=lambda page: page.add_init_script(KEEP_MARKS),
    )
    page = viewing.page
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('rs:set-tool', { detail: { tool: 'mark:lesion', class: 'cyst' } }))"
    )
    points = SHAPES[shape]
    if shape == "polygon":
        _click(viewing, 0, *points, points[0])  # the first point once more closes it
    elif shape == "point":
        _click(viewing, 0, *points)
    else:
        _drag(viewing, 0, *points)
    (mark,) = page.evaluate("window.marks")
    pane = viewing.panes[0]
    sop = page.locator(".rs-pane").first.get_attribute("data-sop")
    assert (mark["shape"], mark["kind"], mark["class"]) == (shape, "lesion", "cyst")
    assert (mark["sop_uid"], mark["frame"], mark["series_uid"]) == (sop, 1, pane["uid"])
    assert mark["points_px"] == [pytest.approx(point, abs=1) for point in points]
    geometry = page.evaluate(
        "() => { const { origin, row, column, spacing } = document.querySelector('rs-viewer').panes[0].plane;"
        " return [origin, row, column, spacing]; }"
    )
    origin, row, column, spacing = geometry
    for px, mm in zip(mark["points_px"], mark["points_mm"], strict=True):
        along = [row[i] * px[0] * spacing[1] + column[i] * px[1] * spacing[0] for i in range(3)]
        assert mm == pytest.approx([origin[i] + along[i] for i in range(3)], abs=0.01)
    assert "Cyst" in _texts(viewing)
    viewing.focus_images()
    for keys, number in (
        ("Control+KeyZ", 0),
        ("Control+Shift+KeyZ", 1),
        ("Backspace", 0),
        ("Control+KeyZ", 1),
    ):
        page.keyboard.press(keys)
        viewing.drawn()
        assert len(page.evaluate("window.marks")) == number, keys
        assert len(_texts(viewing)) == number, keys


def _kept(viewing: Viewing) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = viewing.page.evaluate("document.querySelector('rs-viewer').annotations.all")
    return found


def test_the_points_of_one_angle_lie_on_one_image(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    figures = page.locator(".rs-pane").first.locator(".rs-mark")
    page.get_by_role("button", name="Cobb angle", exact=True).click()
    own = viewing.panes[0]["slice"]
    begun = [(60, 100), (140, 117)]
    _click(viewing, 0, *begun)
    expect(figures).to_have_count(1)
    viewing.show(0, own + 1)
    expect(figures).to_have_count(0)
    viewing.show(0, own)
    # Gone through other images and come back, the line begun is still there to be finished.
    expect(figures).to_have_count(1)
    _click(viewing, 0, (60, 240), (140, 202.7))
    assert _value(_texts(viewing), "°") == pytest.approx(37, abs=0.7)
    _click(viewing, 0, *((x, y + 200) for x, y in begun))
    viewing.show(0, own + 1)
    # On another image a new one begins, and the half of the old one is no angle.
    _click(viewing, 0, (60, 240), (140, 202.7))
    assert len(_kept(viewing)) == 1
    viewing.show(0, own)
    expect(figures).to_have_count(1)
    viewing.show(0, own + 1)
    _click(viewing, 0, *begun)
    (first, second) = _kept(viewing)
    assert first["sop_uid"] != second["sop_uid"]
    assert second["points_px"][0] == pytest.approx((60, 240), abs=1)


def test_a_line_pulled_across_two_images_is_given_up(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    page.get_by_role("button", name="Length", exact=True).click()
    own = viewing.panes[0]["slice"]
    page.mouse.move(*_canvas(viewing, 0, (60, 100)))
    page.mouse.down()
    page.mouse.move(*_canvas(viewing, 0, (100, 100)), steps=3)
    viewing.show(0, own + 1)
    page.mouse.move(*_canvas(viewing, 0, (140, 100)), steps=3)
    page.mouse.up()
    assert _kept(viewing) == []


def test_a_box_over_several_images_is_moved_at_its_own_place(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, mark_kinds=[LESION])
    page = viewing.page
    page.evaluate(TAKE_LESION)
    _drag(viewing, 0, (60, 120), (90, 150))
    viewing.focus_images()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    (before,) = _kept(viewing)
    assert viewing.panes[0]["slice"] - 1 == before["slices"][1]
    # By its edge, on the last of its images, 10 px down.
    _drag(viewing, 0, (75, 120), (75, 130))
    (after,) = _kept(viewing)
    assert after["points_px"][0] == pytest.approx((60, 130), abs=1)
    assert after["points_mm"][0] == pytest.approx(
        [*before["points_mm"][0][:2], before["points_mm"][0][2] - 10], abs=1
    )
    for end in ("min_mm", "max_mm"):
        assert after["box"][end] == pytest.approx(
            [*before["box"][end][:2], before["box"][end][2] - 10], abs=1
        )
    # A corner that meets the opposite one leaves no box.
    _drag(viewing, 0, (60, 130), (90, 160))
    assert all(high > low for low, high in zip(*_kept(viewing)[0]["points_px"], strict=True))


def test_a_mark_pulled_over_the_edge_ends_there(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, mark_kinds=[{**LESION, "shape": "box"}])
    viewing.page.evaluate(TAKE_LESION)
    pane = viewing.panes[0]
    # Beyond the last row; the server keeps no mark outside its image.
    bottom = pane["rows"] - 0.5
    _drag(viewing, 0, (60, pane["rows"] - 30), (90, pane["rows"] + 12))
    (mark,) = _kept(viewing)
    assert mark["points_px"][1] == [pytest.approx(90, abs=1), bottom]
    # Moved beyond it, it stays whole.
    _drag(viewing, 0, (60, pane["rows"] - 15), (65, pane["rows"] - 5))
    (moved,) = _kept(viewing)
    assert moved["points_px"][0] == [
        pytest.approx(mark["points_px"][0][0] + 5, abs=1),
        mark["points_px"][0][1],
    ]
    assert moved["points_px"][1][1] == bottom
    # A length may reach beyond.
    viewing.page.get_by_role("button", name="Length", exact=True).click()
    _drag(viewing, 0, (30, pane["rows"] - 30), (30, pane["rows"] + 12))
    assert _kept(viewing)[1]["points_px"][1][1] > pane["rows"]


@pytest.mark.parametrize("shape", ["box", "ellipse", "polygon", "line", "angle", "cobb", "box3d"])
def test_a_mark_moved_past_an_edge_keeps_its_shape(open_viewer: Callable[..., Viewing], shape: str) -> None:
    """In the corner, past two edges at once; undo brings it back."""
    viewing = open_viewer(CASE, mark_kinds=[{**LESION, "shape": shape}])
    page = viewing.page
    page.evaluate(TAKE_LESION)
    corners = [(60, 60), (100, 60), (100, 100), (60, 100)]
    if shape in {"polygon", "angle", "cobb"}:
        _click(viewing, 0, *corners[: 3 if shape == "angle" else 4])
        if shape == "polygon":
            viewing.run("finish-mark")
    else:
        _drag(viewing, 0, corners[0], corners[2])
    (before,) = _kept(viewing)
    # By a place on its outline that is no handle.
    grip = (80, 80) if shape == "line" else (60, 80) if shape == "ellipse" else (80, 60)

    _drag(viewing, 0, grip, (grip[0] - 75, grip[1] - 70))

    (after,) = _kept(viewing)
    points, moved = (np.asarray(one["points_px"]) for one in (before, after))
    assert moved.min(axis=0) == pytest.approx([-0.5, -0.5])
    assert moved - moved[0] == pytest.approx(points - points[0])
    viewing.run("undo")
    assert _kept(viewing) == [before]


def test_a_box_is_drawn_on_the_images_of_its_series_only(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer("lumbar_ct/ts_example", mark_kinds=[LESION])
    page = viewing.page
    axial = next(i for i, pane in enumerate(viewing.panes) if pane["label"] == "Axial CT")
    page.evaluate(TAKE_LESION)
    _drag(viewing, axial, (40, 40), (70, 70))
    viewing.focus_images()
    page.keyboard.press("Shift+ArrowDown")
    (before,) = _kept(viewing)
    page.keyboard.press("KeyM")
    expect(page.locator(".rs-pane")).to_have_count(3)
    own = next(i for i, pane in enumerate(viewing.panes) if pane["label"] == "Axial CT")
    for number in range(3):
        viewing.show(number, before["slices"][0] + 1)
    for number in range(3):
        figures = page.locator(".rs-pane").nth(number).locator(".rs-mark:not(.rs-mark-section)")
        expect(figures).to_have_count(1 if number == own else 0)
    # Nor does a cut image lengthen it.
    cut = next(i for i in range(3) if i != own)
    page.evaluate(
        "(n) => { const viewer = document.querySelector('rs-viewer'); viewer.activate(viewer.panes[n]); }",
        cut,
    )
    viewing.focus_images()
    page.keyboard.press("Shift+ArrowDown")
    assert _kept(viewing) == [before]


SECTION_MM = """(number) => {
    const pane = document.querySelector('rs-viewer').panes[number];
    const path = document.querySelectorAll('.rs-pane')[number].querySelector('.rs-mark-section .rs-mark-line');
    if (!path) return [];
    const { position, orientation, spacing } = pane.frame;
    return [...path.getAttribute('d').matchAll(/[ML](\\S+) ([^LZ]+)/g)].map(([, x, y]) => {
        const [column, row] = pane.surface.canvasPxToImagePx([Number(x), Number(y)]);
        return position.map((value, axis) => value + orientation[axis] * column * spacing[1]
            + orientation[axis + 3] * row * spacing[0]);
    });
}"""


def test_a_box_over_images_is_seen_where_other_planes_cut_it(open_viewer: Callable[..., Viewing]) -> None:
    """At its places in the patient, to half a millimetre, on planes that cut it and on no other; not to be edited."""
    viewing = open_viewer("lumbar_ct/ts_example", mark_kinds=[LESION])
    page = viewing.page
    axial = next(i for i, pane in enumerate(viewing.panes) if pane["label"] == "Axial CT")
    page.evaluate(TAKE_LESION)
    _drag(viewing, axial, (40, 40), (70, 60))
    viewing.focus_images()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowDown")
    (mark,) = _kept(viewing)
    low, high = np.asarray(mark["box"]["min_mm"]), np.asarray(mark["box"]["max_mm"])
    assert (high - low).min() > 5
    page.keyboard.press("KeyM")
    expect(page.locator(".rs-pane")).to_have_count(3)
    cut = [(i, p["label"]) for i, p in enumerate(viewing.panes) if "reformat" in p["label"]]
    assert len(cut) == 2
    for number, label in cut:
        axis = 0 if "sagittal" in label else 1
        first, second = (
            page.evaluate(
                "([n, i]) => document.querySelector('rs-viewer').panes[n].stack.planes[i].origin", [number, i]
            )[axis]
            for i in (0, 1)
        )
        at = round(((low + high)[axis] / 2 - first) / (second - first))
        viewing.show(number, at + 1)
        corners = np.asarray(page.evaluate(SECTION_MM, number))
        assert len(corners) == 4
        others = [other for other in range(3) if other != axis]
        assert corners.min(axis=0)[others] == pytest.approx(low[others], abs=0.5)
        assert corners.max(axis=0)[others] == pytest.approx(high[others], abs=0.5)
        text = page.locator(".rs-pane").nth(number).locator(".rs-mark-section .rs-mark-text")
        expect(text).to_have_text("Cyst")
        # Its corner moves nothing.
        page.evaluate("document.querySelector('rs-viewer').setTool('window')")
        corner = page.evaluate(
            "(n) => document.querySelectorAll('.rs-pane')[n].querySelector('.rs-mark-section .rs-mark-line')"
            ".getBoundingClientRect().toJSON()",
            number,
        )
        page.mouse.move(corner["left"], corner["top"])
        page.mouse.down()
        page.mouse.move(corner["left"] + 30, corner["top"] + 30, steps=3)
        page.mouse.up()
        assert _kept(viewing) == [mark]
        # One image past it.
        beyond = at + round((high - low)[axis] / 2 / abs(second - first)) + 2
        viewing.show(number, beyond)
        assert page.evaluate(SECTION_MM, number) == []


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
    left, top = _canvas(viewing, 0, (20, 20))
    right, _ = _canvas(viewing, 0, (60, 20))
    _, bottom = _canvas(viewing, 0, (20, 60))
    assert (bottom - top) == pytest.approx(2 * (right - left), rel=1e-3)
    tools = viewing.page.get_by_role("toolbar")
    tools.get_by_role("button", name="Length", exact=True).click()
    _drag(viewing, 0, (30, 30), (30, 70))
    # 40 rows: of 2 mm each where a size is stated, else counted.
    assert _value(_texts(viewing), f" {unit}") == pytest.approx(80 if unit == "mm" else 40, abs=1)
    tools.get_by_role("button", name="Angle", exact=True).click()
    _click(viewing, 0, (90, 40), (50, 40), (90, 60))  # 40 across, 20 rows of 2 down
    assert _value(_texts(viewing), "°") == pytest.approx(45, abs=0.7)
    said = viewing.page.locator(".rs-pane").first.inner_text()
    assert (" mm" in said) is (unit == "mm")
    assert ("No scale" in said) is (unit == "px")
