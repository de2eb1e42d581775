// The badge that says what is saved, and where: never more hopeful than the worst of the answers.

import { t } from "../viewer/texts.js";
import { icon } from "./dom.js";

const ICONS = { saved: "check", saving: "clock", waiting: "cloud", conflict: "fork", unsaved: "alert" };

function badgeWords(kind, { answered, waiting: n, closed, refused }) {
  switch (kind) {
    case "saved": return answered ? t("All {n} answers saved", { n: answered }) : t("Nothing to save yet");
    case "saving": return t("Saving");
    case "waiting":
      return refused
        ? t("You are signed out. {n} answers are on this device. Sign in again to send them.", { n })
        : t("No connection. {n} answers are on this device and will be sent by themselves.", { n });
    case "conflict": return t("Conflict");
    default:
      return closed
        ? t("This case takes no answers any more. {n} later answers were not saved.", { n })
        : t("This answer could not be saved here or on the server. Note it down and reload.");
  }
}

/** @param {{answered: number, waiting: number, closed: string|undefined, refused: boolean}} queue */
export function drawSaveBadge(badge, kind, queue) {
  const words = badgeWords(kind, queue);
  if (badge.dataset.kind === kind && badge.textContent === words) return;
  badge.dataset.kind = kind;
  badge.replaceChildren(icon(ICONS[kind]), words);
}
