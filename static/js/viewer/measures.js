// Lengths, angles and regions on an image. Pure. Points are image px ([column, row], 0 at the centre of the
// first pixel); sizes of a pixel come from `pixelSize` (view.js): mm where the file states a spacing, else
// only the shape of the pixel, and then no millimetre is ever returned.

import { pixelSize } from "./view.js";

/** Distance of two points: `{value, unit: "mm" | "px"}`. */
export function lengthOf(frame, [a, b]) {
  if (!frame.spacing) return { value: Math.hypot(b[0] - a[0], b[1] - a[1]), unit: "px" };
  const [w, h] = pixelSize(frame);
  return { value: Math.hypot((b[0] - a[0]) * w, (b[1] - a[1]) * h), unit: "mm" };
}

function directionDegrees(frame, [a, b]) {
  const [w, h] = pixelSize(frame);
  return (Math.atan2((b[1] - a[1]) * h, (b[0] - a[0]) * w) * 180) / Math.PI;
}

/** Angle at the second of three points, 0 .. 180 degrees. */
export function angleOf(frame, [a, vertex, b]) {
  const difference = Math.abs(directionDegrees(frame, [vertex, a]) - directionDegrees(frame, [vertex, b])) % 360;
  return difference > 180 ? 360 - difference : difference;
}

/** Cobb angle: the acute angle between two lines (four points), 0 .. 90 degrees. */
export function cobbOf(frame, [a, b, c, d]) {
  const difference = Math.abs(directionDegrees(frame, [a, b]) - directionDegrees(frame, [c, d])) % 180;
  return difference > 90 ? 180 - difference : difference;
}

/** Whether a px lies in a shape spanned by two corners, or in a polygon. */
export function contains(shape, points, [x, y]) {
  if (shape === "polygon") {
    let inside = false;
    for (let i = 0, j = points.length - 1; i < points.length; j = i, i += 1) {
      const [xi, yi] = points[i];
      const [xj, yj] = points[j];
      if (yi > y !== yj > y && x < ((xj - xi) * (y - yi)) / (yj - yi) + xi) inside = !inside;
    }
    return inside;
  }
  const [[x1, y1], [x2, y2]] = points;
  const [left, right, top, bottom] = [Math.min(x1, x2), Math.max(x1, x2), Math.min(y1, y2), Math.max(y1, y2)];
  if (shape === "ellipse") {
    const [rx, ry] = [(right - left) / 2, (bottom - top) / 2];
    if (rx === 0 || ry === 0) return false;
    return ((x - (left + right) / 2) / rx) ** 2 + ((y - (top + bottom) / 2) / ry) ** 2 <= 1;
  }
  return x >= left && x <= right && y >= top && y <= bottom;
}

/** Area of a shape: `{value, unit: "mm²" | "px²"}`. */
export function areaOf(frame, shape, points) {
  const [w, h] = frame.spacing ? pixelSize(frame) : [1, 1];
  const unit = frame.spacing ? "mm²" : "px²";
  if (shape === "polygon") {
    let twice = 0;
    points.forEach(([x, y], i) => {
      const [nx, ny] = points[(i + 1) % points.length];
      twice += x * ny - nx * y;
    });
    return { value: (Math.abs(twice) / 2) * w * h, unit };
  }
  const box = Math.abs((points[1][0] - points[0][0]) * (points[1][1] - points[0][1])) * w * h;
  return { value: shape === "ellipse" ? (box * Math.PI) / 4 : box, unit };
}

/**
 * Values inside a shape.
 *
 * @param {ArrayLike<number>} pixels Modality values, row by row.
 * @returns {{n: number, mean: number, sd: number, min: number, max: number}|undefined} undefined when no
 *   pixel's centre lies inside. `sd` is the sample standard deviation (0 for one pixel).
 */
export function regionOf(pixels, frame, shape, points) {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const from = [Math.max(0, Math.ceil(Math.min(...xs))), Math.max(0, Math.ceil(Math.min(...ys)))];
  const to = [Math.min(frame.columns - 1, Math.floor(Math.max(...xs))), Math.min(frame.rows - 1, Math.floor(Math.max(...ys)))];
  let n = 0;
  let mean = 0;
  let m2 = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let row = from[1]; row <= to[1]; row += 1) {
    for (let column = from[0]; column <= to[0]; column += 1) {
      if (!contains(shape, points, [column, row])) continue;
      const value = pixels[row * frame.columns + column];
      n += 1;
      const delta = value - mean;
      mean += delta / n;
      m2 += delta * (value - mean);
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  return n ? { n, mean, sd: n > 1 ? Math.sqrt(m2 / (n - 1)) : 0, min, max } : undefined;
}

/** Distance in the same units from a point to a segment. */
export function distanceToSegment([x, y], [x1, y1], [x2, y2]) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const length2 = dx * dx + dy * dy;
  const t = length2 ? Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / length2)) : 0;
  return Math.hypot(x - x1 - t * dx, y - y1 - t * dy);
}
