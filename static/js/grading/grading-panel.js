// <rs-grading>: the reader's side of the reading page.
//
// Independent of the viewer: it tells which structure is active and hears when the images are up; it
// works without them.

import { t } from "../viewer/texts.js";
import { Aid } from "./aid.js";
import { Cells } from "./cells.js";
import { conflictBox } from "./conflict-box.js";
import { announce, cap, make, post, readConfig } from "./dom.js";
import { GradeGrid, shade, shortAnswer } from "./grid.js";
import { actionOf, belongsElsewhere, capOfAction } from "./keys.js";
import { markChanges, markKey, MarkList } from "./marks.js";
import { panelHelp } from "./panel-help.js";
import { ProtocolView, splitKey } from "./protocol.js";
import { questionKey, QuestionList } from "./questions.js";
import { SaveQueue, worst } from "./queue.js";
import { drawSaveBadge } from "./save-badge.js";
import { scaleOptions, typedMenu } from "./scale.js";
import { Submission } from "./submission.js";
import { ActiveTime } from "./time.js";
import { ValueEntry } from "./value-entry.js";
import { Vault } from "./vault.js";

const PLACE_EVERY_MS = 15000;
const SAVING_SHOWN_AFTER_MS = 300;
const SILENT_VIEWER_MS = 20000;

// What needs a current cell.
const GRID_ACTIONS = new Set(["digit", "normal", "typed", "flag", "note", "clear", "measure", "up", "down", "left", "right", "next-structure", "previous-structure"]);

