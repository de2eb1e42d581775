import assert from "node:assert/strict";
import test from "node:test";
import { annotation, annotationText, boxInPatient, boxSection, complete, handlesOf, shifted, withHandle, withPoints } from "../../static/js/viewer/annotations.js";
import { planeOfFrame } from "../../static/js/viewer/geometry.js";
import { History } from "../../static/js/viewer/history.js";
import { angleOf, areaOf, cobbOf, contains, distanceToSegment, lengthOf, regionOf } from "../../static/js/viewer/measures.js";

const mm = { rows: 20, columns: 20, spacing: [2, 1], samplesPerPixel: 1, modality: "CT", frame: 1 };
const px = { ...mm, spacing: undefined };

test("lengths are in mm only where the file states a spacing", () => {
  assert.deepEqual(lengthOf(mm, [[0, 0], [3, 2]]), { value: 5, unit: "mm" });
  assert.deepEqual(lengthOf(px, [[0, 0], [3, 4]]), { value: 5, unit: "px" });
  // spacing at the detector is none in the patient
  assert.equal(lengthOf({ ...px, imagerSpacing: [0.1, 0.1] }, [[0, 0], [3, 4]]).unit, "px");
});

test("angles know that pixels are not square", () => {
  const right = angleOf(mm, [[0, 0], [0, 5], [5, 5]]);
  assert.ok(Math.abs(right - 90) < 1e-9);
  const diagonal = angleOf(mm, [[4, 0], [0, 0], [4, 2]]); // 4 mm across, 4 mm down
  assert.ok(Math.abs(diagonal - 45) < 1e-9);
});

test("the Cobb angle is acute and does not mind which end was set first", () => {
  const lines = [[0, 0], [10, 0], [0, 10], [10, 15]]; // 10 mm across, 10 mm down
  assert.ok(Math.abs(cobbOf(mm, lines) - 45) < 1e-9);
  assert.ok(Math.abs(cobbOf(mm, [lines[1], lines[0], lines[2], lines[3]]) - 45) < 1e-9);
  assert.ok(cobbOf(mm, [[0, 0], [10, 0], [0, 5], [10, 5]]) < 1e-9);
});

test("values of a region: a box of known numbers", () => {
  const pixels = Int16Array.from({ length: 400 }, (_, i) => i);
  const region = regionOf(pixels, mm, "box", [[0.5, 0.5], [3.2, 2.2]]); // columns 1..3, rows 1..2
  assert.equal(region.n, 6);
  assert.equal(region.mean, (21 + 22 + 23 + 41 + 42 + 43) / 6);
  assert.equal(region.min, 21);
  assert.equal(region.max, 43);
  const mean = region.mean;
  const sd = Math.sqrt([21, 22, 23, 41, 42, 43].reduce((sum, v) => sum + (v - mean) ** 2, 0) / 5);
  assert.ok(Math.abs(region.sd - sd) < 1e-9);
  assert.equal(regionOf(pixels, mm, "box", [[0.1, 0.1], [0.4, 0.4]]), undefined);
});

test("areas and insides of the three shapes", () => {
  assert.deepEqual(areaOf(mm, "box", [[0, 0], [4, 5]]), { value: 40, unit: "mm²" });
  assert.ok(Math.abs(areaOf(px, "ellipse", [[0, 0], [4, 4]]).value - Math.PI * 4) < 1e-9);
  assert.equal(areaOf(px, "polygon", [[0, 0], [4, 0], [4, 4]]).value, 8);
  assert.ok(contains("polygon", [[0, 0], [4, 0], [4, 4]], [3, 1]));
  assert.ok(!contains("polygon", [[0, 0], [4, 0], [4, 4]], [1, 3]));
  assert.ok(!contains("ellipse", [[0, 0], [4, 4]], [0.2, 0.2]));
  assert.equal(distanceToSegment([5, 5], [0, 0], [10, 0]), 5);
  assert.equal(distanceToSegment([13, 4], [0, 0], [10, 0]), 5);
});

