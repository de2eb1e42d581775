// <rs-key-map>: lists every action with its keys; a row takes the next key that is pressed, in place of its keys or
// beside them. What two actions would share is refused here at once and by the server in any case.

import { cap, make, post, readConfig } from "../grading/dom.js";
import { capOf, chordOf } from "../viewer/keymap.js";
import { t } from "../viewer/texts.js";
import { actionNames } from "../viewer/tools.js";
import { clashOf } from "./clash.js";

const MODIFIERS = /^(Control|Shift|Alt|Meta)/;

/** Words of the panel's actions. */
function panelNames() {
  return {
    normal: t("Whole joint normal"),
    typed: t("Not assessable, absent or fused"),
    flag: t("Flag"),
    note: t("Note"),
    "to-images": t("Keys to the images"),
    questions: t("Questions about the case"),
    measure: t("Measure on the image"),
    marks: t("New mark"),
    "keep-A": t("Keep A"),
    "keep-B": t("Keep B, send back"),
    later: t("Later"),
    "next-adjudicated": t("Next adjudicated item"),
    overrule: t("Overrule"),
    "slice-back": t("Slice back"),
    "slice-on": t("Slice on"),
  };
}

export class RsKeyMap extends HTMLElement {
  connectedCallback() {
    if (this.config) return;
    this.config = readConfig(this);
    const presets = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`preset-${n}`, t("Window preset {n}", { n })]));
    this.names = { panel: panelNames(), viewer: { ...actionNames(), ...presets } };
    this.own = structuredClone(this.config.own);
    this.rows = new Map();
    this.told = make("p", { class: "panel-message keys-told", role: "status" });
    this.resetButton = make("button", { class: "button", type: "button", onclick: () => this.save({}, t("All keys are the product's own again.")) }, t("All keys as they were made"));
    this.append(
      this.#section("panel", t("While you grade")),
      this.#section("viewer", t("While the images have the keys")),
      make("div", { class: "keys-foot" }, this.told, this.resetButton),
    );
    this.addEventListener("keydown", (event) => this.#key(event), { capture: true });
    this.addEventListener("focusout", (event) => { if (event.target === this.waiting?.button) this.#stop(); });
    this.draw();
  }

  #section(side, title) {
    const rows = Object.keys(this.config.defaults[side]).map((action) => {
      const name = this.names[side][action] ?? action;
      const keys = make("span", { class: "keys-caps" });
      const button = make("button", { class: "button button-small", type: "button", onclick: () => this.#wait(side, action) }, t("Change"));
      const more = make("button", { class: "button button-quiet button-small", type: "button", onclick: () => this.#wait(side, action, true) }, t("Add"));
      const off = make("button", { class: "button button-quiet button-small", type: "button", onclick: () => this.#choose(side, action, []) }, t("Off"));
      const back = make("button", { class: "button button-quiet button-small", type: "button", onclick: () => this.#choose(side, action, this.config.defaults[side][action]) }, t("As made"));
      for (const each of [button, more, off, back]) each.setAttribute("aria-label", `${name}: ${each.textContent}`);
      this.rows.set(`${side} ${action}`, { keys, button, more, back });
      return make("li", { "data-action": action, "data-side": side }, make("span", {}, name), keys, button, more, off, back);
    });
    return make("section", { class: "panel-card keys-card" }, make("h2", {}, title), make("ul", { class: "keys-list" }, ...rows));
  }

  keysOf(side, action) {
    return this.own[side]?.[action] ?? this.config.defaults[side][action];
  }

  draw() {
    for (const [place, { keys, button, more, back }] of this.rows) {
      const [side, action] = place.split(" ");
      const chords = this.keysOf(side, action);
      const waits = this.waiting?.side === side && this.waiting.action === action;
      const caps = chords.map((chord) => cap(capOf(chord)));
      if (waits) keys.replaceChildren(...(this.waiting.adds ? caps : []), make("span", { class: "keys-press" }, t("Press the new key")));
      else keys.replaceChildren(...(caps.length ? caps : [make("span", { class: "muted" }, t("off"))]));
      button.setAttribute("aria-pressed", String(waits && !this.waiting.adds));
      more.setAttribute("aria-pressed", String(waits && this.waiting.adds));
      more.disabled = !waits && (chords.length === 0 || chords.length >= this.config.most);
      back.disabled = !this.own[side]?.[action];
    }
    this.resetButton.disabled = !Object.values(this.own).some((side) => Object.keys(side).length);
  }

  /** @param {boolean} adds The key comes beside those that the action has, not in their place. */
  #wait(side, action, adds = false) {
    const row = this.rows.get(`${side} ${action}`);
    this.waiting = { side, action, adds, button: adds ? row.more : row.button };
    const words = { action: this.names[side][action] };
    this.say(adds ? t("Press a further key for: {action}. Esc leaves it as it is.", words) : t("Press the key for: {action}. Esc leaves it as it is.", words));
    this.draw();
  }

  #stop() {
    this.waiting = undefined;
    this.draw();
  }

  #key(event) {
    if (!this.waiting || event.isComposing) return;
    if (event.code === "Tab") return;
    event.preventDefault();
    event.stopPropagation();
    if (MODIFIERS.test(event.key)) return;
    const { side, action, adds } = this.waiting;
    // Escape is the way out of the question itself; as a key it stays where it was made.
    if (event.code === "Escape") { this.#stop(); this.say(t("Nothing was changed.")); return; }
    const chord = chordOf(event);
    const held = adds ? this.keysOf(side, action) : [];
    if (held.includes(chord)) { this.#stop(); this.say(t("{key} is its key already. Nothing was changed.", { key: capOf(chord) })); return; }
    this.#choose(side, action, [...held, chord]);
  }

  #choose(side, action, chords) {
    const clash = clashOf(this.config.defaults[side], this.own[side] ?? {}, action, chords);
    this.#stop();
    if (clash) {
      this.say(t("{key} is taken by: {action}. Nothing was changed.", { key: capOf(clash.chord), action: this.names[side][clash.action] ?? clash.action }), "warn");
      return undefined;
    }
    const wanted = { ...this.own, [side]: { ...this.own[side], [action]: chords } };
    const now = chords.length ? chords.map(capOf).join(", ") : t("off");
    return this.save(wanted, t("{action}: {keys}. Kept.", { action: this.names[side][action], keys: now }));
  }

  async save(wanted, words) {
    try {
      const { status, body } = await post(this.config.save, wanted);
      if (status !== 200) { this.say(body.detail ?? t("The keys were not kept. Try again."), "alert"); return; }
      this.own = body.own;
      this.say(words);
      this.draw();
    } catch {
      this.say(t("No connection. The keys were not kept; try again."), "alert");
    }
  }

  say(words, kind = "") {
    this.told.textContent = words;
    this.told.dataset.kind = kind;
  }
}
