// Sends files one by one to an import; a broken upload goes on where it stopped.

import { text } from "./texts.js";

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

class Upload {
  constructor(section) {
    this.section = section;
    this.form = section.querySelector("form");
    this.token = this.form.querySelector("[name=csrfmiddlewaretoken]").value;
    this.progress = section.querySelector("[data-progress]");
    this.again = section.querySelector("[data-again]");
    this.addresses = null;
    this.rest = [];
    const zone = section.querySelector("[data-drop]");
    zone.addEventListener("dragover", (event) => event.preventDefault());
    zone.addEventListener("drop", async (event) => {
      event.preventDefault();
      this.send(await filesOfDrop(event.dataTransfer));
    });
    for (const input of section.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => this.send(filesOfInput(input.files)));
    }
    this.again.addEventListener("click", () => this.send(this.rest));
  }

  async post(address, body, headers = {}) {
    const response = await fetch(address, {
      method: "POST",
      credentials: "same-origin",
      headers: { "X-CSRFToken": this.token, Accept: "application/json", ...headers },
      body,
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Error(answer.problem || text("The server did not take it."));
    return answer;
  }

  async send(files) {
    if (!files.length) return;
    this.progress.hidden = false;
    this.again.hidden = true;
    this.progress.querySelector("[data-failed]").replaceChildren();
    try {
      this.addresses ??= await this.post(this.section.dataset.begin, new URLSearchParams(new FormData(this.form)));
      const names = JSON.stringify({ names: files.map((each) => each.name) });
      const { missing } = await this.post(this.addresses.missing, names, { "Content-Type": "application/json" });
      const wanted = new Set(missing);
      const todo = files.filter((each) => wanted.has(each.name));
      let sent = files.length - todo.length;
      this.show(sent, files.length);
      const failed = await inParallel(todo, async ({ name, file }) => {
        const address = `${this.addresses.files}?name=${encodeURIComponent(name)}`;
        await this.post(address, file, { "Content-Type": "application/octet-stream" });
        this.show(++sent, files.length);
      });
      this.rest = failed.map(({ item }) => item);
      if (failed.length) {
        this.fail(failed.map(({ item, reason }) => `${item.name}: ${reason}`));
        return;
      }
      const finished = await this.post(this.addresses.finish, new URLSearchParams(new FormData(this.form)));
      location.assign(finished.report);
    } catch (error) {
      this.rest = files;
      this.fail([error.message]);
    }
  }

  show(sent, all) {
    const bar = this.progress.querySelector("progress");
    bar.max = all;
    bar.value = sent;
    this.progress.querySelector("[data-count]").textContent = `${sent} / ${all}`;
  }

  fail(lines) {
    const list = this.progress.querySelector("[data-failed]");
    list.replaceChildren(
      ...lines.slice(0, 20).map((line) => Object.assign(document.createElement("li"), { textContent: line })),
    );
    this.again.hidden = false;
  }
}

export function startUploads() {
  for (const section of document.querySelectorAll("[data-upload]")) new Upload(section);
}
