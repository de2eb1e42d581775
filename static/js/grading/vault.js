// The queue's place on this device: IndexedDB, each entry encrypted with the account's key (AES-GCM).
// Reading rooms share computers; without the key, which the server hands out after sign-in, an entry
// says nothing.

const DATABASE = "readerstudy";
const STORE = "waiting";

const opened = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

export class Vault {
  /**
   * @param {string} keyText base64 of the account's 32-byte key
   * @param {string} read public id of the read whose entries are kept apart
   */
  constructor(keyText, read) {
    this.read = read;
    const raw = Uint8Array.from(atob(keyText), (c) => c.charCodeAt(0));
    this.ready = (async () => {
      this.key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" }).createIndex("read", "read");
      this.database = await opened(request);
    })();
    // A browser without storage is told by the first `put`, not by an unhandled rejection.
    this.ready.catch(() => {});
  }

  async put(order, save) {
    await this.ready;
    const iv = crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(save));
    const sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: this.#bound() }, this.key, plain);
    const transaction = this.database.transaction(STORE, "readwrite", { durability: "strict" });
    transaction.objectStore(STORE).put({ id: save.key, read: this.read, order, iv, sealed });
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = () => reject(transaction.error);
    });
  }

  async remove(id) {
    await this.ready;
    await opened(this.database.transaction(STORE, "readwrite").objectStore(STORE).delete(id));
  }

  /** Waiting saves of this read in the order they were made. Entries of another account stay closed and stay. */
  async all() {
    await this.ready;
    const rows = await opened(this.database.transaction(STORE).objectStore(STORE).index("read").getAll(this.read));
    rows.sort((a, b) => a.order - b.order);
    const saves = [];
    for (const { iv, sealed } of rows) {
      try {
        const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: this.#bound() }, this.key, sealed);
        saves.push(JSON.parse(new TextDecoder().decode(plain)));
      } catch {
        // Sealed with another key: not ours to read or to delete.
      }
    }
    return saves;
  }

  #bound() {
    return new TextEncoder().encode(this.read);
  }
}
