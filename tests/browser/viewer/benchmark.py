"""
Figures of the viewer in a real Chromium, on bar-coded phantoms served by the product itself.

    python -m tests.browser.viewer.benchmark [--runs 5] [--cases 10]

Prints: time to the first image in a cold browser, and with scripts and images in the browser's cache (the
next case, prefetched), both from navigation and after the page's script has run; images per second when
scrolling in CPU rendering, each read off the screen by its bar code; resident memory of the page's process
after 2 and after all cases.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

from readerstudy.phantom.files.case import Form
from readerstudy.phantom.files.folder import write_folder
from tests.browser.viewer.serving import ViewerSite

_TIMES = """() => new Promise((done) => {
  const tell = () => {
    const first = performance.getEntriesByName('rs:first-image')[0];
    const script = performance.getEntriesByName('rs:script')[0];
    if (first) done([first.startTime, first.startTime - script.startTime]); else setTimeout(tell, 5);
  };
  tell();
})"""

# One image per frame of the browser; the code is read off the canvas after each.
_SCROLL = """async () => {
  const viewer = document.querySelector('rs-viewer');
  const pane = viewer.panes.find(({ frame }) => frame.modality === 'CT');
  const { surface } = pane;
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const read = () => {
    const [x0, y0] = surface.imagePxToCanvasPx([3.5, 3.5]);
    const [x1] = surface.imagePxToCanvasPx([123.5, 3.5]);
    const width = Math.round(x1 - x0) + 1;
    const row = surface.canvas.getContext('2d').getImageData(Math.round(x0), Math.round(y0), width, 1).data;
    let number = 0;
    for (let bit = 0; bit < 16; bit += 1) {
      number = number * 2 + (row[4 * Math.min(row.length / 4 - 1, Math.round((bit / 15) * (x1 - x0)))] > 127 ? 1 : 0);
    }
    return number;
  };
  const count = pane.stack.count;
  await pane.show(0);
  await frame(); await frame();
  const seen = new Set();
  const start = performance.now();
  for (let i = 1; i < count; i += 1) {
    await pane.show(i);
    await frame();
    seen.add(read());
  }
  const seconds = (performance.now() - start) / 1000;
  return { images: count - 1, different: seen.size, seconds };
}"""


def _resident_mb(browser_pid_command: str) -> float:
    """Return the resident memory of the newest renderer process of a Chromium, in MB."""
    sizes = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            command = (status.parent / "cmdline").read_bytes().decode(errors="replace")
            if browser_pid_command in command and "--type=renderer" in command:
                lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
                sizes.append(int(lines["VmRSS"].split()[0]) / 1024)
        except (OSError, KeyError):
            continue
    return max(sizes, default=float("nan"))


def _first_image(page: Any, address: str) -> list[float]:
    page.goto(address)
    times: list[float] = page.evaluate(_TIMES)
    return times


def measure(*, runs: int, cases: int, chromium: str) -> dict[str, float]:
    """Measure all figures; milliseconds, images per second, MB."""
    from playwright.sync_api import sync_playwright

    folder = Path(tempfile.mkdtemp(prefix="readerstudy-benchmark-"))
    profile = Path(tempfile.mkdtemp(prefix="readerstudy-profile-"))
    site = None
    try:
        write_folder(
            folder,
            cases=2,
            seed=11,
            modalities=("CT", "MR"),
            variants=False,
            form=Form(bar_code=True),
            workers=2,
        )
        site = ViewerSite.start(folder)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            cold, warm = [], []
            names = sorted(path.name for path in folder.iterdir() if path.is_dir())
            for name in names:  # taken in before anything is timed
                page = browser.new_page()
                page.goto(f"{site.url}/viewer/{name}/")
                page.close()
            for _ in range(runs):
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                cold.append(_first_image(page, f"{site.url}/viewer/{names[0]}/?fixed"))
                page.wait_for_selector("rs-viewer[data-quality=full]", timeout=60_000)
                warm.append(_first_image(page, f"{site.url}/viewer/{names[0]}/?fixed"))
                page.wait_for_selector("rs-viewer[data-quality=full]", timeout=60_000)
                context.close()
            context = browser.new_context(viewport={"width": 1440, "height": 900})
            page = context.new_page()
            rates, checked = [], 0
            page.goto(f"{site.url}/viewer/{names[0]}/?fixed")
            page.wait_for_selector("rs-viewer[data-quality=full]", timeout=60_000)
            for _ in range(runs):
                result = page.evaluate(_SCROLL)
                rates.append(result["images"] / result["seconds"])
                checked = min(checked or result["different"], result["different"])
            total = result["images"]
            context.close()
            browser.close()
            context = playwright.chromium.launch_persistent_context(
                str(profile), executable_path=chromium, args=["--no-sandbox"]
            )
            page = context.pages[0]
            memory = []
            for number in range(cases):
                page.goto(f"{site.url}/viewer/{names[number % len(names)]}/")
                page.wait_for_selector("rs-viewer[data-quality=full]", timeout=60_000)
                memory.append(_resident_mb(str(profile)))
            context.close()
        return {
            "first image, cold browser, ms": statistics.median(each[0] for each in cold),
            "  of it after the page's script": statistics.median(each[1] for each in cold),
            "first image, next case from the cache, ms": statistics.median(each[0] for each in warm),
            "  of it after the page's script ": statistics.median(each[1] for each in warm),
            "scroll, CPU rendering, images/s": statistics.median(rates),
            f"  different bar codes of {total} images": checked,
            "memory after 2 cases, MB": memory[1],
            f"memory after {cases} cases, MB": memory[-1],
            "  ratio": memory[-1] / memory[1],
        }
    finally:
        if site is not None:
            site.stop()
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(profile, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no Chromium on this machine: apt-get install chromium")
    figures = measure(runs=options.runs, cases=options.cases, chromium=chromium)
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for name, value in figures.items():
        sys.stdout.write(f"{name:45} {value:10.1f}\n")


if __name__ == "__main__":
    main()
