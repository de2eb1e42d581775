"""
Figures of the viewer in a real Chromium, on bar-coded phantoms served by the product itself, and OHIF's beside them.

    python -m tests.browser.viewer.benchmark [--runs 5] [--cases 10] [--ohif FOLDER | --without-ohif]

Prints medians of interleaved runs. Time to the first image: in a browser that has nothing of the site, and of the
next case, whose images were prefetched while the case before was open; both from navigation and after the page's
script has run. Images per second when scrolling, each read off the screen by its bar code. Resident memory of the
page's process after 2 and after all cases, once the browser has collected what it may (as
`performance.measureUserAgentSpecificMemory` does). Then the same of OHIF (fetched by npm into FOLDER, or a scratch
folder), served by nginx in front of the same gateway by the recipe of docs/images.md.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from readerstudy.imaging.benchmark.servers import ServerMissing
from readerstudy.phantom.files.case import Form
from readerstudy.phantom.files.folder import write_folder
from tests.browser.viewer import ohif
from tests.browser.viewer.serving import ViewerSite

# One measure for both viewers: the frame of the browser in which a large canvas first holds light pixels.
_WATCH = """(() => {
  const small = new OffscreenCanvas(32, 32);
  const context = small.getContext('2d', { willReadFrequently: true });
  const look = () => {
    for (const canvas of document.querySelectorAll('canvas')) {
      if (canvas.clientWidth < 200 || canvas.clientHeight < 200 || !canvas.width || !canvas.height) continue;
      context.clearRect(0, 0, 32, 32);
      context.drawImage(canvas, 0, 0, 32, 32);
      const { data } = context.getImageData(0, 0, 32, 32);
      let light = 0;
      for (let i = 0; i < data.length; i += 4) if (data[i] > 50) light += 1;
      if (light > 20) { performance.mark('seen:image'); return; }
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();"""
_SEEN = """() => {
  const [seen] = performance.getEntriesByName('seen:image');
  const [script] = performance.getEntriesByName('rs:script');
  return seen && [seen.startTime, seen.startTime - (script?.startTime ?? NaN)];
}"""

# One image per frame of the browser; the code is read off the canvas after each.
_SCROLL = """async ({ count, show, canvas, place }) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const read = () => {
    const element = canvas();
    const ratio = element.width / element.clientWidth;
    const [x0, y0] = place([3.5, 3.5]).map((value) => value * ratio);
    const [x1] = place([123.5, 3.5]).map((value) => value * ratio);
    const row = element.getContext('2d').getImageData(Math.round(x0), Math.round(y0), Math.round(x1 - x0) + 1, 1).data;
    let number = 0;
    for (let bit = 0; bit < 16; bit += 1) {
      number = number * 2 + (row[4 * Math.min(row.length / 4 - 1, Math.round((bit / 15) * (x1 - x0)))] > 127 ? 1 : 0);
    }
    return number;
  };
  await show(0);
  await frame(); await frame();
  const seen = new Set();
  const start = performance.now();
  for (let i = 1; i < count; i += 1) {
    await show(i);
    await frame();
    seen.add(read());
  }
  const seconds = (performance.now() - start) / 1000;
  return { images: count - 1, different: seen.size, rate: seen.size / seconds };
}"""
_OUR_SCROLL = f"""() => {{
  const viewer = document.querySelector('rs-viewer');
  const pane = viewer.panes.find(({{ frame }}) => frame.modality === 'CT');
  return ({_SCROLL})({{
    count: pane.stack.count,
    show: (index) => pane.show(index),
    canvas: () => pane.surface.canvas,
    place: (px) => pane.surface.imagePxToCanvasPx(px),
  }});
}}"""
_OHIF_VIEWPORT = "window.cornerstone?.getEnabledElements?.()[0]?.viewport"
_OHIF_LOADED = f"""() => {{
  const ids = {_OHIF_VIEWPORT}?.getImageIds?.() ?? [];
  return ids.length > 0 && ids.every((id) => cornerstone.cache.getImage(id));
}}"""
# A dark window would hide the code: it is written in the lowest and highest values.
_OHIF_SCROLL = f"""() => {{
  const viewport = {_OHIF_VIEWPORT};
  return ({_SCROLL})({{
    count: viewport.getImageIds().length,
    show: (index) => viewport.setImageIdIndex(index),
    canvas: () => viewport.canvas,
    place: (px) => viewport.worldToCanvas(
      cornerstone.utilities.imageToWorldCoords(viewport.getCurrentImageId(), px)),
  }});
}}"""
_OHIF_MODE = "() => cornerstone.getShouldUseCPURendering() ? 'CPU' : 'GPU'"


def _resident_mb(profile: str) -> float:
    """Return the resident memory of the largest renderer process of a Chromium, in MB."""
    sizes = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_bytes().decode(errors="replace")
            if profile in command and "--type=renderer" in command:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                sizes.append(int(lines["VmRSS"].split()[0]) / 1024)
        except (OSError, KeyError):
            continue
    return max(sizes, default=float("nan"))


@dataclass
class Viewer:
    """One of the two viewers under measurement: where its cases are, and when it has everything."""

    cases: list[str]
    complete: Callable[[Any], None]
    scroll: str
    ahead: Callable[[str, str], str] | None = None
    cold: list[list[float]] = field(default_factory=list)
    next: list[list[float]] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    codes: int = 0
    images: int = 0
    memory: list[float] = field(default_factory=list)
    uncollected: list[float] = field(default_factory=list)

    def first_images(self, browser: Any) -> None:
        """Time a browser's first page, and the case that follows it."""
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.add_init_script(_WATCH)
        first, second = self.cases[:2]
        self.cold.append(self._seen(page, self.ahead(first, second) if self.ahead else first))
        self.complete(page)
        if self.ahead:
            page.wait_for_selector("rs-viewer[data-prefetched]")
        self.next.append(self._seen(page, second))
        self.complete(page)
        context.close()

    def _seen(self, page: Any, address: str) -> list[float]:
        page.goto(address, wait_until="commit")
        times: list[float] = page.wait_for_function(_SEEN).json_value()
        return times

    def scrolls(self, browser: Any, runs: int) -> str:
        """Scroll through the CT series; returns how the browser draws it, where that can be asked."""
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(self.cases[0])
        self.complete(page)
        found = [page.evaluate(self.scroll) for _ in range(runs)]
        mode = page.evaluate(
            "() => document.querySelector('rs-viewer')?.dataset.rendering?.toUpperCase()"
        ) or page.evaluate(_OHIF_MODE)
        context.close()
        self.rates += [each["rate"] for each in found]
        self.codes, self.images = min(each["different"] for each in found), found[0]["images"]
        return str(mode)

    def memories(self, playwright: Any, chromium: str, number: int) -> None:
        """Open one case after the other in one window."""
        profile = tempfile.mkdtemp(prefix="readerstudy-profile-")
        try:
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=chromium, args=["--no-sandbox"]
            )
            page = context.pages[0]
            page.set_default_timeout(120_000)
            tools = context.new_cdp_session(page)
            for k in range(number):
                page.goto(self.cases[k % len(self.cases)])
                self.complete(page)
                self.uncollected.append(_resident_mb(profile))
                # Pages that follow each other at once leave a browser no idle moment to collect what they left.
                tools.send("HeapProfiler.collectGarbage")
                self.memory.append(_resident_mb(profile))
            context.close()
        finally:
            shutil.rmtree(profile, ignore_errors=True)

    def figures(self, name: str, mode: str) -> dict[str, float]:
        """Return the medians; milliseconds, images per second, MB."""

        def middle(times: list[list[float]], which: int) -> float:
            return statistics.median(each[which] for each in times)

        ours = self.ahead is not None
        after = {
            f"{name}: first image, cold, after the page's script, ms": middle(self.cold, 1),
            f"{name}: first image, next case, after the page's script, ms": middle(self.next, 1),
        }
        return {
            f"{name}: first image, cold browser, ms": middle(self.cold, 0),
            f"{name}: first image, next case{', prefetched' if ours else ''}, ms": middle(self.next, 0),
            **(after if ours else {}),
            f"{name}: scroll, {mode} rendering, different images/s": statistics.median(self.rates),
            f"{name}: different bar codes of {self.images} images": self.codes,
            f"{name}: memory after 2 cases, MB": self.memory[1],
            f"{name}: memory after {len(self.memory)} cases, MB": self.memory[-1],
            f"{name}: ratio": self.memory[-1] / self.memory[1],
            f"{name}: ratio before the browser has collected": self.uncollected[-1] / self.uncollected[1],
        }


def measure(*, runs: int, cases: int, chromium: str, dist: Path | None) -> dict[str, float]:
    """Measure all figures."""
    from playwright.sync_api import sync_playwright

    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="readerstudy-benchmark-")))
        write_folder(
            folder / "cases",
            cases=2,
            seed=11,
            modalities=("CT", "MR"),
            variants=False,
            form=Form(bar_code=True),
            workers=2,
        )
        site = ViewerSite.start(folder / "cases")
        stack.callback(site.stop)
        names = sorted(path.name for path in (folder / "cases").iterdir() if path.is_dir())
        # Taken in before anything is timed.
        opened = [ohif.open_case(site, name) for name in names]
        viewers = {
            "viewer": Viewer(
                [f"{site.url}/viewer/{name}/?fixed" for name in names],
                lambda page: page.wait_for_selector("rs-viewer[data-quality=full]"),
                _OUR_SCROLL,
                ahead=lambda first, second: f"{first}&next={second.split('/viewer/')[1].split('/')[0]}",
            )
        }
        if dist is not None:
            address = stack.enter_context(ohif.running(site, opened, dist=dist, folder=folder))
            viewers["OHIF"] = Viewer(
                [address + case.path for case in opened],
                lambda page: page.wait_for_function(_OHIF_LOADED),
                _OHIF_SCROLL,
            )
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for _ in range(runs):
                for viewer in viewers.values():
                    viewer.first_images(browser)
            modes = {name: viewer.scrolls(browser, runs) for name, viewer in viewers.items()}
            browser.close()
            for viewer in viewers.values():
                viewer.memories(playwright, chromium, cases)
        figures: dict[str, float] = {}
        for name, viewer in viewers.items():
            figures |= viewer.figures(name, modes[name])
        if dist is not None:
            cold = [statistics.median(each[0] for each in viewer.cold) for viewer in viewers.values()]
            figures["cold first image, share of OHIF's"] = cold[0] / cold[1]
        return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--ohif", type=Path, help="where OHIF's package lies or is to be put")
    parser.add_argument("--without-ohif", action="store_true")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        dist = None
        if not options.without_ohif:
            folder = options.ohif or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                dist = ohif.fetch(folder)
            except (ohif.OhifMissing, ServerMissing) as missing:
                sys.exit(f"{missing}; --without-ohif measures the viewer alone")
        figures = measure(runs=options.runs, cases=options.cases, chromium=chromium, dist=dist)
    if options.json:
        sys.stdout.write(json.dumps({"load average before": load, **figures}, indent=2) + "\n")
        return
    sys.stdout.write(f"load average before: {load:.1f}\n")
    for name, value in figures.items():
        sys.stdout.write(f"{name:66} {value:10.2f}\n")


if __name__ == "__main__":
    main()
