"""Mouse and keys on the images: what a reader does all day."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.viewer.viewing import Viewing

pytestmark = [pytest.mark.browser, pytest.mark.shared]
CASE = "lumbar_mr/vb2_05"


def _middle(viewing: Viewing, pane: int) -> tuple[float, float]:
    box = viewing.page.locator(".rs-pane").nth(pane).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(viewing: Viewing, pane: int, dx: float, dy: float, button: str = "left") -> None:
    x, y = _middle(viewing, pane)
    mouse = viewing.page.mouse
    mouse.move(x, y)
    mouse.down(button=button)
    mouse.move(x + dx / 2, y + dy / 2)
    mouse.move(x + dx, y + dy)
    mouse.up(button=button)
    viewing.drawn()


def _view(viewing: Viewing, pane: int) -> dict[str, Any]:
    view: dict[str, Any] = viewing.page.evaluate(
        "number => document.querySelector('rs-viewer').panes[number].look.view", pane
    )
    return view


def test_wheel_scrolls_one_image_a_notch_and_leaves_the_keys_with_the_panel(
    open_viewer: Callable[..., Viewing],
) -> None:
    viewing = open_viewer(CASE)
    viewing.page.focus("#panel")
    before = viewing.panes[0]["slice"]
    viewing.page.mouse.move(*_middle(viewing, 0))
    for _ in range(3):
        viewing.page.mouse.wheel(0, 120)
    viewing.page.wait_for_selector(f".rs-pane[data-slice='{before + 3}']")
    assert viewing.page.evaluate("document.activeElement.id") == "panel"


def test_buttons_of_the_mouse_are_ohifs(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    start = viewing.panes[0]["window"]
    _drag(viewing, 0, 60, 30)
    after = viewing.panes[0]["window"]
    assert after["width"] > start["width"]
    assert after["center"] > start["center"]
    view = _view(viewing, 0)
    _drag(viewing, 0, 40, -20, "middle")
    moved = _view(viewing, 0)
    assert moved["x"] == pytest.approx(view["x"] - 40 / view["scale"])
    assert moved["y"] == pytest.approx(view["y"] + 20 / view["scale"])
    _drag(viewing, 0, 0, -60, "right")
    assert _view(viewing, 0)["scale"] > view["scale"]


def test_keys_of_the_images(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    viewing.focus_images()
    count = viewing.panes[0]["count"]
    for key, wanted in (("End", count), ("Home", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
        page.keyboard.press(key)
        page.wait_for_selector(f".rs-pane[data-active][data-slice='{wanted}']")
    page.keyboard.press("ArrowRight")
    assert page.locator(".rs-pane").nth(1).get_attribute("data-active") is not None
    page.keyboard.press("KeyI")
    assert page.evaluate("document.querySelector('rs-viewer').panes[1].look.inverted")
    page.keyboard.press("Digit2")
    assert viewing.panes[1]["window"] != viewing.panes[0]["window"]
    page.evaluate(
        "document.addEventListener('rs:focus-panel', () => document.getElementById('panel').focus())"
    )
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.id") == "panel"
    page.keyboard.press("KeyI")  # the panel has the keys now
    assert page.evaluate("document.querySelector('rs-viewer').panes[1].look.inverted")


def test_own_keys_win(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, keymap={"invert": "KeyQ", "cine": None})
    viewing.focus_images()
    viewing.page.keyboard.press("KeyI")
    assert not viewing.page.evaluate("document.querySelector('rs-viewer').panes[0].look.inverted")
    viewing.page.keyboard.press("KeyQ")
    assert viewing.page.evaluate("document.querySelector('rs-viewer').panes[0].look.inverted")


def test_sided_protocols_have_no_mirror(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE, sided=True)
    viewing.focus_images()
    for key in ("KeyH", "Shift+KeyH"):
        viewing.page.keyboard.press(key)
    assert not _view(viewing, 0)["flipH"]
    assert not _view(viewing, 0)["flipV"]
    text = viewing.page.locator(".rs-pane").first.inner_text()
    assert "Sides by convention" in text
    letters = viewing.page.locator(".rs-pane").nth(1).locator(".rs-letter-left")
    assert letters.inner_text() == "R"
    assert letters.is_visible()


def _with_joint(
    open_viewer: Callable[..., Viewing], *offset_mm: float, **more: Any
) -> tuple[Viewing, Viewing, list[float]]:
    """Open the case plainly, and with one joint so far from the first pixel; returns both and the joint's place."""
    probe = open_viewer(CASE)
    frame = probe.page.evaluate("document.querySelector('rs-viewer').panes[0].frame.frameOfReferenceUid")
    place = [origin + step for origin, step in zip(probe.panes[0]["position"], offset_mm, strict=True)]
    # The blinded frame of reference is the same for every showing without an alias.
    viewing = open_viewer(
        CASE,
        structures=[{"id": "a", "label": "L4/5 right", "group": "L4/5", "side": "right"}],
        landmarks=[{"structure": "a", "frame_of_reference": frame, "point_mm": place}],
        **more,
    )
    viewing.page.evaluate(
        "document.dispatchEvent(new CustomEvent('rs:activate-structure', { detail: { structure: 'a' } }))"
    )
    return probe, viewing, place


