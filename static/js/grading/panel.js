// <rs-panel>: a panel member's side: the reference of one case, its history, one key to confirm.

import { t } from "../viewer/texts.js";
import { announce, cap, helpDialog, icon, make, post, readConfig } from "./dom.js";
import { Draft } from "./draft.js";
import { GradeGrid, shade, shortAnswer } from "./grid.js";
import { actionOf, belongsElsewhere, capOfAction } from "./keys.js";
import { markKey } from "./marks.js";
import { ProtocolView, splitKey } from "./protocol.js";
import { askToSendBack } from "./send-back.js";
import { reasonChoice } from "./settling-parts.js";
import { ValueEntry } from "./value-entry.js";

export class RsPanel extends HTMLElement {
  connectedCallback() {
    if (this.view) return;
    this.config = readConfig(this);
    this.view = new ProtocolView(this.config);
    this.cells = this.config.cells;
    this.overruled = new Map();
    this.mode = "look";
    this.current = this.view.order.find((key) => this.cells[key]?.adjudicated) ?? this.view.order[0];
    // Lesions alone: there is nothing to go to, and the case is confirmed as a whole.
    this.hasGrid = this.view.order.length > 0;
    this.valueEntry = new ValueEntry({
      onvalue: (value) => this.pick({ kind: "value", value }),
      onproblem: (words) => this.say(words),
      onleave: () => this.leave(),
    });
    this.#build();
    document.addEventListener("keydown", (event) => this.#key(event));
    document.addEventListener("click", (event) => { if (event.target.closest?.("[data-action=help]")) this.help(); });
    document.addEventListener("rs:focus-panel", () => this.leave());
    for (const key of this.view.order) this.drawCell(key);
    this.leave();
    this.draft = new Draft(this.config.offline_key, this.config.assignment);
    this.draft.recall().then((found) => this.#takeUp(found ?? []));
  }

  /** Overrule again what an earlier visit overruled and did not send: where the same stands, and nothing newer is. */
  #takeUp(found) {
    const taken = found.filter(([key, , stood]) => stood === this.#stands(key) && !this.overruled.has(key));
    for (const [key, answer] of taken) {
      this.overruled.set(key, answer);
      if (this.cells[key]) this.drawCell(key);
    }
    if (!taken.length) return;
    this.#drawLesions();
    if (this.mode === "look" && this.hasGrid) this.drawSide();
    this.say(t("What you had overruled is here again. The case is not confirmed yet."));
  }

  #keepDraft() {
    this.draft.keep([...this.overruled].map(([key, answer]) => [key, answer, this.#stands(key)]));
  }

  /** What stands at an item or a lesion, as one text; "" where there is none. */
  #stands(key) {
    const lesion = this.config.lesions.find(({ lesion }) => markKey(lesion) === key);
    if (lesion) return lesion.class;
    const cell = this.cells[key];
    return cell ? JSON.stringify([cell.kind, cell.grade, cell.value]) : "";
  }

  #build() {
    this.lesionList = make("ol", { class: "mark-rows", "aria-label": t("Lesions"), hidden: !this.config.lesions.length });
    this.#drawLesions();
    this.grid = new GradeGrid(this.view, { onpick: (key) => this.goTo(key, true), label: t("Reference standard") });
    const { number, agreed, adjudicated, votes, quorum } = this.dataset;
    this.side = document.getElementById("panel-item");
    this.messageLine = make("p", { class: "panel-message", role: "status" });
    const chip = make("span", { class: "chip", "data-grade": 1 }, "1");
    this.confirmButton = make("button", { class: "button button-main", type: "button", onclick: () => this.confirm() }, t("Confirm case"), cap("Ctrl ↵"));
    this.append(
      make("h2", {}, t("Case {number}", { number }), make("span", { class: "muted" }, this.hasGrid ? t("{total} items: {agreed} agreed, {adjudicated} adjudicated", { total: Number(agreed) + Number(adjudicated), agreed, adjudicated }) : t("{n} lesions", { n: this.config.lesions.length }))),
      this.hasGrid ? this.grid.element : "",
      make("div", { class: "panel-legend" }, this.hasGrid ? make("span", {}, chip, t("both reads agreed")) : "", make("span", {}, icon("scales"), t("settled by the adjudicator"))),
      this.lesionList,
      this.messageLine,
      make("div", { class: "panel-confirm" }, make("div", {}, make("h3", {}, t("{votes} of {quorum} votes given", { votes, quorum })), make("p", { class: "muted" }, t("Confirming votes for every item but those you overrule."))), this.confirmButton),
    );
    document.getElementById("status-keys")?.append(
      ...[...(this.hasGrid ? [[["↑", "↓", "←", "→"], t("item")], [[capOfAction("next-adjudicated")], t("next adjudicated item")]] : []), [[capOfAction("overrule")], t("overrule")], [[capOfAction("keep-B")], t("send back")], [["Ctrl ↵"], t("confirm case, next")], [["?"], t("all keys")]].map(([caps, words]) => make("span", {}, ...caps.map(cap), words)),
    );
  }

  /** The lesions of the reference, as drawn on the images, and what is done to each. */
  #drawLesions() {
    this.lesionList.replaceChildren(...this.config.lesions.map((lesion, n) => {
      const answer = this.overruled.get(markKey(lesion.lesion));
      const finding = this.#lesionFinding(lesion);
      const stands = finding.scale[this.#standing(lesion)].label;
      return make("li", { class: "lesion-row" },
        make("button", { type: "button", class: "mark-row", "data-lesion": lesion.lesion, onclick: () => announce("rs:go-to-mark", { id: lesion.id }) },
          make("span", { class: "mark-number" }, String(n + 1)),
          make("span", {}, answer ? make("s", {}, stands) : stands, answer ? ` ${finding.scale[answer.grade].label}` : "", lesion.redrawn ? make("small", { class: "muted" }, ` ${t("place drawn by the adjudicator")}`) : ""),
          lesion.adjudicated ? icon("scales") : ""),
        lesion.adjudicated ? make("button", { type: "button", class: "button button-small", onclick: () => this.#askToSendBack(`${finding.label} ${n + 1}`, "@", lesion.lesion) }, t("Send back")) : "",
        make("button", { type: "button", class: "button button-small", onclick: () => this.startOverruling(lesion) }, cap(capOfAction("overrule")), t("Overrule")));
    }));
  }

  /** A lesion asked as a scale: 0 no lesion, then the protocol's classes. */
  #lesionFinding(lesion) {
    const kind = this.config.mark_kinds.find(({ id }) => id === lesion.kind);
    return { label: kind.label, kind: "nominal", scale: [{ value: 0, label: t("No lesion") }, ...kind.classes.map(({ label }, n) => ({ value: n + 1, label }))] };
  }

  #standing(lesion) {
    return this.config.mark_kinds.find(({ id }) => id === lesion.kind).classes.findIndex(({ id }) => id === lesion.class) + 1;
  }

  /** Back from an item or a lesion to where one was. */
  leave() {
    const lesion = this.lesion;
    this.lesion = undefined;
    this.mode = "look";
    if (lesion) {
      this.side.replaceChildren();
      this.lesionList.querySelector(`[data-lesion="${lesion.lesion}"]`)?.focus();
      if (this.hasGrid) this.drawSide();
    } else if (this.hasGrid) this.goTo(this.current, true);
    else this.confirmButton.focus();
  }

  drawCell(key) {
    const cell = this.cells[key];
    this.grid.draw(key, this.overruled.get(key) ?? cell, { adjudicated: cell?.adjudicated, changed: this.overruled.has(key) });
  }

  goTo(key, focus = false) {
    this.current = key;
    this.mode = "look";
    this.pending = undefined;
    this.lesion = undefined;
    this.grid.place(key, { focus });
    this.drawSide();
    announce("rs:activate-structure", { structure: splitKey(key)[0] });
  }

  drawSide() {
    this.side.classList.toggle("is-overruling", this.mode === "overrule");
    if (this.lesion) {
      const finding = this.#lesionFinding(this.lesion);
      const n = this.config.lesions.indexOf(this.lesion) + 1;
      this.side.replaceChildren(
        make("div", { class: "item-head" }, make("span", { class: "finding-name" }, finding.label), make("span", { class: "finding-place" }, String(n))),
        make("div", { class: "history" }, make("div", {}, make("span", {}, t("It stands as")), make("span", {}, finding.scale[this.#standing(this.lesion)].label))),
        ...this.#overruleForm(finding));
      return;
    }
    const [structureId, findingId] = splitKey(this.current);
    const finding = this.view.finding(findingId);
    const cell = this.cells[this.current];
    const chip = (answer) => make("span", { class: "chip", "data-grade": answer?.kind === "grade" ? shade(answer.grade, finding.scale.length) : undefined }, shortAnswer(answer));
    const rows = [];
    if (cell?.adjudicated) {
      rows.push(make("div", {}, make("span", {}, t("First reads differed")), make("span", { class: "chips" }, ...cell.shown.flatMap((shown) => [shown.letter, chip(shown)]))));
      const reason = this.config.adjudication_reasons.find((each) => each.id === cell.reason_code)?.label;
      rows.push(make("div", {}, make("span", {}, t("Adjudicator settled"), reason ? make("small", { class: "muted" }, ` ${reason}`) : ""), chip(cell)));
    } else {
      rows.push(make("div", {}, make("span", {}, t("Both first reads")), chip(cell)));
    }
    if (this.overruled.has(this.current)) rows.push(make("div", {}, make("span", {}, t("You overrule")), chip(this.overruled.get(this.current))));
    const parts = [
      make("div", { class: "item-head" }, make("span", { class: "finding-name" }, finding.label), make("span", { class: "finding-place" }, this.view.structure(structureId).label)),
      make("div", { class: "history" }, ...rows),
    ];
    if (this.mode === "overrule") parts.push(...this.#overruleForm(finding));
    else
      parts.push(
        make("div", { class: "panel-actions" },
          make("button", { class: "button button-small", type: "button", disabled: !cell?.adjudicated, onclick: () => this.sendBack() }, cap(capOfAction("keep-B")), t("Send back")),
          make("button", { class: "button button-small", type: "button", onclick: () => this.startOverruling() }, cap(capOfAction("overrule")), t("Overrule")),
          make("span", { class: "muted panel-why" }, t("Both ask for a reason"))),
      );
    this.side.replaceChildren(...parts);
  }

  #overruleForm(finding) {
    return [
      make("div", { class: "section-line" }, t("Your grade"), make("button", { class: "button button-quiet button-small", type: "button", onclick: () => this.leave() }, t("Back"), cap("Esc"))),
      finding.kind === "continuous" ? this.valueEntry.show(finding, this.pending) : "",
      make("div", { class: "reasons" }, ...finding.scale.map((grade) => make("button", { type: "button", class: "button button-small", "aria-pressed": String(this.pending?.grade === grade.value), onclick: () => this.pick({ kind: "grade", grade: grade.value }) }, cap(String(grade.value)), grade.label))),
      ...reasonChoice(this.config.adjudication_reasons, this.pending?.reason_code, (place) => this.because(place)),
    ];
  }

  startOverruling(lesion) {
    if (!lesion && !this.hasGrid) return;
    this.lesion = lesion;
    this.mode = "overrule";
    this.pending = {};
    this.drawSide();
    if (lesion) announce("rs:go-to-mark", { id: lesion.id });
  }

  /** The lesion whose row has the focus. */
  get #focusedLesion() {
    const row = document.activeElement?.closest?.(".lesion-row")?.querySelector("[data-lesion]");
    return this.config.lesions.find(({ lesion }) => lesion === row?.dataset.lesion);
  }

  pick(answer) {
    this.pending = { ...this.pending, ...answer };
    this.#finishOverruling();
  }

  because(place) {
    const reason = this.config.adjudication_reasons[place];
    if (reason) this.pending = { ...this.pending, reason_code: reason.id };
    this.#finishOverruling();
  }

  #finishOverruling() {
    const isComplete = this.pending.kind && this.pending.reason_code;
    this.#drawOverruling();
    if (isComplete) this.#keepDraft();
  }

  #drawOverruling() {
    if (this.pending.kind && this.pending.reason_code && this.lesion) {
      const key = markKey(this.lesion.lesion);
      if (this.pending.grade === this.#standing(this.lesion)) this.overruled.delete(key);
      else this.overruled.set(key, this.pending);
      this.#drawLesions();
      this.leave();
    } else if (this.pending.kind && this.pending.reason_code) {
      const cell = this.cells[this.current];
      if (cell.kind === this.pending.kind && cell[cell.kind] === this.pending[cell.kind]) this.overruled.delete(this.current);
      else this.overruled.set(this.current, this.pending);
      this.drawCell(this.current);
      this.goTo(this.current, true);
    } else this.drawSide();
  }

  sendBack(lesion) {
    if (lesion) {
      const n = this.config.lesions.indexOf(lesion) + 1;
      if (lesion.adjudicated) this.#askToSendBack(`${this.#lesionFinding(lesion).label} ${n}`, "@", lesion.lesion);
      return;
    }
    const cell = this.cells[this.current];
    if (!cell?.adjudicated || this.busy) return;
    const [structure, finding] = splitKey(this.current);
    this.#askToSendBack(`${this.view.finding(finding).label}, ${this.view.structure(structure).label}`, structure, finding);
  }

  #askToSendBack(place, structure, finding) {
    if (this.busy) return;
    askToSendBack({
      place,
      reasons: this.config.adjudication_reasons,
      onsend: (reason) => this.#post(this.config.addresses.send_back, { structure, finding, ...reason }),
    });
  }

  confirm() {
    const overruled = [...this.overruled].map(([key, answer]) => {
      const [structure, finding] = splitKey(key);
      return { structure, finding, ...answer };
    });
    return this.#post(this.config.addresses.confirm, { overruled });
  }

  async #post(address, body) {
    if (this.busy) return;
    this.busy = true;
    try {
      const { status, body: answer } = await post(address, body);
      if (status === 200) {
        await this.draft.forget();
        window.location.assign(this.config.addresses.next);
        return;
      }
      this.say(answer.detail ?? t("The vote was not saved. Try again."));
    } catch {
      this.say(t("No connection. The vote was not saved. Try again."));
    } finally {
      this.busy = false;
    }
  }

  say(words) {
    this.messageLine.textContent = words;
    this.messageLine.dataset.kind = "alert";
  }

  #key(event) {
    if (belongsElsewhere(event)) return;
    const reasonKey = event.shiftKey && /^Digit([1-9])$/.exec(event.code);
    if (reasonKey && this.mode === "overrule") { event.preventDefault(); this.because(Number(reasonKey[1]) - 1); return; }
    const asked = actionOf(event);
    if (!this.hasGrid && asked && !["submit", "help", "to-images", "overrule", "keep-B", "escape", "digit", "slice-back", "slice-on"].includes(asked.action)) return;
    if (!asked) return;
    const acts = {
      up: () => this.goTo(this.view.neighbour(this.current, "up"), true),
      down: () => this.goTo(this.view.neighbour(this.current, "down"), true),
      left: () => this.goTo(this.view.neighbour(this.current, "left"), true),
      right: () => this.goTo(this.view.neighbour(this.current, "right"), true),
      "next-adjudicated": () => this.#nextAdjudicated(),
      "keep-B": () => this.sendBack(this.#focusedLesion),
      overrule: () => this.startOverruling(this.#focusedLesion ?? (this.hasGrid ? undefined : this.config.lesions[0])),
      submit: () => this.confirm(),
      "to-images": () => announce("rs:focus-images"),
      "slice-back": () => announce("rs:step-slice", { delta: -1 }),
      "slice-on": () => announce("rs:step-slice", { delta: 1 }),
      help: () => this.help(),
      escape: () => this.leave(),
    };
    if (asked.action === "digit" && this.mode === "overrule") {
      event.preventDefault();
      const finding = this.lesion ? this.#lesionFinding(this.lesion) : this.view.finding(splitKey(this.current)[1]);
      if (finding.kind === "continuous") this.valueEntry.begin(event.key);
      else if (asked.digit < finding.scale.length) this.pick({ kind: "grade", grade: asked.digit });
      return;
    }
    if (acts[asked.action]) { event.preventDefault(); acts[asked.action](); }
  }

  #nextAdjudicated() {
    const place = this.view.order.indexOf(this.current);
    const ring = [...this.view.order.slice(place + 1), ...this.view.order.slice(0, place)];
    const next = ring.find((key) => this.cells[key]?.adjudicated);
    if (next) this.goTo(next, true);
  }

  help() {
    this.helpBox ??= helpDialog(
      t("All keys"),
      [[["←", "→", "↑", "↓"], t("item")], [[capOfAction("next-adjudicated")], t("next adjudicated item")], [[capOfAction("overrule")], t("overrule: a digit, then Shift and a digit for the reason")], [[capOfAction("keep-B")], t("send back")], [["Ctrl ↵"], t("confirm case, next")], [[capOfAction("to-images")], t("keys to images; Esc comes back")]],
      t("Close"),
    );
    this.helpBox.showModal();
  }
}
