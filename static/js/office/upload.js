// Sends files one by one to an import; a broken upload goes on where it stopped, also after the page was closed.

import { t } from "../viewer/texts.js";

const AT_ONCE = 3;

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

/** Send a file; `sent(bytes)` is told as it goes. Fetch says nothing of what it has sent. */
function sendFile(address, file, headers, sent) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address);
    request.responseType = "json";
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", ({ loaded }) => sent(Math.min(loaded, file.size)));
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve(request.response);
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
    this.token = this.form.querySelector("[name=csrfmiddlewaretoken]").value;
    this.progress = section.querySelector("[data-progress]");
    this.again = section.querySelector("[data-again]");
    this.files = [];
    this.isSending = false;
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
      input.addEventListener("change", () => this.send(filesOfInput(input.files)));
    }
    // The server says what of them is missing.
    this.again.addEventListener("click", () => this.send(this.files, { again: true }));
    // Leaving the page breaks the upload off.
    addEventListener("beforeunload", (event) => { if (this.isSending) event.preventDefault(); });
  }

  async post(address, body, headers = {}) {
    const response = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      headers: { "X-CSRFToken": this.token, Accept: "application/json", ...headers },
      body,
    }).catch(() => {
      throw new Error(t("No connection to the server."));
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.problem || t("The server did not take it."));
    return answer;
  }

  async send(files, { again = false } = {}) {
    if (!files.length) return;
    if (this.isSending) {
      this.say([t("An upload is under way. Drop further files when it has ended.")]);
      return;
    }
    this.isSending = true;
    this.files = files;
    this.progress.hidden = false;
    this.again.hidden = true;
    this.say([]);
    try {
      const { addresses, missing } = await this.begin(files, again);
      const wanted = new Set(missing);
      const todo = files.filter((each) => wanted.has(each.name));
      this.sizes = { all: sum(files), sent: sum(files) - sum(todo), files: files.length, done: files.length - todo.length };
      this.show();
      const failed = await inParallel(todo, ({ name, file }) => this.sendOne(addresses, name, file));
      if (failed.length) {
        this.fail(failed.map(({ item, reason }) => `${item.name}: ${reason}`));
        return;
      }
      const finished = await this.post(addresses.finish, new URLSearchParams(new FormData(this.form)));
      this.keep(null);
      this.isSending = false;
      location.assign(finished.report);
    } catch (error) {
      this.fail([error.message]);
    } finally {
      this.isSending = false;
    }
  }

  /** The upload that already holds some of these files, also from before the page was closed, else a new one. */
  async begin(files, again) {
    const names = JSON.stringify({ names: files.map((each) => each.name) });
    const ask = async (addresses) => (await this.post(addresses.missing, names, { "Content-Type": "application/json" })).missing;
    const stated = new FormData(this.form).get("laterality");
    const kept = this.kept();
    if (kept?.laterality === stated) {
      const missing = await ask(kept).catch(() => undefined);
      // Files of which none has arrived are others, unless they have just been sent.
      if (missing && (again || missing.length < files.length)) return { addresses: kept, missing };
    }
    const addresses = await this.post(this.section.dataset.begin, new URLSearchParams(new FormData(this.form)));
    this.keep({ ...addresses, laterality: stated });
    return { addresses, missing: await ask(addresses) };
  }

  /** Addresses of an upload that is not finished; no name of a file. */
  kept() {
    try {
      return JSON.parse(localStorage.getItem(this.section.dataset.begin) ?? "null");
    } catch {
      return null;
    }
  }

  keep(upload) {
    try {
      if (upload) localStorage.setItem(this.section.dataset.begin, JSON.stringify(upload));
      else localStorage.removeItem(this.section.dataset.begin);
    } catch {
      // A browser that keeps nothing sends everything again.
    }
  }

  async sendOne(addresses, name, file) {
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
      const headers = { "X-CSRFToken": this.token, Accept: "application/json", "Content-Type": "application/octet-stream" };
      await sendFile(`${addresses.files}?name=${encodeURIComponent(name)}`, file, headers, sent);
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