def test_the_joint_being_graded_is_found_and_marked(open_viewer: Callable[..., Viewing]) -> None:
    probe, viewing, place = _with_joint(open_viewer, -6, 60, -150)
    viewing.page.wait_for_selector(f".rs-pane:first-child[data-slice='{probe.panes[0]['slice'] - 3}']")
    viewing.page.wait_for_selector(".rs-pane:first-child .rs-bracket", state="attached")
    assert "L4/5" in viewing.page.locator(".rs-pane").first.locator(".rs-level").first.text_content()
    drawn = viewing.page.evaluate(
        "() => { const box = document.querySelector('.rs-pane:first-child .rs-bracket').getBBox();"
        " return [box.x + box.width / 2, box.y + box.height / 2]; }"
    )
    px = [60.0 / 1, 150.0 / 1]  # 1 mm pixels, from the first one
    expected = viewing.page.evaluate(
        "px => document.querySelector('rs-viewer').panes[0].surface.imagePxToCanvasPx(px)", px
    )
    assert drawn == pytest.approx(expected, abs=0.6)
    # Three planes open where the joint is.
    viewing.run("mpr", 0)
    viewing.page.wait_for_selector(".rs-pane:nth-child(3)[data-slice]")
    away = viewing.page.evaluate(
        """place => document.querySelector('rs-viewer').panes.map(({ plane }) => Math.abs(plane.normal.reduce(
          (sum, n, axis) => sum + n * (place[axis] - plane.origin[axis]), 0)))""",
        place,
    )
    assert max(away) <= 1.1, away


def test_the_joint_stays_in_view_when_other_images_come(open_viewer: Callable[..., Viewing]) -> None:
    probe, viewing, _place = _with_joint(
        open_viewer, -6, 100, -200,
        hanging=[
            {"name": "both", "viewports": [{"plane": "sagittal"}, {"plane": "axial", "area": "top"}]},
            {"name": "one", "viewports": [{"plane": "axial"}]},
        ],
    )  # fmt: skip
    page = viewing.page

    def shows(pane: int, label: str, number: int) -> None:
        expect(page.locator(".rs-pane").nth(pane)).to_have_attribute("data-slice", str(number))
        assert viewing.panes[pane]["label"] == label

    sagittal = probe.panes[0]["slice"] - 3
    shows(0, "Sagittal T2", sagittal)
    page.wait_for_selector("rs-viewer:not([data-following])")
    axial = viewing.panes[1]["slice"]
    assert axial != probe.panes[1]["slice"]
    viewing.focus_images()
    page.keyboard.press("KeyG")
    expect(page.locator(".rs-pane")).to_have_count(1)
    shows(0, "Axial T2", axial)
    page.keyboard.press("PageDown")
    shows(0, "Sagittal T2", sagittal)
    page.keyboard.press("End")
    shows(0, "Sagittal T2", viewing.panes[0]["count"])
    page.keyboard.press("Space")
    shows(0, "Axial T2", axial)
    page.keyboard.press("KeyG")
    expect(page.locator(".rs-pane")).to_have_count(2)
    shows(0, "Sagittal T2", sagittal)
    shows(1, "Axial T2", axial)


