// The marks of a case, between the viewer that draws them and the panel that saves them.

import { announce } from "./dom.js";
import { markChanges, markKey } from "./marks.js";

export class Marking {
  /** @param {import("./grading-panel.js").RsGrading} panel */
  constructor(panel) {
    this.panel = panel;
  }

  /** [id, cell] of every mark that stands. */
  entries() {
    return [...this.panel.cells.cells].filter(([key, cell]) => key.startsWith("@|") && cell.kind === "mark").map(([key, cell]) => [key.slice(2), cell]);
  }

  /** Show the list of marks in place of the scale. */
  open(id) {
    if (!this.panel.config.mark_kinds.length) return false;
    this.panel.mode = "marks";
    if (id) this.panel.marks.current = id;
    this.panel.drawScale();
    this.panel.marks.focus();
    return true;
  }

  leave() {
    announce("rs:set-tool", { tool: "window" });
    if (!this.panel.hasGrid) { this.panel.submitButton.focus(); return; }
    this.panel.mode = "grade";
    this.panel.drawScale();
    this.panel.focusCell();
  }

  /** The viewer has drawn, moved or removed a mark. */
  drawn(drawn) {
    const changes = markChanges(drawn, this.entries());
    if (!changes.length) return;
    if (!this.panel.mayGrade()) { this.tell(); return; }
    const made = changes.find(([key, answer]) => answer && !this.panel.cells.get(key).kind);
    this.panel.saving.send(this.panel.cells.change(changes));
    if (made) this.open(made[0].slice(2));
    else if (this.panel.mode === "marks") this.panel.marks.draw();
  }

  /** A class or confidence was given, or a mark removed, here in the panel. */
  change(id, change) {
    if (!this.panel.mayGrade()) return;
    const { change: _, ...cell } = this.panel.cells.get(markKey(id));
    const { class: className, ...rest } = change ?? {};
    const answer = change && { ...cell, ...rest, mark: className ? { ...cell.mark, class: className } : cell.mark };
    this.panel.saving.send(this.panel.cells.change([[markKey(id), answer]]));
    if (!change || className) this.tell();
    if (this.panel.mode === "marks") this.panel.marks.draw();
  }

  /** Let the viewer show what stands here. */
  tell() {
    announce("rs:set-marks", { marks: this.entries().map(([, { mark }]) => mark) });
  }
}
