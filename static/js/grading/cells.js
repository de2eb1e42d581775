// The cells of one read and what was done to them. Pure: no DOM, no network.

const EMPTY = Object.freeze({ kind: null, change: "" });
const ANSWER_FIELDS = ["kind", "grade", "value", "reason", "flag", "note", "confidence", "text", "mark"];
const same = (a, b) => a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b));

/** Whether two cells say the same answer. */
export function sameAnswer(a, b) {
  return ANSWER_FIELDS.every((name) => same(a?.[name] ?? null, b?.[name] ?? null) || (!a?.[name] && !b?.[name] && name !== "grade" && name !== "value" && name !== "confidence"));
}

/**
 * Cells by item key, each {kind, grade, value, reason, flag, note, change}; a question about the whole
 * case has a key without a structure and {kind: "text", text, change}; a mark has the structure "@", its id as
 * finding, and {kind: "mark", mark, confidence, change}.
 *
 * `change` is the key of the change that made the cell. A save is sent with its own key and with the
 * one that it was made on (`base`), so that the server can tell a save made on another state. Counting
 * changes would not do: after a conflict, counts of two windows can meet again by chance.
 */
export class Cells {
  constructor(cells = {}, { uuid = () => crypto.randomUUID() } = {}) {
    this.uuid = uuid;
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
    return [...this.cells].filter(([key, cell]) => cell.kind && !/^@?\|/.test(key)).length;
  }

  /**
   * Change cells as one step that `undo` takes back.
   *
   * @param {Array<[string, object|null]>} changes [key, answer or null to clear]
   * @returns {Array<object>} one save per cell that really changed: {key, structure, finding, base, ...answer}
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
      saves.push(this.#put(key, after, before.change));
    }
    return saves;
  }

  /** Put an answer into a cell as a new change; returns its save. */
  #put(key, answer, base) {
    const [structure, finding] = key.split("|");
    const { change: _, ...fields } = answer;
    const change = this.uuid();
    this.cells.set(key, { ...fields, change });
    return fields.kind ? { key: change, structure, finding, base, ...fields } : { key: change, structure, finding, base, clear: true };
  }

  /** Take the server's state of a cell over. */
  adopt(key, cell) {
    this.cells.set(key, { ...(cell ?? EMPTY) });
  }

  /** Whether the server's state of a cell is not the one shown here. */
  differs(key, cell) {
    const mine = this.get(key);
    if (mine.change === (cell?.change ?? "")) return false;
    if (sameAnswer(mine, cell)) {
      this.adopt(key, cell);
      return false;
    }
    return true;
  }

  /** Take over a save that waited on this device, on top of what the server gave. */
  restore(save) {
    const key = `${save.structure}|${save.finding}`;
    const { structure, finding, base, key: change, clear, aid_ms: _, ...answer } = save;
    this.cells.set(key, clear ? { kind: null, change } : { ...answer, change });
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
      this.adopt(key, theirs);
      return undefined;
    }
    return this.#put(key, mine, theirs.change);
  }
}
