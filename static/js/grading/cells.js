// The cells of one read and what was done to them. Pure: no DOM, no network.

const EMPTY = Object.freeze({ kind: null, sequence: 0 });
const ANSWER_FIELDS = ["kind", "grade", "value", "reason", "flag", "note", "confidence"];

/** Whether two cells say the same answer. */
export function sameAnswer(a, b) {
  return ANSWER_FIELDS.every((name) => (a?.[name] ?? null) === (b?.[name] ?? null) || (!a?.[name] && !b?.[name] && name !== "grade" && name !== "value"));
}

/**
 * Cells by item key, each {kind, grade, value, reason, flag, note, sequence}.
 *
 * `sequence` counts the changes of a cell. A change is sent with the sequence that it was made on
 * (`base`), so that the server can tell a change made on an older state.
 */
export class Cells {
  constructor(cells = {}) {
    this.cells = new Map(Object.entries(cells));
    this.undoStack = [];
    this.conflicts = new Map();
  }

  get(key) {
    return this.cells.get(key) ?? EMPTY;
  }

  isAnswered(key) {
    return Boolean(this.get(key).kind);
  }

  get answered() {
    return [...this.cells.values()].filter((cell) => cell.kind).length;
  }

  /**
   * Change cells as one step that `undo` takes back.
   *
   * @param {Array<[string, object|null]>} changes [key, answer or null to clear]
   * @returns {Array<object>} one save per cell that really changed: {structure, finding, base, ...answer}
   */
  change(changes) {
    const step = [];
    const saves = this.#apply(changes, step);
    if (step.length) this.undoStack.push(step);
    return saves;
  }

  /** Take the last step back; returns the saves, or an empty list when there is nothing to undo. */
  undo() {
    const step = this.undoStack.pop();
    return step ? { saves: this.#apply(step, []), keys: step.map(([key]) => key) } : { saves: [], keys: [] };
  }

  #apply(changes, step) {
    const saves = [];
    for (const [key, answer] of changes) {
      const before = this.get(key);
      const after = answer?.kind ? { ...answer } : { kind: null };
      if (sameAnswer(before, after)) continue;
      step.push([key, before.kind ? { ...before } : null]);
      this.cells.set(key, { ...after, sequence: before.sequence + 1 });
      saves.push(this.saveOf(key, before.sequence));
    }
    return saves;
  }

  /** The save that brings the server to the present state of a cell. */
  saveOf(key, base) {
    const [structure, finding] = key.split("|");
    const cell = this.get(key);
    if (!cell.kind) return { structure, finding, base, clear: true };
    const { sequence, ...answer } = cell;
    return { structure, finding, base, ...answer };
  }

  /** Take over a save that waited on this device, on top of what the server gave. */
  restore(save) {
    const key = `${save.structure}|${save.finding}`;
    const { structure, finding, base, key: _, clear, ...answer } = save;
    this.cells.set(key, clear ? { kind: null, sequence: base + 1 } : { ...answer, sequence: base + 1 });
  }

  /** Keep both versions of a cell until the reader has chosen. */
  noteConflict(key, theirs) {
    this.conflicts.set(key, { theirs, mine: { ...this.get(key) } });
  }

  /**
   * End a conflict.
   *
   * @returns {object|undefined} the save to send when the reader keeps their own version
   */
  resolve(key, keep) {
    const conflict = this.conflicts.get(key);
    if (!conflict) return undefined;
    this.conflicts.delete(key);
    const { theirs, mine } = conflict;
    if (keep === "theirs") {
      this.cells.set(key, { ...theirs });
      return undefined;
    }
    this.cells.set(key, { ...mine, sequence: theirs.sequence + 1 });
    return this.saveOf(key, theirs.sequence);
  }
}
