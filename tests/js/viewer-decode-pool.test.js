import assert from "node:assert/strict";
import { test } from "node:test";
import { DecodePool } from "../../static/js/viewer/decode-pool.js";

/** Workers whose behaviour per image is given: the browser's side of the conversation. */
function workers(behaviour) {
  const made = [];
  const start = () => {
    const worker = {
      number: made.length,
      ended: false,
      postMessage({ job, task }) {
        const answer = behaviour(worker.number, task);
        if (answer === "dies") setTimeout(() => worker.onerror({ message: "dead" }));
        else if (answer !== "hangs") setTimeout(() => worker.onmessage({ data: { job, ...answer } }));
      },
      terminate() {
        worker.ended = true;
      },
    };
    made.push(worker);
    setTimeout(() => worker.onmessage?.({ data: { ready: true } }));
    return worker;
  };
  return { made, start };
}

const good = (task) => ({ frame: `image of ${task}` });

test("images are decoded one after the other, each by a free worker", async () => {
  const { made, start } = workers((_, task) => good(task));
  const pool = new DecodePool(start, 2);
  const frames = await Promise.all([1, 2, 3, 4].map((task) => pool.decode(task, [], 1000)));
  assert.deepEqual(frames, ["image of 1", "image of 2", "image of 3", "image of 4"]);
  assert.equal(made.length, 2);
});

for (const [name, answer, reason] of [
  ["hangs", "hangs", /did not end/],
  ["dies", "dies", /dead/],
  ["is poisoned", { error: "out of bounds", fatal: true }, /out of bounds/],
]) {
  test(`a worker that ${name} loses its image only, and is replaced`, async () => {
    const { made, start } = workers((number, task) => (number === 0 ? answer : good(task)));
    const pool = new DecodePool(start, 1);
    const first = pool.decode(1, [], 40);
    const second = pool.decode(2, [], 40);
    await assert.rejects(first, (error) => error.reason === "damaged" && reason.test(error.message));
    assert.equal(await second, "image of 2");
    assert.equal(made.length, 2);
    assert.ok(made[0].ended);
  });
}

test("a damaged image does not cost its worker", async () => {
  const { made, start } = workers((_, task) => (task === 1 ? { error: "no image" } : good(task)));
  const pool = new DecodePool(start, 1);
  await assert.rejects(pool.decode(1, [], 1000), { reason: "damaged", message: "no image" });
  assert.equal(await pool.decode(2, [], 1000), "image of 2");
  assert.equal(made.length, 1);
});

test("a late word of a worker that was ended is not taken for its successor's", async () => {
  const { made, start } = workers((number, task) => (number === 0 ? "hangs" : good(task)));
  const pool = new DecodePool(start, 1);
  await assert.rejects(pool.decode(1, [], 20));
  made[0].onmessage({ data: { job: 2, frame: "wrong image" } });
  const second = pool.decode(2, [], 1000);
  made[0].onmessage({ data: { job: 2, frame: "wrong image" } });
  assert.equal(await second, "image of 2");
});
