// What a viewport waits for comes first, and until the first image stands it comes alone.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoadQueue } from "../../static/js/viewer/stacks.js";

/** A stack that notes what is asked of it and answers when told. */
function stackOf(n) {
  const stack = { imageIds: Array.from({ length: n }, (_, i) => `${i}`), states: Array(n).fill("waiting"), attempts: [], asked: [] };
  stack.load = (index) => {
    stack.asked.push(index);
    stack.states[index] = "loading";
    return new Promise((resolve) => {
      stack.answer = () => {
        stack.states[index] = "loaded";
        resolve({});
      };
    });
  };
  return stack;
}

test("the images around the first one wait until it stands", async () => {
  const stack = stackOf(9);
  const queue = new LoadQueue({ parallel: 3 });
  queue.arrange([{ stack, at: 4, shown: true }]);
  const first = queue.now(stack, 4);
  assert.deepEqual(stack.asked, [4]);
  stack.answer();
  await first;
  await new Promise(setImmediate);
  assert.deepEqual(stack.asked, [4]);
  queue.begin();
  assert.deepEqual(stack.asked, [4, 5, 3, 6]);
});

test("of two wishes of one stack the newer is urgent", () => {
  const stack = stackOf(9);
  const queue = new LoadQueue({ parallel: 1 });
  queue.begin();
  queue.arrange([{ stack, at: 0, shown: true }]);
  queue.now(stack, 7);
  queue.now(stack, 8);
  stack.answer();
  assert.deepEqual(queue.urgent.map(({ index }) => index), [8]);
});
