// Undo and redo over immutable states. Pure.

export class History {
  /** @param {T} state @template T */
  constructor(state, limit = 100) {
    this.past = [];
    this.present = state;
    this.future = [];
    this.limit = limit;
  }

  /** Take a new state; what was undone is forgotten. */
  push(state) {
    if (state === this.present) return;
    this.past = [...this.past.slice(1 - this.limit), this.present];
    this.present = state;
    this.future = [];
  }

  /** @returns {boolean} false when there is nothing to undo. */
  undo() {
    if (!this.past.length) return false;
    this.future.push(this.present);
    this.present = this.past.pop();
    return true;
  }

  redo() {
    if (!this.future.length) return false;
    this.past.push(this.present);
    this.present = this.future.pop();
    return true;
  }
}