test("an annotation keeps image px and patient mm together", () => {
  const frame = { ...mm, position: [10, 20, 30], orientation: [1, 0, 0, 0, 1, 0], seriesUid: "s", sopUid: "i", frameOfReferenceUid: "f" };
  const plane = planeOfFrame(frame);
  const one = annotation({ id: "a", shape: "length", frame, plane, points: [[0, 0], [3, 2]] });
  assert.deepEqual(one.points_mm, [[10, 20, 30], [13, 24, 30]]);
  assert.equal(one.sop_uid, "i");
  assert.deepEqual(withPoints(one, plane, [[1, 0], [3, 2]]).points_mm[0], [11, 20, 30]);
  const nowhere = annotation({ id: "b", shape: "point", frame: px, plane: undefined, points: [[1, 1]] });
  assert.equal(nowhere.points_mm, null);
  assert.equal(nowhere.frame_of_reference, "");
});

test("half-drawn annotations are not kept", () => {
  const one = (shape, ...points) => ({ shape, points_px: points });
  assert.ok(!complete(one("length", [1, 1], [1, 1.2])));
  assert.ok(complete(one("length", [1, 1], [5, 1])));
  assert.ok(!complete(one("angle", [1, 1], [5, 1])));
  assert.ok(!complete(one("box", [1, 1], [5, 1.5])));
  assert.ok(!complete(one("polygon", [1, 1], [5, 1])));
  assert.ok(complete(one("polygon", [1, 1], [5, 1], [4, 4])));
});

test("a box is grasped at every corner, an ellipse at the ends of its axes", () => {
  const points_px = [[2, 10], [8, 4]];
  assert.deepEqual(handlesOf({ shape: "box3d", points_px }), [[2, 10], [8, 4], [8, 10], [2, 4]]);
  assert.deepEqual(handlesOf({ shape: "ellipse", points_px }), [[2, 7], [8, 7], [5, 10], [5, 4]]);
  assert.deepEqual(handlesOf({ shape: "roi", points_px }, [[20, 100], [80, 40]])[0], [20, 70]);
  assert.deepEqual(handlesOf({ shape: "polygon", points_px }), points_px);
  assert.deepEqual(handlesOf({ shape: "box", points_px: [[2, 10]] }), [[2, 10]]);
  for (const shape of ["box", "ellipse", "length"]) {
    const one = { shape, points_px };
    handlesOf(one).forEach((at, handle) => {
      assert.deepEqual(withHandle(one, handle, at), points_px, "put where it is it changes nothing");
      const moved = { shape, points_px: withHandle(one, handle, [at[0] + 1, at[1] + 2]) };
      assert.deepEqual(handlesOf(moved)[handle ^ 1], handlesOf(one)[handle ^ 1], "the opposite one stays");
    });
  }
  assert.deepEqual(withHandle({ shape: "ellipse", points_px }, 0, [1, 99]), [[1, 10], [8, 4]]);
  assert.deepEqual(withHandle({ shape: "ellipse", points_px }, 3, [99, 3]), [[2, 10], [8, 3]]);
  assert.deepEqual(withHandle({ shape: "box", points_px }, 2, [9, 11]), [[2, 11], [9, 4]]);
});

test("a box over several images becomes a box in the patient", () => {
  const planes = [0, -3, -6].map((z) => planeOfFrame({ ...mm, position: [0, 0, z], orientation: [1, 0, 0, 0, 1, 0] }));
  const box = boxInPatient({ points_px: [[5, 6], [2, 1]], slices: [0, 2] }, planes);
  assert.deepEqual(box, { min_mm: [2, 2, -6], max_mm: [5, 12, 0] });
  assert.equal(boxInPatient({ points_px: [[0, 0], [1, 1]], slices: [0, 0] }, [undefined]), null);
});

test("texts: values for measurements, the class for marks", () => {
  const one = (extra) => ({ shape: "length", points_px: [[0, 0], [3, 2]], ...extra });
  assert.deepEqual(annotationText(one(), mm), ["5.0 mm"]);
  assert.deepEqual(annotationText(one({ kind: "lesion", class: "cyst" }), mm), ["cyst"]);
  const roi = annotationText({ shape: "roi", points_px: [[0, 0], [4, 4]] }, mm, Int16Array.from({ length: 400 }, () => -7));
  assert.equal(roi[0], "mean −7.0 HU, SD 0.0");
});

