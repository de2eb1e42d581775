// Keys of the image side. Pure. Keys are named by their place on the keyboard (KeyboardEvent.code), so
// that input methods and other layouts do not matter; "Shift+", "Ctrl+" and "Alt+" stand before the code.

export const DEFAULT_KEYMAP = {
  "previous-image": ["ArrowUp"],
  "next-image": ["ArrowDown"],
  "first-image": ["Home"],
  "last-image": ["End"],
  "previous-series": ["PageUp"],
  "next-series": ["PageDown"],
  "previous-viewport": ["ArrowLeft"],
  "next-viewport": ["ArrowRight"],
  "preset-1": ["Digit1", "Numpad1"],
  "preset-2": ["Digit2", "Numpad2"],
  "preset-3": ["Digit3", "Numpad3"],
  "preset-4": ["Digit4", "Numpad4"],
  "preset-5": ["Digit5", "Numpad5"],
  "zoom-in": ["Shift+Equal", "NumpadAdd"],
  "zoom-out": ["Minus", "NumpadSubtract"],
  reset: ["Shift+Space"],
  fit: ["Equal", "NumpadEqual"],
  invert: ["KeyI"],
  "rotate-right": ["KeyR"],
  "rotate-left": ["KeyL"],
  "flip-across": ["KeyH"],
  "flip-down": ["Shift+KeyH"],
  cine: ["KeyC"],
  "own-view": ["Space"],
  "next-hanging": ["KeyG"],
  mpr: ["KeyM"],
  maximise: ["KeyZ"],
  "tool-window": ["KeyW"],
  "tool-pan": ["KeyP"],
  "tool-zoom": ["KeyO"],
  "tool-length": ["KeyD"],
  "tool-angle": ["KeyA"],
  "tool-cobb": ["KeyB"],
  "tool-roi": ["KeyE"],
  "tool-crosshair": ["KeyX"],
  undo: ["Ctrl+KeyZ"],
  redo: ["Ctrl+Shift+KeyZ", "Ctrl+KeyY"],
  "delete-mark": ["Backspace", "Delete"],
  "finish-mark": ["Enter"],
  deeper: ["Shift+ArrowDown"],
  shallower: ["Shift+ArrowUp"],
  "retry-image": ["KeyT"],
  "to-panel": ["Escape"],
};

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

/** Word for a chord on a key cap. */
export function capOf(chord) {
  return chord
    .replace(/\b(Key|Digit)(?=[A-Z0-9]$)/, "")
    .replace("ArrowUp", "↑")
    .replace("ArrowDown", "↓")
    .replace("ArrowLeft", "←")
    .replace("ArrowRight", "→")
    .replace("Equal", "=")
    .replace("Minus", "−")
    .replaceAll("+", " ");
}
