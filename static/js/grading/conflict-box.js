// Two versions of one answer, and which to keep.

import { t } from "../viewer/texts.js";
import { make } from "./dom.js";

/** @param {(which: "theirs"|"mine") => void} keep */
export function conflictBox(words, keep) {
  return make("div", { class: "conflict-box", role: "alert" }, words,
    make("div", { class: "panel-actions" },
      make("button", { class: "button button-small", type: "button", onclick: () => keep("theirs") }, t("Keep the other window's")),
      make("button", { class: "button button-small", type: "button", onclick: () => keep("mine") }, t("Keep mine"))));
}
