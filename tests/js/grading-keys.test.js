// Keys by place on the keyboard: any layout, any input method.

import assert from "node:assert/strict";
import { test } from "node:test";

import { actionOf } from "../../static/js/grading/keys.js";

const press = (code, more = {}) => actionOf({ code, key: "", ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...more });

test("digits of the row and of the keypad grade", () => {
  for (let digit = 0; digit <= 9; digit += 1) {
    assert.deepEqual(press(`Digit${digit}`, { key: String(digit) }), { action: "digit", digit });
    assert.deepEqual(press(`Numpad${digit}`, { key: String(digit) }), { action: "digit", digit });
  }
});

test("an AZERTY keyboard grades with and without Shift", () => {
  assert.deepEqual(press("Digit2", { key: "é" }), { action: "digit", digit: 2 });
  assert.deepEqual(press("Digit2", { key: "2", shiftKey: true }), { action: "digit", digit: 2 });
});

test("Shift and a digit of a QWERTY keyboard are a reason, not a grade", () => {
  assert.equal(press("Digit2", { key: "@", shiftKey: true }), undefined);
});

test("letters act by place, whatever the layout types", () => {
  assert.deepEqual(press("KeyN", { key: "т" }), { action: "normal" });
  assert.deepEqual(press("KeyX", { key: "≈" }), { action: "typed" });
  assert.deepEqual(press("KeyA", { key: "q" }), { action: "keep-A" });
});

test("an input method that is composing keeps its keys", () => {
  assert.equal(press("KeyN", { isComposing: true }), undefined);
  assert.equal(press("Digit1", { key: "1", isComposing: true }), undefined);
});

test("keys of the browser stay the browser's", () => {
  for (const code of ["KeyN", "KeyF", "KeyC", "KeyR", "Digit1"]) assert.equal(press(code, { ctrlKey: true }), undefined);
  for (const code of ["ArrowLeft", "KeyN", "Digit1"]) assert.equal(press(code, { altKey: true }), undefined);
  assert.equal(press("KeyZ", { ctrlKey: true, shiftKey: true }), undefined);
});

test("submit, undo, structures and help", () => {
  assert.deepEqual(press("Enter", { ctrlKey: true }), { action: "submit" });
  assert.deepEqual(press("NumpadEnter", { metaKey: true }), { action: "submit" });
  assert.deepEqual(press("KeyZ", { ctrlKey: true }), { action: "undo" });
  assert.deepEqual(press("Tab"), { action: "next-structure" });
  assert.deepEqual(press("Tab", { shiftKey: true }), { action: "previous-structure" });
  assert.deepEqual(press("Slash", { key: "?", shiftKey: true }), { action: "help" });
  assert.deepEqual(press("Minus", { key: "?", shiftKey: true }), { action: "help" });
});

test("a key without a meaning has none", () => {
  assert.equal(press("KeyW"), undefined);
  assert.equal(press("F5"), undefined);
  assert.equal(actionOf({ key: "Unidentified" }), undefined);
});
