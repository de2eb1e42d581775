// <rs-adjudication>: the adjudicator's side: one item at a time, A and B, the scale, one key.

import { t } from "../viewer/texts.js";
import { findingOf, isThird, markKindOf, stillStands } from "./disputed-item.js";
import { announce, cap, icon, make, post, readConfig } from "./dom.js";
import { Draft } from "./draft.js";
import { actionOf, belongsElsewhere, capOfAction } from "./keys.js";
import { toldMark } from "./marks.js";
import { settlingHelp } from "./panel-help.js";
import { ProtocolView } from "./protocol.js";
import { typedMenu } from "./scale.js";
import { gradeRow, readCard, reasonChoice } from "./settling-parts.js";
import { ValueEntry } from "./value-entry.js";

export class RsAdjudication extends HTMLElement {
  connectedCallback() {
    if (this.view) return;
    this.config = readConfig(this);
    this.view = new ProtocolView(this.config);
    this.items = this.config.items.map((item) => ({ ...item, settled: false }));
    this.place = 0;
    this.choice = undefined;
    this.reason = "";
    this.valueEntry = new ValueEntry({
      onvalue: (value) => { this.own({ kind: "value", value }); this.settleButton.focus(); },
      onproblem: (words) => this.say(words),
      onleave: () => { this.draw(); this.settleButton.focus(); },
    });
    this.#build();
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("click", (event) => { if (event.target.closest?.("[data-action=help]")) this.help(); });
    document.addEventListener("rs:focus-panel", () => this.settleButton.focus());
    document.addEventListener("rs:marks", (event) => this.#placeDrawn(event.detail.marks));
    this.show(0);
    this.#recall();
  }

  // --- what is not settled yet outlives the page --------------------------------------------------

  /** Take up what an earlier visit left, unless something was done here meanwhile; keep every step from now on. */
  async #recall() {
    this.draft = new Draft(this.config.offline_key, this.config.assignment);
    const before = JSON.stringify(this.#unsettled());
    const found = await this.draft.recall();
    if (JSON.stringify(this.#unsettled()) === before) this.#takeUp(found);
    this.keepsDraft = true;
    this.draft.keep(this.#unsettled());
  }

  #unsettled() {
    const { structure, finding } = this.item;
    const choice = this.choice?.typedMenu ? this.choice.before : this.choice;
    return { structure, finding, covered: this.covered, choice, reason: this.reason, drawn: choice?.mark ? this.newMark : undefined };
  }

  #takeUp(found) {
    const place = this.items.findIndex((item) => found && item.structure === found.structure && item.finding === found.finding);
    if (place < 0) return;
    if (place !== this.place) this.show(place);
    const { choice, reason, drawn } = found;
    // Decided anew meanwhile, or covered then and not now: what was chosen was chosen on something else.
    if (!choice || found.covered !== this.covered || !stillStands(choice, this.item)) return;
    Object.assign(this, { choice, reason, newMark: drawn });
    this.draw();
    if (drawn) this.#showMark();
    this.say(t("What you had chosen is here again. It is not settled yet."));
  }

  #build() {
    this.head = make("div");
    this.cards = make("div", { class: "cards", role: "radiogroup", "aria-label": t("First reads") });
    this.scaleHead = make("div", { class: "section-line" });
    this.options = make("div", { class: "options-list", role: "radiogroup", "aria-label": t("Settled grade") });
    this.reasonArea = make("div");
    this.messageLine = make("p", { class: "panel-message", role: "status" });
    this.settleButton = make("button", { class: "button button-main", type: "button", onclick: () => this.settle() }, t("Settle, next"), cap("↵"));
    this.append(
      this.head,
      this.cards,
      this.scaleHead,
      this.options,
      make("div", {}, this.reasonArea, this.messageLine),
      make("footer", { class: "panel-foot" }, make("button", { class: "button button-quiet", type: "button", onclick: () => this.later() }, cap(capOfAction("later")), t("Later")), this.settleButton),
    );
    this.badge = document.getElementById("save-badge");
    this.list = document.getElementById("settle-items");
    this.#drawBadge();
    document.getElementById("status-keys")?.append(
      ...[[[capOfAction("keep-A"), capOfAction("keep-B")], t("keep")], [["0–9"], t("own grade")], [["↑", "↓"], t("item")], [[capOfAction("to-images")], t("keys to images")], [["?"], t("all keys")]].map(([caps, words]) => make("span", {}, ...caps.map(cap), words)),
    );
  }

  get item() { return this.items[this.place]; }

  #finding(item = this.item) { return findingOf(item, this.view, this.config); }

  #placeLabel(item = this.item) {
    if (!item.mark_kind) return this.view.structure(item.structure).label;
    const n = this.items.filter((each) => each.mark_kind).indexOf(item) + 1;
    return t("Mark {n}", { n });
  }

