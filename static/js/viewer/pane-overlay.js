// What is drawn over the image of one viewport.

import { svg } from "./dom.js";
import { distanceFromPlaneMm, insideImage, patientMmToImagePx, planeName, referenceLinePx } from "./geometry.js";

function lineOf(pane, plane, other, className) {
  const ends = referenceLinePx(plane, other);
  if (!ends) return undefined;
  const [a, b] = ends.map((px) => pane.surface.imagePxToCanvasPx(px));
  return svg("line", { class: className, x1: a[0].toFixed(1), y1: a[1].toFixed(1), x2: b[0].toFixed(1), y2: b[1].toFixed(1) });
}

/** Reference lines, level names, the joint's brackets, marks and measurements over the image. */
export function drawOverlay(pane) {
  const { plane, viewer } = pane;
  const nodes = [];
  if (plane) {
    for (const other of viewer.panes) {
      if (other === pane || !other.plane) continue;
      nodes.push(lineOf(pane, plane, other.plane, other === viewer.active ? "rs-line rs-line-active" : "rs-line"));
    }
    nodes.push(...levelNames(pane), ...brackets(pane));
  }
  for (const layer of viewer.layers) nodes.push(...layer.draw(pane));
  pane.overlay.replaceChildren(...nodes.filter(Boolean));
}

function levelNames(pane) {
  if (planeName(pane.plane) !== "sagittal") return [];
  const active = pane.viewer.structure?.group;
  return pane.viewer.levels(pane.plane.frameOfReferenceUid).map(({ group, point }) => {
    const [, y] = pane.surface.imagePxToCanvasPx(patientMmToImagePx(pane.plane, point));
    return svg("text", { class: group === active ? "rs-level rs-level-active" : "rs-level", x: 28, y: y + 4 }, group);
  });
}

function brackets(pane) {
  const place = pane.viewer.placeOf(pane.viewer.structure?.id, pane.plane.frameOfReferenceUid);
  if (!place) return [];
  // A joint is about 15 mm high: further away than that the image does not show it.
  if (Math.abs(distanceFromPlaneMm(pane.plane, place)) > 8) return [];
  const px = patientMmToImagePx(pane.plane, place);
  if (!insideImage(pane.plane, px)) return [];
  const [x, y] = pane.surface.imagePxToCanvasPx(px);
  const half = Math.max(18, 10 * pane.look.view.scale);
  const arm = Math.min(9, half / 2);
  const d = [
    [-1, -1],
    [1, -1],
    [1, 1],
    [-1, 1],
  ]
    .map(([sx, sy]) => `M${x + sx * half} ${y + sy * (half - arm)}V${y + sy * half}H${x + sx * (half - arm)}`)
    .join("");
  return [svg("path", { class: "rs-bracket", d })];
}
