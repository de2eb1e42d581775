// The panel's question before an item goes back to the adjudicator: why, by one of the protocol's reasons or in words.

import { t } from "../viewer/texts.js";
import { cap, make } from "./dom.js";
import { reasonChoice } from "./settling-parts.js";

const LONGEST = 200;

/** What is sent of a choice; undefined while nothing is chosen. Codes where the protocol has any, else words. */
export function reasonGiven(reasons, { place, words = "" }) {
  if (reasons.length) return reasons[place] ? { reason_code: reasons[place].id } : undefined;
  return words.trim() ? { reason_text: words.trim().slice(0, LONGEST) } : undefined;
}

/** Ask, and call `onsend` with the reason. The item is named by `place`. */
export function askToSendBack({ place, reasons, onsend }) {
  let chosen = {};
  const choice = make("div", { class: "back-reasons" });
  const send = make("button", { class: "button button-main", type: "button", disabled: true, onclick: () => { dialog.close(); onsend(reasonGiven(reasons, chosen)); } }, t("Send back"), cap("↵"));
  const choose = (change) => {
    chosen = { ...chosen, ...change };
    send.disabled = !reasonGiven(reasons, chosen);
    if (reasons.length) draw();
  };
  const draw = () => choice.replaceChildren(...reasonChoice(reasons, reasons[chosen.place]?.id, (number) => { choose({ place: number }); send.focus(); }, t("The adjudicator is told it, without a name.")));
  if (reasons.length) draw();
  else choice.append(make("label", { for: "back-words" }, t("Reason, about the image. The adjudicator is told it, without a name.")), make("textarea", { id: "back-words", rows: 2, maxlength: LONGEST, oninput: (event) => choose({ words: event.target.value }) }));
  const dialog = make("dialog", { "aria-labelledby": "back-title" },
    make("h2", { id: "back-title" }, t("Send back {place}?", { place })),
    make("p", {}, t("The adjudicator decides again; the earlier decision is kept on record. The case returns here afterwards.")),
    choice,
    make("div", { class: "dialog-actions" }, make("button", { class: "button button-quiet", type: "button", onclick: () => dialog.close() }, t("Stay"), cap("Esc")), send));
  dialog.addEventListener("keydown", (event) => {
    const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code);
    if (!digit || !reasons[Number(digit[1]) - 1] || event.target.matches?.("textarea")) return;
    event.preventDefault();
    event.stopPropagation();
    choose({ place: Number(digit[1]) - 1 });
    send.focus();
  });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}
