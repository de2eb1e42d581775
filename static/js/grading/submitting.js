// The question before a case is submitted; where required images were not seen at full quality, it asks why.

import { t } from "../viewer/texts.js";
import { cap, make } from "./dom.js";
import { actionOf } from "./keys.js";

/**
 * @param {object} ask
 * @param {number|string} ask.number The reader's own number of the case.
 * @param {(string|false)[]} ask.facts Sentences about what is submitted.
 * @param {string[]} ask.unseen Labels of required images that were not shown at full quality.
 * @param {{id: string, label: string}[]} ask.reasons Why a case may be submitted without them.
 * @param {(why: {reason?: string, words?: string}) => void} ask.onsubmit
 * @param {() => void} ask.onclose
 */
export function submitDialog({ number, facts, unseen, reasons, onsubmit, onclose }) {
  const why = unseen.length ? askWhy(unseen, reasons) : undefined;
  const go = () => {
    if (why && !why.complete()) return;
    const answer = why?.answer() ?? {};
    dialog.close();
    onsubmit(answer);
  };
  const dialog = make(
    "dialog",
    { class: "submit-dialog", "aria-labelledby": "submit-title" },
    make("h2", { id: "submit-title" }, t("Submit case {number}? After this the read is locked.", { number })),
    ...facts.filter(Boolean).map((fact) => make("p", {}, fact)),
    why?.element ?? "",
    make(
      "div",
      { class: "dialog-actions" },
      make("button", { class: "button button-quiet", type: "button", onclick: () => dialog.close() }, t("Back"), cap("Esc")),
      make("button", { class: "button button-main", type: "button", onclick: go }, t("Submit, next case"), cap("Ctrl ↵")),
    ),
  );
  dialog.addEventListener("keydown", (event) => {
    if (actionOf(event)?.action === "submit") {
      event.preventDefault();
      // Once the dialog is closed, the panel would take the same key for a new question.
      event.stopPropagation();
      go();
    } else if (why?.key(event)) event.preventDefault();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    onclose();
  });
  document.body.append(dialog);
  dialog.showModal();
  (why?.first ?? dialog.querySelector(".button-main")).focus();
}

function askWhy(unseen, reasons) {
  const radios = reasons.map(({ id }) => make("input", { type: "radio", name: "unseen-reason", value: id, id: `unseen-${id}` }));
  const words = make("input", { id: "unseen-words", maxlength: 300, autocomplete: "off" });
  const told = make("p", { class: "panel-message", role: "alert" });
  const chosen = () => radios.find(({ checked }) => checked)?.value;
  const element = make(
    "fieldset",
    { class: "unseen-images" },
    make("legend", {}, t("Not shown at full quality: {images}", { images: unseen.join(", ") })),
    make("p", { class: "muted" }, t("Look at these images first, or say why the case is submitted without them. The coordinator is told.")),
    ...reasons.map(({ label }, place) => make("label", { class: "unseen-reason", for: radios[place].id }, radios[place], cap(String(place + 1)), label)),
    make("label", { class: "unseen-words", for: "unseen-words" }, t("In your own words; say nothing of a grade")),
    words,
    told,
  );
  return {
    element,
    first: radios[0],
    answer: () => ({ reason: chosen(), words: words.value.trim() }),
    complete() {
      if (chosen() && (chosen() !== "other" || words.value.trim())) return true;
      told.textContent = chosen() ? t("Say in a few words why.") : t("Choose a reason, or go back to the images.");
      (chosen() ? words : radios[0]).focus();
      return false;
    },
    /** A digit chooses its reason; in the words it is a digit. */
    key(event) {
      if (event.target === words) return false;
      const asked = actionOf(event);
      const radio = asked?.action === "digit" ? radios[asked.digit - 1] : undefined;
      if (!radio) return false;
      radio.checked = true;
      radio.focus();
      return true;
    },
  };
}
