import assert from "node:assert/strict";
import test from "node:test";
import { capOf, chordOf, DEFAULT_KEYMAP, keymapOf } from "../../static/js/viewer/keymap.js";

test("keys go by place on the keyboard", () => {
  assert.equal(chordOf({ code: "KeyZ", ctrlKey: true, shiftKey: true, key: "ζ" }), "Ctrl+Shift+KeyZ");
  assert.equal(chordOf({ code: "KeyZ", metaKey: true }), "Ctrl+KeyZ");
});

test("no two actions share a key by default", () => {
  const chords = Object.values(DEFAULT_KEYMAP).flat();
  assert.equal(new Set(chords).size, chords.length);
});

test("a person's own key wins, null switches off", () => {
  const lookup = keymapOf({ invert: "KeyR", cine: null });
  assert.equal(lookup.get("KeyR"), "invert");
  assert.equal(lookup.get("KeyI"), undefined);
  assert.equal(lookup.get("KeyC"), undefined);
  assert.equal(lookup.get("ArrowDown"), "next-image");
});

test("caps show what stands on the key", () => {
  assert.equal(capOf("KeyI"), "I");
  assert.equal(capOf("Digit3"), "3");
  assert.equal(capOf("Ctrl+KeyZ"), "Ctrl Z");
  assert.equal(capOf("ArrowUp"), "↑");
  assert.equal(capOf("Numpad3"), "Num 3");
  assert.equal(capOf("Ctrl+NumpadAdd"), "Ctrl Num +");
  assert.equal(capOf("NumpadSubtract"), "Num −");
  assert.equal(capOf("PageUp"), "PgUp");
});
