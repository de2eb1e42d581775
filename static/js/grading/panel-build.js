// What the reader's panel is made of, top down: the grid, the scale, the actions, the overall grade and Submit.

import { t } from "../viewer/texts.js";
import { cap, make } from "./dom.js";
import { GradeGrid } from "./grid.js";
import { capOfAction } from "./keys.js";
import { MarkList } from "./marks.js";
import { questionKey, QuestionList } from "./questions.js";
import { ValueEntry } from "./value-entry.js";

/** Make the panel's elements, and put them into the page. */
export function buildPanel(panel) {
  panel.grid = new GradeGrid(panel.view, { onpick: (key) => panel.goTo(key, { focus: true }), label: t("Grades") });
  panel.count = make("span", { class: "muted" });
  panel.bar = make("progress", { class: "progress", max: panel.view.order.length, value: 0, "aria-hidden": "true" });
  panel.scaleArea = make("section", { class: "scale-area" });
  panel.messageLine = make("p", { class: "panel-message", role: "status" });
  panel.conflictArea = make("div");
  panel.noteField = make("textarea", { id: "note", rows: 2, maxlength: 500, hidden: true, onchange: () => panel.saveNote() });
  panel.noteField.addEventListener("keydown", (event) => {
    if (event.code === "Escape" || (event.code === "Enter" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      event.stopPropagation();
      panel.closeNote();
    }
  });
  panel.actions = make(
    "div",
    { class: "panel-actions" },
    ...(panel.hasGrid
      ? [
          actionButton(panel, "normal", panel.view.isList ? t("Region normal") : t("Joint normal"), () => panel.normal()),
          actionButton(panel, "typed", t("Not assessable"), () => panel.typed()),
          actionButton(panel, "flag", t("Flag"), () => panel.flag()),
          actionButton(panel, "note", t("Note"), () => panel.openNote()),
        ]
      : []),
  );
  panel.valueEntry = new ValueEntry({
    onvalue: (value) => { if (panel.mayGrade()) panel.answer({ kind: "value", value }); },
    onproblem: (words) => panel.say(words),
    onleave: () => { panel.drawScale(); panel.focusCell(); },
  });
  panel.questions = new QuestionList(panel.config.case_questions, {
    textOf: (id) => panel.cells.get(questionKey(id)).text ?? "",
    onanswer: (id, text) => panel.answerQuestion(id, text),
    onleave: () => { if (!panel.hasGrid) { panel.marking.open(); return; } panel.mode = "grade"; panel.drawScale(); panel.focusCell(); },
  });
  panel.marks = new MarkList(panel.config.mark_kinds, {
    marks: () => panel.marking.entries(),
    onchange: (id, change) => panel.marking.change(id, change),
    say: (words, kind) => panel.say(words, kind),
    onleave: () => panel.marking.leave(),
  });
  if (panel.config.mark_kinds.length) {
    panel.markCount = make("span", { class: "muted" });
    panel.actions.append(make("button", { class: "button button-small", type: "button", onclick: () => panel.marking.open() }, cap(capOfAction("marks")), t("Marks"), panel.markCount));
  }
  if (panel.config.case_questions.length) {
    panel.questionCount = make("span", { class: "muted" });
    panel.actions.append(make("button", { class: "button button-small", type: "button", onclick: () => panel.openQuestions() }, cap(capOfAction("questions")), t("Case"), panel.questionCount));
  }
  panel.overall = make("div", { class: "overall" });
  panel.submitButton = make("button", { class: "button", type: "button", onclick: () => panel.submit() }, t("Submit case"), cap("Ctrl ↵"));
  panel.append(
    make("header", { class: "grid-head" }, make("h2", {}, panel.hasGrid ? t("Answers") : t("Marks"), " ", panel.count), panel.hasGrid ? panel.bar : ""),
    panel.hasGrid ? panel.grid.element : make("div"),
    make("hr", { class: "grid-rule" }),
    panel.scaleArea,
    make("div", {}, panel.actions, panel.conflictArea, make("label", { class: "visually-hidden", for: "note" }, t("Note")), panel.noteField, panel.messageLine),
    make("footer", { class: "panel-foot" }, panel.overall, panel.submitButton),
  );
  panel.badge = document.getElementById("save-badge");
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

function actionButton(panel, action, words, act) {
  return make("button", { class: "button button-small", type: "button", onclick: () => { act(); panel.focusCell(); } }, cap(capOfAction(action)), words);
}