def test_the_same_view_comes_back(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(
        CASE,
        before=lambda page: page.add_init_script(
            "document.addEventListener('rs:viewer-state', ({ detail }) => { window.state = detail.state; });"
        ),
    )
    viewing.show(0, 5)
    viewing.run("zoom-in", 1)
    _drag(viewing, 0, 50, 10)
    # Sent a while after the last change; what the dragging did is in it once the window is.
    viewing.page.wait_for_function(
        "(width) => window.state?.panes[0].window.width === width && window.state.panes[1].view",
        arg=viewing.panes[0]["window"]["width"],
    )
    state = viewing.page.evaluate("window.state")
    assert "http" not in str(state)
    assert "/dicomweb" not in str(state)
    again = open_viewer(CASE, resume=state)
    assert [pane["slice"] for pane in again.panes] == [pane["slice"] for pane in viewing.panes]
    assert again.panes[0]["window"]["width"] == pytest.approx(viewing.panes[0]["window"]["width"])
    assert _view(again, 1)["scale"] == pytest.approx(_view(viewing, 1)["scale"])


def test_measurements_and_undo(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(CASE)
    page = viewing.page
    viewing.focus_images()
    page.keyboard.press("KeyD")
    scale = _view(viewing, 0)["scale"]
    _drag(viewing, 0, 30 * scale, 0)
    assert page.locator(".rs-mark-text").first.text_content() == "30.0 mm"
    page.keyboard.press("KeyB")
    box = page.locator(".rs-pane").first.bounding_box()
    x, y = box["x"] + 150, box["y"] + 300
    for dx, dy in ((0, 0), (80, 0), (0, 100), (80, 180)):  # 0 and 45 degrees
        page.mouse.click(x + dx, y + dy)
    viewing.drawn()
    assert "45.0°" in page.locator(".rs-overlay").first.text_content()
    page.keyboard.press("Control+KeyZ")
    viewing.drawn()
    assert "45.0°" not in page.locator(".rs-overlay").first.text_content()
    page.keyboard.press("Control+KeyY")
    viewing.drawn()
    assert "45.0°" in page.locator(".rs-overlay").first.text_content()
    page.keyboard.press("Backspace")
    viewing.drawn()
    assert "45.0°" not in page.locator(".rs-overlay").first.text_content()


def test_marks_of_the_protocol_are_told_with_instance_px_and_mm(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer(
        CASE,
        mark_kinds=[{"id": "lesion", "shape": "box3d", "classes": ["cyst"]}],
        before=lambda page: page.add_init_script(
            "document.addEventListener('rs:marks', ({ detail }) => { window.marks = detail.marks; });"
        ),
    )
    page = viewing.page
    page.evaluate(
        "document.dispatchEvent(new CustomEvent('rs:set-tool', { detail: { tool: 'mark:lesion', class: 'cyst' } }))"
    )
    scale = _view(viewing, 0)["scale"]
    _drag(viewing, 0, 20 * scale, 10 * scale)
    viewing.focus_images()
    page.keyboard.press("Shift+ArrowDown")
    (mark,) = page.evaluate("window.marks")
    pane = viewing.panes[0]
    assert mark["class"] == "cyst"
    assert mark["sop_uid"]
    assert mark["frame"] == 1
    assert mark["slices"][1] - mark["slices"][0] == 1
    px = mark["points_px"]
    assert px[1][0] - px[0][0] == pytest.approx(20, abs=0.6)
    size = [high - low for low, high in zip(mark["box"]["min_mm"], mark["box"]["max_mm"], strict=True)]
    # sagittal: 2 mm from image to image, 20 mm from front to back, 10 mm down
    assert size == pytest.approx([2, 20, 10], abs=0.6)
    assert mark["points_mm"][0][1] == pytest.approx(pane["position"][1] + px[0][0], abs=0.01)


def test_three_planes_of_a_ct_and_back(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer("lumbar_ct/ts_example")
    viewing.focus_images()
    number = next(i for i, pane in enumerate(viewing.panes) if pane["label"].startswith("Axial"))
    viewing.run("mpr", number)
    viewing.page.wait_for_selector(".rs-pane:nth-child(3)[data-slice]")
    assert [pane["label"].split(", ")[-1] for pane in viewing.panes][::2] == [
        "sagittal reformat",
        "coronal reformat",
    ]
    assert viewing.page.locator(".rs-line").count() >= 4
    viewing.run("mpr", 0)
    viewing.page.wait_for_selector(".rs-pane:nth-child(2)[data-slice]")
    assert all("reformat" not in pane["label"] for pane in viewing.panes)


def test_the_keys_stay_with_the_images_when_other_viewports_come(open_viewer: Callable[..., Viewing]) -> None:
    viewing = open_viewer("lumbar_ct/ts_example")
    page = viewing.page
    viewing.focus_images()
    number = next(i for i, pane in enumerate(viewing.panes) if pane["label"].startswith("Axial"))
    for _ in range(number):
        page.keyboard.press("ArrowRight")
    for key, reformats in (
        ("KeyM", True),
        ("KeyM", False),
        ("KeyG", False),
        ("Space", False),
        ("KeyM", True),
    ):
        page.keyboard.press(key)
        page.wait_for_selector(".rs-pane[data-active][data-slice]")
        assert page.evaluate("document.activeElement.classList.contains('rs-pane')"), key
        expect(page.locator(".rs-corner-place").filter(has_text="reformat")).to_have_count(
            2 if reformats else 0
        )


@pytest.mark.parametrize(
    ("width", "height"), [(1440, 900), (1920, 1080), (2560, 1440), (1080, 1920), (1280, 720)]
)
def test_every_viewport_has_room_on_every_screen(
    open_viewer: Callable[..., Viewing], width: int, height: int
) -> None:
    viewing = open_viewer(CASE, width=width, height=height)
    boxes = [pane.bounding_box() for pane in viewing.page.locator(".rs-pane:not([hidden])").all()]
    assert len(boxes) >= 2
    for box in boxes:
        assert box["width"] >= 180
        assert box["height"] >= 180
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= height
