// What can be answered at the current cell: the grades of its scale, or the typed answers.

import { t } from "../viewer/texts.js";
import { cap, make } from "./dom.js";
import { shade } from "./grid.js";

/** @param {{ondigit: (digit: number) => void, share: (grade: number) => (Node|string)}} acts */
export function scaleOptions(finding, cell, { ondigit, share }) {
  const options = finding.scale.map((grade) =>
    make(
      "button",
      { type: "button", class: "option", role: "radio", tabindex: "-1", "aria-checked": String(cell.kind === "grade" && cell.grade === grade.value), onclick: () => ondigit(grade.value) },
      grade.picture ? make("img", { src: grade.picture, alt: "" }) : "",
      make("span", { class: "option-label" }, make("span", { class: "chip", "data-grade": shade(grade.value, finding.scale.length) }, String(grade.value)), grade.label),
      make("span", { class: "option-hint" }, grade.hint),
      share(grade.value),
    ),
  );
  return make("div", { class: "scale", role: "radiogroup", "aria-label": finding.label }, ...options);
}

export function typedMenu(choices, onchoose) {
  const buttons = choices.map(({ label, answer }, place) =>
    make("button", { type: "button", class: "button button-small", onclick: () => onchoose(answer) }, cap(String(place + 1)), label),
  );
  return make("div", { class: "typed-menu", role: "group", "aria-label": t("Not assessable") }, ...buttons, make("p", { class: "muted" }, cap("Esc"), " ", t("back to the scale")));
}
