// Why an item goes back: one of the protocol's reasons, or words where it has none.

import assert from "node:assert/strict";
import { test } from "node:test";

import { reasonGiven } from "../../static/js/grading/send-back.js";

const REASONS = [{ id: "other-slice", label: "Other slice" }, { id: "boundary", label: "Boundary" }];

test("a protocol with reasons takes one of them and no words", () => {
  assert.equal(reasonGiven(REASONS, {}), undefined);
  assert.equal(reasonGiven(REASONS, { words: "another slice" }), undefined);
  assert.equal(reasonGiven(REASONS, { place: 2 }), undefined);
  assert.deepEqual(reasonGiven(REASONS, { place: 1, words: "x" }), { reason_code: "boundary" });
});

test("a protocol without reasons takes words", () => {
  assert.equal(reasonGiven([], {}), undefined);
  assert.equal(reasonGiven([], { words: "  " }), undefined);
  assert.deepEqual(reasonGiven([], { words: " next slice " }), { reason_text: "next slice" });
  assert.equal(reasonGiven([], { words: "x".repeat(300) }).reason_text.length, 200);
});
