import assert from "node:assert/strict";
import { test } from "node:test";

import { readValue } from "../../static/js/grading/value-entry.js";

const finding = { minimum: -20, maximum: 60, unit: "°", label: "Cobb angle" };

test("a value is read with a comma, a point, and a minus of either kind", () => {
  assert.deepEqual(readValue(" 12,5 ", finding), { value: 12.5 });
  assert.deepEqual(readValue("12.", finding), { value: 12 });
  assert.deepEqual(readValue("\u22124.5", finding), { value: -4.5 });
  assert.deepEqual(readValue(".5", finding), { value: 0.5 });
});

test("what is no number, or outside the range, is a problem and no value", () => {
  for (const text of ["", "twelve", "1e1", "12 5", "0x10", "--3"]) assert.match(readValue(text, finding).problem, /number/);
  for (const text of ["60.1", "-20.1"]) assert.match(readValue(text, finding).problem, /60/);
  assert.deepEqual(readValue("60", finding), { value: 60 });
});
