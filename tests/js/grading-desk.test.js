import assert from "node:assert/strict";
import { test } from "node:test";
import { Presence } from "../../static/js/grading/desk.js";

const MINUTE = 60000;
const at = (options = {}) => new Presence({ idleMs: 15 * MINUTE, breakMs: 50 * MINUTE, now: 0, ...options });

test("a page nobody uses is idle after its time, and not before", () => {
  const presence = at();
  assert.equal(presence.isIdle(15 * MINUTE - 1), false);
  assert.equal(presence.isIdle(15 * MINUTE), true);
  presence.touch(14 * MINUTE);
  assert.equal(presence.isIdle(28 * MINUTE), false);
});

test("a break is proposed after a stretch without a pause", () => {
  const presence = at();
  for (let minute = 1; minute < 50; minute += 1) presence.touch(minute * MINUTE);
  assert.equal(presence.wantsBreak(50 * MINUTE - 1), false);
  assert.equal(presence.wantsBreak(50 * MINUTE), true);
  assert.equal(presence.minutes(50 * MINUTE), 50);
});

test("a pause of five minutes begins a new stretch", () => {
  const presence = at();
  presence.touch(30 * MINUTE - 1);
  presence.touch(36 * MINUTE);
  assert.equal(presence.wantsBreak(60 * MINUTE), false);
  assert.equal(presence.wantsBreak(86 * MINUTE), true);
});

test("zero switches either off", () => {
  const presence = at({ idleMs: 0, breakMs: 0 });
  assert.equal(presence.isIdle(1e12), false);
  assert.equal(presence.wantsBreak(1e12), false);
});
