// The questions about the whole case: a list that is answered by digits, one line per question.
// Presentation only; the panel keeps the answers and saves them.

import { t } from "../viewer/texts.js";
import { cap, make } from "./dom.js";

const TEXT_SAVED_AFTER_MS = 600;

export const questionKey = (id) => `|${id}`;

export class QuestionList {
  /**
   * @param {Array<{id, label, kind, required, options}>} questions
   * @param {object} options
   * @param {(id: string) => string} options.textOf the answer as it stands, "" where there is none
   * @param {(id: string, text: string) => void} options.onanswer
   * @param {() => void} options.onleave back to the grid
   */
  constructor(questions, { textOf, onanswer, onleave }) {
    Object.assign(this, { questions, textOf, onanswer, onleave });
    this.place = 0;
    this.element = make("div", { class: "case-questions", role: "group", "aria-label": t("About the case"), onkeydown: (event) => this.#key(event) });
    this.element.addEventListener("focusout", () => this.#textDone());
    this.rows = questions.map((question, place) => this.#row(question, place));
    this.element.append(...this.rows.map(({ element }) => element), make("p", { class: "muted" }, cap("Esc"), " ", t("back to the scale")));
  }

  get answered() {
    return this.questions.filter(({ id }) => this.textOf(id).trim()).length;
  }

  /** The first required question without an answer. */
  get missing() {
    return this.questions.find(({ id, required }) => required && !this.textOf(id).trim());
  }

  #row(question, place) {
    const id = `question-${question.id}`;
    const label = make("span", { class: "question-label", id }, question.label, question.required ? make("span", { class: "muted" }, ` ${t("required")}`) : "");
    const element = make("div", { class: "question", "data-question": question.id });
    if (question.kind === "text") {
      const field = make("textarea", { rows: 2, maxlength: 2000, "aria-labelledby": id, onfocus: () => this.#at(place), oninput: () => this.#textSoon(question.id) });
      element.append(label, field);
      return { element, field, draw: () => { if (document.activeElement !== field) field.value = this.textOf(question.id); } };
    }
    const buttons = question.options.map((option, n) =>
      make("button", { type: "button", class: "button button-small", role: "radio", onclick: () => { this.#at(place); this.#choose(option.id); } }, n < 9 ? cap(String(n + 1)) : "", option.label),
    );
    element.append(label, make("div", { class: "question-options", role: "radiogroup", "aria-labelledby": id }, ...buttons));
    const draw = () => {
      const chosen = question.options.findIndex((option) => option.id === this.textOf(question.id));
      buttons.forEach((button, n) => {
        button.setAttribute("aria-checked", String(n === chosen));
        button.tabIndex = n === Math.max(0, chosen) ? 0 : -1;
      });
    };
    return { element, field: undefined, buttons, draw };
  }

  draw() {
    this.rows.forEach((row, place) => {
      row.element.classList.toggle("is-current", place === this.place);
      row.draw();
    });
  }

  /** Go to a question, by id or to the one where one was. */
  focus(id) {
    if (id) this.place = this.questions.findIndex((question) => question.id === id);
    const row = this.rows[this.place];
    this.draw();
    const target = row.field ?? row.buttons.find((button) => button.tabIndex === 0);
    target.focus({ preventScroll: false });
  }

  #at(place) {
    if (place === this.place) return;
    this.place = place;
    this.draw();
  }

  #choose(option) {
    const { id } = this.questions[this.place];
    // Chosen again, it is taken back.
    this.onanswer(id, this.textOf(id) === option ? "" : option);
    this.draw();
  }

  #textSoon(id) {
    clearTimeout(this.timer);
    this.pending = id;
    this.timer = setTimeout(() => this.#textDone(), TEXT_SAVED_AFTER_MS);
  }

  #textDone() {
    clearTimeout(this.timer);
    const id = this.pending;
    this.pending = undefined;
    if (!id) return;
    const { field } = this.rows[this.questions.findIndex((question) => question.id === id)];
    if (field.value !== this.textOf(id)) this.onanswer(id, field.value);
  }

  /** What was typed and is not saved yet is handed over now. */
  flush() {
    this.#textDone();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const inText = event.target.tagName === "TEXTAREA";
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    const question = this.questions[this.place];
    if (event.code === "Escape") {
      this.#textDone();
      this.onleave();
    } else if (inText) return;
    else if (event.code === "ArrowDown" || event.code === "ArrowUp") this.#step(event.code === "ArrowDown" ? 1 : -1);
    else if (event.code === "ArrowRight" || event.code === "ArrowLeft") this.#stepOption(event.code === "ArrowRight" ? 1 : -1);
    else if (event.code === "Backspace") { this.onanswer(question.id, ""); this.draw(); }
    else if (digit && question.options[digit[1] - 1]) {
      this.#choose(question.options[digit[1] - 1].id);
      if (!this.#step(1)) this.focus();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step(step) {
    const place = this.place + step;
    if (place < 0 || place >= this.questions.length) return false;
    this.place = place;
    this.focus();
    return true;
  }

  #stepOption(step) {
    const { buttons } = this.rows[this.place];
    const here = buttons.indexOf(document.activeElement);
    buttons[(here + step + buttons.length) % buttons.length]?.focus();
  }
}
