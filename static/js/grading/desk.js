// Beside the case: the page locks itself when nobody is there, proposes a break, and takes reports.

import { csrfToken } from "../csrf.js";
import { cap, endingCase, make, signedOut } from "./dom.js";
import { t } from "../viewer/texts.js";

const PAUSE_MS = 5 * 60000;
const TOLD_MS = 12000;
const SINCE = "rs:reading-since";

/** When the next thing is due: pure, so that it can be tested without waiting. */
export class Presence {
  constructor({ idleMs, breakMs, now, since = now }) {
    Object.assign(this, { idleMs, breakMs, used: now, since });
  }

  /** Somebody is there. A pause of five minutes begins a new stretch. */
  touch(now) {
    if (now - this.used >= PAUSE_MS) this.since = now;
    this.used = now;
  }

  isIdle(now) {
    return this.idleMs > 0 && now - this.used >= this.idleMs;
  }

  wantsBreak(now) {
    return this.breakMs > 0 && now - this.since >= this.breakMs;
  }

  minutes(now) {
    return Math.floor((now - this.since) / 60000);
  }
}

async function send(address, fields) {
  const response = await fetch(address, {
    method: "POST",
    credentials: "same-origin",
    headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" },
    body: new URLSearchParams(fields),
    signal: AbortSignal.timeout(15000),
    redirect: "manual",
  });
  if (response.type === "opaqueredirect") return { ok: false, status: 401, body: signedOut() };
  const body = await response.json().catch(() => ({}));
  return { ok: response.ok, status: response.status, body };
}

export function startDesk() {
  const holder = document.getElementById("desk-config");
  if (!holder) return;
  const config = JSON.parse(holder.textContent);
  const now = () => Date.now();
  const stored = Number(sessionStorage.getItem(SINCE));
  const presence = new Presence({ idleMs: config.idle_minutes * 60000, breakMs: config.break_minutes * 60000, now: now(), since: stored || now() });
  sessionStorage.setItem(SINCE, String(presence.since));
  const lock = new PageLock(config);
  for (const name of ["keydown", "pointerdown", "wheel", "pointermove"]) {
    document.addEventListener(name, () => {
      const { since } = presence;
      presence.touch(now());
      if (presence.since !== since) sessionStorage.setItem(SINCE, String(presence.since));
    }, { passive: true, capture: true });
  }
  const note = make("span", { class: "break-note", role: "status", hidden: true });
  document.querySelector(".status-end")?.prepend(note);
  const look = () => {
    if (presence.isIdle(now())) lock.close();
    note.hidden = !presence.wantsBreak(now());
    if (!note.hidden) note.textContent = t("{n} minutes without a pause. A short break helps.", { n: presence.minutes(now()) });
  };
  setInterval(look, Math.min(5000, Math.max(200, presence.idleMs / 4)));
  // A computer that slept wakes up locked.
  document.addEventListener("visibilitychange", look);
  if (config.addresses.report) startReports(config);
}

/** Covers the page, ends the session, and opens again for the same person only. */
class PageLock {
  constructor(config) {
    this.config = config;
    this.isClosed = false;
  }

  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    this.password = make("input", { type: "password", name: "password", autocomplete: "current-password", id: "lock-password", required: true });
    this.told = make("p", { class: "muted", role: "alert" });
    const form = make(
      "form",
      {},
      make("label", { for: "lock-password" }, t("Password of {name}", { name: this.config.name })),
      this.password,
      make("button", { class: "button button-main" }, t("Go on"), cap("↵")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.open();
    });
    this.dialog = make(
      "dialog",
      { class: "page-lock", "aria-labelledby": "lock-title" },
      make("h2", { id: "lock-title" }, t("Locked")),
      make("p", {}, t("Nobody used this page for a while. Your answers are kept.")),
      form,
      this.told,
    );
    // Only the password opens it.
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    this.dialog.addEventListener("keydown", (event) => event.stopPropagation());
    document.body.append(this.dialog);
    document.body.dataset.locked = "";
    this.dialog.showModal();
    this.password.focus();
    // Where one was is kept first. Without a connection the page is covered all the same; the session then
    // ends by itself.
    const before = [];
    document.dispatchEvent(new CustomEvent("rs:locking", { detail: { before } }));
    this.ended = Promise.allSettled(before).then(() => send(this.config.addresses.lock, {})).catch(() => {});
  }

  async open() {
    if (this.isOpening) return;
    this.isOpening = true;
    try {
      // The answer that ends the old session takes its cookie away: after the new one came, it would take that.
      await this.ended;
      const fields = { username: this.config.name, password: this.password.value, ticket: this.config.ticket };
      const { ok, body } = await send(this.config.addresses.return, fields);
      // The page comes back at the same case and place, with images opened for the new session.
      if (ok && this.config.addresses.after) window.location.assign(this.config.addresses.after);
      else if (ok) window.location.reload();
      else this.told.textContent = body.detail ?? t("This does not open the page. Try again.");
    } catch {
      this.told.textContent = t("No connection. Your answers are kept; try again.");
    } finally {
      this.isOpening = false;
    }
    this.password.value = "";
  }
}

