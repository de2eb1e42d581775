// <rs-grading>: the reader's side of the reading page.
//
// Independent of the viewer: it tells which structure is active and hears when the images are up; it
// works without them.

import { t } from "../viewer/texts.js";
import { Aid } from "./aid.js";
import { Cells } from "./cells.js";
import { announce, make, post, readConfig } from "./dom.js";
import { shade } from "./grid.js";
import { actionOf, belongsElsewhere } from "./keys.js";
import { Marking } from "./marking.js";
import { buildPanel } from "./panel-build.js";
import { panelHelp } from "./panel-help.js";
import { ProtocolView, splitKey } from "./protocol.js";
import { questionKey } from "./questions.js";
import { Saving } from "./saving.js";
import { scaleOptions, typedMenu } from "./scale.js";
import { Submission } from "./submission.js";
import { ActiveTime } from "./time.js";

const PLACE_EVERY_MS = 15000;
const SILENT_VIEWER_MS = 20000;

// What needs a current cell.
const GRID_ACTIONS = new Set(["digit", "normal", "typed", "flag", "note", "clear", "measure", "up", "down", "left", "right", "next-structure", "previous-structure"]);

export class RsGrading extends HTMLElement {
  connectedCallback() {
    if (this.view) return;
    this.config = readConfig(this);
    this.view = new ProtocolView(this.config);
    this.cells = new Cells(this.config.cells);
    this.aid = new Aid(this.config.aid);
    this.time = new ActiveTime(this.config.focused_seconds, this.config.idle_seconds);
    this.viewerState = {};
    // A protocol may ask for marks alone.
    this.hasGrid = this.view.order.length > 0;
    this.mode = this.hasGrid ? "grade" : "marks";
    this.gate = "loading";
    this.message = undefined;
    this.submission = new Submission(this);
    const resumed = this.config.resume?.item;
    this.current = this.view.order.includes(resumed) ? resumed : (this.view.nextOpen(this.view.order.at(-1), (k) => this.cells.isAnswered(k)) ?? this.view.order[0]);
    this.saving = new Saving(this);
    this.marking = new Marking(this);
    buildPanel(this);
    this.saving.begin();
    this.#listen();
    this.drawAll();
    if (this.hasGrid) this.goTo(this.current, { focus: true });
    else this.marking.open();
  }

