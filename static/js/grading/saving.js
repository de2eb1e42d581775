// From a change of a cell to the server and back: the queue, what it settles, conflicts, and the badge that speaks of it.

import { t } from "../viewer/texts.js";
import { conflictBox } from "./conflict-box.js";
import { post } from "./dom.js";
import { shortAnswer } from "./grid.js";
import { splitKey } from "./protocol.js";
import { SaveQueue, worst } from "./queue.js";
import { drawSaveBadge } from "./save-badge.js";
import { Vault } from "./vault.js";

const SAVING_SHOWN_AFTER_MS = 300;

/** In a preview: what the server would say to answers that it takes, without asking it. */
async function keepHere(answers) {
  const cellOf = ({ key, clear, structure, finding, base, aid_ms, ...answer }) => ({ ...(clear ? { kind: null } : answer), change: key });
  return { status: 200, body: { results: answers.map((save) => ({ key: save.key, status: "saved", structure: save.structure, finding: save.finding, cell: cellOf(save), message: "" })) } };
}

export class Saving {
  /** @param {import("./grading-panel.js").RsGrading} panel */
  constructor(panel) {
    this.panel = panel;
  }

  /** Begin to send; what an earlier visit left on this device is taken up first. */
  begin() {
    let vault;
    try {
      // A preview keeps nothing, not even on this device.
      vault = this.panel.config.offline_key && window.indexedDB && crypto.subtle ? new Vault(this.panel.config.offline_key, this.panel.config.read) : undefined;
    } catch {
      vault = undefined;
    }
    this.panel.queue = new SaveQueue({
      send: this.panel.config.is_preview ? keepHere : (answers) => post(this.panel.config.addresses.answers, { answers }),
      vault,
      settled: (result) => this.#settled(result),
      changed: () => this.#queueChanged(),
    });
    this.panel.queue.recover().then(
      (saves) => {
        // In the order they will be sent: what was found here first, then what was answered meanwhile.
        if (saves.length) for (const save of this.panel.queue.waiting) this.panel.cells.restore(save);
        if (saves.length) { this.panel.drawAll(); this.panel.marking.tell(); }
      },
      () => {},
    );
  }

  /** Send changes of cells, and draw them. */
  send(saves) {
    for (const save of saves) {
      this.panel.queue.add(this.panel.aid.isThere ? { ...save, aid_ms: this.panel.aid.times(`${save.structure}|${save.finding}`) } : save);
      this.panel.drawCell(`${save.structure}|${save.finding}`);
    }
    if (saves.length) this.panel.say("");
    this.panel.drawProgress();
  }

  #settled(result) {
    const key = `${result.structure}|${result.finding}`;
    if (result.status === "conflict") {
      this.panel.cells.noteConflict(key, result.cell);
      this.drawConflict();
    } else if (result.status === "refused") {
      // Not taken: the cell goes back to what the server has, unless a later change is on its way.
      if (!this.panel.queue.isWaiting(result.structure, result.finding)) this.panel.cells.adopt(key, result.cell);
      if (result.structure === "@") this.panel.marking.tell();
      this.panel.say(result.message, "alert");
    } else if (!this.panel.queue.isWaiting(result.structure, result.finding) && this.panel.cells.differs(key, result.cell)) {
      // Taken, and changed since by another window before the answer reached this one.
      this.panel.cells.noteConflict(key, result.cell);
      this.drawConflict();
    }
    this.panel.drawCell(key);
    this.panel.drawProgress();
  }

  #queueChanged() {
    clearTimeout(this.badgeTimer);
    const state = this.panel.cells.conflicts.size ? worst(["conflict", this.panel.queue.state]) : this.panel.queue.state;
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
    if (turned) this.panel.drawAll();
  }

  drawBadge(kind) {
    if (!this.panel.badge) return;
    const { closed, refused, waiting } = this.panel.queue;
    drawSaveBadge(this.panel.badge, kind, { answered: this.panel.cells.answered, waiting: waiting.length, closed, refused });
  }

  drawConflict() {
    const [key, conflict] = this.panel.cells.conflicts.entries().next().value ?? [];
    if (!key) { this.panel.conflictArea.replaceChildren(); this.#queueChanged(); return; }
    const [structureId, findingId] = splitKey(key);
    const keep = (which) => {
      const save = this.panel.cells.resolve(key, which);
      if (save) this.panel.queue.add(save);
      this.panel.drawCell(key);
      if (isMark) this.panel.marking.tell();
      this.drawConflict();
    };
    const isMark = structureId === "@";
    const words = this.#conflictWords(structureId, findingId, conflict);
    this.panel.conflictArea.replaceChildren(conflictBox(words, keep));
    this.#queueChanged();
  }

  #conflictWords(structureId, findingId, { theirs, mine }) {
    const isMark = structureId === "@";
    const question = this.panel.config.case_questions.find(({ id }) => !structureId && id === findingId);
    const markLabel = (cell) => cell?.mark && `${this.panel.marks.kind(cell.mark).classes.find(({ id }) => id === cell.mark.class)?.label} ${cell.confidence ?? ""}`.trim();
    const said = (cell) => (isMark ? markLabel(cell) : question ? (question.options.find(({ id }) => id === cell?.text)?.label ?? cell?.text) : shortAnswer(cell)) || t("no answer");
    return t("{place}, {finding}: {theirs} in the other window, {mine} here. Choose which to keep.", {
      place: question ? t("About the case") : isMark ? t("Marks") : this.panel.view.structure(structureId).label,
      finding: question?.label ?? (isMark ? this.panel.marks.kind((theirs?.mark ?? mine.mark)).label : undefined) ?? this.panel.view.finding(findingId).label,
      theirs: said(theirs),
      mine: said(mine),
    });
  }
}
