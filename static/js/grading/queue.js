// The save queue: every change is kept on this device first, then sent, then forgotten here.
//
// Changes leave in the order they were made, in one request at a time; the same change sent twice
// counts once, because the server knows its key.

export const KINDS = ["unsaved", "conflict", "waiting", "saving", "saved"];

/** The least hopeful of several states: what the badge says. */
export function worst(kinds) {
  return KINDS.find((kind) => kinds.includes(kind)) ?? "saved";
}

const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const BATCH = 100;

export class SaveQueue {
  /**
   * @param {object} options
   * @param {(saves: object[]) => Promise<{status: number, body: object}>} options.send rejects when there is no connection
   * @param {object|undefined} options.vault a `Vault`; undefined where the browser has none
   * @param {(result: object) => void} options.settled called once per save with the server's result
   * @param {() => void} options.changed called whenever the badge may change
   */
  constructor({ send, vault, settled, changed, clock = (f, ms) => setTimeout(f, ms) }) {
    Object.assign(this, { send, vault, settled, changed, clock });
    this.waiting = [];
    this.unkept = new Set();
    this.offline = false;
    // Signed out, or another person's session: the answers stay here until the right one is back.
    this.refused = false;
    // Why the server takes no answers of this read any more.
    this.closed = "";
    this.tries = 0;
    this.order = Date.now();
    this.idle = Promise.resolve();
  }

  /** Add a change (it has its `key`). It counts as unsaved until either this device or the server has it. */
  add(save) {
    this.waiting.push(save);
    this.unkept.add(save.key);
    this.changed();
    this.#keep(save);
    this.flush();
  }

  /** Take over what an earlier visit left on this device; changes of this visit come after it. */
  async recover() {
    if (!this.vault) return [];
    const here = new Set(this.waiting.map((save) => save.key));
    const found = (await this.vault.all()).filter((save) => !here.has(save.key) && !this.waiting.some((other) => other.key === save.key));
    this.waiting.unshift(...found);
    this.changed();
    if (found.length) this.flush();
    return found;
  }

  #keep(save) {
    const kept = this.vault ? this.vault.put((this.order += 1), save) : Promise.reject(new Error("no storage"));
    kept.then(
      () => {
        this.unkept.delete(save.key);
        // Acknowledged while it was being written: take it out again.
        if (!this.waiting.includes(save)) this.vault.remove(save.key).catch(() => {});
        this.changed();
      },
      () => this.changed(),
    );
  }

  /** Send what waits, in order. Resolves when nothing waits any more, or when the server was not reached. */
  flush() {
    if (!this.busy && !this.closed && this.waiting.length) this.idle = this.#run();
    return this.idle;
  }

  async #run() {
    this.busy = true;
    try {
      while (this.waiting.length && !this.closed) if (!(await this.#sendBatch())) break;
    } finally {
      this.busy = false;
      this.changed();
    }
  }

  async #sendBatch() {
    try {
      const { status, body } = await this.send(this.waiting.slice(0, BATCH));
      if (status === 200 && Array.isArray(body.results)) {
        Object.assign(this, { offline: false, refused: false, tries: 0 });
        const before = this.waiting.length;
        for (const result of body.results) this.#settle(result);
        this.changed();
        // An answer that names none of them would be asked for ever.
        if (this.waiting.length < before) return true;
      }
      if (status === 409) {
        // Submitted elsewhere, or the study was closed: asking again changes nothing.
        this.closed = body.detail ?? "closed";
        return false;
      }
      this.refused = status === 403 || status === 401 || status === 404;
    } catch {
      this.refused = false;
    }
    this.offline = true;
    const pause = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
    this.tries += 1;
    this.clock(() => this.flush(), pause);
    return false;
  }

  #settle(result) {
    this.waiting = this.waiting.filter((save) => save.key !== result.key);
    this.unkept.delete(result.key);
    this.vault?.remove(result.key).catch(() => {});
    this.settled(result);
  }

  /** Whether a change of this cell is still on its way. */
  isWaiting(structure, finding) {
    return this.waiting.some((save) => save.structure === structure && save.finding === finding);
  }

  /** State of one cell: "saved", "saving", "waiting" (kept on this device) or "unsaved" (kept nowhere). */
  stateOf(structure, finding) {
    return this.#stateOf(this.waiting.filter((save) => save.structure === structure && save.finding === finding));
  }

  get state() {
    return this.#stateOf(this.waiting);
  }

  /** Whether leaving the page now would lose an answer: it is neither on this device nor on the server. */
  get atRisk() {
    return this.waiting.some((save) => this.unkept.has(save.key));
  }

  #stateOf(saves) {
    if (!saves.length) return "saved";
    // The server takes them no more: they will never be saved, wherever they lie.
    if (this.closed) return "unsaved";
    if (!this.offline) return "saving";
    return saves.some((save) => this.unkept.has(save.key)) ? "unsaved" : "waiting";
  }
}
