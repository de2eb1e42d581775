// Three planes out of a stack of parallel images. Pure.
//
// The volume's own axes: 0 along columns (row direction), 1 along rows (column direction), 2 across images
// in scroll order. Reformats follow these axes, each named by the patient axis that it is nearest to, so
// that no pixel of the acquisition plane is interpolated; only across images values are interpolated.

import { add, dot, planeName, scale } from "./geometry.js";

const PLANES = {
  axial: { row: [1, 0, 0], column: [0, 1, 0] },
  sagittal: { row: [0, 1, 0], column: [0, 0, -1] },
  coronal: { row: [1, 0, 0], column: [0, 0, -1] },
};

/**
 * Volume of a stack, or the reason why it is none.
 *
 * @param {(object|undefined)[]} planes Planes of the images in scroll order.
 * @returns {{axes: number[][], origin: number[], spacing: number[], counts: number[], offsets: number[]}|
 *   {reason: "few"|"no-place"|"not-parallel"|"uneven-size"|"one-place"}}
 *   `axes` unit vectors; `origin` patient mm of voxel [0, 0, 0]; `offsets` mm of each image along axis 2.
 */
export function volumeOf(planes) {
  if (planes.length < 5) return { reason: "few" };
  const first = planes[0];
  if (planes.some((plane) => !plane)) return { reason: "no-place" };
  const parallel = planes.every(
    (plane) => dot(plane.normal, first.normal) > 0.9998 && dot(plane.row, first.row) > 0.9998,
  );
  if (!parallel) return { reason: "not-parallel" };
  const sized = planes.every(
    (plane) =>
      plane.rows === first.rows &&
      plane.columns === first.columns &&
      Math.abs(plane.spacing[0] - first.spacing[0]) < 1e-3 &&
      Math.abs(plane.spacing[1] - first.spacing[1]) < 1e-3,
  );
  if (!sized) return { reason: "uneven-size" };
  const last = planes[planes.length - 1];
  const along = dot(last.origin, first.normal) >= dot(first.origin, first.normal) ? first.normal : scale(first.normal, -1);
  const start = dot(first.origin, along);
  const offsets = planes.map((plane) => dot(plane.origin, along) - start);
  for (let i = 1; i < offsets.length; i += 1) if (offsets[i] - offsets[i - 1] < 1e-3) return { reason: "one-place" };
  const steps = offsets.slice(1).map((value, i) => value - offsets[i]);
  const median = [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)];
  return {
    axes: [first.row, first.column, along],
    origin: first.origin,
    spacing: [first.spacing[1], first.spacing[0], median],
    counts: [first.columns, first.rows, planes.length],
    offsets,
    own: planeName(first),
    frameOfReferenceUid: first.frameOfReferenceUid,
  };
}

/** Which volume axis runs nearest to a patient direction, and whether it runs the same way. */
function axisTowards(volume, direction) {
  const along = volume.axes.map((axis) => dot(axis, direction));
  const axis = along.map(Math.abs).indexOf(Math.max(...along.map(Math.abs)));
  return { axis, sign: along[axis] >= 0 ? 1 : -1 };
}

/** Sampling places along one volume axis: index (may lie between images) and mm from the origin. */
function samplesAlong(volume, { axis, sign }) {
  let places;
  if (axis < 2) {
    places = Array.from({ length: volume.counts[axis] }, (_, i) => ({ index: i, mm: i * volume.spacing[axis] }));
  } else {
    const step = Math.min(volume.spacing[0], volume.spacing[1], volume.spacing[2]);
    const end = volume.offsets[volume.offsets.length - 1];
    const n = Math.round(end / step) + 1;
    let k = 0;
    places = Array.from({ length: n }, (_, i) => {
      const mm = Math.min(end, i * step);
      while (k < volume.offsets.length - 2 && volume.offsets[k + 1] <= mm) k += 1;
      const gap = volume.offsets[k + 1] - volume.offsets[k];
      // A missing image stays black: nothing is made up across a gap.
      const hole = gap > 1.6 * volume.spacing[2] && mm > volume.offsets[k] && mm < volume.offsets[k + 1];
      return { index: hole ? NaN : k + (mm - volume.offsets[k]) / gap, mm };
    });
  }
  return sign > 0 ? places : places.reverse();
}

/**
 * How one plane is cut: where its images lie and from where their values come.
 *
 * @param {object} volume `volumeOf(planes)`.
 * @param {"axial"|"sagittal"|"coronal"} name
 * @returns {{frames: object[], sample: (index: number, slices: ArrayLike<number>[]) => Float32Array}}
 *   `frames`: position, orientation, spacing, rows, columns per image in scroll order; `sample(i, slices)`:
 *   values of image i from the pixels of all source images.
 */
export function reformat(volume, name) {
  const { row, column } = PLANES[name];
  const across = axisTowards(volume, row);
  const down = axisTowards(volume, column);
  const through = { axis: [0, 1, 2].find((axis) => axis !== across.axis && axis !== down.axis) };
  // Scroll order as everywhere: right to left, front to back, head to feet.
  const towards = { axial: [0, 0, -1], sagittal: [1, 0, 0], coronal: [0, 1, 0] }[name];
  through.sign = dot(volume.axes[through.axis], towards) >= 0 ? 1 : -1;
  const us = samplesAlong(volume, across);
  const vs = samplesAlong(volume, down);
  const ws =
    through.axis < 2
      ? samplesAlong(volume, through)
      : (through.sign > 0 ? volume.offsets : [...volume.offsets].reverse()).map((mm) => ({ index: volume.offsets.indexOf(mm), mm }));
  const direction = ({ axis, sign }) => scale(volume.axes[axis], sign);
  const spacingOf = ({ axis }) =>
    axis < 2 ? volume.spacing[axis] : Math.min(volume.spacing[0], volume.spacing[1], volume.spacing[2]);
  const frames = ws.map((w) => {
    const mm = [0, 0, 0];
    mm[across.axis] = us[0].mm;
    mm[down.axis] = vs[0].mm;
    mm[through.axis] = w.mm;
    const position = mm.reduce((point, value, axis) => add(point, scale(volume.axes[axis], value)), volume.origin);
    return {
      position,
      orientation: [...direction(across), ...direction(down)],
      spacing: [spacingOf(down), spacingOf(across)],
      rows: vs.length,
      columns: us.length,
    };
  });
  const columns = volume.counts[0];
  const sample = (index, slices) => {
    const out = new Float32Array(us.length * vs.length);
    const at = [0, 0, 0];
    at[through.axis] = ws[index].index;
    let o = 0;
    for (const v of vs) {
      at[down.axis] = v.index;
      for (const u of us) {
        at[across.axis] = u.index;
        const k = at[2];
        if (Number.isNaN(k)) out[o] = NaN;
        else {
          const k0 = Math.floor(k);
          const f = k - k0;
          const p = at[1] * columns + at[0];
          out[o] = f ? slices[k0][p] * (1 - f) + slices[k0 + 1][p] * f : slices[k0][p];
        }
        o += 1;
      }
    }
    return out;
  };
  return { frames, sample };
}
