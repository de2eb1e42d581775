// Cells: what a change sends, what undo takes back, and that no state overwrites another unseen.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Cells, sameAnswer } from "../../static/js/grading/cells.js";

const KEY = "L4-5-right|cyst";
const OTHER = "L4-5-left|cyst";
const grade = (n, more = {}) => ({ kind: "grade", grade: n, value: null, reason: "", flag: false, note: "", ...more });

function cells(given = {}) {
  let n = 0;
  return new Cells(given, { uuid: () => `k${(n += 1)}` });
}

test("a change is sent with its own key and with the one it was made on", () => {
  const read = cells({ [KEY]: { ...grade(1), change: "server" } });
  const [first] = read.change([[KEY, grade(2)]]);
  const [second] = read.change([[KEY, grade(0)]]);
  assert.deepEqual([first.key, first.base, first.grade], ["k1", "server", 2]);
  assert.deepEqual([second.key, second.base, second.grade], ["k2", "k1", 0]);
  const [fresh] = read.change([[OTHER, grade(1)]]);
  assert.deepEqual([fresh.base, fresh.structure, fresh.finding], ["", "L4-5-left", "cyst"]);
});

test("what changes nothing is not sent and not undone", () => {
  const read = cells({ [KEY]: { ...grade(1), change: "server" } });
  assert.deepEqual(read.change([[KEY, grade(1)]]), []);
  assert.deepEqual(read.undo(), { saves: [], keys: [] });
  assert.equal(read.get(KEY).change, "server");
});

test("undo takes a whole step back, an empty cell by clearing it", () => {
  const read = cells();
  read.change([[KEY, grade(0)], [OTHER, grade(0)]]);
  assert.equal(read.answered, 2);
  const { saves, keys } = read.undo();
  assert.deepEqual(keys, [KEY, OTHER]);
  assert.deepEqual(saves.map((save) => [save.clear, save.base]), [[true, "k1"], [true, "k2"]]);
  assert.equal(read.answered, 0);
  assert.equal(read.isAnswered(KEY), false);
  // A cleared cell remembers the change that cleared it.
  assert.equal(read.change([[KEY, grade(1)]])[0].base, saves[0].key);
});

test("undo of undo is not offered; several steps go back one by one", () => {
  const read = cells();
  read.change([[KEY, grade(1)]]);
  read.change([[KEY, grade(2)]]);
  assert.equal(read.undo().saves[0].grade, 1);
  assert.equal(read.undo().saves[0].clear, true);
  assert.deepEqual(read.undo().saves, []);
});

test("a conflict keeps both; mine is sent on top of theirs, theirs sends nothing", () => {
  for (const [which, expected] of [["mine", 2], ["theirs", 3]]) {
    const read = cells();
    read.change([[KEY, grade(2)]]);
    read.noteConflict(KEY, { ...grade(3), change: "theirs" });
    assert.equal(read.get(KEY).grade, 2);
    const save = read.resolve(KEY, which);
    assert.equal(read.get(KEY).grade, expected);
    assert.equal(read.conflicts.size, 0);
    if (which === "mine") assert.deepEqual([save.base, save.grade], ["theirs", 2]);
    else assert.deepEqual([save, read.get(KEY).change], [undefined, "theirs"]);
    assert.equal(read.resolve(KEY, which), undefined);
  }
});

test("a conflict with a cell that the other window cleared can be ended either way", () => {
  const read = cells();
  read.change([[KEY, grade(2)]]);
  read.noteConflict(KEY, { kind: null, change: "cleared" });
  assert.equal(read.resolve(KEY, "theirs"), undefined);
  assert.equal(read.isAnswered(KEY), false);
  assert.equal(read.change([[KEY, grade(1)]])[0].base, "cleared");
});

test("what waited on this device comes back as it was sent", () => {
  const before = cells();
  const sent = [...before.change([[KEY, grade(2, { flag: true, note: "spur" })]]), ...before.change([[OTHER, grade(1)]]), ...before.change([[OTHER, null]])];
  const after = cells();
  for (const save of sent) after.restore(structuredClone(save));
  assert.deepEqual(after.get(KEY), before.get(KEY));
  assert.deepEqual(after.get(OTHER), before.get(OTHER));
  assert.equal(after.change([[KEY, grade(0)]])[0].base, sent[0].key);
});

test("a state of the server that says the same is adopted without a word", () => {
  const read = cells();
  read.change([[KEY, grade(2)]]);
  assert.equal(read.differs(KEY, { ...grade(2), change: "k1" }), false);
  assert.equal(read.differs(KEY, { ...grade(2), change: "other" }), false);
  assert.equal(read.get(KEY).change, "other");
  assert.equal(read.differs(KEY, { ...grade(1), change: "third" }), true);
  assert.equal(read.differs(KEY, { kind: null, change: "cleared" }), true);
});

test("the same answer is told by what it says", () => {
  assert.equal(sameAnswer(grade(0), { kind: "grade", grade: 0 }), true);
  assert.equal(sameAnswer(grade(0), grade(1)), false);
  assert.equal(sameAnswer(grade(0), grade(0, { flag: true })), false);
  assert.equal(sameAnswer(grade(0), grade(0, { note: "x" })), false);
  assert.equal(sameAnswer(grade(0), { kind: null }), false);
  assert.equal(sameAnswer({ kind: "not_assessable", reason: "a" }, { kind: "not_assessable", reason: "b" }), false);
  assert.equal(sameAnswer({ kind: "value", value: 0 }, { kind: "value", value: null }), false);
});
