import assert from "node:assert/strict";
import { test } from "node:test";

import { bytesOf, cellOnPlane, cellToPatientMm, heatColour, heatOnPlane, LEAST_SHARE, mapsOf } from "../../static/js/viewer/heat.js";

// Cells of 6 mm deep (towards the head), 4 mm high (to the back) and 5 mm wide (to the left).
const AFFINE = [0, 0, 5, -10, 0, 4, 0, 20, 6, 0, 0, 100];
const axial = (z) => ({
  origin: [-50, -50, z], row: [1, 0, 0], column: [0, 1, 0], normal: [0, 0, 1], spacing: [0.5, 0.5], rows: 400, columns: 400,
});
const near = (found, wanted) => found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-6, `${found} is not ${wanted}`));

test("a cell's index leads to its middle in the patient", () => {
  near(cellToPatientMm(AFFINE, [0, 0, 0]), [-10, 20, 100]);
  near(cellToPatientMm(AFFINE, [2, 1, 3]), [5, 24, 112]);
});

test("an image through a cell along its faces cuts it in its rectangle", () => {
  const outline = cellOnPlane(AFFINE, [0, 1, 2], axial(101));
  assert.equal(outline.length, 4);
  const xs = outline.map(([column]) => -50 + column * 0.5);
  const ys = outline.map(([, row]) => -50 + row * 0.5);
  near([Math.min(...xs), Math.max(...xs)], [-2.5, 2.5]);
  near([Math.min(...ys), Math.max(...ys)], [22, 26]);
});

test("a cell is cut by the planes between its faces and by no others", () => {
  assert.equal(cellOnPlane(AFFINE, [0, 0, 0], axial(96.9)).length, 0);
  assert.equal(cellOnPlane(AFFINE, [0, 0, 0], axial(97.1)).length, 4);
  assert.equal(cellOnPlane(AFFINE, [0, 0, 0], axial(102.9)).length, 4);
  assert.equal(cellOnPlane(AFFINE, [0, 0, 0], axial(103.1)).length, 0);
  // Where two cells touch, one of them is drawn.
  const cut = [0, 1].filter((depth) => cellOnPlane(AFFINE, [depth, 0, 0], axial(103)).length);
  assert.equal(cut.length, 1);
});

test("an oblique image cuts up to six sides, in order round the outline", () => {
  const k = 1 / Math.sqrt(3);
  const [a, b] = [1 / Math.sqrt(2), 1 / Math.sqrt(6)];
  const plane = { ...axial(0), origin: [-10, 20, 100], row: [a, -a, 0], column: [b, b, -2 * b], normal: [k, k, k], spacing: [1, 1] };
  const cube = [0, 0, 4, -10, 0, 4, 0, 20, 4, 0, 0, 100];
  const outline = cellOnPlane(cube, [0, 0, 0], plane);
  assert.equal(outline.length, 6);
  // A hexagon that goes round once: all turns to one side.
  const turns = outline.map((p, i) => {
    const [q, r] = [outline[(i + 1) % 6], outline[(i + 2) % 6]];
    return Math.sign((q[0] - p[0]) * (r[1] - q[1]) - (q[1] - p[1]) * (r[0] - q[0]));
  });
  assert.equal(new Set(turns).size, 1);
});

test("weak cells are not drawn, and the places of the bytes are depth, height, width", () => {
  const values = new Uint8Array(2 * 2 * 3);
  values[1 * 6 + 1 * 3 + 2] = 255;
  values[0] = Math.floor(LEAST_SHARE * 255) - 1;
  const map = { affine: AFFINE, shape: [2, 2, 3], values };
  assert.equal(heatOnPlane(map, axial(100)).length, 0);
  const [only, ...rest] = heatOnPlane(map, axial(106));
  assert.equal(rest.length, 0);
  assert.equal(only.share, 1);
  const xs = only.outline.map(([column]) => -50 + column * 0.5);
  near([Math.min(...xs), Math.max(...xs)], [-2.5, 2.5]);
});

test("stronger is lighter", () => {
  const light = (share) => heatColour(share).match(/\d+/g).reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const steps = Array.from({ length: 21 }, (_, i) => light(i / 20));
  steps.slice(1).forEach((value, i) => assert.ok(value > steps[i]));
  assert.equal(heatColour(-1), heatColour(0));
  assert.equal(heatColour(2), heatColour(1));
});

test("an item's maps are taken from every kind of series", () => {
  const one = (kind, values) => ({
    kind, frame_of_reference: "1", cell_mm: [6, 4, 5], shape: [1, 1, 2], values: Uint8Array.from(values),
    items: [{ structure: "a", finding: "cyst", affine: AFFINE }, { structure: "b", finding: "cyst", affine: AFFINE }],
  });
  const found = mapsOf({ maps: [one("CT-axial", [1, 2, 3, 4]), one("MR-axial", [5, 6, 7, 8])] }, "b", "cyst");
  assert.deepEqual(found.map(({ kind, values }) => [kind, [...values]]), [["CT-axial", [3, 4]], ["MR-axial", [7, 8]]]);
  assert.deepEqual([...bytesOf("AP+A")], [0, 255, 128]);
});