test("undo and redo", () => {
  const history = new History([]);
  history.push(["a"]);
  history.push(["a", "b"]);
  assert.ok(history.undo());
  assert.deepEqual(history.present, ["a"]);
  assert.ok(history.redo());
  assert.deepEqual(history.present, ["a", "b"]);
  assert.ok(!history.redo());
  history.undo();
  history.push(["c"]);
  assert.ok(!history.redo());
  history.undo();
  history.undo();
  assert.ok(!history.undo());
  assert.deepEqual(history.present, []);
});

test("what is moved whole keeps its shape and stops where its farthest point meets the edge", () => {
  const frame = { columns: 100, rows: 50 };
  const triangle = [[10, 10], [30.25, 12.5], [20, 40]];
  assert.deepEqual(shifted(triangle, [5, -3], frame), [[15, 7], [35.25, 9.5], [25, 37]]);
  // right 69.25 and down 9.5 are left; left 10.5, up 10.5
  assert.deepEqual(shifted(triangle, [500, 500], frame), [[79.25, 19.5], [99.5, 22], [89.25, 49.5]]);
  assert.deepEqual(shifted(triangle, [-500, -500], frame), [[-0.5, -0.5], [19.75, 2], [9.5, 29.5]]);
  // one direction that is at its end leaves the other free
  assert.deepEqual(shifted(triangle, [-500, 3], frame), [[-0.5, 13], [19.75, 15.5], [9.5, 43]]);
});

test("what reaches beyond its image comes back and goes no farther out", () => {
  const frame = { columns: 100, rows: 50 };
  const line = [[90, 40], [120, 70]];
  assert.deepEqual(shifted(line, [10, 10], frame), line);
  assert.deepEqual(shifted(line, [-30, -25], frame), [[60, 15], [90, 45]]);
});

test("a plane that cuts a 3-D box shows the cut to its corners", () => {
  // axial images every 2 mm, px of 1 x 1 mm
  const stack = Array.from({ length: 10 }, (_, k) => planeOfFrame({ rows: 40, columns: 40, spacing: [1, 1], position: [0, 0, 2 * k], orientation: [1, 0, 0, 0, 1, 0] }));
  const box = { points_px: [[10, 20], [18, 26]], slices: [2, 6] }; // x 10..18, y 20..26, z 4..12
  const cut = (position, orientation) => boxSection(box, stack, planeOfFrame({ rows: 40, columns: 40, spacing: [0.5, 0.5], position, orientation }));
  const corners = (px) => px.map((point) => point.map((value) => Math.round(value * 1000) / 1000)).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  // sagittal at x = 14: y along columns, z downwards from 30
  const sagittal = [0, 1, 0, 0, 0, -1];
  assert.deepEqual(corners(cut([14, 0, 30], sagittal)), [[40, 36], [40, 52], [52, 36], [52, 52]]);
  assert.deepEqual(cut([9, 0, 30], sagittal), []);
  assert.deepEqual(cut([18.5, 0, 30], sagittal), []);
  // its own plane between two images, and on the last of them
  assert.equal(cut([0, 0, 7], [1, 0, 0, 0, 1, 0]).length, 4);
  assert.deepEqual(corners(cut([0, 0, 12], [1, 0, 0, 0, 1, 0])), [[20, 40], [20, 52], [36, 40], [36, 52]]);
  assert.deepEqual(cut([0, 0, 12.5], [1, 0, 0, 0, 1, 0]), []);
  // oblique: a prism's four sides
  const h = Math.SQRT1_2;
  assert.equal(cut([10, 21, 8], [h, -h, 0, 0, 0, -1]).length, 4);
  // one image thin: a line
  const thin = boxSection({ ...box, slices: [3, 3] }, stack, planeOfFrame({ rows: 40, columns: 40, spacing: [1, 1], position: [14, 0, 30], orientation: sagittal }));
  assert.deepEqual(corners(thin), [[20, 24], [26, 24]]);
});