function startReports(config) {
  const faults = [];
  window.addEventListener("error", (event) => faults.push(String(event.message).slice(0, 150)));
  document.addEventListener("rs:image-failed", (event) => faults.push(`image: ${event.detail?.reason ?? ""}`));
  const circumstances = () => JSON.stringify({
    screen: `${screen.width} x ${screen.height} at ${devicePixelRatio}`,
    window: `${innerWidth} x ${innerHeight}`,
    browser: navigator.userAgent,
    online: navigator.onLine,
    ...Object.fromEntries(faults.slice(-10).map((text, place) => [`fault ${place + 1}`, text])),
  });
  const told = make("span", { role: "status", class: "desk-told" });
  let toldFor;
  const report = async (kind, text = "") => {
    const { ok, body } = await send(config.addresses.report, { kind, text, circumstances: circumstances() })
      .catch(() => ({ ok: false, body: {} }));
    const words = body.detail ?? (ok ? "" : t("No connection. The report was not sent."));
    told.textContent = words;
    // It lies over the answers.
    clearTimeout(toldFor);
    toldFor = setTimeout(() => told.replaceChildren(), TOLD_MS);
    return { ok, words };
  };
  const problem = make("button", { class: "quiet", type: "button", "data-report": true, onclick: () => report("technical") }, t("Report a problem"), " ", cap("Alt P"));
  const more = make("button", { class: "quiet", type: "button", "data-case-dialog": true, onclick: () => open() }, config.addresses.put_off ? t("Put off, ask") : t("Ask"), " ", cap("Alt L"));
  document.querySelector(".bar-end")?.prepend(told, problem, more);

  let dialog;
  const open = () => {
    dialog ??= caseDialog(config, report, told);
    dialog.showModal();
  };
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || document.querySelector("dialog[open]")) return;
    if (event.code === "KeyP") { event.preventDefault(); report("technical"); }
    if (event.code === "KeyL") { event.preventDefault(); open(); }
  }, { capture: true });
}

function caseDialog(config, report, told) {
  const reason = make("select", { id: "put-off-reason" }, ...(config.put_off_reasons ?? []).map((each) => make("option", { value: each.id }, each.label)));
  const text = make("textarea", { id: "case-text", maxlength: 2000 });
  const say = make("p", { class: "muted", role: "alert" });
  const tell = async (kind) => {
    if (!text.value.trim()) { say.textContent = t("Write a few words first."); return; }
    const { ok, words } = await report(kind, text.value);
    say.textContent = ok ? "" : words;
    if (!ok) return;
    text.value = "";
    dialog.close();
  };
  const putOff = async () => {
    try {
      const { ok, body } = await endingCase(() => send(config.addresses.put_off, { reason: reason.value }), (answer) => answer.ok);
      if (ok) window.location.assign(body.next);
      else say.textContent = body.detail ?? "";
    } catch {
      say.textContent = t("No connection. Nothing was changed; your answers are kept.");
    }
  };
  const button = (label, act, main = false) => make("button", { class: main ? "button button-main" : "button", type: "button", onclick: act }, label);
  const dialog = make(
    "dialog",
    { class: "case-dialog", "aria-labelledby": "case-dialog-title" },
    make("h2", { id: "case-dialog-title" }, t("This case")),
    config.addresses.put_off ? make("fieldset", {}, make("label", { for: "put-off-reason" }, t("Put off to the end of the session, because")), reason, button(t("Put off, next case"), putOff, true)) : undefined,
    make("fieldset", {}, make("label", { for: "case-text" }, t("To the coordinator; say nothing of a grade")), text,
      make("div", { class: "dialog-actions" }, button(t("Propose to exclude the case"), () => tell("exclusion")), button(t("I learnt what I must not know of it"), () => tell("unblinded")), button(t("Ask"), () => tell("question")))),
    say,
    make("div", { class: "dialog-actions" }, make("button", { class: "button", type: "button", onclick: () => dialog.close() }, t("Close"), cap("Esc"))),
  );
  // Keys of the grid stay in the grid.
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  document.body.append(dialog);
  return dialog;
}

/** Tell the server what the screen is: the form of the session start. */
export function fillScreen() {
  const form = document.querySelector("[data-screen]");
  if (!form) return;
  form.elements.width.value = screen.width;
  form.elements.height.value = screen.height;
  form.elements.pixel_ratio.value = devicePixelRatio;
  form.querySelector("[data-screen-words]").textContent = t("{width} x {height} pixels, ratio {ratio}", { width: screen.width, height: screen.height, ratio: devicePixelRatio });
}
