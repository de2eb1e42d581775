// Keys of the grading side, by their place on the keyboard (KeyboardEvent.code). Pure.

const DIGIT = /^(?:Digit|Numpad)(\d)$/;

const PLAIN = {
  KeyN: "normal",
  KeyX: "typed",
  KeyF: "flag",
  KeyC: "note",
  KeyV: "to-images",
  KeyQ: "questions",
  KeyM: "measure",
  KeyL: "marks",
  KeyA: "keep-A",
  KeyB: "keep-B",
  KeyS: "later",
  KeyD: "next-adjudicated",
  KeyO: "overrule",
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
  Backspace: "clear",
  Enter: "enter",
  NumpadEnter: "enter",
  Escape: "escape",
  BracketLeft: "slice-back",
  BracketRight: "slice-on",
};

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
  const action = PLAIN[event.code];
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