  #listen() {
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("rs:focus-panel", () => this.focusCell());
    document.addEventListener("rs:viewer-state", (event) => { this.viewerState = event.detail.state; });
    document.addEventListener("rs:full-quality", (event) => {
      this.images = event.detail;
      if (event.detail.complete) this.#openGate("open");
    });
    document.addEventListener("rs:marks", (event) => this.marking.drawn(event.detail.marks));
    document.addEventListener("rs:mark-selected", (event) => { if (event.detail.id) this.marking.open(event.detail.id); });
    document.addEventListener("rs:image-failed", () => this.#openGate("failed"));
    // A case without images, and a viewer that never says anything, must not keep the panel shut.
    document.addEventListener("rs:viewer-ready", () => { if (!document.querySelector("rs-viewer .rs-grid > :not(.rs-empty)")) this.#openGate("open"); });
    setTimeout(() => { if (this.gate === "loading" && !document.querySelector("rs-viewer[data-quality]")) this.#openGate("failed"); }, SILENT_VIEWER_MS);
    document.addEventListener("click", (event) => { if (event.target.closest?.("[data-action=help]")) this.help(); });
    document.querySelector("[data-sign-out]")?.addEventListener("submit", (event) => this.#signOut(event));
    window.addEventListener("online", () => this.queue.flush());
    window.addEventListener("pagehide", () => this.savePlace(true));
    document.addEventListener("rs:locking", (event) => event.detail.before.push(this.savePlace(false)));
    window.addEventListener("beforeunload", (event) => { this.questions.flush(); if (this.queue.atRisk) event.preventDefault(); });
    // Signed in again in another window: what waits may leave now.
    window.addEventListener("focus", () => this.queue.flush());
    setInterval(() => this.savePlace(false), PLACE_EVERY_MS);
  }

  #openGate(kind) {
    if (this.gate === "open") return;
    this.gate = kind;
    this.dataset.ready = "";
    this.say("");
    this.drawScale();
  }

  // --- keys --------------------------------------------------------------------------------------

  #key(event) {
    if (belongsElsewhere(event)) return;
    if (this.isMeasuring && !event.ctrlKey && !event.metaKey && !event.altKey && this.mode === "grade" && this.mayGrade() && this.valueEntry.begin(event.key)) {
      event.preventDefault();
      return;
    }
    const asked = actionOf(event);
    if (!asked) return;
    // In the list of marks, keys of the grid would grade what is not looked at.
    if (this.marks.element.contains(document.activeElement) && GRID_ACTIONS.has(asked.action)) return;
    if (asked.action.endsWith("-structure") && !this.grid.element.contains(document.activeElement)) return;
    if (asked.action === "enter" && document.activeElement?.closest("button, a, summary")) return;
    if (this.#act(asked)) event.preventDefault();
  }

  #act({ action, digit }) {
    if (!this.hasGrid && GRID_ACTIONS.has(action)) return false;
    switch (action) {
      case "marks": return this.marking.open() && (this.marks.start(), true);
      case "digit": return this.digit(digit);
      case "normal": return this.normal();
      case "typed": return this.typed();
      case "flag": return this.flag();
      case "note": return this.openNote();
      case "questions": return this.openQuestions();
      case "measure": return this.isMeasuring && this.valueEntry.measure();
      case "clear": return this.clear();
      case "undo": return this.undo();
      case "submit": this.submit(); return true;
      case "help": this.help(); return true;
      case "to-images": announce("rs:focus-images"); return true;
      case "slice-back": announce("rs:step-slice", { delta: -1 }); return true;
      case "slice-on": announce("rs:step-slice", { delta: 1 }); return true;
      case "up": case "down": case "left": case "right":
        this.goTo(this.view.neighbour(this.current, action), { focus: true });
        return true;
      case "next-structure": return this.#step(1);
      case "previous-structure": return this.#step(-1);
      case "escape":
        if (this.mode === "typed") { this.mode = "grade"; this.drawScale(); return true; }
        // From here Tab leaves the grid at once.
        this.submitButton.focus();
        return true;
      default: return false;
    }
  }

  #step(step) {
    const target = this.view.structureStep(this.current, step);
    if (!target) return false;
    this.goTo(target, { focus: true });
    return true;
  }

  // --- acts --------------------------------------------------------------------------------------

  /** Whether the current item is a measured value. */
  get isMeasuring() {
    return this.hasGrid && this.view.finding(splitKey(this.current)[1]).kind === "continuous";
  }

  mayGrade() {
    if (this.queue.closed) { this.say(this.queue.closed, "alert"); return false; }
    if (this.gate === "loading") { this.say(t("The image is still loading. Grading opens at full quality.")); return false; }
    return true;
  }

  digit(digit) {
    if (!this.mayGrade()) return true;
    const finding = this.view.finding(splitKey(this.current)[1]);
    if (this.mode === "typed") return this.#chooseTyped(digit);
    if (digit >= finding.scale.length) {
      this.say(t("{finding} has grades 0 to {highest}.", { finding: finding.label, highest: finding.scale.length - 1 }));
      return true;
    }
    this.answer({ kind: "grade", grade: digit });
    return true;
  }

  answer(answer) {
    const before = this.cells.get(this.current);
    const kept = before.kind ? { flag: before.flag, note: before.note } : {};
    this.saving.send(this.cells.change([[this.current, { grade: null, value: null, reason: "", flag: false, note: "", ...kept, ...answer }]]));
    this.mode = "grade";
    this.goTo(this.view.after(this.current), { focus: true });
  }

  normal() {
    if (!this.mayGrade()) return true;
    const structure = splitKey(this.current)[0];
    const open = this.view.keysOfStructure(structure).filter((key) => !this.cells.isAnswered(key) && this.view.finding(splitKey(key)[1]).scale.length);
    if (!open.length) { this.say(t("Every finding of this joint has an answer already; none was changed.")); return true; }
    this.saving.send(this.cells.change(open.map((key) => [key, { kind: "grade", grade: 0, value: null, reason: "", flag: false, note: "" }])));
    const next = this.view.structureStep(this.current, 1);
    this.goTo(next ?? this.current, { focus: true });
    return true;
  }

  typed() {
    if (!this.mayGrade()) return true;
    this.mode = this.mode === "typed" ? "grade" : "typed";
    this.drawScale();
    return true;
  }

  /** The typed answers of the current finding, in the order of their digits. */
  typedChoices() {
    return this.view.typedChoices(splitKey(this.current)[1], this.config.not_assessable_reasons, t);
  }

  #chooseTyped(digit) {
    const choice = this.typedChoices()[digit - 1];
    if (choice) this.answer(choice.answer);
    return true;
  }

  flag() {
    const cell = this.cells.get(this.current);
    if (!cell.kind) { this.say(t("A flag stands on an answer; this item has none yet.")); return true; }
    const { change, ...answer } = cell;
    this.saving.send(this.cells.change([[this.current, { ...answer, flag: !cell.flag }]]));
    this.drawCell(this.current);
    return true;
  }

  openNote() {
    const cell = this.cells.get(this.current);
    if (!cell.kind) { this.say(t("A note stands on an answer; this item has none yet.")); return true; }
    this.noteField.hidden = false;
    this.noteField.value = cell.note ?? "";
    this.noteField.placeholder = t("Note on this answer. Esc goes back.");
    this.noteField.focus();
    return true;
  }

  saveNote() {
    const { change, ...answer } = this.cells.get(this.current);
    if (answer.kind) this.saving.send(this.cells.change([[this.current, { ...answer, note: this.noteField.value.trim() }]]));
  }

  closeNote() {
    this.saveNote();
    this.noteField.hidden = true;
    this.focusCell();
  }

  /** Show the questions about the case in place of the scale. */
  openQuestions(id) {
    if (!this.config.case_questions.length) return false;
    this.mode = "questions";
    this.drawScale();
    this.questions.focus(id);
    return true;
  }

  answerQuestion(id, text) {
    if (this.queue.closed) { this.say(this.queue.closed, "alert"); return; }
    this.saving.send(this.cells.change([[questionKey(id), text ? { kind: "text", text } : null]]));
  }

  clear() {
    this.saving.send(this.cells.change([[this.current, null]]));
    this.drawCell(this.current);
    this.drawScale();
    return true;
  }

  undo() {
    const { saves, keys } = this.cells.undo();
    if (!keys.length) { this.say(t("Nothing to undo.")); return true; }
    this.saving.send(saves);
    const question = keys[0].startsWith("|") && keys[0].slice(1);
    if (question) this.openQuestions(question);
    else if (keys[0].startsWith("@|")) { this.marking.tell(); this.marking.open(keys[0].slice(2)); }
    else this.goTo(keys[0], { focus: true });
    return true;
  }

  // --- drawing -----------------------------------------------------------------------------------

  drawCell(key) {
    const [structure, finding] = splitKey(key);
    if (!structure) { this.questions.draw(); return; }
    if (structure === "@") { if (this.mode === "marks" && !this.marks.element.contains(document.activeElement)) this.marks.draw(); return; }
    if (!this.grid.buttons.has(key)) return;
    const state = this.queue.stateOf(structure, finding);
    const shown = state === "saving" && this.badge?.dataset.kind !== "saving" ? "saved" : state;
    this.grid.draw(key, this.cells.get(key), { state: shown, conflict: this.cells.conflicts.has(key), aid: this.aid.of(key)?.grade });
  }

  drawAll() {
    for (const key of this.view.order) this.drawCell(key);
    this.drawProgress();
  }

  drawProgress() {
    const n = this.cells.answered;
    const total = this.view.order.length;
    const nMarks = this.marking.entries().length;
    this.count.textContent = this.hasGrid ? t("{n} of {total} graded", { n, total }) : String(nMarks);
    if (this.markCount) this.markCount.textContent = String(nMarks);
    this.bar.value = n;
    const { answered, questions, missing } = this.questions;
    if (this.questionCount) this.questionCount.textContent = `${answered}/${questions.length}`;
    this.submitButton.classList.toggle("button-main", n === total && !missing && !this.marks.missing);
    this.drawOverall();
  }

  drawOverall() {
    if (!this.hasGrid) return;
    const structureId = splitKey(this.current)[0];
    const structure = this.view.structure(structureId);
    const rows = this.view.derived.map((derived) => {
      const grade = this.view.derive(derived, structureId, (key) => this.cells.get(key));
      const value = grade === undefined ? t("after the findings of this joint") : make("span", { class: "chip", "data-grade": shade(grade, 4) }, String(grade));
      return [make("span", {}, `${derived.label}, ${structure.label}`), make("span", { class: "overall-value" }, value, grade === undefined ? "" : t("follows from your answers"))];
    });
    this.overall.replaceChildren(...rows.flat());
  }

  drawScale() {
    if (this.mode === "marks") {
      this.marks.draw();
      const title = make("div", { class: "finding-head" }, make("span", { class: "finding-name" }, t("Marks")));
      this.scaleArea.replaceChildren(title, this.marks.element);
      return;
    }
    if (this.mode === "questions") {
      this.questions.draw();
      const title = make("div", { class: "finding-head" }, make("span", { class: "finding-name" }, t("About the case")));
      this.scaleArea.replaceChildren(title, this.questions.element);
      return;
    }
    const [structureId, findingId] = splitKey(this.current);
    const structure = this.view.structure(structureId);
    const finding = this.view.finding(findingId);
    const cell = this.cells.get(this.current);
    const head = make(
      "div",
      { class: "finding-head" },
      make("span", { class: "finding-name" }, finding.label),
      make("span", { class: "finding-place" }, structure.label),
    );
    const definition = make("p", { class: "finding-definition" }, finding.definition);
    const body = this.mode === "typed" ? typedMenu(this.typedChoices(), (answer) => this.answer(answer)) : this.#scale(finding, cell);
    this.scaleArea.replaceChildren(head, definition, this.aid.line(this.current), body);
  }

  #scale(finding, cell) {
    if (finding.kind === "continuous") return this.valueEntry.show(finding, cell);
    return scaleOptions(finding, cell, { ondigit: (digit) => this.digit(digit), share: (grade) => this.aid.share(this.current, grade) });
  }

