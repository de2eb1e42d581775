// Keys of the grading side, by their place on the keyboard (KeyboardEvent.code). Pure.

import DEFAULTS from "../keymap.json" with { type: "json" };
import { capOf } from "../viewer/keymap.js";

const DIGIT = /^(?:Digit|Numpad)(\d)$/;

// What cannot be changed: without these one could get lost.
const FIXED = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  Backspace: "clear",
  Enter: "enter",
  NumpadEnter: "enter",
  Escape: "escape",
};

let chosen = DEFAULTS.panel;
let plain = lookupOf(chosen);

function lookupOf(keys) {
  const own = Object.entries(keys).flatMap(([action, codes]) => (codes ?? []).map((code) => [code, action]));
  return { ...Object.fromEntries(own), ...FIXED };
}

/** Take a person's own keys: action -> list of codes; what they name no code for is switched off. */
export function usePanelKeys(own = {}) {
  chosen = { ...DEFAULTS.panel, ...own };
  plain = lookupOf(chosen);
}

/** What to print on the cap of an action; "–" where it is switched off. */
export function capOfAction(action) {
  const [code] = chosen[action] ?? [];
  return code ? capOf(code) : "–";
}

/**
 * What a key event asks for.
 *
 * @returns {{action: string, digit?: number}|undefined}
 */
export function actionOf(event) {
  const control = event.ctrlKey || event.metaKey;
  if (event.altKey || event.isComposing) return undefined;
  if (control) {
    if (event.code === "Enter" || event.code === "NumpadEnter") return { action: "submit" };
    if (event.code === "KeyZ" && !event.shiftKey) return { action: "undo" };
    return undefined;
  }
  if (event.code === "Tab") return { action: event.shiftKey ? "previous-structure" : "next-structure" };
  // The question mark is a letter, not a place: it moves from layout to layout.
  if (event.key === "?") return { action: "help" };
  const digit = DIGIT.exec(event.code ?? "");
  if (digit && !event.shiftKey) return { action: "digit", digit: Number(digit[1]) };
  // AZERTY types digits with Shift from the same places; French readers type them without.
  if (digit && event.code.startsWith("Digit") && /^\d$/.test(event.key ?? "")) return { action: "digit", digit: Number(digit[1]) };
  if (event.shiftKey) return undefined;
  const action = plain[event.code];
  return action ? { action } : undefined;
}

/** Whether a key belongs to a field or to the images rather than to the panel. */
export function belongsElsewhere(event) {
  const target = event.target;
  if (!(target instanceof Element)) return false;
  if (target.closest("dialog[open], rs-viewer, .person")) return true;
  // From the text of a question, too, the case can be submitted.
  if (target.closest(".case-questions") && (event.ctrlKey || event.metaKey) && event.code.endsWith("Enter")) return false;
  // The list of questions has digits and arrows of its own; what goes with Ctrl is the panel's.
  if (target.closest(".case-questions") && !event.ctrlKey && !event.metaKey) return true;
  return Boolean(target.closest("input, textarea, select, [contenteditable]"));
}
