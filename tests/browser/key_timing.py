"""
How long a key takes to the screen, by the browser's own clock.

Event Timing (W3C; the measure behind "Interaction to Next Paint"): from the moment the system got the key to the
moment the next frame with what it changed was presented, in steps of 8 ms. A timer set after `requestAnimationFrame`
would not do: the browser lets timers wait while keys wait, and the figure would be of the timer.
"""

from dataclasses import dataclass
from typing import Any

# Entries below 16 ms are not reported by the browser: those keys count as 16.
_UNREPORTED_MS = 16.0

_WATCH = """() => {
  window.keysSeen = 0;
  window.keyTimes = [];
  document.addEventListener("keydown", () => { keysSeen += 1; }, { capture: true });
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === "keydown") keyTimes.push(duration);
  }).observe({ type: "event", durationThreshold: 16 });
}"""
# Two frames later the last key was presented, and the observer has been told.
_TIMES = """() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done([keysSeen, keyTimes]), 100)));
})"""


@dataclass(frozen=True)
class KeyTimes:
    """Milliseconds from key to screen, sorted; one per key pressed."""

    times: tuple[float, ...]

    def quantile(self, share: float) -> float:
        return self.times[int(share * (len(self.times) - 1))]

    def record(self, record_property: Any, pace: str = "") -> None:
        name = f"_{pace}" if pace else ""
        record_property(f"p50_ms_to_screen{name}", self.quantile(0.5))
        record_property(f"p95_ms_to_screen{name}", self.quantile(0.95))
        record_property(f"max_ms_to_screen{name}", self.times[-1])


def watch(page: Any) -> None:
    """Begin to time every key pressed on the page."""
    page.evaluate(_WATCH)


def key_times(page: Any) -> KeyTimes:
    """Return the times of all keys since `watch`."""
    seen, reported = page.evaluate(_TIMES)
    assert len(reported) <= seen
    return KeyTimes(
        tuple(sorted([_UNREPORTED_MS] * (seen - len(reported)) + [float(each) for each in reported]))
    )
