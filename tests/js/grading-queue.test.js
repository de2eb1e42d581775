// The save queue: nothing lost, nothing sent out of order, and a badge that says what is true.

import assert from "node:assert/strict";
import { test } from "node:test";

import { SaveQueue, worst } from "../../static/js/grading/queue.js";

/** A server that keeps what it was sent, and can be away. */
class Server {
  constructor() {
    this.kept = new Map();
    this.requests = [];
    this.mood = "up";
  }

  async send(saves) {
    this.requests.push(saves.map((save) => save.key));
    if (this.mood === "away") throw new TypeError("no connection");
    if (typeof this.mood === "number") return { status: this.mood, body: { detail: "said no" } };
    for (const save of saves) if (!this.kept.has(save.key)) this.kept.set(save.key, save);
    if (this.mood === "answer lost") throw new TypeError("cut off");
    return { status: 200, body: { results: saves.map((save) => ({ key: save.key, status: "saved", structure: save.structure, finding: save.finding })) } };
  }
}

/** This device: keeps entries until they are removed; can refuse. */
class Device {
  constructor() {
    this.rows = new Map();
    this.works = true;
  }

  async put(order, save) {
    if (!this.works) throw new Error("quota");
    this.rows.set(save.key, { order, save });
  }

  async remove(key) {
    this.rows.delete(key);
  }

  async all() {
    return [...this.rows.values()].sort((a, b) => a.order - b.order).map((row) => row.save);
  }
}

function desk({ vault = new Device(), server = new Server() } = {}) {
  const pauses = [];
  const settled = [];
  const queue = new SaveQueue({
    send: (saves) => server.send(saves),
    vault,
    settled: (result) => settled.push(result.key),
    changed: () => {},
    clock: (act, ms) => pauses.push({ act, ms }),
  });
  return { queue, server, vault, pauses, settled };
}

let n = 0;
const save = (finding = "cyst") => ({ key: `k${(n += 1)}`, structure: "L4-5-right", finding, base: "", kind: "grade", grade: 1 });
// Everything that is under way without a timer.
const calm = () => new Promise((resolve) => setImmediate(resolve));

test("a change is kept here, sent, acknowledged and forgotten here", async () => {
  const { queue, server, vault, settled } = desk();
  const one = save();
  queue.add(one);
  assert.equal(queue.state, "saving");
  await calm();
  assert.equal(queue.state, "saved");
  assert.deepEqual([[...server.kept.keys()], settled, vault.rows.size], [[one.key], [one.key], 0]);
});

test("changes leave in the order they were made, in one request at a time", async () => {
  const { queue, server } = desk();
  const all = Array.from({ length: 250 }, () => save());
  for (const each of all) queue.add(each);
  await queue.flush();
  assert.deepEqual(server.requests.flat(), all.map(({ key }) => key));
  assert.ok(Math.max(...server.requests.map((request) => request.length)) <= 100);
});

test("without a connection changes wait on this device and are tried again by themselves", async () => {
  const { queue, server, vault, pauses } = desk();
  server.mood = "away";
  queue.add(save());
  await calm();
  assert.equal(queue.state, "waiting");
  assert.equal(queue.atRisk, false);
  assert.equal(vault.rows.size, 1);
  server.mood = "up";
  pauses.at(-1).act();
  await calm();
  assert.equal(queue.state, "saved");
  assert.equal(vault.rows.size, 0);
});

test("pauses grow and end at the longest", async () => {
  const { queue, server, pauses } = desk();
  server.mood = "away";
  queue.add(save());
  for (let tries = 0; tries < 7; tries += 1) {
    await calm();
    pauses.at(-1).act();
  }
  await calm();
  assert.deepEqual(pauses.map(({ ms }) => ms).slice(0, 7), [500, 1000, 2000, 4000, 8000, 8000, 8000]);
});

test("an answer that was lost on the way back is not doubled", async () => {
  const { queue, server, pauses, settled } = desk();
  server.mood = "answer lost";
  const one = save();
  queue.add(one);
  await calm();
  assert.equal(queue.state, "waiting");
  server.mood = "up";
  pauses.at(-1).act();
  await calm();
  assert.deepEqual([server.kept.size, settled], [1, [one.key]]);
});

