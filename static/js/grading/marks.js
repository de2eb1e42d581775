// The reader's marks as a list: class and confidence by keys. Drawing is the viewer's; the panel keeps and saves.

import { t } from "../viewer/texts.js";
import { announce, cap, make } from "./dom.js";
import { capOfAction } from "./keys.js";

export const markKey = (id) => `@|${id}`;
// What of a mark the server is told; how far it reaches in this stack is the viewer's own affair.
const TOLD = ["kind", "class", "shape", "series_uid", "sop_uid", "frame", "points_px", "slice_sops", "slice_frames"];

/** A mark of the viewer as it is saved. */
export function toldMark(mark) {
  return Object.fromEntries(TOLD.filter((name) => mark[name] !== undefined).map((name) => [name, mark[name]]));
}

/** Whether two marks lie at the same place and are called the same. */
export const sameMark = (a, b) => JSON.stringify(toldMark(a)) === JSON.stringify(toldMark(b));

/**
 * What the viewer changed: [key, answer or null] per mark that is new, moved, or gone.
 *
 * @param {object[]} marks all marks of the viewer
 * @param {Array<[string, object]>} kept [id, cell] of the marks that the panel has
 */
export function markChanges(marks, kept) {
  const before = new Map(kept);
  const changes = marks
    .filter((mark) => !before.has(mark.id) || !sameMark(before.get(mark.id).mark, mark))
    .map((mark) => [markKey(mark.id), { kind: "mark", mark: { id: mark.id, ...toldMark(mark) }, confidence: before.get(mark.id)?.confidence ?? null }]);
  const here = new Set(marks.map(({ id }) => id));
  for (const [id] of kept) if (!here.has(id)) changes.push([markKey(id), null]);
  return changes;
}

export class MarkList {
  /**
   * @param {object[]} kinds the protocol's mark_kinds
   * @param {object} options
   * @param {() => Array<[string, object]>} options.marks [id, cell] in the order in which they were made
   * @param {(id: string, change: object|null) => void} options.onchange class, confidence, or null to remove
   * @param {(words: string, kind?: string) => void} options.say
   * @param {() => void} options.onleave
   */
  constructor(kinds, { marks, onchange, say, onleave }) {
    Object.assign(this, { kinds, marks, onchange, say, onleave });
    this.element = make("div", { class: "mark-list", role: "group", "aria-label": t("Marks"), tabindex: "-1", onkeydown: (event) => this.#key(event) });
    this.drawing = kinds[0];
  }

  get chosen() {
    const marks = this.marks();
    return marks.find(([id]) => id === this.current) ?? marks.at(-1);
  }

  /** The first mark that has no confidence although the protocol asks for it. */
  get missing() {
    return this.marks().find(([, { mark, confidence }]) => this.kind(mark).has_confidence && (confidence ?? null) === null)?.[0];
  }

  kind(mark) {
    return this.kinds.find(({ id }) => id === mark.kind);
  }

  /** Take the tool that draws a mark. */
  start(kind = this.drawing) {
    this.drawing = kind;
    announce("rs:set-tool", { tool: `mark:${kind.id}`, class: this.lastClass });
    this.say(t("Draw the mark on the image; then a digit names its class."));
  }

  draw() {
    const marks = this.marks();
    const chosen = this.chosen?.[0];
    const rows = marks.map(([id, { mark, confidence }], n) => {
      const kind = this.kind(mark);
      const label = kind.classes.find((each) => each.id === mark.class)?.label ?? mark.class;
      const sure = !kind.has_confidence ? "" : (confidence ?? null) === null ? t("confidence missing") : `${confidence} %`;
      return make(
        "button",
        { type: "button", class: "mark-row", "data-mark": id, "aria-current": id === chosen ? "true" : undefined, tabindex: id === chosen ? "0" : "-1", onclick: () => this.focus(id) },
        make("span", { class: "mark-number" }, String(n + 1)),
        make("span", {}, this.kinds.length > 1 ? `${kind.label}: ${label}` : label),
        make("span", { class: "muted" }, sure),
      );
    });
    const tools = this.kinds.map((kind) => make("button", { type: "button", class: "button button-small", onclick: () => this.start(kind) }, this.kinds.length > 1 ? "" : cap(capOfAction("marks")), t("New mark: {kind}", { kind: kind.label })));
    this.element.replaceChildren(
      make("div", { class: "panel-actions mark-tools" }, ...tools),
      rows.length ? make("div", { class: "mark-rows" }, ...rows) : make("p", { class: "muted" }, t("No mark yet. Without a mark, the case is submitted as free of lesions.")),
      ...(this.chosen ? this.#form(...this.chosen) : []),
    );
  }

  #form(id, { mark, confidence }) {
    const kind = this.kind(mark);
    const classes = kind.classes.map((each, n) =>
      make("button", { type: "button", class: "button button-small", role: "radio", tabindex: "-1", "aria-checked": String(each.id === mark.class), onclick: () => this.#classify(id, each.id) }, cap(String(n + 1)), each.label),
    );
    this.field = kind.has_confidence
      ? make("input", { type: "text", inputmode: "numeric", class: "value-field", maxlength: 3, "aria-label": t("Confidence, 0 to 100"), onchange: () => this.#sure(id) })
      : undefined;
    if (this.field) this.field.value = confidence ?? "";
    return [
      make("div", { class: "question-options", role: "radiogroup", "aria-label": t("Class") }, ...classes),
      this.field ? make("div", { class: "value-line" }, make("span", { class: "question-label" }, t("Confidence")), this.field, make("span", { class: "muted" }, t("0 to 100; Enter keeps it"))) : "",
    ];
  }

  focus(id) {
    if (id) this.current = id;
    this.draw();
    if (id) announce("rs:go-to-mark", { id });
    (this.element.querySelector('[aria-current="true"]') ?? this.element).focus({ preventScroll: true });
  }

  #classify(id, name) {
    this.lastClass = name;
    this.onchange(id, { class: name });
    this.focus();
    // The next digits are the confidence.
    if (this.field) {
      this.field.focus();
      this.field.select();
    }
  }

  /** Keep the confidence typed. @returns {boolean} whether it is one */
  #sure(id) {
    const text = this.field.value.trim();
    if (!/^\d{1,3}$/.test(text) || Number(text) > 100) {
      if (text) this.say(t("Confidence runs from 0 to 100."), "warn");
      return false;
    }
    this.onchange(id, { confidence: Number(text) });
    return true;
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const inField = event.target === this.field;
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const [id, cell] = this.chosen ?? [];
    if (event.code === "Escape") {
      if (inField) this.focus();
      else this.onleave();
    } else if (event.code === "Enter" || event.code === "NumpadEnter") {
      if (!inField) return;
      if (this.#sure(id)) this.focus();
    } else if (inField) return;
    else if (event.code === "ArrowDown" || event.code === "ArrowUp") {
      const marks = this.marks();
      const place = marks.findIndex(([each]) => each === id) + (event.code === "ArrowDown" ? 1 : -1);
      if (marks[place]) this.focus(marks[place][0]);
    } else if (event.code === "Backspace" || event.code === "Delete") {
      if (id) { this.current = undefined; this.onchange(id, null); this.focus(); }
    } else if (event.code === "KeyL") this.start();
    else if (event.code === "KeyC" && this.field) this.field.focus();
    else if (digit && id) {
      const chosen = this.kind(cell.mark).classes[digit[1] - 1];
      if (chosen) this.#classify(id, chosen.id);
    } else if (event.code === "KeyV") announce("rs:focus-images");
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
