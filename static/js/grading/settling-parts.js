// What the adjudicator's side is made of: the cards of A and B, the rows of the scale, the reasons.

import { t } from "../viewer/texts.js";
import { cap, icon, make } from "./dom.js";
import { shade, shortAnswer } from "./grid.js";
import { capOfAction } from "./keys.js";

/** One of the first reads. */
export function readCard(shown, finding, { isMark, isKept, onkeep }) {
  const label = shown.kind === "grade" ? finding.scale[shown.grade].label : shown.kind === "value" ? finding.unit : t(shown.kind.replace("_", " "));
  const highest = finding.scale.length - 1;
  const confidence = (shown.confidence ?? null) === null ? "" : t("confidence {n} %", { n: shown.confidence });
  const small = isMark ? make("small", {}, confidence) : shown.kind === "grade" ? make("small", {}, t("grade {grade} of {highest}", { grade: shown.grade, highest })) : "";
  return make(
    "button",
    { type: "button", class: "read-card", role: "radio", "aria-checked": String(isKept), onclick: onkeep },
    make("header", {}, make("span", {}, t("Read {letter}", { letter: shown.letter })), cap(capOfAction(`keep-${shown.letter}`))),
    make("span", { class: "card-answer" }, make("span", { class: "box" }, shortAnswer(shown)), make("span", {}, label, small)),
  );
}

/** One grade of the scale, with the letters of the reads that gave it. */
export function gradeRow(grade, finding, { shown, isChosen, onchoose }) {
  const letters = shown.filter((each) => each.kind === "grade" && each.grade === grade.value).map((each) => cap(each.letter));
  return make(
    "button",
    { type: "button", class: "option-row", role: "radio", "aria-checked": String(isChosen), onclick: onchoose },
    grade.picture ? make("img", { src: grade.picture, alt: "" }) : make("span"),
    make("span", { class: "chip", "data-grade": shade(grade.value, finding.scale.length) }, String(grade.value)),
    make("span", {}, make("span", { class: "label" }, grade.label), make("span", { class: "option-hint" }, grade.hint)),
    make("span", { class: "marks" }, ...letters, isChosen ? icon("check") : ""),
  );
}

/** The reasons of a decision, by Shift and a digit. */
export function reasonChoice(reasons, chosen, onchoose, asked = "") {
  return [
    make("div", { class: "section-line" },
      make("span", {}, t("Reason"), " ", make("span", { class: "muted" }, asked)),
      make("span", { class: "muted" }, cap("Shift"), " + ", cap("1"), ...(reasons.length > 1 ? [" – ", cap(String(reasons.length))] : []))),
    make("div", { class: "reasons" }, ...reasons.map((reason, place) =>
      make("button", { type: "button", class: "button button-small", "aria-pressed": String(chosen === reason.id), onclick: () => onchoose(place) }, cap(String(place + 1)), reason.label))),
  ];
}
