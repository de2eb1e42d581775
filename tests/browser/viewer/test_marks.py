"""Marks and measurements drawn, moved and taken back by hand, and where other images and planes show them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from tests.browser.viewer.viewing import Viewing, measured

pytestmark = [pytest.mark.browser, pytest.mark.shared]
CASE = "lumbar_mr/vb2_05"
LESION = {"id": "lesion", "shape": "box3d", "classes": [{"id": "cyst", "label": "Cyst"}]}
TAKE_LESION = "document.dispatchEvent(new CustomEvent('rs:set-tool', { detail: { tool: 'mark:lesion' } }))"
KEEP_MARKS = "document.addEventListener('rs:marks', ({ detail }) => { window.marks = detail.marks; });"
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
        viewing.click(0, *points, points[0])  # the first point once more closes it
    elif shape == "point":
        viewing.click(0, *points)
    else:
        viewing.drag(0, *points)
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
    assert "Cyst" in viewing.texts()
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
        assert len(viewing.texts()) == number, keys


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
    viewing.click(0, *begun)
    expect(figures).to_have_count(1)
    viewing.show(0, own + 1)
    expect(figures).to_have_count(0)
    viewing.show(0, own)
    # Gone through other images and come back, the line begun is still there to be finished.
    expect(figures).to_have_count(1)
    viewing.click(0, (60, 240), (140, 202.7))
    assert measured(viewing.texts(), "°") == pytest.approx(37, abs=0.7)
    viewing.click(0, *((x, y + 200) for x, y in begun))
    viewing.show(0, own + 1)
    # On another image a new one begins, and the half of the old one is no angle.
    viewing.click(0, (60, 240), (140, 202.7))
    assert len(_kept(viewing)) == 1
    viewing.show(0, own)
    expect(figures).to_have_count(1)
    viewing.show(0, own + 1)
    viewing.click(0, *begun)
    (first, second) = _kept(viewing)
    assert first["sop_uid"] != second["sop_uid"]
    assert second["points_px"][0] == pytest.approx((60, 240), abs=1)


def test_a_line_pulled_across_two_images_is_given_up(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    page.get_by_role("button", name="Length", exact=True).click()
    own = viewing.panes[0]["slice"]
    page.mouse.move(*viewing.screen_px(0, (60, 100)))
    page.mouse.down()
    page.mouse.move(*viewing.screen_px(0, (100, 100)), steps=3)
    viewing.show(0, own + 1)
    page.mouse.move(*viewing.screen_px(0, (140, 100)), steps=3)
    page.mouse.up()
    assert _kept(viewing) == []


def test_a_box_over_several_images_is_moved_at_its_own_place(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, mark_kinds=[LESION])
    page = viewing.page
    page.evaluate(TAKE_LESION)
    viewing.drag(0, (60, 120), (90, 150))
    viewing.focus_images()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Shift+ArrowDown")
    (before,) = _kept(viewing)
    assert viewing.panes[0]["slice"] - 1 == before["slices"][1]
    # By its edge, on the last of its images, 10 px down.
    viewing.drag(0, (75, 120), (75, 130))
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
    viewing.drag(0, (60, 130), (90, 160))
    assert all(high > low for low, high in zip(*_kept(viewing)[0]["points_px"], strict=True))


def test_a_mark_pulled_over_the_edge_ends_there(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, mark_kinds=[{**LESION, "shape": "box"}])
    viewing.page.evaluate(TAKE_LESION)
    pane = viewing.panes[0]
    # Beyond the last row; the server keeps no mark outside its image.
    bottom = pane["rows"] - 0.5
    viewing.drag(0, (60, pane["rows"] - 30), (90, pane["rows"] + 12))
    (mark,) = _kept(viewing)
    assert mark["points_px"][1] == [pytest.approx(90, abs=1), bottom]
    # Moved beyond it, it stays whole.
    viewing.drag(0, (60, pane["rows"] - 15), (65, pane["rows"] - 5))
    (moved,) = _kept(viewing)
    assert moved["points_px"][0] == [
        pytest.approx(mark["points_px"][0][0] + 5, abs=1),
        mark["points_px"][0][1],
    ]
    assert moved["points_px"][1][1] == bottom
    # A length may reach beyond.
    viewing.page.get_by_role("button", name="Length", exact=True).click()
    viewing.drag(0, (30, pane["rows"] - 30), (30, pane["rows"] + 12))
    assert _kept(viewing)[1]["points_px"][1][1] > pane["rows"]


@pytest.mark.parametrize(
    ("shape", "handle", "changed"),
    [
        ("box", (100, 60), [[60, 50], [110, 100]]),
        ("ellipse", (100, 80), [[60, 60], [110, 100]]),
        ("ellipse", (80, 60), [[60, 50], [100, 100]]),
    ],
)
def test_a_region_is_pulled_at_any_of_its_handles(
    open_viewer: Callable[..., Viewing], shape: str, handle: tuple[int, int], changed: list[list[int]]
) -> None:
    """A corner of a box that was not drawn with the mouse; an ellipse at the end of an axis, along that axis alone."""
    viewing = open_viewer(CASE, mark_kinds=[{**LESION, "shape": shape}])
    viewing.page.evaluate(TAKE_LESION)
    viewing.drag(0, (60, 60), (100, 100))
    viewing.drag(0, handle, (handle[0] + 10, handle[1] - 10))
    (mark,) = _kept(viewing)
    assert mark["points_px"] == [pytest.approx(point, abs=1) for point in changed]
    # One that is small is still moved by its outline, however near its handles are.
    viewing.run("delete-mark")
    viewing.drag(0, (60, 60), (64, 64))
    (small,) = _kept(viewing)
    outline = (62 - 2 * 0.5**0.5, 62 - 2 * 0.5**0.5) if shape == "ellipse" else (62, 60)
    viewing.drag(0, outline, (outline[0] + 10, outline[1] + 20))
    (moved,) = _kept(viewing)
    assert moved["points_px"] == [pytest.approx([x + 10, y + 20], abs=1) for x, y in small["points_px"]]


@pytest.mark.parametrize("shape", ["box", "ellipse", "polygon", "line", "angle", "cobb", "box3d"])
def test_a_mark_moved_past_an_edge_keeps_its_shape(open_viewer: Callable[..., Viewing], shape: str) -> None:
    """In the corner, past two edges at once; undo brings it back."""
    viewing = open_viewer(CASE, mark_kinds=[{**LESION, "shape": shape}])
    page = viewing.page
    page.evaluate(TAKE_LESION)
    corners = [(60, 60), (100, 60), (100, 100), (60, 100)]
    if shape in {"polygon", "angle", "cobb"}:
        viewing.click(0, *corners[: 3 if shape == "angle" else 4])
        if shape == "polygon":
            viewing.run("finish-mark")
    else:
        viewing.drag(0, corners[0], corners[2])
    (before,) = _kept(viewing)
    # By a place on its outline that is no handle.
    grip = (80, 80) if shape == "line" else (66, 66) if shape == "ellipse" else (80, 60)

    viewing.drag(0, grip, (grip[0] - 75, grip[1] - 70))

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
    viewing.drag(axial, (40, 40), (70, 70))
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
    viewing.drag(axial, (40, 40), (70, 60))
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
