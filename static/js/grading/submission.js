// Submitting a case: what is missing is gone to, then the question is asked, then the server.

import { t } from "../viewer/texts.js";
import { endingCase, post } from "./dom.js";
import { splitKey } from "./protocol.js";
import { submitDialog } from "./submitting.js";

export class Submission {
  /** @param {import("./grading-panel.js").RsGrading} panel */
  constructor(panel) {
    this.panel = panel;
    this.submitting = false;
  }

  /** @param {string[]} [unseen] Labels of required images that the server has not been told were seen. */
  ask(unseen = this.panel.images?.unseen ?? []) {
    const { panel } = this;
    const open = panel.view.order.filter((key) => !panel.cells.isAnswered(key));
    if (open.length) {
      const joints = new Set(open.map((key) => splitKey(key)[0])).size;
      panel.say(t("{n} answers at {joints} joints are missing. This is the first.", { n: open.length, joints }), "warn");
      panel.goTo(open[0], { focus: true });
      return;
    }
    const unsure = panel.marks.missing;
    if (unsure) { this.#askForConfidence(unsure); return; }
    panel.questions.flush();
    const { missing } = panel.questions;
    if (missing) { this.#askFor(missing.id); return; }
    if (panel.cells.conflicts.size) { panel.saving.drawConflict(); return; }
    const untyped = panel.view.order.filter((key) => !["grade", "value"].includes(panel.cells.get(key).kind)).length;
    submitDialog({
      number: panel.config.running_number,
      facts: [
        panel.hasGrid && t("{n} of {total} answered, {typed} of them not assessable, absent or fused.", { n: panel.cells.answered, total: panel.view.order.length, typed: untyped }),
        panel.config.mark_kinds.length && t("Marks: {n}", { n: panel.marking.entries().length }),
      ],
      unseen,
      reasons: panel.config.unseen_reasons,
      onsubmit: (why) => this.#submitNow(why),
      onclose: () => panel.focusCell(),
    });
  }

  #askForConfidence(id) {
    const { panel } = this;
    panel.marking.open(id);
    panel.say(t("This mark has no confidence yet. Give it one, then submit."), "warn");
  }

  /** A required question without an answer keeps the case here. */
  #askFor(id) {
    const { panel } = this;
    panel.openQuestions(id);
    const { label } = panel.config.case_questions.find((question) => question.id === id);
    panel.say(t("{question}: this question about the case has no answer yet. Answer it, then submit.", { question: label }), "warn");
  }

  async #submitNow(why) {
    if (this.submitting) return;
    const { panel } = this;
    this.submitting = true;
    try {
      await panel.queue.flush();
      if (panel.queue.closed) { panel.say(panel.queue.closed, "alert"); return; }
      if (panel.cells.conflicts.size) { panel.saving.drawConflict(); return; }
      if (panel.queue.waiting.length) { panel.say(t("Answers are still on their way to the server. Submit again when they are saved."), "warn"); return; }
      if (panel.config.is_preview) { panel.say(t("This is a preview: the case would be submitted now. Nothing was sent.")); return; }
      await panel.savePlace(false);
      const { status, body } = await endingCase(
        () => post(panel.config.addresses.submit, { shown: panel.images?.seen ?? [], ...why }),
        (answer) => answer.status === 200 || answer.body.code === "already_submitted",
      );
      if (status === 200) { window.location.assign(body.next); return; }
      if (body.code === "already_submitted") { window.location.assign(panel.config.addresses.worklist); return; }
      if (body.code === "images_not_shown") { this.ask(body.series); return; }
      if (body.missing?.[0]?.[0] === "@") { this.#askForConfidence(body.missing[0][1]); return; }
      if (body.missing?.[0]?.[0]) panel.goTo(body.missing[0].join("|"), { focus: true });
      else if (body.missing?.length) { this.#askFor(body.missing[0][1]); return; }
      panel.say(body.detail ?? t("The case was not submitted. Your answers are saved; try again."), "alert");
    } catch {
      panel.say(t("No connection. The case was not submitted; your answers are kept. Try again."), "warn");
    } finally {
      this.submitting = false;
    }
  }
}
