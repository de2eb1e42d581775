// Measurements and marks as data. Pure.
//
// A measurement (length, angle, Cobb angle, region) is the reader's own working aid. A mark belongs to the
// protocol: a kind (its id), a class, a confidence. Both are kept as SOP instance + frame + image px, and in
// patient mm where the image states its place.

import { distanceFromPlaneMm, imagePxToPatientMm, patientMmToImagePx } from "./geometry.js";
import { angleOf, areaOf, cobbOf, lengthOf, regionOf } from "./measures.js";

/** How each shape is drawn: points to set, and whether it is closed. */
export const SHAPES = {
  length: { points: 2, drag: true },
  line: { points: 2, drag: true },
  angle: { points: 3 },
  cobb: { points: 4 },
  roi: { points: 2, drag: true, region: "ellipse" },
  point: { points: 1 },
  box: { points: 2, drag: true, region: "box" },
  box3d: { points: 2, drag: true, region: "box", depth: true },
  ellipse: { points: 2, drag: true, region: "ellipse" },
  polygon: { points: Infinity, least: 3, region: "polygon" },
};

export const MEASUREMENTS = ["length", "angle", "cobb", "roi"];

/**
 * A new annotation on one image.
 *
 * @param {object} args `{id, shape, kind?, class?, frame, plane, points}`; points in image px.
 */
export function annotation({ id, shape, kind, class: className, frame, plane, points }) {
  return withPoints(
    {
      id,
      shape,
      kind,
      class: className,
      series_uid: frame.seriesUid,
      sop_uid: frame.sopUid,
      frame: frame.frame,
      frame_of_reference: plane ? frame.frameOfReferenceUid : "",
    },
    plane,
    points,
  );
}

const rounded = (value, digits) => Math.round(value * 10 ** digits) / 10 ** digits;

/** The same annotation at other points; patient mm follow. */
export function withPoints(one, plane, points) {
  const px = points.map((point) => point.map((value) => rounded(value, 2)));
  return {
    ...one,
    points_px: px,
    points_mm: plane ? px.map((point) => imagePxToPatientMm(plane, point).map((value) => rounded(value, 3))) : null,
  };
}

/**
 * Points moved together, as far as the image goes: the farthest of them stops at the edge and the shape stays. What
 * reaches beyond already, as a line of an angle may, moves no farther out.
 *
 * @param {number[][]} points Image px.
 * @param {number[]} by Wished movement, px.
 * @param {{columns: number, rows: number}} frame
 */
export function shifted(points, by, { columns, rows }) {
  const step = [columns, rows].map((size, axis) => {
    const along = points.map((point) => point[axis]);
    const least = Math.min(0, -0.5 - Math.min(...along));
    const most = Math.max(0, size - 0.5 - Math.max(...along));
    // In the digits in which points are kept, so that each of them is rounded alike.
    return Math.min(most, Math.max(least, rounded(by[axis], 2)));
  });
  return points.map((point) => point.map((value, axis) => value + step[axis]));
}

// Where the two points of a region are grasped: which of them gives the x and which the y of each handle. A box is
// held at its corners; an ellipse, whose box's corners lie off its outline, at the ends of its axes.
const GRIPS = {
  box: [[0, 0], [1, 1], [1, 0], [0, 1]],
  ellipse: [[0, undefined], [1, undefined], [undefined, 0], [undefined, 1]],
};

/** Where an annotation is grasped, in the space of its points; `points` where they lie on a canvas. */
export function handlesOf({ shape, points_px: own }, points = own) {
  const grips = GRIPS[SHAPES[shape].region];
  if (!grips || points.length < 2) return points;
  const along = (axis, of) => (of === undefined ? (points[0][axis] + points[1][axis]) / 2 : points[of][axis]);
  return grips.map(([x, y]) => [along(0, x), along(1, y)]);
}

/** The points of an annotation once one of its handles is somewhere else; the others follow only where they must. */
export function withHandle({ shape, points_px: points }, handle, to) {
  const grip = GRIPS[SHAPES[shape].region]?.[handle];
  if (!grip) return points.map((point, i) => (i === handle ? to : point));
  return points.map((point, i) => point.map((value, axis) => (grip[axis] === i ? to[axis] : value)));
}

/** Whether an annotation is complete enough to keep. */
export function complete({ shape, points_px: points }) {
  const { points: wanted, least = wanted, region } = SHAPES[shape];
  if (points.length < least) return false;
  if (region && shape !== "polygon") {
    return Math.abs(points[0][0] - points[1][0]) >= 1 && Math.abs(points[0][1] - points[1][1]) >= 1;
  }
  if (shape === "length" || shape === "line") return Math.hypot(points[0][0] - points[1][0], points[0][1] - points[1][1]) >= 1;
  return true;
}

/**
 * Numbers of an annotation.
 *
 * @param {object} one
 * @param {object} frame
 * @param {ArrayLike<number>|undefined} pixels Modality values of the image, for regions.
 */
