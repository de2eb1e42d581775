import assert from "node:assert/strict";
import { test } from "node:test";

import { Aid } from "../../static/js/grading/aid.js";

test("an unaided read has nothing of an aid", () => {
  const aid = new Aid(undefined, () => 0);
  assert.equal(aid.isThere, false);
  assert.equal(aid.of("a|b"), undefined);
  assert.equal(aid.line("a|b"), "");
  assert.equal(aid.share("a|b", 0), "");
});

test("a save says how long the page and the item had been shown", () => {
  let now = 1000;
  const aid = new Aid({ "a|b": { grade: 1, percent: [30, 70] } }, () => now);
  now = 1400;
  assert.deepEqual(aid.times("a|b"), { page: 400, item: null });
  aid.look("a|b");
  now = 1450;
  aid.look("a|b");
  aid.look("a|other");
  now = 1600;
  assert.deepEqual(aid.times("a|b"), { page: 600, item: 200 });
  assert.deepEqual(aid.times("a|other"), { page: 600, item: null });
});
