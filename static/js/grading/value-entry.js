// A measured value: typed, or taken from the angle, length or region that was drawn last on an image.
// Presentation only; used by the reader, the adjudicator and the panel.

import { t } from "../viewer/texts.js";
import { announce, cap, make } from "./dom.js";
import { capOfAction } from "./keys.js";

// The viewer's tools by what the protocol measures, and what each gives.
const TOOLS = { cobb: "cobb", angle: "angle", length: "length", area: "roi" };
const SHAPES = { cobb: ["cobb"], angle: ["angle"], length: ["length"], area: ["roi", "ellipse", "polygon"] };
const FIRST_KEY = /^[0-9.,\u2212-]$/;

/**
 * A value as typed: comma or point, a minus of either kind.
 *
 * @returns {{value: number}|{problem: string}}
 */
export function readValue(text, { minimum, maximum, unit, label }) {
  const plain = text.trim().replace(",", ".").replace("\u2212", "-");
  const value = /^-?\d+(\.\d*)?$|^-?\.\d+$/.test(plain) ? Number(plain) : NaN;
  if (Number.isNaN(value)) return { problem: t("{finding} takes a number.", { finding: label }) };
  if (value < minimum || value > maximum) return { problem: t("{finding} runs from {low} to {high} {unit}.", { finding: label, low: minimum, high: maximum, unit }) };
  return { value };
}

export class ValueEntry {
  /**
   * @param {object} options
   * @param {(value: number) => void} options.onvalue a value that fits was entered with Enter, or taken over
   * @param {(words: string) => void} options.onproblem
   * @param {() => void} options.onleave
   */
  constructor({ onvalue, onproblem, onleave }) {
    Object.assign(this, { onvalue, onproblem, onleave });
    this.field = make("input", { type: "text", inputmode: "decimal", autocomplete: "off", class: "value-field", "aria-label": t("Value") });
    this.field.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("rs:measured", ({ detail }) => {
      this.measured = detail;
      if (this.element?.isConnected) this.#drawOffer();
    });
  }

  /** What is shown for a finding with its present value. */
  show(finding, cell) {
    this.finding = finding;
    this.field.value = cell?.kind === "value" ? String(cell.value) : "";
    this.offer = make("p", { class: "value-offer" });
    this.element = make(
      "div",
      { class: "value-entry", role: "group", "aria-label": finding.label },
      make("div", { class: "value-line" }, this.field, make("span", { class: "value-unit" }, finding.unit)),
      make("p", { class: "muted" }, t("from {low} to {high} {unit}; Enter keeps it", { low: finding.minimum, high: finding.maximum, unit: finding.unit })),
      this.offer,
    );
    this.#drawOffer();
    return this.element;
  }

  /** The measurement on the image that fits the finding. */
  get #fitting() {
    const { measure, unit } = this.finding ?? {};
    const { measured } = this;
    return measure && measured && SHAPES[measure].includes(measured.shape) && measured.unit === unit ? measured : undefined;
  }

  #drawOffer() {
    const { measure, unit } = this.finding;
    if (!measure) { this.offer.replaceChildren(); return; }
    const fitting = this.#fitting;
    const words = fitting ? t("Take {value} {unit} from the image", { value: fitting.value.toFixed(1), unit }) : t("Measure on the image");
    this.offer.replaceChildren(make("button", { type: "button", class: "button button-small", onclick: () => this.measure() }, cap(capOfAction("measure")), words));
  }

  /** Take the measurement over, or take the tool in hand. */
  measure() {
    const fitting = this.#fitting;
    if (!this.finding?.measure) return false;
    if (fitting) this.onvalue(Math.round(fitting.value * 10) / 10);
    else {
      announce("rs:set-tool", { tool: TOOLS[this.finding.measure] });
      this.onproblem(t("Draw it on the image; then M takes the value."));
    }
    return true;
  }

  /** Begin typing with the key that was pressed on the cell. @returns {boolean} whether the key begins a value */
  begin(key) {
    if (!FIRST_KEY.test(key ?? "")) return false;
    this.field.value = key;
    this.field.focus();
    return true;
  }

  #key(event) {
    if (event.code === "Escape") { event.preventDefault(); event.stopPropagation(); this.onleave(); return; }
    if (event.code !== "Enter" && event.code !== "NumpadEnter" || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { value, problem } = readValue(this.field.value, this.finding);
    if (problem) this.onproblem(problem);
    else this.onvalue(value);
  }
}
