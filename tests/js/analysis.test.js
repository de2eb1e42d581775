import assert from "node:assert/strict";
import test from "node:test";

import { shade } from "../../static/js/analysis/confusion.js";
import { count, fill, interval, number, percent, signed } from "../../static/js/analysis/format.js";
import { axisRange, decimals, niceStep } from "../../static/js/analysis/intervals.js";
import { insetBox, labelPlace, placeLabels } from "../../static/js/analysis/roc.js";
import { compose } from "../../static/js/analysis/save.js";

test("numbers have a true minus and no negative zero", () => {
  assert.equal(number(-0.0456), "−0.046");
  assert.equal(number(-0.0001), "0.000");
  assert.equal(signed(0.05), "+0.050");
  assert.equal(signed(0), "0.000");
  assert.equal(signed(-0.01, 2), "−0.01");
  assert.equal(number(null), "");
  assert.equal(count(1678), "1 678");
  assert.equal(percent(0.423), "42 %");
});

test("an interval without limits is no text", () => {
  assert.equal(interval({ low: 0.6, high: 0.712 }, "{low} to {high}"), "0.60 to 0.71");
  assert.equal(interval({ low: null, high: null }, "{low} to {high}"), "");
  assert.equal(fill("{a} of {b} {c}", { a: 1, b: 2 }), "1 of 2 {c}");
});

test("axes end on round steps, hold what they must, and tell their ticks apart", () => {
  assert.equal(niceStep(0, 1, 5), 0.2);
  const range = axisRange([0.47, 0.68], [], [-1, 1], 5);
  assert.ok(range.min <= 0.47 && range.max >= 0.68);
  assert.ok(Math.abs(range.min / range.step - Math.round(range.min / range.step)) < 1e-9);
  assert.equal(decimals(0.05), 2);
  assert.equal(decimals(0.2), 1);
  assert.equal(decimals(1), 0);
  assert.deepEqual(axisRange([]), { min: -1, max: 1, step: 0.5 });
});

test("an inset magnifies points that crowd and stays inside the square", () => {
  const crowd = [{ x: 0.1, y: 0.6 }, { x: 0.15, y: 0.65 }, { x: 0.02, y: 0.62 }];
  const box = insetBox(crowd);
  for (const { x, y } of crowd) assert.ok(x >= box.x0 && x <= box.x1 && y >= box.y0 && y <= box.y1);
  assert.ok(box.x0 >= 0 && box.y1 <= 1);
  assert.equal(insetBox([{ x: 0.1, y: 0.2 }, { x: 0.8, y: 0.9 }]), null);
  assert.equal(insetBox([{ x: 0.1, y: 0.2 }]), null);
});

test("labels of near points take different sides", () => {
  const points = [{ px: 100, py: 100 }, { px: 104, py: 103 }];
  placeLabels(points);
  assert.notDeepEqual(points[0].place, points[1].place);
});

test("the words of the curve stand below its band", () => {
  const curve = { fpr: [0, 0.2, 0.5, 1], tpr: [0, 0.8, 0.9, 1], band: [[0.2, 0.7, 0.9], [0.5, 0.85, 0.95], [1, 1, 1]] };
  const [, y] = labelPlace(curve, true);
  assert.ok(y < 0.85 && y >= 0.66);
});

test("shades fall with the share of the row", () => {
  assert.deepEqual([0.7, 0.5, 0.3, 0.1, 0.01].map(shade), [4, 3, 2, 1, 0]);
});

test("a saved chart carries its title, its source and no markup from texts", () => {
  const { svg, width } = compose({
    drawing: '<svg width="100" height="50"></svg>', width: 300, height: 50,
    title: "How far <b>do</b> they agree?", subtitle: "Kappa & interval", foot: "Demonstration data",
    font: '"Noto Sans", sans-serif', colours: { text1: "#000", text3: "#333", panel: "#fff" },
  });
  assert.ok(svg.includes("How far &lt;b&gt;do&lt;/b&gt; they agree?"));
  assert.ok(svg.includes("Kappa &amp; interval"));
  assert.ok(svg.includes("Demonstration data"));
  assert.equal(width, 340);
});

test("names of curves are spread without leaving their frame", async () => {
  const { roundUp, spread } = await import("../../static/js/analysis/localisation.js");
  assert.deepEqual(spread([50, 52, 54], 16, 10, 400), [50, 66, 82]);
  const squeezed = spread([395, 396, 397], 16, 10, 400);
  assert.deepEqual(squeezed, [368, 384, 400]);
  assert.deepEqual([0.43, 1, 1.7, 0].map(roundUp), [0.5, 1, 2, 1]);
});

test("limits that coincide are no interval", async () => {
  const { interval } = await import("../../static/js/analysis/format.js");
  assert.equal(interval({ low: 1, high: 1 }, "{low} to {high}"), "");
  assert.equal(interval({ low: 0.5, high: 1 }, "{low} to {high}"), "0.50 to 1.00");
});