  /** Whether A and B of the item stay hidden until the adjudicator has graded it. */
  get covered() {
    return this.config.covered && !this.item.own;
  }

  show(place) {
    this.place = place;
    // Graded while covered, and not settled yet: one goes on from there.
    this.choice = this.item.own ? { answer: this.item.own } : undefined;
    this.reason = "";
    this.#stopDrawing();
    this.draw();
    this.say("");
    if (this.item.mark_kind) this.#showMark();
    else this.#drawMarks();
    if (!this.item.mark_kind) announce("rs:activate-structure", { structure: this.item.structure });
  }

  /** Draw the marks of this item alone: the letters of another one would mislead. */
  #drawMarks(own = []) {
    if (!this.items.some((item) => item.mark_kind)) return;
    this.drawn ??= JSON.parse(document.getElementById("viewer-config").textContent).marks;
    announce("rs:set-marks", { marks: this.drawn.filter(({ id }) => id.startsWith(this.item.finding)).concat(own) });
  }

  /** Bring the first of the item's marks into view. */
  #showMark() {
    const marked = this.item.shown.find((shown) => shown.grade > 0);
    const go = () => {
      this.#drawMarks(this.#ownPlace());
      announce("rs:go-to-mark", { id: `${this.item.finding}-${marked.letter}` });
    };
    if (document.querySelector("rs-viewer[data-first-image]")) go();
    else document.addEventListener("rs:first-image", go, { once: true });
  }

  /** The place that was drawn anew, as the viewer draws it. */
  #ownPlace() {
    if (!this.choice?.mark || !this.newMark) return [];
    return [{ ...this.newMark, class: markKindOf(this.item, this.config).classes[this.choice.answer.grade - 1].id }];
  }

  /** Take the tool that draws a place instead of the readers' own. */
  redraw() {
    if (!this.item.mark_kind) return;
    if (this.config.may_choose !== "any") { this.say(t("The protocol allows A or B only.")); return; }
    const kind = markKindOf(this.item, this.config);
    const grade = this.choice?.answer?.grade || this.item.shown.find((shown) => shown.grade > 0).grade;
    this.choice = { answer: { kind: "grade", grade } };
    this.#drawMarks();
    this.drawing = true;
    announce("rs:set-tool", { tool: `mark:${kind.id}`, class: kind.classes[grade - 1].id });
    this.draw();
    this.say(t("Draw the place on the image. A and B stay drawn beside it."));
  }

  #stopDrawing() {
    if (this.drawing) announce("rs:set-tool", { tool: "window" });
    this.drawing = false;
  }

  /** The viewer has drawn, moved or removed the new place. */
  #placeDrawn(marks) {
    const mark = marks.filter(({ fixed }) => !fixed).at(-1);
    if (mark && (this.drawing || this.choice?.mark)) {
      this.newMark = mark;
      this.choice = { ...this.choice, mark: toldMark(mark) };
      if (this.drawing) {
        this.#stopDrawing();
        this.settleButton.focus();
        this.say("");
      }
    } else if (!mark && this.choice?.mark) this.choice = { answer: this.choice.answer };
    else return;
    this.draw();
  }

  draw() {
    const finding = this.#finding();
    this.head.replaceChildren(
      make("p", { class: "muted" }, t("Case {number}, item {place} of {total}", { number: this.dataset.number, place: this.place + 1, total: this.items.length })),
      make("h2", {}, finding.label, " ", make("span", { class: "muted" }, this.#placeLabel())),
      make("p", { class: "muted" }, finding.definition),
      ...(this.item.sent_back ? [make("p", { class: "sent-back" }, icon("return"), t("Sent back by the panel: {reason}", { reason: this.item.sent_back }))] : []),
    );
    this.cards.replaceChildren(...(this.covered ? [make("p", { class: "muted" }, t("The first reads are covered until you have graded this item."))] : this.item.shown.map((shown) => readCard(shown, finding, { isMark: Boolean(this.item.mark_kind), isKept: this.choice?.letter === shown.letter, onkeep: () => this.keep(shown.letter) }))));
    const keys = finding.kind === "continuous" ? [cap("0–9")] : [cap("0"), " – ", cap(String(finding.scale.length - 1))];
    this.scaleHead.replaceChildren(make("span", {}, this.covered ? t("Your own grade") : t("Settled grade")), make("span", { class: "muted" }, ...keys, ...(this.covered ? [] : [` ${t("or")} `, cap(capOfAction("keep-A")), " ", cap(capOfAction("keep-B"))]), ...(finding.typed.length ? [" ", cap(capOfAction("typed")), ` ${t("not assessable")}`] : [])));
    this.settleButton.replaceChildren(this.covered ? t("Keep my grade, show A and B") : t("Settle, next"), cap("↵"));
    const entry = finding.kind === "continuous" ? [this.valueEntry.show(finding, this.choice?.answer)] : [];
    // Digits mean something else while the typed answers are open: the scale is away until then.
    if (this.choice?.typedMenu) this.options.replaceChildren(typedMenu(this.#typedChoices(), (answer) => this.own(answer)));
    else this.options.replaceChildren(...entry, ...finding.scale.map((grade) => gradeRow(grade, finding, { shown: this.item.shown, isChosen: this.choice?.answer?.kind === "grade" && this.choice.answer.grade === grade.value, onchoose: () => this.own({ kind: "grade", grade: grade.value }) })), ...this.#typedChosen(), ...this.#placeLine());
    this.#drawReasons();
    this.settleButton.disabled = !this.#complete();
    this.#drawList();
    if (this.keepsDraft) this.draft.keep(this.#unsettled());
  }

  /** Where the lesion lies: at a reader's mark, or where the adjudicator drew it. */
  #placeLine() {
    if (!this.item.mark_kind || this.config.may_choose !== "any") return [];
    return [make("div", { class: "place-line" },
      make("button", { type: "button", class: "button button-small", onclick: () => this.redraw() }, cap(capOfAction("marks")), t("Draw the place anew")),
      make("span", { class: "muted", role: "status" }, this.choice?.mark ? t("The place that you drew counts.") : this.drawing ? t("Waiting for your drawing.") : ""))];
  }

  #typedChoices() {
    return this.item.mark_kind ? [] : this.view.typedChoices(this.item.finding, this.config.not_assessable_reasons, t);
  }

  /** Whether the choice is an answer that neither read gave: then a reason is asked. */
  #isThird() {
    return !this.covered && isThird(this.choice, this.item);
  }

  #complete() {
    return Boolean(this.choice && !this.choice.typedMenu && !this.drawing && (!this.#isThird() || this.reason));
  }

  #drawReasons() {
    const choice = () => reasonChoice(this.config.adjudication_reasons, this.reason, (place) => this.because(place), t("asked when neither read is kept"));
    this.reasonArea.replaceChildren(...(this.#isThird() ? choice() : []));
  }

  #drawList() {
    this.list?.replaceChildren(
      ...this.items.map((item, place) =>
        make("li", {}, make(
          "button",
          { type: "button", class: item.settled ? "is-settled" : "", "aria-current": place === this.place ? "true" : undefined, onclick: () => { if (!item.settled) this.show(place); } },
          make("span", {}, item.settled ? "✓" : place === this.place ? "→" : item.sent_back ? "↩" : ""),
          make("span", {}, this.#placeLabel(item)),
          make("span", {}, this.#finding(item).short),
        ))),
    );
  }

  /** A typed answer has no row on the scale: it is said beneath. */
  #typedChosen() {
    const answer = this.choice?.answer;
    if (!answer || answer.kind === "grade" || answer.kind === "value" || this.choice.letter) return [];
    const chosen = this.#typedChoices().find((each) => each.answer.kind === answer.kind && (each.answer.reason ?? "") === (answer.reason ?? ""));
    return [make("p", { class: "option-row", "aria-live": "polite" }, icon("check"), make("span", {}, chosen?.label ?? t(answer.kind.replace("_", " "))))];
  }

  keep(letter) {
    if (this.covered) { this.say(t("Give your own grade first; A and B are shown after it.")); return; }
    const shown = this.item.shown.find((each) => each.letter === letter);
    if (!shown) return;
    this.#dropPlace();
    this.choice = { letter, answer: { kind: shown.kind, grade: shown.grade, value: shown.value } };
    this.draw();
  }

  own(answer) {
    const mark = answer.grade > 0 ? this.choice?.mark : undefined;
    if (!mark) this.#dropPlace();
    this.choice = mark ? { answer, mark } : { answer };
    if (mark) this.#drawMarks(this.#ownPlace());
    this.draw();
  }

  /** The place that was drawn is not wanted any more. */
  #dropPlace() {
    const wasDrawn = this.choice?.mark;
    this.choice = undefined;
    this.#stopDrawing();
    if (wasDrawn) this.#drawMarks();
  }

  because(place) {
    this.reason = this.config.adjudication_reasons[place]?.id ?? "";
    this.draw();
  }

  later() {
    const open = this.items.findIndex((item, place) => place > this.place && !item.settled);
    this.show(open >= 0 ? open : this.items.findIndex((item) => !item.settled));
  }

  async settle() {
    if (this.busy || this.item.settled) return;
    if (!this.choice || this.choice.typedMenu) { this.say(this.covered ? t("Choose a grade first.") : t("Choose A, B or a grade first.")); return; }
    if (this.covered) { await this.#firstGrade(); return; }
    if (this.drawing) { this.say(t("Draw the place on the image. A and B stay drawn beside it.")); return; }
    if (!this.#complete()) { this.say(t("Neither read is kept: give a reason.")); return; }
    this.busy = true;
    const { structure, finding } = this.item;
    const body = this.choice.letter
      ? { structure, finding, choice: this.choice.letter }
      : { structure, finding, choice: "own", answer: { ...this.choice.answer, ...(this.choice.mark ? { mark: this.choice.mark } : {}) }, reason_code: this.reason };
    try {
      const { status, body: answer } = await post(this.config.addresses.settle, body);
      if (status === 200 || answer.code === "already_settled") {
        this.item.settled = true;
        this.#drawBadge();
        if (status !== 200) this.say(answer.detail, "warn");
        const open = this.items.findIndex((item, place) => place > this.place && !item.settled);
        const next = open >= 0 ? open : this.items.findIndex((item) => !item.settled);
        if (next >= 0) this.show(next);
        else {
          await this.draft.forget();
          window.location.assign(this.config.addresses.next);
        }
      } else {
        this.say(answer.detail ?? t("The decision was not saved. Try again."), "alert");
      }
    } catch {
      this.say(t("No connection. The decision was not saved. Try again."), "alert");
    } finally {
      this.busy = false;
    }
  }

  /** Keep the own grade; the answer uncovers A and B. */
  async #firstGrade() {
    this.busy = true;
    const item = this.item;
    try {
      const { status, body } = await post(this.config.addresses.first_grade, { structure: item.structure, finding: item.finding, answer: this.choice.answer });
      if (status === 200) {
        Object.assign(item, { own: body.own, shown: body.shown });
        this.choice = { answer: body.own };
        this.draw();
        this.say(t("Your grade is kept. Settle it, or keep A or B."));
      } else this.say(body.detail ?? t("The grade was not saved. Try again."), "alert");
    } catch {
      this.say(t("No connection. The grade was not saved. Try again."), "alert");
    } finally {
      this.busy = false;
    }
  }

  #drawBadge() {
    const n = this.items.filter((item) => item.settled).length;
    this.badge?.replaceChildren(icon("check"), n ? t("{n} settled and saved", { n }) : t("Nothing to save yet"));
  }

  say(words, kind = "") {
    this.messageLine.textContent = words;
    this.messageLine.dataset.kind = kind;
  }

  #key(event) {
    if (belongsElsewhere(event)) return;
    const reasonKey = event.shiftKey && /^Digit([1-9])$/.exec(event.code);
    if (reasonKey && this.#isThird()) { event.preventDefault(); this.because(Number(reasonKey[1]) - 1); return; }
    const isMeasuring = this.#finding().kind === "continuous" && !this.choice?.typedMenu;
    if (isMeasuring && !event.ctrlKey && !event.metaKey && !event.altKey && this.valueEntry.begin(event.key)) { event.preventDefault(); return; }
    const asked = actionOf(event);
    if (!asked) return;
    // Enter on a button that one tabbed to presses that button.
    const pressed = document.activeElement?.closest("button, a, summary");
    if (asked.action === "enter" && pressed && pressed !== this.settleButton) return;
    const acts = {
      "keep-A": () => this.keep("A"),
      "keep-B": () => this.keep("B"),
      digit: () => this.#digit(asked.digit),
      typed: () => this.#typed(),
      escape: () => this.choice?.typedMenu && this.#typed(),
      enter: () => this.settle(),
      submit: () => this.settle(),
      later: () => this.later(),
      marks: () => this.redraw(),
      measure: () => isMeasuring && this.valueEntry.measure(),
      up: () => this.#move(-1),
      down: () => this.#move(1),
      "slice-back": () => announce("rs:step-slice", { delta: -1 }),
      "slice-on": () => announce("rs:step-slice", { delta: 1 }),
      "to-images": () => announce("rs:focus-images"),
      help: () => this.help(),
    };
    if (acts[asked.action]) { event.preventDefault(); acts[asked.action](); }
  }

  /** Open the typed answers, or go back from them to what was chosen before. */
  #typed() {
    if (!this.#typedChoices().length) { this.say(t("This item has no typed answers.")); return; }
    this.choice = this.choice?.typedMenu ? this.choice.before : { typedMenu: true, before: this.choice };
    this.draw();
  }

  #digit(digit) {
    if (this.choice?.typedMenu) {
      const choice = this.#typedChoices()[digit - 1];
      if (choice) this.own(choice.answer);
      return;
    }
    const finding = this.#finding();
    if (digit < finding.scale.length) this.own({ kind: "grade", grade: digit });
    else this.say(t("{finding} has grades 0 to {highest}.", { finding: finding.label, highest: finding.scale.length - 1 }));
  }

  #move(step) {
    for (let place = this.place + step; place >= 0 && place < this.items.length; place += step) {
      if (!this.items[place].settled) { this.show(place); return; }
    }
  }

  help() {
    this.helpBox ??= settlingHelp({ marks: this.config.mark_kinds.length > 0 });
    this.helpBox.showModal();
  }
}
