// Keys of the image side. Pure. Keys are named by their place on the keyboard (KeyboardEvent.code), so
// that input methods and other layouts do not matter; "Shift+", "Ctrl+" and "Alt+" stand before the code.
// The defaults are a file of their own because the server checks a person's changes against them.

import DEFAULTS from "../keymap.json" with { type: "json" };

export const DEFAULT_KEYMAP = DEFAULTS.viewer;

/** Chord of a keyboard event, e.g. "Ctrl+Shift+KeyZ". */
export function chordOf(event) {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("Ctrl");
  if (event.altKey) parts.push("Alt");
  if (event.shiftKey) parts.push("Shift");
  return [...parts, event.code].join("+");
}

/**
 * Lookup from chord to action.
 *
 * @param {object} own A person's changes: action -> chord, list of chords, or null (switched off).
 * @returns {Map<string, string>}
 */
export function keymapOf(own = {}) {
  const lookup = new Map();
  const entries = { ...DEFAULT_KEYMAP, ...own };
  const changed = new Set(Object.keys(own));
  // A person's own choice wins over a default that stands on the same key.
  for (const mine of [false, true]) {
    for (const [action, chords] of Object.entries(entries)) {
      if (changed.has(action) !== mine || !chords) continue;
      for (const chord of [chords].flat()) lookup.set(chord, action);
    }
  }
  return lookup;
}

const SIGNS = { Semicolon: ";", Quote: "'", Backquote: "`", Comma: ",", Period: ".", Slash: "/", Backslash: "\\" };

/** Word for a chord on a key cap. */
export function capOf(chord) {
  return chord
    .replace("NumpadAdd", "Num Plus")
    .replace("NumpadSubtract", "Num Minus")
    .replace(/Numpad(?=.)/, "Num ")
    .replace("PageUp", "PgUp")
    .replace("PageDown", "PgDn")
    .replace(/\b(Key|Digit)(?=[A-Z0-9]$)/, "")
    .replace("ArrowUp", "↑")
    .replace("ArrowDown", "↓")
    .replace("ArrowLeft", "←")
    .replace("ArrowRight", "→")
    .replace("Equal", "=")
    .replace("Minus", "−")
    .replace(/[A-Z][a-z]+$/, (word) => SIGNS[word] ?? word)
    .replace("BracketLeft", "[")
    .replace("BracketRight", "]")
    .replaceAll("+", " ")
    .replace("Plus", "+");
}
