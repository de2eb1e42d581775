// Geometry between image pixels and the patient. Pure.
//
// Conventions, everywhere in the viewer:
// - image px: [column, row], 0 at the CENTRE of the first pixel, so the image spans -0.5 .. n - 0.5;
// - patient mm: [x, y, z] in DICOM's LPS (x to the patient's left, y to the back, z to the head);
// - a plane: {origin, row, column, normal, spacing: [mm between rows, mm between columns], rows, columns},
//   origin = patient mm of px [0, 0], row = unit vector of growing column index, column = of growing row
//   index, normal = row x column.

export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
export const subtract = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const scale = (a, k) => [a[0] * k, a[1] * k, a[2] * k];
export const cross = (a, b) => [
  a[1] * b[2] - a[2] * b[1],
  a[2] * b[0] - a[0] * b[2],
  a[0] * b[1] - a[1] * b[0],
];
export const norm = (a) => Math.sqrt(dot(a, a));

function unit(a) {
  const length = norm(a);
  return length > 0 ? scale(a, 1 / length) : undefined;
}

/**
 * Plane of one frame record, or undefined when the file does not state where it lies.
 *
 * @param {object} frame Record of `framesOfInstance`.
 */
export function planeOfFrame(frame) {
  if (!frame.position || !frame.orientation || !frame.spacing) return undefined;
  const row = unit(frame.orientation.slice(0, 3));
  const column = unit(frame.orientation.slice(3, 6));
  if (!row || !column || Math.abs(dot(row, column)) > 0.01) return undefined;
  return {
    origin: frame.position,
    row,
    column,
    normal: cross(row, column),
    spacing: frame.spacing,
    rows: frame.rows,
    columns: frame.columns,
    frameOfReferenceUid: frame.frameOfReferenceUid,
  };
}

/** Patient mm of an image px on a plane. */
export function imagePxToPatientMm(plane, [column, row]) {
  return add(
    plane.origin,
    add(scale(plane.row, column * plane.spacing[1]), scale(plane.column, row * plane.spacing[0])),
  );
}

/** Image px of the foot of the perpendicular from a patient point onto a plane. */
export function patientMmToImagePx(plane, point) {
  const d = subtract(point, plane.origin);
  return [dot(d, plane.row) / plane.spacing[1], dot(d, plane.column) / plane.spacing[0]];
}

/** Signed distance in mm of a patient point from a plane, positive along its normal. */
export function distanceFromPlaneMm(plane, point) {
  return dot(subtract(point, plane.origin), plane.normal);
}

/** Whether a px lies inside the image (its edges included). */
export function insideImage(plane, [column, row]) {
  return column >= -0.5 && row >= -0.5 && column <= plane.columns - 0.5 && row <= plane.rows - 0.5;
}

/**
 * Index of the plane that shows a patient point best: among planes whose image contains the foot of the
 * point, the nearest; if none contains it, the nearest of all.
 *
 * @param {(object|undefined)[]} planes One per image of a stack; undefined where there is no geometry.
 * @param {number[]} point Patient mm.
 * @returns {number} Index, or -1 when no plane has a geometry.
 */
export function nearestPlaneIndex(planes, point) {
  let best = -1;
  let bestDistance = Infinity;
  let bestInside = false;
  planes.forEach((plane, index) => {
    if (!plane) return;
    const distance = Math.abs(distanceFromPlaneMm(plane, point));
    const inside = insideImage(plane, patientMmToImagePx(plane, point));
    if ((inside && !bestInside) || (inside === bestInside && distance < bestDistance - 1e-9)) {
      best = index;
      bestDistance = distance;
      bestInside = inside;
    }
  });
  return best;
}

/**
 * The line in which `other` cuts `plane`, in image px of `plane`, as long as `other`'s image reaches.
 *
 * @returns {[number[], number[]]|undefined} Two end points, or undefined when the planes are nearer than
 *   25 degrees to parallel (their line then says nothing about the place), in different frames of reference, or do not meet inside `other`.
 */
export function referenceLinePx(plane, other) {
  if (!plane || !other || !sameFrameOfReference(plane, other)) return undefined;
  if (Math.abs(dot(plane.normal, other.normal)) > 0.906) return undefined;
  // Cut the outline of the other image with this plane: exactly where that image passes through it.
  const w = other.columns - 0.5;
  const h = other.rows - 0.5;
  const corners = [[-0.5, -0.5], [w, -0.5], [w, h], [-0.5, h]].map((px) => imagePxToPatientMm(other, px));
  const distances = corners.map((corner) => distanceFromPlaneMm(plane, corner));
  const hits = [];
  for (let i = 0; i < 4; i += 1) {
    const j = (i + 1) % 4;
    const [a, b] = [distances[i], distances[j]];
    if (a === b || a * b > 0) continue;
    const t = a / (a - b);
    hits.push(add(corners[i], scale(subtract(corners[j], corners[i]), t)));
  }
  if (hits.length < 2) return undefined;
  let ends = [hits[0], hits[1]];
  let longest = -1;
  for (let i = 0; i < hits.length; i += 1) {
    for (let j = i + 1; j < hits.length; j += 1) {
      const length = norm(subtract(hits[i], hits[j]));
      if (length > longest) {
        longest = length;
        ends = [hits[i], hits[j]];
      }
    }
  }
  return longest > 1e-6 ? ends.map((point) => patientMmToImagePx(plane, point)) : undefined;
}

