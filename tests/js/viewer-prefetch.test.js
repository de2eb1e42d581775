import assert from "node:assert/strict";
import test from "node:test";
import { fromTheMiddle } from "../../static/js/viewer/prefetch.js";

test("the next case comes from the middle of each series outwards, series in turn", () => {
  const order = fromTheMiddle([
    { address: "a", frames: ["1", "2", "3", "4", "5"] },
    { address: "b", frames: ["1", "2"] },
  ]).map(({ address, path }) => address + path);
  assert.equal(order.length, 7);
  assert.equal(order[0], "a3");
  assert.ok(order[1].startsWith("b"));
  assert.deepEqual(order.slice(-2).sort(), ["a1", "a5"]);
  assert.deepEqual(fromTheMiddle([]), []);
});
