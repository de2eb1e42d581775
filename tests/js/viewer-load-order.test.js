import assert from "node:assert/strict";
import { test } from "node:test";
import { nearestWaiting } from "../../static/js/viewer/load-order.js";

test("images come outwards from the one that is looked at", () => {
  const states = ["waiting", "waiting", "loaded", "waiting", "waiting"];
  assert.equal(nearestWaiting(states, 2), 3);
  assert.equal(nearestWaiting(["loaded", "failed"], 0), -1);
});

test("an image that failed does not keep the others from coming", () => {
  const states = ["waiting", "waiting", "waiting", "waiting"];
  assert.equal(nearestWaiting(states, 1, [0, 1, 0, 0]), 2);
  assert.equal(nearestWaiting(["loaded", "waiting", "loaded", "waiting"], 1, [1, 2, 1, 1]), 3);
  assert.equal(nearestWaiting(["loaded", "waiting", "loaded", "loaded"], 1, [1, 2, 1, 1]), 1);
});
