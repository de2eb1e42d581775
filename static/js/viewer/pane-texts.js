// The words and signs at the edges of one viewport.

import { html, svg } from "./dom.js";
import { edgeLetters } from "./geometry.js";
import { lateralityLabel, sideLabel, sliceLabel, windowLabel } from "./labels.js";
import { t } from "./texts.js";
import { scaleBar } from "./view.js";

/** Corner texts and orientation letters. */
export function drawTexts(pane) {
  const { stack, frame, plane, look } = pane;
  const sides = lateralityLabel(stack.series.laterality ?? pane.viewer.config.laterality);
  const side = frame.frameOfReferenceUid ? sideLabel(plane, pane.viewer.middleOf(stack)) : "";
  replaceLines(pane.corner.place, [
    [stack.label],
    [sliceLabel(pane.index, stack.count)],
    side && [side],
    pane.viewer.config.sided && sides && [sides, "rs-warn"],
    !frame.orientation && !frame.patientOrientation?.length && [t("Orientation not stated"), "rs-warn"],
  ]);
  const zoom = look.view.scale * Math.min(...pixelSides(frame));
  replaceLines(pane.corner.window, [
    !pane.image?.color && [windowLabel(look.window) + (look.inverted ? `  ${t("inverted")}` : "")],
    [`${Math.round(zoom * 100)} %`, "rs-dim"],
  ]);
  const letters = edgeLetters(frame, look.view);
  for (const [edge, node] of Object.entries(pane.letters)) node.textContent = letters?.[edge] ?? "";
}

/** The bar that says how long so many mm are. */
export function drawScale(pane) {
  const { frame, look } = pane;
  if (!frame.spacing) {
    pane.shownScale = undefined;
    pane.corner.scale.replaceChildren(html("span", { class: "rs-dim" }, t("No scale")));
    return;
  }
  const { mm, px } = scaleBar(look.view.scale, Math.min(110, pane.surface.size.width / 4));
  const key = `${mm} ${px.toFixed(1)}`;
  if (pane.shownScale === key) return;
  pane.shownScale = key;
  pane.corner.scale.replaceChildren(
    svg(
      "svg",
      { class: "rs-scale", width: Math.ceil(px) + 2, height: 7, "aria-hidden": "true" },
      svg("path", { d: `M1 1v5h${px.toFixed(1)}v-5` }),
    ),
    html("span", {}, `${mm} mm`),
  );
}

/** How much of the stack is here, and where in it the image is. */
export function drawProgress(pane) {
  const { stack } = pane;
  if (!stack?.count) return;
  const share = stack.loaded / stack.count;
  pane.placeLoaded.style.height = `${(share * 100).toFixed(1)}%`;
  pane.placeMark.style.top = stack.count > 1 ? `${((Math.max(0, pane.index) / (stack.count - 1)) * 100).toFixed(2)}%` : "0";
  pane.placeMark.hidden = stack.count < 2;
  replaceLines(pane.corner.quality, [
    stack.complete
      ? [t("Full quality")]
      : [t("Loading {n} of {count}", { n: stack.loaded, count: stack.count }), stack.failed ? "rs-alert" : "rs-dim"],
  ]);
  pane.element.dataset.quality = stack.complete ? "full" : "loading";
}

function pixelSides(frame) {
  return frame.spacing ?? [1, 1];
}

function replaceLines(node, lines) {
  const wanted = lines.filter(Boolean);
  const key = JSON.stringify(wanted);
  if (node.shownLines === key) return;
  node.shownLines = key;
  node.replaceChildren(...wanted.map(([text, className]) => html("div", className ? { class: className } : {}, text)));
}
