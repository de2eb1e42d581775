// The grid of structures x findings, laid out as the image is: one row per level, the patient's right
// joints in the left half. Presentation only.

import { t } from "../viewer/texts.js";
import { icon, make } from "./dom.js";
import { itemKey, splitKey } from "./protocol.js";

// texts: "Right", "Left", "n/a", "abs", "fus", "not assessable", "absent", "fused"
// texts: "conflict", "saved", "saving", "waiting", "unsaved"
const SIDE_TITLES = { right: "Right", left: "Left" };

export const TYPED_SHORT = { not_assessable: "n/a", absent: "abs", fused: "fus" };

/** Text of an answer as one reads it in a cell. */
export function shortAnswer(cell) {
  if (!cell?.kind) return "";
  if (cell.kind === "grade") return String(cell.grade);
  if (cell.kind === "value") return String(Math.round(cell.value * 100) / 100);
  return t(TYPED_SHORT[cell.kind] ?? cell.kind);
}

export class GradeGrid {
  /**
   * @param {ProtocolView} view
   * @param {object} options
   * @param {(key: string) => void} options.onpick a cell was clicked
   * @param {string} options.label spoken name of the grid
   */
  constructor(view, { onpick, label }) {
    this.view = view;
    this.buttons = new Map();
    this.heads = new Map();
    this.rows = new Map();
    this.element = make("div", { class: view.isList ? "grade-grid is-list" : "grade-grid", role: "grid", "aria-label": label });
    const head = make("div", { class: "grid-row head", role: "row" }, make("span", { role: "columnheader" }, make("span", { class: "visually-hidden" }, t("Level"))));
    for (const half of view.isList ? [] : view.halves) {
      const title = make("span", { class: "half-title", "aria-hidden": "true" }, half ? t(SIDE_TITLES[half]) : "");
      const columns = view.findings.map((finding) => {
        const column = make("span", { class: "column-title", role: "columnheader", "aria-label": `${finding.label} ${half ? t(SIDE_TITLES[half]) : ""}` }, finding.short);
        this.heads.set(`${half}|${finding.id}`, column);
        return column;
      });
      this.heads.set(half, title);
      head.append(make("div", { class: "grid-half", role: "presentation" }, title, ...columns));
    }
    if (!view.isList) this.element.append(head);
    for (const level of view.levels) {
      const rowTitle = make("span", { class: "row-title", role: "rowheader" }, level.label);
      this.rows.set(level.id, rowTitle);
      const row = make("div", { class: "grid-row", role: "row" }, rowTitle);
      for (const half of view.halves) {
        const structure = view.at(level, half);
        const cells = (structure ? view.findingsAt.get(structure.id) : []).flatMap((finding) => {
          const cell = this.#cell(structure, finding, onpick);
          return view.isList ? [make("span", { class: "cell-title" }, finding.short), cell] : [cell];
        });
        row.append(make("div", { class: "grid-half", role: "presentation" }, ...cells));
      }
      this.element.append(row);
    }
  }

  #cell(structure, finding, onpick) {
    const key = itemKey(structure.id, finding.id);
    const button = make("button", { type: "button", class: "cell is-empty", role: "gridcell", tabindex: "-1", "aria-selected": "false", "data-item": key, onclick: () => onpick(key) });
    this.buttons.set(key, button);
    return button;
  }

  /**
   * Draw one cell.
   *
   * @param {object} cell {kind, grade, ..., flag}
   * @param {object} marks {state: "saved"|"saving"|"waiting"|"unsaved", conflict, adjudicated, changed, aid}
   */
  draw(key, cell, { state = "saved", conflict = false, adjudicated = false, changed = false, aid = undefined } = {}) {
    const button = this.buttons.get(key);
    const [structureId, findingId] = splitKey(key);
    const structure = this.view.structure(structureId);
    const finding = this.view.finding(findingId);
    button.classList.toggle("is-empty", !cell?.kind);
    button.classList.toggle("is-typed", Boolean(cell?.kind) && cell.kind !== "grade" && cell.kind !== "value");
    button.classList.toggle("is-value", cell?.kind === "value");
    button.classList.toggle("is-flagged", Boolean(cell?.flag) || changed);
    button.classList.toggle("is-waiting", state === "waiting" || state === "unsaved");
    button.classList.toggle("is-saving", state === "saving");
    button.classList.toggle("is-conflict", conflict);
    if (cell?.kind === "grade") button.dataset.grade = shade(cell.grade, finding.scale.length);
    else delete button.dataset.grade;
    const parts = [shortAnswer(cell)];
    if (state !== "saved") parts.push(make("span", { class: "cell-mark" }));
    if (aid !== undefined) parts.push(make("span", { class: "cell-aid", "aria-hidden": "true" }, String(aid)));
    if (adjudicated) {
      const scales = icon("scales");
      scales.classList.add("cell-icon");
      parts.push(scales);
    }
    button.replaceChildren(...parts);
    const answer = !cell?.kind ? t("no answer") : cell.kind === "grade" ? t("grade {grade}", { grade: cell.grade }) : cell.kind === "value" ? `${shortAnswer(cell)} ${finding.unit}` : t(cell.kind.replace("_", " "));
    const words = [`${finding.label}, ${structure.label}`, answer];
    if (cell?.kind) words.push(t(conflict ? "conflict" : state));
    if (cell?.flag) words.push(t("flagged"));
    if (adjudicated) words.push(t("settled by the adjudicator"));
    if (aid !== undefined) words.push(t("aid {grade}", { grade: aid }));
    button.setAttribute("aria-label", words.join(", "));
  }

  /** Show where one is: ring, row, column and half. */
  place(key, { focus = false } = {}) {
    const [structureId, findingId] = splitKey(key);
    const structure = this.view.structure(structureId);
    const mark = (button, here) => {
      button.classList.toggle("is-current", here);
      button.tabIndex = here ? 0 : -1;
      button.setAttribute("aria-selected", String(here));
    };
    // Every key comes by here: only the two cells that change are touched.
    if (this.placed !== undefined) mark(this.buttons.get(this.placed), false);
    mark(this.buttons.get(key), true);
    this.placed = key;
    for (const [name, head] of this.heads) head.classList.toggle("is-here", name === structure.side || name === `${structure.side}|${findingId}`);
    for (const [level, title] of this.rows) title.classList.toggle("is-here", level === structure.group);
    if (focus) this.buttons.get(key).focus({ preventScroll: true });
  }
}

/** Step of the ramp for a grade: scales of two use 0 and 2, of three 0, 1, 3, of more their own place. */
export function shade(grade, n) {
  if (n === 2) return [0, 2][grade];
  if (n === 3) return [0, 1, 3][grade];
  return Math.min(grade, 4);
}
