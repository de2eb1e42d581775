import assert from "node:assert/strict";
import test from "node:test";
import {
  directionLetters,
  distanceFromPlaneMm,
  edgeLetters,
  imagePxToPatientMm,
  middleOfStackX,
  nearestPlaneIndex,
  orderFrames,
  patientMmToImagePx,
  planeName,
  planeOfFrame,
  referenceLinePx,
  sideOfMidline,
} from "../../static/js/viewer/geometry.js";

const sagittal = (x, extra = {}) => ({
  position: [x, 97, 0],
  orientation: [0, 1, 0, 0, 0, -1],
  spacing: [1, 0.5],
  rows: 381,
  columns: 220,
  frame: 1,
  frameOfReferenceUid: "1.2",
  ...extra,
});
const axial = (z, extra = {}) => ({
  position: [-25, 100, z],
  orientation: [1, 0, 0, 0, 1, 0],
  spacing: [2, 1],
  rows: 70,
  columns: 50,
  frame: 1,
  frameOfReferenceUid: "1.2",
  ...extra,
});
const near = (actual, expected, tolerance = 1e-9) =>
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= tolerance, `${actual} is not ${expected}`));

test("image px and patient mm are inverse, row spacing along columns", () => {
  const plane = planeOfFrame(sagittal(-7));
  near(imagePxToPatientMm(plane, [0, 0]), [-7, 97, 0]);
  near(imagePxToPatientMm(plane, [10, 4]), [-7, 102, -4]);
  near(patientMmToImagePx(plane, [30, 102, -4]), [10, 4]);
  assert.equal(distanceFromPlaneMm(plane, [30, 102, -4]), -37);
});

test("a plane without position, orientation or spacing is no plane", () => {
  for (const key of ["position", "orientation", "spacing"]) {
    assert.equal(planeOfFrame({ ...sagittal(0), [key]: undefined }), undefined);
  }
  assert.equal(planeOfFrame({ ...sagittal(0), orientation: [0, 1, 0, 0, 1, 0] }), undefined);
});

test("the reference line is where the other image passes, no longer", () => {
  const line = referenceLinePx(planeOfFrame(sagittal(0)), planeOfFrame(axial(-40)));
  // the axial image reaches from y = 99 to 239 mm at z = -40, the sagittal's px [0, 0] lies at y = 97, z = 0
  const sorted = [...line].sort((a, b) => a[0] - b[0]);
  near(sorted[0], [(99 - 97) / 0.5, 40], 1e-6);
  near(sorted[1], [(239 - 97) / 0.5, 40], 1e-6);
});

test("no reference line between parallel images, frames of reference, or past the other image", () => {
  const plane = planeOfFrame(sagittal(0));
  assert.equal(referenceLinePx(plane, planeOfFrame(sagittal(10))), undefined);
  assert.equal(referenceLinePx(plane, planeOfFrame(axial(-40, { frameOfReferenceUid: "9" }))), undefined);
  assert.equal(referenceLinePx(plane, planeOfFrame(axial(-40, { frameOfReferenceUid: "" }))), undefined);
  assert.equal(referenceLinePx(planeOfFrame(sagittal(60)), planeOfFrame(axial(-40))), undefined);
});

test("nearest plane prefers images that contain the point", () => {
  const far = { ...axial(-10), position: [-25, 400, -10] };
  const planes = [far, axial(-14), axial(-30)].map(planeOfFrame);
  assert.equal(nearestPlaneIndex(planes, [0, 150, -10]), 1);
  assert.equal(nearestPlaneIndex([undefined, undefined], [0, 0, 0]), -1);
});

test("letters: patient's right stands at the left of an axial image", () => {
  assert.deepEqual(edgeLetters(axial(0)), { left: "R", right: "L", top: "A", bottom: "P" });
  assert.deepEqual(edgeLetters(sagittal(0)), { left: "A", right: "P", top: "H", bottom: "F" });
  assert.equal(directionLetters([0, 0.97, -0.24]), "P");
  assert.equal(directionLetters([0, 0.8, -0.6]), "PF");
});

test("letters turn with the image and mirror with it", () => {
  const view = (rotation, flipH = false, flipV = false) => ({ rotation, flipH, flipV });
  assert.deepEqual(edgeLetters(axial(0), view(90)), { top: "R", right: "A", bottom: "L", left: "P" });
  assert.deepEqual(edgeLetters(axial(0), view(0, true)), { left: "L", right: "R", top: "A", bottom: "P" });
  assert.deepEqual(edgeLetters(axial(0), view(180, true)), { left: "R", right: "L", top: "P", bottom: "A" });
});

test("letters of a radiograph come from its own statement, or are absent", () => {
  assert.equal(edgeLetters({ patientOrientation: ["L", "F"] }).left, "R");
  assert.equal(edgeLetters({ patientOrientation: [] }), undefined);
  assert.equal(edgeLetters({}), undefined);
});

test("scroll order: sagittal from right to left, axial from head to feet, others by number", () => {
  const xs = orderFrames([sagittal(8), sagittal(-8), sagittal(0)]).map(({ position }) => position[0]);
  assert.deepEqual(xs, [-8, 0, 8]);
  const zs = orderFrames([axial(-50), axial(10), axial(-20)]).map(({ position }) => position[2]);
  assert.deepEqual(zs, [10, -20, -50]);
  const discs = [axial(0, { instanceNumber: 2 }), axial(-40, { instanceNumber: 1, orientation: [1, 0, 0, 0, 0.9, -0.4358898943540673] })];
  assert.deepEqual(
    orderFrames(discs).map(({ instanceNumber }) => instanceNumber),
    [1, 2],
  );
});

test("side of the midline by the patient's own sides", () => {
  const at = (x) => sideOfMidline(planeOfFrame(sagittal(x)), 1);
  assert.deepEqual(at(-13), { side: "right", mm: 14 });
  assert.deepEqual(at(5), { side: "left", mm: 4 });
  assert.equal(at(1.2).side, "middle");
  assert.equal(sideOfMidline(planeOfFrame(axial(0)), 0), undefined);
  assert.equal(planeName(planeOfFrame(axial(0))), "axial");
  assert.equal(middleOfStackX([-10, 30].map((x) => planeOfFrame(sagittal(x)))), 10);
});
