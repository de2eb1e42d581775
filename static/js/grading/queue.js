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

export class SaveQueue {
  /**
   * @param {object} options
   * @param {(saves: object[]) => Promise<{status: number, body: object}>} options.send rejects when there is no connection
   * @param {object|undefined} options.vault a `Vault`; undefined where the browser has none
   * @param {(result: object) => void} options.settled called once per save with the server's result
   * @param {() => void} options.changed called whenever the badge may change
   */
  constructor({ send, vault, settled, changed, clock = (f, ms) => setTimeout(f, ms), uuid = () => crypto.randomUUID() }) {
    Object.assign(this, { send, vault, settled, changed, clock, uuid });
    this.waiting = [];
    this.unkept = new Set();
    this.offline = false;
    this.closed = "";
    this.tries = 0;
    this.order = Date.now();
  }

  /** Add a change. It counts as unsaved until either this device or the server has it. */
  async add(save) {
    const entry = { key: this.uuid(), ...save };
    this.waiting.push(entry);
    this.changed();
    this.#keep(entry);
    this.flush();
    return entry.key;
  }

  /** Take over what an earlier visit left on this device. */
  async recover() {
    if (!this.vault) return [];
    const found = await this.vault.all();
    this.waiting.unshift(...found);
    this.changed();
    if (found.length) this.flush();
    return found;
  }

  #keep(entry) {
    this.unkept.add(entry.key);
    const kept = this.vault ? this.vault.put((this.order += 1), entry) : Promise.reject(new Error("no storage"));
    kept.then(
      () => {
        this.unkept.delete(entry.key);
        // Acknowledged while it was being written: take it out again.
        if (!this.waiting.includes(entry)) this.vault.remove(entry.key).catch(() => {});
        this.changed();
      },
      () => this.changed(),
    );
  }

  async flush() {
    if (this.busy || this.closed || !this.waiting.length) return;
    this.busy = true;
    const batch = this.waiting.slice(0, 100);
    try {
      const { status, body } = await this.send(batch);
      if (status === 200) {
        this.offline = false;
        this.tries = 0;
        for (const result of body.results) this.#settle(result);
      } else if (status === 409) {
        this.closed = body.detail ?? "";
      } else if (status === 403 || status === 401 || status === 404) {
        // Signed out, or the study was closed meanwhile: the answers stay on this device.
        this.offline = true;
        this.refused = true;
      } else {
        throw new Error(`status ${status}`);
      }
    } catch {
      this.offline = true;
      const pause = RETRY_MS[Math.min(this.tries, RETRY_MS.length - 1)];
      this.tries += 1;
      this.clock(() => this.flush(), pause);
    } finally {
      this.busy = false;
      this.changed();
    }
    if (!this.offline && !this.closed && this.waiting.length) this.flush();
  }

  #settle(result) {
    this.waiting = this.waiting.filter((entry) => entry.key !== result.key);
    this.unkept.delete(result.key);
    this.vault?.remove(result.key).catch(() => {});
    this.settled(result);
  }

  /** State of one cell: "saved", "saving", "waiting" (kept on this device) or "unsaved" (kept nowhere). */
  stateOf(structure, finding) {
    const mine = this.waiting.filter((entry) => entry.structure === structure && entry.finding === finding);
    if (!mine.length) return "saved";
    return this.#stateOfEntries(mine);
  }

  get state() {
    return this.waiting.length ? this.#stateOfEntries(this.waiting) : "saved";
  }

  #stateOfEntries(entries) {
    if (!this.offline && !this.closed) return "saving";
    return entries.some((entry) => this.unkept.has(entry.key)) ? "unsaved" : "waiting";
  }
}
