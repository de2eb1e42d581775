import assert from "node:assert/strict";
import test from "node:test";
import { framesOfInstance } from "../../static/js/viewer/dicomjson.js";

const of = (vr, ...Value) => ({ vr, Value });
const plain = {
  "00080018": of("UI", "1.2.3"),
  "00080060": of("CS", "CT"),
  "00280010": of("US", 4),
  "00280011": of("US", 6),
  "00280030": of("DS", "0.5", "0.25"),
  "00200032": of("DS", 1, 2, 3),
  "00200037": of("DS", 1, 0, 0, 0, 1, 0),
  "00281050": of("DS", 40, 480),
  "00281051": of("DS", 400, 2000),
  "00281052": of("DS", -1024),
  "00281053": of("DS", 1),
};

test("a plain instance is one frame; numbers may come as text", () => {
  const [frame, ...rest] = framesOfInstance(plain);
  assert.equal(rest.length, 0);
  assert.deepEqual(frame.spacing, [0.5, 0.25]);
  assert.deepEqual(frame.windows, [
    { center: 40, width: 400 },
    { center: 480, width: 2000 },
  ]);
  assert.equal(frame.rescaleIntercept, -1024);
  assert.equal(frame.frame, 1);
});

test("missing and impossible values are absent, not zero", () => {
  const [frame] = framesOfInstance({ "00280010": of("US", 4), "00280011": of("US", 6), "00280030": of("DS", 0, 0), "00200032": of("DS", 1, 2) });
  assert.equal(frame.spacing, undefined);
  assert.equal(frame.position, undefined);
  assert.equal(frame.rescaleSlope, 1);
  assert.deepEqual(frame.windows, []);
});

test("spacing at the detector is not spacing in the patient", () => {
  const [frame] = framesOfInstance({ ...plain, "00280030": undefined, "00181164": of("DS", 0.2, 0.2) });
  assert.equal(frame.spacing, undefined);
  assert.deepEqual(frame.imagerSpacing, [0.2, 0.2]);
});

test("enhanced objects: per-frame groups win over shared ones", () => {
  const item = (tag, inner) => ({ [tag]: { vr: "SQ", Value: [inner] } });
  const enhanced = {
    "00280008": of("IS", 2),
    "00280010": of("US", 4),
    "00280011": of("US", 6),
    52009229: {
      vr: "SQ",
      Value: [
        {
          ...item("00209116", { "00200037": of("DS", 0, 1, 0, 0, 0, -1) }),
          ...item("00289110", { "00280030": of("DS", 2, 2) }),
        },
      ],
    },
    52009230: {
      vr: "SQ",
      Value: [
        item("00209113", { "00200032": of("DS", 0, 0, 0) }),
        {
          ...item("00209113", { "00200032": of("DS", 5, 0, 0) }),
          ...item("00289110", { "00280030": of("DS", 1, 1) }),
          ...item("00289145", { "00281052": of("DS", 7), "00281053": of("DS", 3) }),
        },
      ],
    },
  };
  const frames = framesOfInstance(enhanced);
  assert.equal(frames.length, 2);
  assert.deepEqual(frames[0].spacing, [2, 2]);
  assert.deepEqual(frames[1].spacing, [1, 1]);
  assert.deepEqual(frames[1].position, [5, 0, 0]);
  assert.deepEqual(frames[1].orientation, [0, 1, 0, 0, 0, -1]);
  assert.equal(frames[1].rescaleSlope, 3);
  assert.equal(frames[1].frame, 2);
});
