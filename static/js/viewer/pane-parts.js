// The elements of one viewport, and what its error tile says.

import { html, icon, svg } from "./dom.js";
import { sliceLabel } from "./labels.js";
import { t } from "./texts.js";

const WARNING = "M8 2.5 14.5 13.5h-13zM8 6.5v3M8 11.4v.4";

/** The elements of one viewport by name. */
export function paneParts() {
  const letters = Object.fromEntries(
    ["top", "right", "bottom", "left"].map((edge) => [edge, html("span", { class: `rs-letter rs-letter-${edge}` })]),
  );
  const corner = {
    place: html("div", { class: "rs-corner rs-corner-place" }),
    quality: html("div", { class: "rs-corner rs-corner-quality" }),
    window: html("div", { class: "rs-corner rs-corner-window" }),
    scale: html("div", { class: "rs-corner rs-corner-scale" }),
  };
  const overlay = svg("svg", { class: "rs-overlay", "aria-hidden": "true" });
  const surfaceElement = html("div", { class: "rs-surface" });
  const placeLoaded = html("div", { class: "rs-place-loaded" });
  const placeMark = html("div", { class: "rs-place-mark" });
  const placeBar = html("div", { class: "rs-place", "aria-hidden": "true" }, placeLoaded, placeMark);
  const tile = html("div", { class: "rs-tile", role: "alert", hidden: true });
  const waiting = html("div", { class: "rs-waiting", hidden: true });
  const live = html("span", { class: "rs-visually-hidden", "aria-live": "polite" });
  const picture = html(
    "div",
    { class: "rs-picture" },
    surfaceElement,
    overlay,
    ...Object.values(letters),
    ...Object.values(corner),
    placeBar,
    waiting,
  );
  const element = html("section", { class: "rs-pane", role: "img", tabindex: "-1" }, picture, tile, live);
  return { letters, corner, overlay, surfaceElement, placeLoaded, placeMark, placeBar, tile, waiting, live, picture, element };
}

/** Sentences for what went wrong with an image. */
function failureText(reason) {
  return {
    connection: t("No connection to the server."),
    slow: t("The server does not answer in time."),
    gone: t("The server does not have this image."),
    refused: t("Access to the images has ended. Sign in again."),
    server: t("The server could not send it."),
    damaged: t("The file is damaged."),
  }[reason] ?? t("The server could not send it.");
}

/** What went wrong with the wanted image, what stands and what to do. */
export function failureTile(pane, failure) {
  return [
    icon(WARNING),
    html("p", { class: "rs-tile-what" }, t("This image could not be shown")),
    html(
      "p",
      { class: "rs-tile-then" },
      pane.target >= 0 ? `${pane.stack.label}, ${sliceLabel(pane.target, pane.stack.count)}. ` : `${pane.stack.label}. `,
      failureText(failure.reason),
      " ",
      t("Your answers are safe; you can go on grading."),
    ),
    html("button", { type: "button", class: "rs-button", onclick: () => pane.viewer.retry() }, html("kbd", {}, "T"), t("Try again")),
  ];
}
