// What the toolbar has no button for, by mouse: window presets of the active viewport, turning, the ends of the
// stack, undo. Each entry names its key.

import { html, icon } from "./dom.js";
import { capOf } from "./keymap.js";
import { t } from "./texts.js";

const DOTS = "M3.5 7.2v1.6M8 7.2v1.6M12.5 7.2v1.6";
const GROUPS = [
  ["fit", "zoom-in", "zoom-out", "rotate-right", "rotate-left", "flip-across", "flip-down"],
  ["first-image", "last-image", "maximise", "own-view"],
  ["undo", "redo", "delete-mark"],
];
/** Absent where sides matter. */
const MIRRORS = new Set(["flip-across", "flip-down"]);

export class ToolsMenu {
  /**
   * @param {object} with_
   * @param {object} with_.names Words of the actions.
   * @param {object} with_.keymap Action -> chords.
   * @param {() => object|undefined} with_.viewer The viewer of the page.
   */
  constructor({ names, keymap, viewer }) {
    this.names = names;
    this.keymap = keymap;
    this.viewer = viewer;
    this.list = html("div", { class: "rs-menu", role: "menu", popover: "auto", "aria-label": t("More tools") });
    this.button = html(
      "button",
      {
        type: "button",
        class: "rs-tool",
        title: t("More tools"),
        "aria-label": t("More tools"),
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        onpointerdown: (event) => event.preventDefault(),
      },
      icon(DOTS),
    );
    this.button.popoverTargetElement = this.list;
    this.list.addEventListener("beforetoggle", ({ newState }) => newState === "open" && this.#fill());
    this.list.addEventListener("toggle", ({ newState }) => {
      this.button.setAttribute("aria-expanded", String(newState === "open"));
      if (newState === "open") this.#place();
    });
    this.list.addEventListener("keydown", (event) => this.#key(event));
  }

  #capOf(action) {
    const [chord] = [this.keymap[action] ?? []].flat();
    return chord ? capOf(chord) : "";
  }

  #entry(action, name) {
    const cap = this.#capOf(action);
    return html(
      "button",
      {
        type: "button",
        role: "menuitem",
        class: "rs-menu-entry",
        tabindex: "-1",
        onpointerdown: (event) => event.preventDefault(),
        onclick: () => {
          this.list.hidePopover();
          this.viewer()?.actions?.run(action);
        },
      },
      html("span", {}, name),
      cap && html("kbd", {}, cap),
    );
  }

  #fill() {
    const viewer = this.viewer();
    const modality = viewer?.active?.frame?.modality;
    const presets = modality ? viewer.presets(modality).slice(0, 5) : [];
    const windows = presets.map((preset, i) => this.#entry(`preset-${preset.key ?? i + 1}`, t("Window: {name}", { name: preset.name })));
    const rest = GROUPS.map((actions) =>
      actions.filter((action) => !(viewer?.config?.sided && MIRRORS.has(action))).map((action) => this.#entry(action, this.names[action])),
    );
    const groups = [windows, ...rest].filter(({ length }) => length);
    this.list.replaceChildren(...groups.map((entries) => html("div", { class: "rs-menu-group", role: "group" }, ...entries)));
  }

  /** Under the button, inside the window. */
  #place() {
    const { left, bottom } = this.button.getBoundingClientRect();
    const room = document.documentElement.clientWidth - this.list.offsetWidth - 8;
    this.list.style.left = `${Math.max(8, Math.min(left, room))}px`;
    this.list.style.top = `${bottom + 4}px`;
    // Opened by a key it takes the keys; opened by the mouse they stay where they are.
    if (document.activeElement === this.button) this.list.querySelector("button")?.focus();
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const entries = [...this.list.querySelectorAll("button")];
    entries[(entries.indexOf(document.activeElement) + step + entries.length) % entries.length].focus();
  }
}
