// Seconds in front of the case: focused while seen and used, idle otherwise.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ActiveTime } from "../../static/js/grading/time.js";

function clocked({ focused = 0, idle = 0 } = {}) {
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const clock = { ms: 0 };
  const time = new ActiveTime(focused, idle, () => clock.ms, page);
  const pass = (seconds) => { clock.ms += seconds * 1000; };
  const show = (state) => {
    page.visibilityState = state;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  const use = () => page.dispatchEvent(new Event("keydown"));
  return { time, pass, show, use };
}

test("a page that is seen and used counts as focused, on top of what was", () => {
  const { time, pass, use } = clocked({ focused: 10, idle: 5 });
  pass(20);
  use();
  pass(10);
  time.tick();
  assert.deepEqual([time.focused, time.idle], [40, 5]);
});

test("what passed before the page was hidden was focused, what passed hidden was not", () => {
  const { time, pass, show } = clocked();
  pass(20);
  show("hidden");
  pass(30);
  show("visible");
  pass(5);
  time.tick();
  assert.deepEqual([time.focused, time.idle], [25, 30]);
});

test("a page that nobody uses for a minute is idle", () => {
  const { time, pass, use } = clocked();
  for (let k = 0; k < 8; k += 1) {
    pass(15);
    time.tick();
  }
  assert.deepEqual([time.focused, time.idle], [60, 60]);
  use();
  pass(10);
  time.tick();
  assert.deepEqual([time.focused, time.idle], [70, 60]);
});

test("a computer that slept counts as idle", () => {
  const { time, pass } = clocked();
  pass(3600);
  time.tick();
  assert.deepEqual([time.focused, time.idle], [0, 3600]);
});
