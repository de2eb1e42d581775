import assert from "node:assert/strict";
import test from "node:test";
import { draggedWindow, initialWindow, linearGrey, percentileWindow, windowToRange } from "../../static/js/viewer/windowing.js";

test("linear window of PS3.3 C.11.2.1.2.1, its own worked values", () => {
  // The standard's note: centre 2048, width 4096 maps 0 to the lowest and 4095 to the highest grey.
  const window = { center: 2048, width: 4096 };
  assert.equal(linearGrey(0, window), 0);
  assert.equal(linearGrey(4095, window), 255);
  // and centre 0, width 1: below 0 black, from 0 on white
  assert.equal(linearGrey(-1, { center: 0, width: 1 }), 0);
  assert.equal(linearGrey(0, { center: 0, width: 1 }), 255);
  assert.ok(Math.abs(linearGrey(40, { center: 40, width: 400 }) - (0.5 / 399 + 0.5) * 255) < 1e-12);
});

test("the drawn range is the window's", () => {
  assert.deepEqual(windowToRange({ center: 2048, width: 4096 }), { lower: 0, upper: 4095 });
});

test("percentiles ignore rare extremes", () => {
  const pixels = Float32Array.from({ length: 1001 }, (_, i) => i);
  pixels[1000] = 1e6;
  const { center, width } = percentileWindow(pixels, 1, 99);
  assert.ok(Math.abs(center - 500) < 1 && Math.abs(width - 980) < 1);
  assert.ok(percentileWindow(new Int16Array(10)).width >= 1);
});

test("first window: the protocol's wish, then CT preset, then the file, then percentiles", () => {
  const presets = [
    { key: "1", name: "bone", center: 480, width: 2000 },
    { key: "2", name: "soft", center: 40, width: 400 },
  ];
  const file = [{ center: 100, width: 300 }];
  const pixels = Int16Array.from([0, 100]);
  const ct = (wish) => initialWindow({ modality: "CT", wish, presets, fileWindows: file, pixels });
  assert.deepEqual(ct(), { center: 480, width: 2000, preset: "1" });
  assert.deepEqual(ct({ preset: "soft" }), { center: 40, width: 400, preset: "2" });
  assert.deepEqual(ct("2"), { center: 40, width: 400, preset: "2" });
  assert.deepEqual(ct({ center: 50, width: 60 }), { center: 50, width: 60 });
  assert.deepEqual(ct("file"), file[0]);
  assert.deepEqual(initialWindow({ modality: "MR", fileWindows: file, pixels }), file[0]);
  assert.deepEqual(initialWindow({ modality: "MR", pixels }), { center: 50, width: 100 });
});

test("dragging right widens, down lifts the level, the width never passes 1", () => {
  const start = { center: 40, width: 400 };
  assert.deepEqual(draggedWindow(start, 10, 0), { center: 40, width: 410 });
  assert.deepEqual(draggedWindow(start, 0, 10), { center: 50, width: 400 });
  assert.equal(draggedWindow(start, -5000, 0).width, 1);
});
