"""What tests ask of an open viewer, and the arithmetic they compare it with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_READ = """([number, points]) => {
  const pane = document.querySelector('rs-viewer').panes[number];
  const { canvas, element } = pane.surface;
  const ratio = canvas.width / element.clientWidth;
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  return points.map((point) => {
    const [u, v] = pane.surface.imagePxToCanvasPx(point).map((value) => Math.floor(value * ratio));
    // The place, in the image, of the middle of the device pixel that is read.
    const place = pane.surface.canvasPxToImagePx([(u + 0.5) / ratio, (v + 0.5) / ratio]);
    const inside = u >= 0 && v >= 0 && u < canvas.width && v < canvas.height;
    return [inside ? context.getImageData(u, v, 1, 1).data[0] : -1, place[0], place[1]];
  });
}"""

_PANES = """() => document.querySelector('rs-viewer').panes.map((pane) => ({
  uid: pane.uid, label: pane.stack.label, slice: pane.index + 1, count: pane.stack.count,
  window: pane.look.window, modality: pane.frame?.modality, position: pane.frame?.position,
  orientation: pane.frame?.orientation, rows: pane.frame?.rows, columns: pane.frame?.columns,
  number: pane.frame?.instanceNumber, frame: pane.frame?.frame,
}))"""


@dataclass
class Viewing:
    """An open page with the viewer in it."""

    page: Any

    def await_state(self, wait: str) -> None:
        """Wait for "first" (an image of each visible viewport), "full" (all at full quality) or "none"."""
        if wait in {"first", "full"}:
            self.page.wait_for_selector(".rs-pane[data-first-image]")
        if wait == "full":
            self.page.wait_for_selector("rs-viewer[data-quality=full]")
            self.page.wait_for_selector(".rs-pane:not([hidden]):not([data-first-image])", state="detached")

    @property
    def panes(self) -> list[dict[str, Any]]:
        """What each viewport shows."""
        found: list[dict[str, Any]] = self.page.evaluate(_PANES)
        return found

    def run(self, action: str, pane: int = 0) -> None:
        """Do what a key does, in one viewport, and wait until it is drawn."""
        self.page.evaluate(
            "([number, action]) => { const viewer = document.querySelector('rs-viewer');"
            " viewer.activate(viewer.panes[number]); viewer.actions.run(action); }",
            [pane, action],
        )
        self.drawn()

    def drawn(self) -> None:
        """Wait for two frames of the browser: what was asked for is on the canvas."""
        self.page.evaluate(
            "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )

    def show(self, pane: int, slice_number: int) -> None:
        """Scroll one viewport to an image (from 1) and wait for it."""
        self.page.evaluate(
            "([number, index]) => document.querySelector('rs-viewer').panes[number].show(index)",
            [pane, slice_number - 1],
        )
        self.page.wait_for_selector(f".rs-grid > :nth-child({pane + 1})[data-slice='{slice_number}']")
        self.drawn()

    def greys(self, pane: int, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Read grey levels at image px.

        Parameters
        ----------
        points : ndarray of float, shape (n, 2)
            (column, row), 0 at the centre of the first pixel.

        Returns
        -------
        ndarray of float, shape (n, 3)
            Grey 0..255 (-1 outside the canvas) and the (column, row) of the very place that was read.
        """
        return np.asarray(self.page.evaluate(_READ, [pane, points.tolist()]), float)

    def screen_px(self, pane: int, px: tuple[float, float]) -> tuple[float, float]:
        """Return where an image px is on the screen."""
        box = self.page.locator(".rs-pane").nth(pane).locator(".rs-surface").bounding_box()
        assert box is not None
        x, y = self.page.evaluate(
            "([pane, px]) => document.querySelector('rs-viewer').panes[pane].surface.imagePxToCanvasPx(px)",
            [pane, px],
        )
        return box["x"] + x, box["y"] + y

    def click(self, pane: int, *points: tuple[float, float]) -> None:
        """Click at image px, one after another."""
        for point in points:
            self.page.mouse.move(*self.screen_px(pane, point))
            self.page.mouse.down()
            self.page.mouse.up()
        self.drawn()

    def drag(self, pane: int, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Pull the mouse from one image px to another."""
        self.page.mouse.move(*self.screen_px(pane, start))
        self.page.mouse.down()
        self.page.mouse.move(*self.screen_px(pane, end), steps=3)
        self.page.mouse.up()
        self.drawn()

    def texts(self, pane: int = 0) -> list[str]:
        """Return the lines that stand beside marks and measurements."""
        found: list[str] = (
            self.page.locator(".rs-pane").nth(pane).locator(".rs-mark-text").all_text_contents()
        )
        return found

    def focus_images(self) -> None:
        """Give the keys to the images, as the grading panel does on V."""
        self.page.evaluate("document.dispatchEvent(new CustomEvent('rs:focus-images'))")


def measured(texts: list[str], unit: str) -> float:
    """Return the number of the one line that ends with a unit."""
    (text,) = [text for text in texts if text.endswith(unit)]
    return float(text.removesuffix(unit))


def linear_window(values: NDArray[np.float64], center: float, width: float) -> NDArray[np.float64]:
    """Return grey levels 0..255 of modality values; PS3.3 C.11.2.1.2.1."""
    return np.clip(((values - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)


def bilinear(image: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Interpolate an image.

    Parameters
    ----------
    image : ndarray of float, shape (rows, columns)
    places : ndarray of float, shape (n, 2)
        (column, row), all at least one pixel inside.
    """
    columns, rows = places.T
    c, r = np.floor(columns).astype(int), np.floor(rows).astype(int)
    fc, fr = columns - c, rows - r
    top = image[r, c] * (1 - fc) + image[r, c + 1] * fc
    bottom = image[r + 1, c] * (1 - fc) + image[r + 1, c + 1] * fc
    interpolated: NDArray[np.float64] = top * (1 - fr) + bottom * fr
    return interpolated


def calm_points(grey: NDArray[np.float64], *, n: int, seed: int = 1) -> NDArray[np.float64]:
    """Return up to n (column, row) where the image is neither black, white nor steep."""
    blocks = np.lib.stride_tricks.sliding_window_view(grey, (3, 3))
    calm = (
        (blocks.max((2, 3)) - blocks.min((2, 3)) <= 30)
        & (blocks.min((2, 3)) > 4)
        & (blocks.max((2, 3)) < 251)
    )
    found = np.argwhere(calm) + 1
    chosen = np.random.default_rng(seed).permutation(len(found))[:n]
    return found[chosen][:, ::-1].astype(float)
