"""On a phantom with known places: the slice shown is the slice asked for, and every mm is where it says."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from readerstudy.phantom.files.case import Form
from readerstudy.phantom.files.folder import write_folder
from tests.browser.viewer.serving import ViewerSite
from tests.browser.viewer.viewing import Viewing

pytestmark = pytest.mark.browser
CASE = "PH0001"
TOLERANCE_MM = 0.5
Headers = dict[tuple[float, ...], pydicom.Dataset]


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One synthetic patient with CT and MR, each image numbered by a bar code."""
    folder = tmp_path_factory.mktemp("phantom")
    write_folder(folder, cases=1, seed=3, modalities=("CT", "MR"), variants=False, form=Form(bar_code=True))
    return folder


@pytest.fixture(scope="session")
def viewer_site(phantom_folder: Path, front_end_build: Path, migrated_file: Path) -> Iterator[ViewerSite]:
    """A running site that shows the phantom (in place of the real images)."""
    site = ViewerSite.start(phantom_folder, database=migrated_file)
    yield site
    site.stop()


@pytest.fixture(scope="session")
def headers(phantom_folder: Path) -> Headers:
    """The original files by modality and place."""
    found: Headers = {}
    for name in sorted((phantom_folder / CASE).rglob("*.dcm")):
        image = pydicom.dcmread(name)
        found[_key(image.Modality, image.ImagePositionPatient, image.ImageOrientationPatient)] = image
    return found


def _key(modality: str, position: Any, orientation: Any) -> tuple[Any, ...]:
    return (modality, *(round(float(value), 2) for value in (*position, *orientation)))


def _original(headers: Headers, pane: dict[str, Any]) -> pydicom.Dataset:
    return headers[_key(pane["modality"], pane["position"], pane["orientation"])]


def _number_in(viewing: Viewing, pane: int) -> int:
    """Read the bar code off the screen."""
    squares = np.array([[8 * bit + 3.5, 3.5] for bit in range(16)])
    grey = viewing.greys(pane, squares)[:, 0]
    assert grey.min() >= 0, "the bar code is not on the screen"
    middle = (grey.max() + grey.min()) / 2
    return int("".join("1" if value > middle else "0" for value in grey), 2)


def _plane(image: pydicom.Dataset) -> tuple[NDArray[np.float64], ...]:
    cosines = np.asarray(image.ImageOrientationPatient, float)
    return (
        np.asarray(image.ImagePositionPatient, float),
        cosines[:3] * float(image.PixelSpacing[1]),
        cosines[3:] * float(image.PixelSpacing[0]),
        np.cross(cosines[:3], cosines[3:]),
    )


def _to_mm(image: pydicom.Dataset, px: Any) -> NDArray[np.float64]:
    origin, column_step, row_step, _ = _plane(image)
    place: NDArray[np.float64] = origin + px[0] * column_step + px[1] * row_step
    return place


def _to_px(viewing: Viewing, pane: int, canvas: Any) -> Any:
    return viewing.page.evaluate(
        "([number, point]) => document.querySelector('rs-viewer').panes[number].surface.canvasPxToImagePx(point)",
        [pane, list(canvas)],
    )


def _joints(folder: Path) -> list[tuple[str, str, str, list[float]]]:
    with (folder / "joints.csv").open() as table:
        return [
            (row["structure"], row["level"], row["side"], [float(row[f"{axis}_mm"]) for axis in "xyz"])
            for row in csv.DictReader(table)
        ]


