import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import test from "node:test";
import { ask, holdRequests, holdWithThePage, releaseRequests } from "../../static/js/viewer/requests.js";

/** A server that hands every request to the test. */
async function served(t) {
  const asked = [];
  const waiting = [];
  const server = createServer((request, response) => {
    const one = { request, response, closed: once(response, "close") };
    if (waiting.length) waiting.shift()(one);
    else asked.push(one);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    releaseRequests();
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${server.address().port}/image`,
    next: () => (asked.length ? Promise.resolve(asked.shift()) : new Promise((resolve) => waiting.push(resolve))),
    get unseen() {
      return asked.length;
    },
  };
}

const text = (response) => response.text();
const how = { accept: "*/*" };

test("a held request is given up, and asked for again once the page stays", async (t) => {
  const { url, next } = await served(t);
  const answer = ask(url, how, text);
  const first = await next();
  holdRequests();
  await first.closed;
  releaseRequests();
  (await next()).response.end("here");
  assert.equal(await answer, "here");
});

test("nothing is asked for while requests are held", async (t) => {
  const site = await served(t);
  holdRequests();
  const late = ask(site.url, how, text);
  // Another way to the same server, not held: when it is answered, the held one would have arrived.
  const other = fetch(site.url).then(text);
  (await site.next()).response.end("other");
  assert.equal(await other, "other");
  assert.equal(site.unseen, 0);
  releaseRequests();
  (await site.next()).response.end("late");
  assert.equal(await late, "late");
});

test("an answer that says no while its request is being given up does not count", async (t) => {
  const { url, next } = await served(t);
  let began;
  const cutOff = new Promise((resolve) => {
    began = resolve;
  });
  let times = 0;
  const answer = ask(url, how, async (response) => {
    times += 1;
    if (times > 1) return response.text();
    holdRequests();
    began();
    throw new Error("cut off");
  });
  (await next()).response.end("first");
  await cutOff;
  releaseRequests();
  (await next()).response.end("second");
  assert.equal(await answer, "second");
});

test("a person who asks anew is not kept by the hold", async (t) => {
  const { url } = await served(t);
  const controller = new AbortController();
  holdRequests();
  const answer = ask(url, { ...how, signal: controller.signal }, text);
  controller.abort();
  await assert.rejects(answer, { reason: "slow" });
});

test("what an answer means is said by its status, and silence has an end", async (t) => {
  const { url, next } = await served(t);
  for (const [status, reason] of [[403, "refused"], [404, "gone"], [500, "server"]]) {
    const answer = ask(url, how, text);
    const { response } = await next();
    response.statusCode = status;
    response.end();
    await assert.rejects(answer, { reason });
  }
  await assert.rejects(ask(url, { ...how, quietMs: 50 }, text), { reason: "slow" });
  (await next()).response.end("[1");
  await assert.rejects(ask("http://127.0.0.1:1/", how, text), { reason: "connection" });
  const json = ask(url, how, (response) => response.json());
  (await next()).response.end("[1");
  await assert.rejects(json, { reason: "damaged" });
});

test("the page's own events hold and release", async (t) => {
  const { url, next } = await served(t);
  const [page, view] = [new EventTarget(), new EventTarget()];
  holdWithThePage(page, view);
  for (const [ends, stays] of [
    [() => page.dispatchEvent(new Event("rs:case-ends")), () => page.dispatchEvent(new Event("rs:case-stays"))],
    [
      () => view.dispatchEvent(new Event("beforeunload")),
      () => view.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true })),
    ],
  ]) {
    const answer = ask(url, how, text);
    const first = await next();
    ends();
    await first.closed;
    stays();
    (await next()).response.end("again");
    assert.equal(await answer, "again");
  }
});

test("a page that was not left after all goes on by itself", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { url, next } = await served(t);
  const [page, view] = [new EventTarget(), new EventTarget()];
  holdWithThePage(page, view);
  view.dispatchEvent(new Event("beforeunload"));
  const answer = ask(url, how, text);
  t.mock.timers.tick(1);
  t.mock.timers.tick(20000);
  (await next()).response.end("here");
  assert.equal(await answer, "here");
});