test("kept nowhere is said and guarded", async () => {
  const vault = new Device();
  vault.works = false;
  const { queue, server } = desk({ vault });
  server.mood = "away";
  queue.add(save());
  // Even before the connection is known to be gone, leaving would lose it.
  assert.equal(queue.atRisk, true);
  await calm();
  assert.equal(queue.state, "unsaved");
});

test("a browser without storage still saves", async () => {
  const { queue } = desk({ vault: null });
  queue.add(save());
  await calm();
  assert.deepEqual([queue.state, queue.atRisk], ["saved", false]);
});

for (const status of [401, 403, 404]) {
  test(`signed out (${status}): answers stay, and leave when the person is back`, async () => {
    const { queue, server, pauses } = desk();
    server.mood = status;
    queue.add(save());
    await calm();
    assert.deepEqual([queue.state, queue.refused], ["waiting", true]);
    server.mood = "up";
    pauses.at(-1).act();
    await calm();
    assert.deepEqual([queue.state, queue.refused], ["saved", false]);
    // A later failure of the network is not called a sign-out.
    server.mood = "away";
    queue.add(save());
    await calm();
    assert.deepEqual([queue.state, queue.refused], ["waiting", false]);
  });
}

test("a closed read: the late answer is said to be unsaved, and nothing is asked for ever", async () => {
  const { queue, server, pauses } = desk();
  server.mood = 409;
  queue.add(save());
  await calm();
  assert.equal(queue.closed, "said no");
  assert.equal(queue.state, "unsaved");
  queue.add(save());
  await calm();
  assert.deepEqual([server.requests.length, pauses.length], [1, 0]);
});

test("a server that is out of order is tried again", async () => {
  const { queue, server, pauses } = desk();
  server.mood = 500;
  queue.add(save());
  await calm();
  assert.deepEqual([queue.state, queue.refused, pauses.length], ["waiting", false, 1]);
});

test("an answer that names no save does not spin", async () => {
  const { queue, server, pauses } = desk();
  server.send = async (saves) => {
    server.requests.push(saves);
    return { status: 200, body: { results: [] } };
  };
  queue.add(save());
  await calm();
  assert.deepEqual([server.requests.length, pauses.length, queue.state], [1, 1, "waiting"]);
});

test("what an earlier visit left is sent before what this one added, once", async () => {
  const vault = new Device();
  const left = [save(), save()];
  await vault.put(1, left[0]);
  await vault.put(2, left[1]);
  const { queue, server } = desk({ vault });
  server.mood = "away";
  const now = save();
  queue.add(now);
  await calm();
  const found = await queue.recover();
  assert.deepEqual(found, left);
  assert.deepEqual(queue.waiting, [...left, now]);
  await calm();
  server.mood = "up";
  await queue.flush();
  assert.deepEqual(server.requests.at(-1), [...left, now].map(({ key }) => key));
  assert.equal(vault.rows.size, 0);
});

test("flush resolves when everything is there, whoever began it", async () => {
  const { queue, server } = desk();
  for (let k = 0; k < 5; k += 1) queue.add(save());
  await queue.flush();
  assert.equal(server.kept.size, 5);
  assert.equal(queue.waiting.length, 0);
});

test("the state of a cell is its own", async () => {
  const { queue, server } = desk();
  server.mood = "away";
  queue.add(save("cyst"));
  await calm();
  assert.equal(queue.stateOf("L4-5-right", "cyst"), "waiting");
  assert.equal(queue.stateOf("L4-5-right", "erosion"), "saved");
  assert.equal(queue.isWaiting("L4-5-right", "cyst"), true);
});

test("the badge says the least hopeful", () => {
  assert.equal(worst(["saved", "waiting", "conflict"]), "conflict");
  assert.equal(worst(["saving", "unsaved"]), "unsaved");
  assert.equal(worst([]), "saved");
});
