// Sends files one by one to an import; a broken upload goes on where it stopped, also after the page was closed.

import { csrfToken } from "../csrf.js";
import { t } from "../viewer/texts.js";

const AT_ONCE = 3;
// A name has at most a thousand characters, and a request at most 20 MiB.
const ASKED_AT_ONCE = 5000;
// Unfinished uploads that a browser can go on with.
const MOST_KEPT = 20;

/** Return every file of a drop, also inside folders, as {name, file}. */
export async function filesOfDrop(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return filesOfInput(transfer.files);
  const found = [];
  const walk = async (entry, path) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ name: path + file.name, file });
      return;
    }
    const reader = entry.createReader();
    // A reader gives at most a hundred entries at a time.
    for (;;) {
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) return;
      for (const each of some) await walk(each, `${path}${entry.name}/`);
    }
  };
  for (const entry of entries) await walk(entry, "");
  return found;
}

/** Return the files of a file input as {name, file}; the name is the path inside the chosen folder. */
export function filesOfInput(files) {
  return [...files].map((file) => ({ name: file.webkitRelativePath || file.name, file }));
}

/** The same files with names of their own: a selection out of several folders may hold one name twice. */
export function namedApart(files) {
  const taken = new Set(files.map(({ name }) => name));
  const seen = new Set();
  return files.map(({ name, file }) => {
    let own = name;
    for (let n = 2; seen.has(own); n += 1) if (!taken.has(`${name} (${n})`)) own = `${name} (${n})`;
    seen.add(own);
    return { name: own, file };
  });
}

/**
 * What tells these files from others, also of the same names, as scanners number them: names, sizes and times of change
 * in 64 bits (twice FNV-1a). It says no name.
 */
export function fingerprintOf(files) {
  const said = files.map(({ name, file }) => `${name}\n${file.size}\n${file.lastModified}`).sort().join("\n\n");
  return [0x811c9dc5, 0x01234567].map((start) => {
    let hash = start;
    for (let i = 0; i < said.length; i += 1) hash = Math.imul(hash ^ said.charCodeAt(i), 0x01000193);
    return (hash >>> 0).toString(16).padStart(8, "0");
  }).join("");
}

/** Run `work` over `items`, a few at once; failures are returned, not thrown. */
export async function inParallel(items, work, atOnce = AT_ONCE) {
  const failed = [];
  let next = 0;
  const lane = async () => {
    while (next < items.length) {
      const item = items[next++];
      try {
        await work(item);
      } catch (error) {
        failed.push({ item, reason: error.message });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return failed;
}

const signedOut = () => new Error(t("You are signed out. Sign in again in another tab, then send the rest."));

/** Send a file; `sent(bytes)` is told as it goes. Fetch says nothing of what it has sent. */
function sendFile(address, file, headers, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "json";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded }) => sent(Math.min(loaded, file.size)));
    request.addEventListener("load", () => {
      if (request.responseURL !== new URL(address, location.href).href) reject(signedOut());
      else if (request.status >= 200 && request.status < 300) resolve(request.response);
      else reject(new Error(request.response?.problem || t("The server did not take it.")));
    });
    request.addEventListener("error", () => reject(new Error(t("No connection to the server."))));
    request.send(file);
  });
}