  say(words, kind = "") {
    this.messageLine.textContent = words;
    this.messageLine.dataset.kind = kind;
  }

  goTo(key, { focus = false } = {}) {
    const moved = splitKey(key)[0] !== splitKey(this.current)[0] || !this.announced;
    if (key !== this.current) { this.mode = "grade"; this.noteField.hidden = true; }
    this.current = key;
    this.grid.place(key);
    this.drawScale();
    this.drawOverall();
    // Focus makes the browser lay the page out: once, after all that changes.
    if (focus) this.focusCell();
    if (moved) {
      this.announced = true;
      announce("rs:activate-structure", { structure: splitKey(key)[0] });
    }
  }

  focusCell() {
    if (!this.hasGrid) { this.marks.focus(); return; }
    this.grid.place(this.current, { focus: true });
  }

  help() {
    this.helpBox ??= panelHelp({ measures: this.view.findings.some(({ measure }) => measure), marks: this.config.mark_kinds.length > 0 });
    this.helpBox.showModal();
  }

  // --- submitting, leaving -------------------------------------------------------------------------

  submit() {
    this.submission.ask();
  }

  async savePlace(leaving) {
    if (this.config.is_preview) return;
    this.questions.flush();
    this.time.tick();
    const body = { resume: { grid: { item: this.current }, viewer: this.viewerState }, focused_seconds: this.time.focused, idle_seconds: this.time.idle };
    try {
      await post(this.config.addresses.place, body, { keepalive: leaving });
    } catch {
      // Where one was is a comfort, not an answer; the next tick tries again.
    }
  }

  #signOut(event) {
    const n = this.queue.waiting.length;
    if (n && !window.confirm(t("{n} answers have not been sent yet. Stay, or leave them locked on this computer?", { n }))) event.preventDefault();
  }
}
