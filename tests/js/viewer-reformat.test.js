import assert from "node:assert/strict";
import test from "node:test";
import { imagePxToPatientMm, orderFrames, planeName, planeOfFrame } from "../../static/js/viewer/geometry.js";
import { reformat, volumeOf } from "../../static/js/viewer/reformat.js";

// A field that is linear in patient mm: linear interpolation must give it back exactly, anywhere.
const field = ([x, y, z]) => 3 * x - 2 * y + 5 * z;
const acquisitions = {
  sagittal: { orientation: [0, 1, 0, 0, 0, -1], along: [1, 0, 0] },
  axial: { orientation: [1, 0, 0, 0, 1, 0], along: [0, 0, -1] },
  // axial with the patient prone: columns run to the right
  turned: { orientation: [-1, 0, 0, 0, -1, 0], along: [0, 0, 1] },
};

function stackOf({ orientation, along }, { drop = [] } = {}) {
  const frames = [];
  for (let k = 0; k < 8; k += 1) {
    if (drop.includes(k)) continue;
    frames.push({
      position: along.map((value, axis) => value * k * 3 + [10, -20, 40][axis]),
      orientation,
      spacing: [2, 1],
      rows: 6,
      columns: 9,
      frame: 1,
      frameOfReferenceUid: "1",
    });
  }
  const ordered = orderFrames(frames);
  const planes = ordered.map(planeOfFrame);
  const slices = planes.map((plane) => {
    const values = new Float32Array(54);
    for (let r = 0; r < 6; r += 1) for (let c = 0; c < 9; c += 1) values[r * 9 + c] = field(imagePxToPatientMm(plane, [c, r]));
    return values;
  });
  return { planes, slices };
}

for (const [name, acquisition] of Object.entries(acquisitions)) {
  for (const wanted of ["axial", "sagittal", "coronal"]) {
    test(`${wanted} out of ${name}: each pixel holds the value of its place`, () => {
      const { planes, slices } = stackOf(acquisition);
      const volume = volumeOf(planes);
      const cut = reformat(volume, wanted);
      assert.ok(cut.frames.length > 1);
      cut.frames.forEach((frame, i) => {
        const plane = planeOfFrame({ ...frame, frame: 1 });
        assert.equal(planeName(plane), wanted);
        const values = cut.sample(i, slices);
        for (const [c, r] of [[0, 0], [frame.columns - 1, 0], [0, frame.rows - 1], [2, 3]]) {
          const expected = field(imagePxToPatientMm(plane, [c, r]));
          const actual = values[r * frame.columns + c];
          // the last place across images is clamped to the last image, at most one step away
          assert.ok(Math.abs(actual - expected) < 5.01, `${actual} is not ${expected} at ${c}, ${r} of image ${i}`);
        }
      });
    });
  }
}

test("reformats run as readers expect: right at the left, head up", () => {
  const volume = volumeOf(stackOf(acquisitions.turned).planes);
  const orientation = (name) => reformat(volume, name).frames[0].orientation.map((value) => value + 0); // no -0
  assert.deepEqual(orientation("axial"), [1, 0, 0, 0, 1, 0]);
  assert.deepEqual(orientation("coronal"), [1, 0, 0, 0, 0, -1]);
  assert.deepEqual(orientation("sagittal"), [0, 1, 0, 0, 0, -1]);
});

test("a missing image stays a hole", () => {
  const { planes, slices } = stackOf(acquisitions.axial, { drop: [3] });
  const cut = reformat(volumeOf(planes), "coronal");
  const values = cut.sample(0, slices);
  assert.ok(values.some(Number.isNaN));
  assert.ok(!values.every(Number.isNaN));
});

test("what is no volume says why", () => {
  const { planes } = stackOf(acquisitions.axial);
  assert.deepEqual(volumeOf(planes.slice(0, 3)), { reason: "few" });
  assert.deepEqual(volumeOf([undefined, ...planes]), { reason: "no-place" });
  assert.deepEqual(volumeOf([...planes, stackOf(acquisitions.sagittal).planes[0]]), { reason: "not-parallel" });
  assert.deepEqual(volumeOf([...planes, { ...planes[7], rows: 7 }]), { reason: "uneven-size" });
  assert.deepEqual(volumeOf([...planes, planes[7]]), { reason: "one-place" });
});
