// The words in the corners of a viewport. Pure, but for the catalogue of texts.

import { sideOfMidline } from "./geometry.js";
import { t } from "./texts.js";

/** "7 / 27" */
export function sliceLabel(index, count) {
  return `${index + 1} / ${count}`;
}

/** "W 2000  L 480", plain digits. */
export function windowLabel({ center, width }) {
  const round = (value) => (Math.abs(value) < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value));
  return `W ${round(width)}  L ${String(round(center)).replace("-", "−")}`;
}

/**
 * Place of a sagittal image beside the middle, e.g. "Right of midline, 14 mm".
 *
 * @param {object|undefined} plane
 * @param {{x: number, known: boolean}} middle `known`: from places of the joints, else the middle of the
 *   series, and then called so.
 */
export function sideLabel(plane, middle) {
  const side = sideOfMidline(plane, middle.x);
  if (!side) return "";
  if (side.side === "middle") return middle.known ? t("Midline") : t("Middle of the series");
  const mm = Math.round(side.mm);
  if (side.side === "right") {
    return middle.known ? t("Right of midline, {mm} mm", { mm }) : t("Right of centre, {mm} mm", { mm });
  }
  return middle.known ? t("Left of midline, {mm} mm", { mm }) : t("Left of centre, {mm} mm", { mm });
}

/** Statement about the sides, where they are not established; "" otherwise. */
export function lateralityLabel(laterality) {
  if (laterality === "by-convention") return t("Sides by convention");
  if (laterality === "unknown") return t("Sides unknown");
  return "";
}

/** Why a series cannot be shown in three planes. */
export function noPlanesText(reason) {
  return {
    few: t("Three planes need at least 5 parallel images."),
    "no-place": t("Three planes need images that state their place."),
    "not-parallel": t("Three planes need parallel images; this series has several directions."),
    "uneven-size": t("Three planes need images of one size."),
    "one-place": t("Three planes need one image at each place; this series has several at one."),
  }[reason];
}
