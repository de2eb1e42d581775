// What an item in dispute asks, and how an answer stands to its first reads: no page, so that it can be tested alone.

import { t } from "../viewer/texts.js";

/** The kind of a disputed mark. */
export const markKindOf = (item, config) => config.mark_kinds.find(({ id }) => id === item.mark_kind);

/** What an item asks. A disputed mark is asked as a scale: 0 no lesion, then the protocol's classes. */
export function findingOf(item, view, config) {
  if (!item.mark_kind) return view.finding(item.finding);
  const kind = markKindOf(item, config);
  const scale = [{ value: 0, label: t("No lesion"), hint: "" }, ...kind.classes.map((each, n) => ({ value: n + 1, label: each.label, hint: "" }))];
  return { label: kind.label, short: kind.label, definition: t("Marked differently by the first reads. The marks are drawn as A and B."), kind: "nominal", scale, typed: [] };
}

export function sameAnswer(one, other) {
  return one.kind === other.kind && (one.grade ?? null) === (other.grade ?? null) && (one.value ?? null) === (other.value ?? null);
}

/** Whether a choice is an answer that neither read gave: then a reason is asked. */
export function isThird(choice, item) {
  if (!choice?.answer || choice.letter) return false;
  return Boolean(choice.mark) || !item.shown.some((shown) => sameAnswer(shown, choice.answer));
}

/** Whether a choice that was made at an earlier visit says the same of the item as it stands now. */
export function stillStands(choice, item) {
  return !choice.letter || item.shown.some((shown) => shown.letter === choice.letter && sameAnswer(shown, choice.answer));
}
