// What was chosen on a page and not sent yet, kept on this device while the page is away: locked, reloaded, closed.
// Sealed as the answers that wait are (`Vault`): without its person's key, which the server hands out after sign-in,
// it says nothing.

import { Vault } from "./vault.js";

export class Draft {
  /**
   * @param {string} keyText base64 of the account's key; "" keeps nothing
   * @param {string} place what the page is of: nothing is found at another one
   */
  constructor(keyText, place) {
    this.id = `draft:${place}`;
    try {
      this.vault = keyText && window.indexedDB && crypto.subtle ? new Vault(keyText, this.id) : undefined;
    } catch {
      this.vault = undefined;
    }
    this.kept = Promise.resolve();
    // A page that locks ends its session after this is written.
    document.addEventListener("rs:locking", (event) => event.detail.before.push(this.kept));
  }

  /** Return what was kept last; undefined where nothing was, or nothing can be read. */
  async recall() {
    const found = await this.vault?.all().catch(() => []);
    return found?.[0]?.value;
  }

  /** Keep a value in place of the one before. */
  keep(value) {
    this.#then(() => this.vault.put(0, { key: this.id, value }));
  }

  forget() {
    this.#then(() => this.vault.remove(this.id));
    return this.kept;
  }

  // One after another, so that the last one stands. A draft is a comfort: without a place for it, one works on.
  #then(write) {
    if (this.vault) this.kept = this.kept.then(write).catch(() => {});
  }
}