/** Sizes in words: "512 kB", "1.4 MB". */
export function sizeOf(bytes) {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

class Upload {
  constructor(section) {
    this.section = section;
    this.form = section.querySelector("form");
    this.progress = section.querySelector("[data-progress]");
    this.again = section.querySelector("[data-again]");
    this.without = section.querySelector("[data-without]");
    this.files = [];
    this.isSending = false;
    // Enter in its one text field would load the page anew.
    this.form.addEventListener("submit", (event) => event.preventDefault());
    const zone = section.querySelector("[data-drop]");
    zone.addEventListener("dragover", (event) => {
      event.preventDefault();
      zone.toggleAttribute("data-over", true);
    });
    zone.addEventListener("dragleave", () => zone.toggleAttribute("data-over", false));
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      zone.toggleAttribute("data-over", false);
      this.send(await filesOfDrop(event.dataTransfer));
    });
    for (const input of section.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => {
        const files = filesOfInput(input.files);
        // Chosen once more, the same files are a change again.
        input.value = "";
        this.send(files);
      });
    }
    // The server says what of them is missing.
    this.again.addEventListener("click", () => this.send(this.files));
    this.without.addEventListener("click", () => this.finish().catch((error) => this.fail([error.message])));
    // Leaving the page breaks the upload off.
    addEventListener("beforeunload", (event) => { if (this.isSending) event.preventDefault(); });
  }

  async post(address, body, headers = {}) {
    const response = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      headers: { "X-CSRFToken": csrfToken(), Accept: "application/json", ...headers },
      body,
      redirect: "manual",
    }).catch(() => {
      throw new Error(t("No connection to the server."));
    });
    if (response.type === "opaqueredirect") throw signedOut();
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.problem || t("The server did not take it."));
    return answer;
  }

  async send(files) {
    if (!files.length) return;
    if (this.isSending) {
      this.say([t("An upload is under way. Drop further files when it has ended.")]);
      return;
    }
    this.isSending = true;
    this.files = files;
    files = namedApart(files);
    this.progress.hidden = false;
    this.again.hidden = this.without.hidden = true;
    this.say([]);
    try {
      const missing = await this.begin(files);
      const wanted = new Set(missing);
      const todo = files.filter((each) => wanted.has(each.name));
      this.sizes = { all: sum(files), sent: sum(files) - sum(todo), files: files.length, done: files.length - todo.length };
      this.show();
      const failed = await inParallel(todo, ({ name, file }) => this.sendOne(name, file));
      if (failed.length) {
        this.fail(failed.map(({ item, reason }) => `${item.name}: ${reason}`));
        // What the server refuses once, it refuses again.
        this.without.hidden = this.sizes.done === 0;
        return;
      }
      await this.finish();
    } catch (error) {
      this.fail([error.message]);
    } finally {
      this.isSending = false;
    }
  }

  /** What the form states; not its token, which may be an earlier session's. */
  stated() {
    const fields = new FormData(this.form);
    fields.delete("csrfmiddlewaretoken");
    return new URLSearchParams(fields);
  }

  /** Have what has arrived taken in, and go to its report. */
  async finish() {
    const finished = await this.post(this.upload.finish, this.stated());
    this.keep(undefined);
    this.isSending = false;
    location.assign(finished.report);
  }

  /**
   * Open the upload of these very files that was begun before, also before the page was closed, else a new one.
   *
   * @returns {Promise<string[]>} Names of the files that have not arrived.
   */
  async begin(files) {
    this.of = fingerprintOf(files);
    const stated = this.stated().get("laterality");
    this.upload = this.kept()[this.of];
    if (this.upload?.laterality === stated) {
      const missing = await this.missing(files).catch(() => undefined);
      if (missing) return missing;
    }
    const addresses = await this.post(this.section.dataset.begin, this.stated());
    this.upload = { ...addresses, laterality: stated };
    this.keep(this.upload);
    return this.missing(files);
  }

  /** Names of the files that have not arrived, asked for in portions that a request may have. */
  async missing(files) {
    const found = [];
    for (let start = 0; start < files.length; start += ASKED_AT_ONCE) {
      const names = JSON.stringify({ names: files.slice(start, start + ASKED_AT_ONCE).map((each) => each.name) });
      found.push(...(await this.post(this.upload.missing, names, { "Content-Type": "application/json" })).missing);
    }
    return found;
  }

  /** Addresses of uploads that are not finished, by what tells their files; no name of a file. */
  kept() {
    try {
      return JSON.parse(localStorage.getItem(this.section.dataset.begin)) ?? {};
    } catch {
      return {};
    }
  }

  /** Keep where the upload of the present files is, or forget it. */
  keep(upload) {
    const { [this.of]: _, ...others } = this.kept();
    const all = Object.entries(upload ? { ...others, [this.of]: upload } : others).slice(-MOST_KEPT);
    try {
      if (all.length) localStorage.setItem(this.section.dataset.begin, JSON.stringify(Object.fromEntries(all)));
      else localStorage.removeItem(this.section.dataset.begin);
    } catch {
      // A browser that keeps nothing sends everything again.
    }
  }

  async sendOne(name, file) {
    const bar = Object.assign(document.createElement("progress"), { className: "progress", max: Math.max(1, file.size), value: 0 });
    bar.setAttribute("aria-label", name);
    const row = document.createElement("li");
    const label = Object.assign(document.createElement("span"), { textContent: name });
    const size = Object.assign(document.createElement("span"), { textContent: sizeOf(file.size), className: "number" });
    row.append(label, size, bar);
    this.progress.querySelector("[data-sending]").append(row);
    let known = 0;
    const sent = (bytes) => {
      this.sizes.sent += bytes - known;
      known = bytes;
      bar.value = bytes;
      this.show();
    };
    try {
      const headers = { "X-CSRFToken": csrfToken(), Accept: "application/json", "Content-Type": "application/octet-stream" };
      await sendFile(`${this.upload.files}?name=${encodeURIComponent(name)}`, file, headers, sent);
      sent(file.size);
      this.sizes.done += 1;
    } catch (error) {
      sent(0);
      throw error;
    } finally {
      row.remove();
      this.show();
    }
  }

  show() {
    const { all, sent, files, done } = this.sizes;
    const bar = this.progress.querySelector("progress");
    bar.max = Math.max(1, all);
    bar.value = sent;
    const words = `${done} / ${files} · ${sizeOf(sent)} / ${sizeOf(all)}`;
    this.progress.querySelector("[data-count]").textContent = words;
  }

  fail(lines) {
    this.say(lines);
    this.again.hidden = false;
  }

  say(lines) {
    const list = this.progress.querySelector("[data-failed]");
    list.replaceChildren(
      ...lines.slice(0, 20).map((line) => Object.assign(document.createElement("li"), { textContent: line })),
    );
  }
}

const sum = (files) => files.reduce((bytes, { file }) => bytes + file.size, 0);

export function startUploads() {
  for (const section of document.querySelectorAll("[data-upload]")) new Upload(section);
}