export function measured(one, frame, pixels) {
  const points = one.points_px;
  switch (one.shape) {
    case "length":
    case "line":
      return { length: lengthOf(frame, points) };
    case "angle":
      return points.length === 3 ? { angle: angleOf(frame, points) } : {};
    case "cobb":
      return points.length === 4 ? { angle: cobbOf(frame, points) } : {};
    case "point":
      return {};
    default: {
      const { region } = SHAPES[one.shape];
      if (points.length < 2) return {};
      return {
        area: areaOf(frame, region, points),
        region: pixels && frame.samplesPerPixel === 1 ? regionOf(pixels, frame, region, points) : undefined,
      };
    }
  }
}

/** Lines of text beside an annotation; a mark says what the page calls it (`text`) and its class. */
export function annotationText(one, frame, pixels, t = (text) => text, labelOf = ({ class: name }) => name) {
  const lines = [];
  if (one.class) lines.push([one.text, labelOf(one)].filter(Boolean).join(" "));
  if (one.kind) return lines;
  const { length, angle, area, region } = measured(one, frame, pixels);
  if (length) lines.push(`${length.value.toFixed(1)} ${length.unit}`);
  if (angle !== undefined) lines.push(`${angle.toFixed(1)}°`);
  if (region) {
    const unit = frame.modality === "CT" ? " HU" : "";
    const digits = Math.abs(region.max - region.min) < 10 ? 1 : 0;
    const minus = (value) => value.toFixed(digits).replace("-", "−");
    lines.push(`${t("mean")} ${minus(region.mean)}${unit}, SD ${region.sd.toFixed(digits)}`);
    lines.push(`${minus(region.min)} … ${minus(region.max)}`);
  }
  if (area) lines.push(`${area.value.toFixed(area.value < 100 ? 1 : 0)} ${area.unit}`);
  return lines;
}

/**
 * The patient-space box of a 3-D box mark: its rectangle on every image between two.
 *
 * @param {object} one Mark with `points_px` and `slices: [first, last]` (indices in scroll order).
 * @param {object[]} planes Planes of the stack in scroll order.
 * @returns {{min_mm: number[], max_mm: number[]}|null} null when the images state no place.
 */
export function boxInPatient(one, planes) {
  const ends = boxEnds(one, planes);
  if (!ends) return null;
  const corners = ends.flat();
  const axis = (pick) => [0, 1, 2].map((i) => rounded(pick(...corners.map((corner) => corner[i])), 3));
  return { min_mm: axis(Math.min), max_mm: axis(Math.max) };
}

/** The rectangle of a 3-D box, in patient mm, on the first and on the last of its images; null without places. */
function boxEnds(one, planes) {
  const ends = one.slices.map((index) => planes[index]);
  if (ends.some((plane) => !plane)) return null;
  const [[x1, y1], [x2, y2]] = one.points_px;
  return ends.map((plane) => [[x1, y1], [x2, y1], [x2, y2], [x1, y2]].map((px) => imagePxToPatientMm(plane, px)));
}

const ON_PLANE_MM = 1e-3;

/**
 * Where an image cut out of a stack cuts a 3-D box of that stack.
 *
 * The box reaches from the centre of its first image to that of its last, as it is kept in patient mm.
 *
 * @param {object} one Mark with `points_px` and `slices`.
 * @param {object[]} planes Planes of the stack in scroll order.
 * @param {object} plane Plane of the cutting image.
 * @returns {number[][]} Corners in px of that image, in order around; two where the box is one image thin; none where
 *   it is not cut.
 */
export function boxSection(one, planes, plane) {
  const ends = boxEnds(one, planes);
  if (!ends) return [];
  const found = [];
  const take = (mm) => {
    const px = patientMmToImagePx(plane, mm);
    if (!found.some(([x, y]) => Math.hypot(x - px[0], y - px[1]) < 1e-3)) found.push([px[0], px[1]]);
  };
  for (let i = 0; i < 4; i += 1) {
    const next = (i + 1) % 4;
    for (const [a, b] of [[ends[0][i], ends[0][next]], [ends[1][i], ends[1][next]], [ends[0][i], ends[1][i]]]) {
      const [p, q] = [a, b].map((mm) => distanceFromPlaneMm(plane, mm));
      // Every corner is the second end of some edge.
      if (Math.abs(q) < ON_PLANE_MM) take(b);
      else if (p * q < 0) take(a.map((value, axis) => value + ((b[axis] - value) * p) / (p - q)));
    }
  }
  const [cx, cy] = [0, 1].map((axis) => found.reduce((sum, px) => sum + px[axis], 0) / Math.max(1, found.length));
  return found.length < 2 ? [] : found.sort((a, b) => Math.atan2(a[1] - cy, a[0] - cx) - Math.atan2(b[1] - cy, b[0] - cx));
}
