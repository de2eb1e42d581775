// Order of reading, neighbours on the screen and derived grades.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ProtocolView, itemKey } from "../../static/js/grading/protocol.js";

const SIDED = {
  sided: true,
  structures: [
    { id: "L4-right", side: "right", group: "L4" },
    { id: "L4-left", side: "left", group: "L4" },
    { id: "L5-right", side: "right", group: "L5" },
  ],
  levels: [
    { id: "L4", structures: ["L4-right", "L4-left"] },
    { id: "L5", structures: ["L5-right"] },
  ],
  findings: [
    { id: "gap", typed: ["not-assessable", "fused"], scale: [0, 1, 2] },
    { id: "cyst", typed: [], scale: [0, 1] },
  ],
  derived: [{ id: "overall", implies: { gap: [0, 1, 1], cyst: [0, 3] } }],
};
const view = new ProtocolView(SIDED);

test("structures are read right, left, next level, every finding of one before the next", () => {
  assert.deepEqual(view.order, ["L4-right|gap", "L4-right|cyst", "L4-left|gap", "L4-left|cyst", "L5-right|gap", "L5-right|cyst"]);
  assert.equal(view.after("L4-right|cyst"), "L4-left|gap");
  assert.equal(view.after("L5-right|cyst"), "L5-right|cyst");
});

test("the next open item is looked for from here on, then from the start", () => {
  const answered = new Set(["L5-right|gap", "L5-right|cyst", "L4-right|gap"]);
  assert.equal(view.nextOpen("L4-left|cyst", (key) => answered.has(key)), "L4-right|cyst");
  assert.equal(view.nextOpen("L4-left|cyst", () => true), undefined);
});

test("arrows follow the screen: the patient's right in the left half", () => {
  assert.equal(view.neighbour("L4-right|cyst", "right"), "L4-left|gap");
  assert.equal(view.neighbour("L4-left|gap", "left"), "L4-right|cyst");
  assert.equal(view.neighbour("L4-right|gap", "down"), "L5-right|gap");
  assert.equal(view.neighbour("L5-right|gap", "up"), "L4-right|gap");
});

test("at an edge, and where a level lacks a side, an arrow stays", () => {
  assert.equal(view.neighbour("L4-right|gap", "left"), "L4-right|gap");
  assert.equal(view.neighbour("L4-left|cyst", "right"), "L4-left|cyst");
  assert.equal(view.neighbour("L4-right|gap", "up"), "L4-right|gap");
  assert.equal(view.neighbour("L4-left|gap", "down"), "L4-left|gap");
});

test("Tab leaves the grid at both ends: no trap", () => {
  assert.equal(view.structureStep("L4-right|cyst", 1), "L4-left|gap");
  assert.equal(view.structureStep("L5-right|gap", 1), undefined);
  assert.equal(view.structureStep("L4-right|gap", -1), undefined);
});

test("a derived grade waits for every finding, and is the highest implied", () => {
  const cells = { "L4-right|gap": { kind: "grade", grade: 2 } };
  const cellOf = (key) => cells[key];
  const [overall] = view.derived;
  assert.equal(view.derive(overall, "L4-right", cellOf), undefined);
  cells["L4-right|cyst"] = { kind: "grade", grade: 0 };
  assert.equal(view.derive(overall, "L4-right", cellOf), 1);
  cells["L4-right|cyst"] = { kind: "grade", grade: 1 };
  assert.equal(view.derive(overall, "L4-right", cellOf), 3);
  cells["L4-right|cyst"] = { kind: "not_assessable" };
  assert.equal(view.derive(overall, "L4-right", cellOf), 1);
  cells["L4-right|gap"] = { kind: "fused" };
  assert.equal(view.derive(overall, "L4-right", cellOf), undefined);
});

test("typed answers are those of the finding, in the order of their digits", () => {
  const reasons = [{ id: "artefact", label: "Artefact" }, { id: "other", label: "Other" }];
  const choices = view.typedChoices("gap", reasons);
  assert.deepEqual(choices.map(({ answer }) => answer), [
    { kind: "not_assessable", reason: "artefact" },
    { kind: "not_assessable", reason: "other" },
    { kind: "fused" },
  ]);
  assert.deepEqual(view.typedChoices("cyst", reasons), []);
});

test("a protocol without sides has one column of structures", () => {
  const plain = new ProtocolView({ ...SIDED, sided: false, structures: [{ id: "C3", side: "", group: "C3" }], levels: [{ id: "C3", structures: ["C3"] }] });
  assert.deepEqual(plain.halves, [""]);
  assert.equal(plain.neighbour("C3|gap", "right"), itemKey("C3", "cyst"));
  assert.equal(plain.neighbour("C3|cyst", "right"), itemKey("C3", "cyst"));
});

test("where findings are asked at some structures only, rows are as long as they are", () => {
  const view = new ProtocolView({
    sided: false,
    structures: [{ id: "cord", group: "cord", side: "" }, { id: "curve", group: "curve", side: "" }, { id: "discs", group: "discs", side: "" }],
    levels: [{ id: "cord", structures: ["cord"] }, { id: "curve", structures: ["curve"] }, { id: "discs", structures: ["discs"] }],
    findings: [{ id: "signal", at: ["cord"] }, { id: "cobb", at: ["curve"] }, { id: "disc", at: ["discs"] }, { id: "space", at: ["cord", "discs"] }],
  });
  assert.deepEqual(view.order, ["cord|signal", "cord|space", "curve|cobb", "discs|disc", "discs|space"]);
  assert.equal(view.isList, true);
  assert.equal(view.neighbour("cord|space", "down"), "curve|cobb");
  assert.equal(view.neighbour("curve|cobb", "right"), "curve|cobb");
  assert.equal(view.neighbour("curve|cobb", "down"), "discs|disc");
  assert.equal(view.structureStep("cord|space", 1), "curve|cobb");
  assert.deepEqual(view.keysOfStructure("discs"), ["discs|disc", "discs|space"]);
});
