import assert from "node:assert/strict";
import { test } from "node:test";
import { actionOf, capOfAction, usePanelKeys } from "../../static/js/grading/keys.js";
import { clashOf } from "../../static/js/keys/clash.js";

test("a key that another action holds is a clash, one's own or a freed one is not", () => {
  const defaults = { invert: ["KeyI"], cine: ["KeyC"], fit: ["Equal", "NumpadEqual"] };
  assert.deepEqual(clashOf(defaults, {}, "invert", ["KeyC"]), { action: "cine", chord: "KeyC" });
  assert.deepEqual(clashOf(defaults, {}, "invert", ["NumpadEqual"]), { action: "fit", chord: "NumpadEqual" });
  assert.equal(clashOf(defaults, {}, "invert", ["KeyI"]), undefined);
  assert.equal(clashOf(defaults, { cine: [] }, "invert", ["KeyC"]), undefined);
  assert.deepEqual(clashOf(defaults, { cine: ["KeyJ"] }, "invert", ["KeyJ"]), { action: "cine", chord: "KeyJ" });
});

test("the panel takes a person's own keys", () => {
  const press = (code) => actionOf({ code, key: "" })?.action;
  usePanelKeys({ flag: ["KeyJ"], note: [] });
  assert.equal(press("KeyJ"), "flag");
  assert.equal(press("KeyF"), undefined);
  assert.equal(press("KeyC"), undefined);
  assert.equal(press("ArrowUp"), "up");
  assert.equal(capOfAction("flag"), "J");
  assert.equal(capOfAction("note"), "–");
  usePanelKeys();
  assert.equal(press("KeyF"), "flag");
  assert.equal(capOfAction("slice-back"), "[");
});