export function sameFrameOfReference(a, b) {
  return Boolean(a.frameOfReferenceUid) && a.frameOfReferenceUid === b.frameOfReferenceUid;
}

const AXES = [
  ["L", "R"],
  ["P", "A"],
  ["H", "F"],
];

/**
 * Orientation letters of a direction in the patient, e.g. "R" or "AH" (largest part first; further parts
 * only from about 17 degrees on).
 */
export function directionLetters(direction) {
  return direction
    .map((value, axis) => ({ size: Math.abs(value), letter: AXES[axis][value >= 0 ? 0 : 1] }))
    .filter(({ size }) => size > 0.3)
    .sort((a, b) => b.size - a.size)
    .map(({ letter }) => letter)
    .join("");
}

const OPPOSITE = { L: "R", R: "L", A: "P", P: "A", H: "F", F: "H" };
const opposite = (letters) => [...letters].map((letter) => OPPOSITE[letter] ?? "").join("");

/**
 * Letters at the four edges of the shown image.
 *
 * @param {object} frame Frame record: `orientation`, else the file's own `patientOrientation`.
 * @param {{rotation: number, flipH: boolean, flipV: boolean}} view Rotation in degrees clockwise, a
 *   multiple of 90; flips are applied to the image before it is rotated.
 * @returns {{left: string, right: string, top: string, bottom: string}|undefined}
 */
export function edgeLetters(frame, view = { rotation: 0, flipH: false, flipV: false }) {
  let right;
  let bottom;
  if (frame.orientation) {
    right = directionLetters(frame.orientation.slice(0, 3));
    bottom = directionLetters(frame.orientation.slice(3, 6));
  } else if (frame.patientOrientation?.length === 2) {
    [right, bottom] = frame.patientOrientation.map((text) => text.replace(/[^LRAPHF]/g, ""));
  }
  if (!right || !bottom) return undefined;
  let edges = { right, bottom, left: opposite(right), top: opposite(bottom) };
  if (view.flipH) edges = { ...edges, left: edges.right, right: edges.left };
  if (view.flipV) edges = { ...edges, top: edges.bottom, bottom: edges.top };
  const turns = (((Math.round(view.rotation / 90) % 4) + 4) % 4);
  for (let i = 0; i < turns; i += 1) {
    edges = { top: edges.left, right: edges.top, bottom: edges.right, left: edges.bottom };
  }
  return edges;
}

/** "sagittal", "axial", "coronal" or "oblique" by the direction of the plane's normal. */
export function planeName(plane) {
  const n = plane.normal.map(Math.abs);
  const axis = n.indexOf(Math.max(...n));
  return n[axis] < 0.8 ? "oblique" : ["sagittal", "coronal", "axial"][axis];
}

/**
 * Order of the images of a series for scrolling: parallel images by place, as a reader expects them
 * (sagittal from the patient's right to the left, coronal from front to back, axial from head to feet);
 * otherwise by instance number, else as they came.
 *
 * @param {object[]} frames Frame records.
 * @returns {object[]} A new array.
 */
export function orderFrames(frames) {
  const planes = frames.map(planeOfFrame);
  const reference = planes[0];
  const parallel =
    frames.length > 1 && planes.every((plane) => plane && dot(plane.normal, reference.normal) > 0.9998);
  if (parallel) {
    let along = reference.normal;
    const axis = along.map(Math.abs).indexOf(Math.max(...along.map(Math.abs)));
    // x grows to the left, y to the back: wanted as they are; z grows to the head: wanted downwards
    const wanted = axis === 2 ? -1 : 1;
    if (Math.sign(along[axis]) !== wanted) along = scale(along, -1);
    return frames
      .map((frame, i) => ({ frame, i, at: dot(planes[i].origin, along) }))
      .sort((a, b) => a.at - b.at || (a.frame.instanceNumber ?? 0) - (b.frame.instanceNumber ?? 0) || a.i - b.i)
      .map(({ frame }) => frame);
  }
  return frames
    .map((frame, i) => ({ frame, i }))
    .sort(
      (a, b) =>
        (a.frame.instanceNumber ?? 0) - (b.frame.instanceNumber ?? 0) ||
        a.frame.frame - b.frame.frame ||
        a.i - b.i,
    )
    .map(({ frame }) => frame);
}

/**
 * Where a sagittal image lies: its side and its distance in mm from a sagittal reference plane at `x`.
 *
 * @param {object} plane Plane of the shown image.
 * @param {number} x Patient x in mm of the midline (or of the centre of the series).
 * @returns {{side: "right"|"left"|"middle", mm: number}|undefined} undefined unless the image is sagittal.
 */
export function sideOfMidline(plane, x) {
  if (!plane || planeName(plane) !== "sagittal") return undefined;
  const centre = imagePxToPatientMm(plane, [(plane.columns - 1) / 2, (plane.rows - 1) / 2]);
  const offset = centre[0] - x;
  const mm = Math.abs(offset);
  if (mm < 0.5) return { side: "middle", mm: 0 };
  return { side: offset > 0 ? "left" : "right", mm };
}

/** Patient x of the middle of a stack of sagittal images. */
export function middleOfStackX(planes) {
  const xs = planes
    .filter(Boolean)
    .map((plane) => imagePxToPatientMm(plane, [(plane.columns - 1) / 2, (plane.rows - 1) / 2])[0]);
  return xs.length ? (Math.min(...xs) + Math.max(...xs)) / 2 : 0;
}
