import assert from "node:assert/strict";
import { test } from "node:test";
import { fingerprintOf, inParallel, namedApart, sizeOf } from "../../static/js/office/upload.js";

const file = (name, size = 10, lastModified = 1) => ({ name, file: { size, lastModified } });

test("the same files are known again in any order, and others of the same names are not", () => {
  const files = [file("0001.dcm"), file("0002.dcm")];
  const known = fingerprintOf(files);
  assert.match(known, /^[0-9a-f]{16}$/);
  assert.equal(fingerprintOf([...files].reverse()), known);
  const others = [
    [file("0001.dcm")],
    [file("0001.dcm"), file("0002.dcm", 11)],
    [file("0001.dcm"), file("0002.dcm", 10, 2)],
    [file("0001.dcm"), file("0003.dcm")],
    [...files, file("0003.dcm")],
  ];
  assert.equal(new Set([known, ...others.map(fingerprintOf)]).size, others.length + 1);
});

test("files of one name are all sent", () => {
  const files = ["a", "b", "a", "a (2)", "a"].map((name) => file(name));
  const named = namedApart(files);
  assert.deepEqual(named.map(({ name }) => name), ["a", "b", "a (3)", "a (2)", "a (4)"]);
  assert.ok(named.every((each, i) => each.file === files[i].file));
});

test("work goes on past failures, a few at once, and says what failed", async () => {
  let [now, most] = [0, 0];
  const failed = await inParallel([1, 2, 3, 4, 5], async (item) => {
    now += 1;
    most = Math.max(most, now);
    await new Promise((done) => { setTimeout(done, 1); });
    now -= 1;
    if (item % 2 === 0) throw new Error(`no ${item}`);
  }, 2);
  assert.deepEqual(failed, [{ item: 2, reason: "no 2" }, { item: 4, reason: "no 4" }]);
  assert.equal(most, 2);
});

test("sizes in words", () => {
  assert.deepEqual([1, 512_000, 1_400_000, 2_500_000_000].map(sizeOf), ["1 kB", "512 kB", "1.4 MB", "2.50 GB"]);
});