/** In a preview: what the server would say to answers that it takes, without asking it. */
async function keepHere(answers) {
  const cellOf = ({ key, clear, structure, finding, base, aid_ms, ...answer }) => ({ ...(clear ? { kind: null } : answer), change: key });
  return { status: 200, body: { results: answers.map((save) => ({ key: save.key, status: "saved", structure: save.structure, finding: save.finding, cell: cellOf(save), message: "" })) } };
}

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
    this.#build();
    this.#queue();
    this.#listen();
    this.drawAll();
    if (this.hasGrid) this.goTo(this.current, { focus: true });
    else this.openMarks();
  }

  // --- structure ---------------------------------------------------------------------------------

  #build() {
    this.grid = new GradeGrid(this.view, { onpick: (key) => this.goTo(key, { focus: true }), label: t("Grades") });
    this.count = make("span", { class: "muted" });
    this.bar = make("progress", { class: "progress", max: this.view.order.length, value: 0, "aria-hidden": "true" });
    this.scaleArea = make("section", { class: "scale-area" });
    this.messageLine = make("p", { class: "panel-message", role: "status" });
    this.conflictArea = make("div");
    this.noteField = make("textarea", { id: "note", rows: 2, maxlength: 500, hidden: true, onchange: () => this.#saveNote() });
    this.noteField.addEventListener("keydown", (event) => {
      if (event.code === "Escape" || (event.code === "Enter" && (event.ctrlKey || event.metaKey))) {
        event.preventDefault();
        event.stopPropagation();
        this.#closeNote();
      }
    });
    this.actions = make(
      "div",
      { class: "panel-actions" },
      ...(this.hasGrid
        ? [
            this.#action("normal", this.view.isList ? t("Region normal") : t("Joint normal"), () => this.normal()),
            this.#action("typed", t("Not assessable"), () => this.typed()),
            this.#action("flag", t("Flag"), () => this.flag()),
            this.#action("note", t("Note"), () => this.openNote()),
          ]
        : []),
    );
    this.valueEntry = new ValueEntry({
      onvalue: (value) => { if (this.#mayGrade()) this.answer({ kind: "value", value }); },
      onproblem: (words) => this.say(words),
      onleave: () => { this.drawScale(); this.focusCell(); },
    });
    this.questions = new QuestionList(this.config.case_questions, {
      textOf: (id) => this.cells.get(questionKey(id)).text ?? "",
      onanswer: (id, text) => this.#answerQuestion(id, text),
      onleave: () => { if (!this.hasGrid) { this.openMarks(); return; } this.mode = "grade"; this.drawScale(); this.focusCell(); },
    });
    this.marks = new MarkList(this.config.mark_kinds, {
      marks: () => this.markEntries(),
      onchange: (id, change) => this.#changeMark(id, change),
      say: (words, kind) => this.say(words, kind),
      onleave: () => this.#leaveMarks(),
    });
    if (this.config.mark_kinds.length) {
      this.markCount = make("span", { class: "muted" });
      this.actions.append(make("button", { class: "button button-small", type: "button", onclick: () => this.openMarks() }, cap(capOfAction("marks")), t("Marks"), this.markCount));
    }
    if (this.config.case_questions.length) {
      this.questionCount = make("span", { class: "muted" });
      this.actions.append(make("button", { class: "button button-small", type: "button", onclick: () => this.openQuestions() }, cap(capOfAction("questions")), t("Case"), this.questionCount));
    }
    this.overall = make("div", { class: "overall" });
    this.submitButton = make("button", { class: "button", type: "button", onclick: () => this.submit() }, t("Submit case"), cap("Ctrl ↵"));
    this.append(
      make("header", { class: "grid-head" }, make("h2", {}, this.hasGrid ? t("Answers") : t("Marks"), " ", this.count), this.hasGrid ? this.bar : ""),
      this.hasGrid ? this.grid.element : make("div"),
      make("hr", { class: "grid-rule" }),
      this.scaleArea,
      make("div", {}, this.actions, this.conflictArea, make("label", { class: "visually-hidden", for: "note" }, t("Note")), this.noteField, this.messageLine),
      make("footer", { class: "panel-foot" }, this.overall, this.submitButton),
    );
    this.badge = document.getElementById("save-badge");
    document.getElementById("status-keys")?.append(
      ...[
        [["0–9"], t("grade, go on")],
        [["←", "→"], t("cell")],
        [["Tab"], t("next joint")],
        [[capOfAction("to-images")], t("keys to images")],
        [["?"], t("all keys")],
      ].map(([caps, words]) => make("span", {}, ...caps.map(cap), words)),
    );
  }

  #action(action, words, act) {
    return make("button", { class: "button button-small", type: "button", onclick: () => { act(); this.focusCell(); } }, cap(capOfAction(action)), words);
  }

  #queue() {
    let vault;
    try {
      // A preview keeps nothing, not even on this device.
      vault = this.config.offline_key && window.indexedDB && crypto.subtle ? new Vault(this.config.offline_key, this.config.read) : undefined;
    } catch {
      vault = undefined;
    }
    this.queue = new SaveQueue({
      send: this.config.is_preview ? keepHere : (answers) => post(this.config.addresses.answers, { answers }),
      vault,
      settled: (result) => this.#settled(result),
      changed: () => this.#queueChanged(),
    });
    this.queue.recover().then(
      (saves) => {
        // In the order they will be sent: what was found here first, then what was answered meanwhile.
        if (saves.length) for (const save of this.queue.waiting) this.cells.restore(save);
        if (saves.length) { this.drawAll(); this.#tellMarks(); }
      },
      () => {},
    );
  }

  #listen() {
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("rs:focus-panel", () => this.focusCell());
    document.addEventListener("rs:viewer-state", (event) => { this.viewerState = event.detail.state; });
    document.addEventListener("rs:full-quality", (event) => {
      this.images = event.detail;
      if (event.detail.complete) this.#openGate("open");
    });
    document.addEventListener("rs:marks", (event) => this.#marksDrawn(event.detail.marks));
    document.addEventListener("rs:mark-selected", (event) => { if (event.detail.id) this.openMarks(event.detail.id); });
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
    if (this.isMeasuring && !event.ctrlKey && !event.metaKey && !event.altKey && this.mode === "grade" && this.#mayGrade() && this.valueEntry.begin(event.key)) {
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
      case "marks": return this.openMarks() && (this.marks.start(), true);
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

  #mayGrade() {
    if (this.queue.closed) { this.say(this.queue.closed, "alert"); return false; }
    if (this.gate === "loading") { this.say(t("The image is still loading. Grading opens at full quality.")); return false; }
    return true;
  }

  digit(digit) {
    if (!this.#mayGrade()) return true;
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
    this.#send(this.cells.change([[this.current, { grade: null, value: null, reason: "", flag: false, note: "", ...kept, ...answer }]]));
    this.mode = "grade";
    this.goTo(this.view.after(this.current), { focus: true });
  }

  normal() {
    if (!this.#mayGrade()) return true;
    const structure = splitKey(this.current)[0];
    const open = this.view.keysOfStructure(structure).filter((key) => !this.cells.isAnswered(key) && this.view.finding(splitKey(key)[1]).scale.length);
    if (!open.length) { this.say(t("Every finding of this joint has an answer already; none was changed.")); return true; }
    this.#send(this.cells.change(open.map((key) => [key, { kind: "grade", grade: 0, value: null, reason: "", flag: false, note: "" }])));
    const next = this.view.structureStep(this.current, 1);
    this.goTo(next ?? this.current, { focus: true });
    return true;
  }

  typed() {
    if (!this.#mayGrade()) return true;
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
    this.#send(this.cells.change([[this.current, { ...answer, flag: !cell.flag }]]));
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

  #saveNote() {
    const { change, ...answer } = this.cells.get(this.current);
    if (answer.kind) this.#send(this.cells.change([[this.current, { ...answer, note: this.noteField.value.trim() }]]));
  }

  #closeNote() {
    this.#saveNote();
    this.noteField.hidden = true;
    this.focusCell();
  }

  // --- marks -------------------------------------------------------------------------------------

  markEntries() {
    return [...this.cells.cells].filter(([key, cell]) => key.startsWith("@|") && cell.kind === "mark").map(([key, cell]) => [key.slice(2), cell]);
  }

  /** Show the list of marks in place of the scale. */
  openMarks(id) {
    if (!this.config.mark_kinds.length) return false;
    this.mode = "marks";
    if (id) this.marks.current = id;
    this.drawScale();
    this.marks.focus();
    return true;
  }

  #leaveMarks() {
    announce("rs:set-tool", { tool: "window" });
    if (!this.hasGrid) { this.submitButton.focus(); return; }
    this.mode = "grade";
    this.drawScale();
    this.focusCell();
  }

  /** The viewer has drawn, moved or removed a mark. */
  #marksDrawn(drawn) {
    const changes = markChanges(drawn, this.markEntries());
    if (!changes.length) return;
    if (!this.#mayGrade()) { this.#tellMarks(); return; }
    const made = changes.find(([key, answer]) => answer && !this.cells.get(key).kind);
    this.#send(this.cells.change(changes));
    if (made) this.openMarks(made[0].slice(2));
    else if (this.mode === "marks") this.marks.draw();
  }

  /** A class or confidence was given, or a mark removed, here in the panel. */
  #changeMark(id, change) {
    if (!this.#mayGrade()) return;
    const { change: _, ...cell } = this.cells.get(markKey(id));
    const { class: className, ...rest } = change ?? {};
    const answer = change && { ...cell, ...rest, mark: className ? { ...cell.mark, class: className } : cell.mark };
    this.#send(this.cells.change([[markKey(id), answer]]));
    if (!change || className) this.#tellMarks();
    if (this.mode === "marks") this.marks.draw();
  }

  /** Let the viewer show what stands here. */
  #tellMarks() {
    announce("rs:set-marks", { marks: this.markEntries().map(([, { mark }]) => mark) });
  }

  /** Show the questions about the case in place of the scale. */
  openQuestions(id) {
    if (!this.config.case_questions.length) return false;
    this.mode = "questions";
    this.drawScale();
    this.questions.focus(id);
    return true;
  }

  #answerQuestion(id, text) {
    if (this.queue.closed) { this.say(this.queue.closed, "alert"); return; }
    this.#send(this.cells.change([[questionKey(id), text ? { kind: "text", text } : null]]));
  }

  clear() {
    this.#send(this.cells.change([[this.current, null]]));
    this.drawCell(this.current);
    this.drawScale();
    return true;
  }

  undo() {
    const { saves, keys } = this.cells.undo();
    if (!keys.length) { this.say(t("Nothing to undo.")); return true; }
    this.#send(saves);
    const question = keys[0].startsWith("|") && keys[0].slice(1);
    if (question) this.openQuestions(question);
    else if (keys[0].startsWith("@|")) { this.#tellMarks(); this.openMarks(keys[0].slice(2)); }
    else this.goTo(keys[0], { focus: true });
    return true;
  }

  #send(saves) {
    for (const save of saves) {
      this.queue.add(this.aid.isThere ? { ...save, aid_ms: this.aid.times(`${save.structure}|${save.finding}`) } : save);
      this.drawCell(`${save.structure}|${save.finding}`);
    }
    if (saves.length) this.say("");
    this.drawProgress();
  }

  #settled(result) {
    const key = `${result.structure}|${result.finding}`;
    if (result.status === "conflict") {
      this.cells.noteConflict(key, result.cell);
      this.drawConflict();
    } else if (result.status === "refused") {
      // Not taken: the cell goes back to what the server has, unless a later change is on its way.
      if (!this.queue.isWaiting(result.structure, result.finding)) this.cells.adopt(key, result.cell);
      if (result.structure === "@") this.#tellMarks();
      this.say(result.message, "alert");
    } else if (!this.queue.isWaiting(result.structure, result.finding) && this.cells.differs(key, result.cell)) {
      // Taken, and changed since by another window before the answer reached this one.
      this.cells.noteConflict(key, result.cell);
      this.drawConflict();
    }
    this.drawCell(key);
    this.drawProgress();
  }

  #queueChanged() {
    clearTimeout(this.badgeTimer);
    const state = this.cells.conflicts.size ? worst(["conflict", this.queue.state]) : this.queue.state;
    if (state !== "saving") return this.#showState(state);
    // The badge is never more hopeful than the truth; for the cells a save that takes a moment is no news.
    this.drawBadge("saving");
    this.badgeTimer = setTimeout(() => this.#showState("saving"), SAVING_SHOWN_AFTER_MS);
  }

  #showState(kind) {
    const turned = this.shownState !== kind;
    this.shownState = kind;
    this.drawBadge(kind);
    // A cell draws itself when it changes; only a turn of the whole queue changes how every cell looks.
    if (turned) this.drawAll();
  }

  // --- drawing -----------------------------------------------------------------------------------

  drawBadge(kind) {
    if (!this.badge) return;
    const { closed, refused, waiting } = this.queue;
    drawSaveBadge(this.badge, kind, { answered: this.cells.answered, waiting: waiting.length, closed, refused });
  }

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
    const nMarks = this.markEntries().length;
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

  drawConflict() {
    const [key, conflict] = this.cells.conflicts.entries().next().value ?? [];
    if (!key) { this.conflictArea.replaceChildren(); this.#queueChanged(); return; }
    const [structureId, findingId] = splitKey(key);
    const keep = (which) => {
      const save = this.cells.resolve(key, which);
      if (save) this.queue.add(save);
      this.drawCell(key);
      if (isMark) this.#tellMarks();
      this.drawConflict();
    };
    const isMark = structureId === "@";
    const words = this.#conflictWords(structureId, findingId, conflict);
    this.conflictArea.replaceChildren(conflictBox(words, keep));
    this.#queueChanged();
  }

  #conflictWords(structureId, findingId, { theirs, mine }) {
    const isMark = structureId === "@";
    const question = this.config.case_questions.find(({ id }) => !structureId && id === findingId);
    const markLabel = (cell) => cell?.mark && `${this.marks.kind(cell.mark).classes.find(({ id }) => id === cell.mark.class)?.label} ${cell.confidence ?? ""}`.trim();
    const said = (cell) => (isMark ? markLabel(cell) : question ? (question.options.find(({ id }) => id === cell?.text)?.label ?? cell?.text) : shortAnswer(cell)) || t("no answer");
    return t("{place}, {finding}: {theirs} in the other window, {mine} here. Choose which to keep.", {
      place: question ? t("About the case") : isMark ? t("Marks") : this.view.structure(structureId).label,
      finding: question?.label ?? (isMark ? this.marks.kind((theirs?.mark ?? mine.mark)).label : undefined) ?? this.view.finding(findingId).label,
      theirs: said(theirs),
      mine: said(mine),
    });
  }

  say(words, kind = "") {
    this.messageLine.textContent = words;
    this.messageLine.dataset.kind = kind;
  }

  goTo(key, { focus = false } = {}) {
    const moved = splitKey(key)[0] !== splitKey(this.current)[0] || !this.announced;
    if (key !== this.current) { this.mode = "grade"; this.noteField.hidden = true; }
    this.current = key;
    this.grid.place(key, { focus });
    this.drawScale();
    this.drawOverall();
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
