// The keys of the reader's panel, and of the adjudicator's, as one dialog each.

import { t } from "../viewer/texts.js";
import { helpDialog } from "./dom.js";
import { capOfAction } from "./keys.js";

/** @param {{measures: boolean, marks: boolean}} asks What the protocol asks beside grades. */
export function panelHelp({ measures, marks }) {
  return helpDialog(
    t("All keys"),
    [
      [["0", "–", "9"], t("grade, go on")],
      [[capOfAction("normal")], t("whole joint normal: every finding without an answer gets 0")],
      ...(measures ? [[[capOfAction("measure")], t("measure on the image, take the value")]] : []),
      [[capOfAction("typed")], t("not assessable, absent or fused, then a digit")],
      [[capOfAction("flag")], t("flag")],
      [[capOfAction("note")], t("note")],
      ...(marks ? [[[capOfAction("marks")], t("new mark; in the list: a digit its class, C its confidence, Backspace removes it")]] : []),
      [[capOfAction("questions")], t("questions about the case: a digit answers, arrows choose, Esc goes back")],
      [["←", "→", "↑", "↓"], t("cell")],
      [["Tab"], t("next joint")],
      [["Shift Tab"], t("previous joint")],
      [["Backspace"], t("clear")],
      [["Ctrl Z"], t("undo any key")],
      [[capOfAction("slice-back"), capOfAction("slice-on")], t("slice back, on")],
      [[capOfAction("to-images")], t("keys to images; Esc comes back")],
      [["Ctrl ↵"], t("submit and next")],
    ],
    t("Close"),
  );
}

/** @param {{marks: boolean}} asks Whether the protocol asks for marks. */
export function settlingHelp({ marks }) {
  return helpDialog(
    t("All keys"),
    [
      [["A", "B"], t("keep that read")],
      [["0", "–", "9"], t("own grade")],
      [[capOfAction("typed")], t("not assessable, then a digit")],
      [["Shift 1–9"], t("reason, when neither read is kept")],
      [["↵"], t("settle, next")],
      [[capOfAction("later")], t("later")],
      ...(marks ? [[[capOfAction("marks")], t("draw the place of a disputed mark anew")]] : []),
      [["↑", "↓"], t("item")],
      [["[", "]"], t("slice back, on")],
      [[capOfAction("to-images")], t("keys to images; Esc comes back")],
    ],
    t("Close"),
  );
}