def test_the_slice_on_the_screen_is_the_one_asked_for(
    open_viewer: Callable[..., Viewing], headers: Headers
) -> None:
    viewing = open_viewer(CASE)
    assert len(viewing.panes) == 3
    for pane, start in enumerate(viewing.panes):
        places = sorted({1, 2, start["count"] // 3, start["count"] // 2, start["count"] - 1, start["count"]})
        seen = []
        for place in places:
            viewing.show(pane, place)
            original = _original(headers, viewing.panes[pane])
            assert _number_in(viewing, pane) == int(original.InstanceNumber), (start["label"], place)
            seen.append(int(original.InstanceNumber))
        assert len(set(seen)) == len(places)


def test_after_scrolling_fast_the_number_still_belongs_to_the_image(
    open_viewer: Callable[..., Viewing], headers: Headers
) -> None:
    viewing = open_viewer(CASE)
    pane = next(i for i, each in enumerate(viewing.panes) if each["modality"] == "CT")
    viewing.page.evaluate(
        """number => { const pane = document.querySelector('rs-viewer').panes[number];
        for (let i = 0; i < 40; i += 1) pane.step(i % 3 ? 1 : -1); }""",
        pane,
    )
    viewing.page.wait_for_selector(f".rs-grid > :nth-child({pane + 1})[data-slice]")
    viewing.drawn()
    viewing.drawn()
    now = viewing.panes[pane]
    assert str(now["slice"]) == viewing.page.locator(".rs-pane").nth(pane).get_attribute("data-slice")
    assert _number_in(viewing, pane) == int(_original(headers, now).InstanceNumber)


def test_reference_lines_lie_where_the_images_meet(
    open_viewer: Callable[..., Viewing], headers: Headers
) -> None:
    """Every point of each drawn line lies on both images' planes, by the original headers."""
    viewing = open_viewer(CASE)
    for place in (3, 8):
        viewing.show(1, place)
        panes = viewing.panes
        originals = [_original(headers, pane) for pane in panes]
        seen = 0
        for number in range(3):
            lines = viewing.page.evaluate(
                """number => [...document.querySelectorAll('.rs-pane')[number].querySelectorAll('.rs-line')].map(
                (line) => ['x1', 'y1', 'x2', 'y2'].map((name) => Number(line.getAttribute(name))))""",
                number,
            )
            for x1, y1, x2, y2 in lines:
                ends = [
                    _to_mm(originals[number], _to_px(viewing, number, end)) for end in ((x1, y1), (x2, y2))
                ]
                distances = []
                for other in range(3):
                    if other != number:
                        origin, _, _, normal = _plane(originals[other])
                        distances.append(max(abs(float((end - origin) @ normal)) for end in ends))
                assert min(distances) <= TOLERANCE_MM
                seen += 1
        assert seen >= 4


def test_each_joint_is_marked_at_its_place(
    open_viewer: Callable[..., Viewing], phantom_folder: Path, headers: Headers
) -> None:
    probe = open_viewer(CASE, wait="first")
    frame = probe.page.evaluate("document.querySelector('rs-viewer').panes[0].frame.frameOfReferenceUid")
    joints = _joints(phantom_folder)
    assert len(joints) == 10
    viewing = open_viewer(
        CASE,
        structures=[
            {"id": name, "label": name, "group": level, "side": side} for name, level, side, _ in joints
        ],
        landmarks=[
            {"structure": name, "frame_of_reference": frame, "point_mm": place}
            for name, _, _, place in joints
        ],
    )
    marked = 0
    for name, _, side, place in joints:
        viewing.page.evaluate(
            """name => {
            document.dispatchEvent(new CustomEvent('rs:activate-structure', { detail: { structure: name } }));
            const { panes } = document.querySelector('rs-viewer');
            return new Promise((done) => {
              const there = () =>
                !document.querySelector('rs-viewer[data-following]')
                && panes.every((pane) => pane.index === pane.target);
              const wait = () => there() ? done() : requestAnimationFrame(wait);
              wait(); }); }""",
            name,
        )
        viewing.drawn()
        for number, pane in enumerate(viewing.panes):
            original = _original(headers, pane)
            origin, _, _, normal = _plane(original)
            away = abs(float((np.asarray(place) - origin) @ normal))
            spacing = float(original.get("SpacingBetweenSlices") or original.SliceThickness)
            if pane["modality"] == "CT" or number == 0:
                assert away <= spacing / 2 + 0.05, (name, pane["label"])
            centre = viewing.page.evaluate(
                """number => { const path = document.querySelectorAll('.rs-pane')[number].querySelector('.rs-bracket');
                if (!path) return null; const box = path.getBBox();
                return [box.x + box.width / 2, box.y + box.height / 2]; }""",
                number,
            )
            if centre is None:
                assert away > 4, (name, pane["label"])
                continue
            foot = np.asarray(place) - normal * float((np.asarray(place) - origin) @ normal)
            drawn = _to_mm(original, _to_px(viewing, number, centre))
            assert np.linalg.norm(drawn - foot) <= TOLERANCE_MM, (name, pane["label"])
            marked += 1
        text = viewing.page.locator(".rs-pane").first.inner_text()
        assert f"{side.capitalize()} of midline" in text
    assert marked >= 20


def test_the_left_joints_stand_at_the_right_of_axial_images(
    open_viewer: Callable[..., Viewing], phantom_folder: Path
) -> None:
    probe = open_viewer(CASE, wait="first")
    frame = probe.page.evaluate("document.querySelector('rs-viewer').panes[0].frame.frameOfReferenceUid")
    left = next(place for name, _, side, place in _joints(phantom_folder) if side == "left")
    viewing = open_viewer(
        CASE,
        structures=[{"id": "a", "label": "a", "group": "L1-2", "side": "left"}],
        landmarks=[{"structure": "a", "frame_of_reference": frame, "point_mm": left}],
    )
    place = viewing.page.evaluate(
        """point => { const viewer = document.querySelector('rs-viewer');
        const pane = viewer.panes.find(({ frame }) => frame.modality === 'CT');
        pane.showPlace(point, pane.frame.frameOfReferenceUid);
        const { plane } = pane; const d = point.map((value, axis) => value - plane.origin[axis]);
        const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
        return pane.surface.imagePxToCanvasPx([dot(d, plane.row) / plane.spacing[1],
          dot(d, plane.column) / plane.spacing[0]])[0] / pane.surface.size.width; }""",
        left,
    )
    assert place > 0.5
