// Heat maps of a model on an image plane: which cells it cuts, where, and in what colour. Pure.
//
// A map is a block of cells [depth, height, width] with an affine (12 numbers, row by row) that takes a cell's
// index to patient mm, index 0 at the MIDDLE of the first cell. Cells are drawn as they are, never smoothed: the
// picture is as coarse as what is known.

import { distanceFromPlaneMm, patientMmToImagePx } from "./geometry.js";

/** Cells weaker than this share of the strongest are not drawn. */
export const LEAST_SHARE = 0.1;

// From weak to strong; lightness rises all the way, so that it can be read without colours.
const RAMP = [
  [59, 15, 112],
  [140, 41, 129],
  [222, 73, 104],
  [254, 159, 109],
  [252, 253, 191],
];

/** CSS colour of a share in 0..1. */
export function heatColour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  const mixed = RAMP[low].map((from, i) => Math.round(from + (RAMP[low + 1][i] - from) * (at - low)));
  return `rgb(${mixed.join(",")})`;
}

/** Patient mm of a place given in cells. */
export function cellToPatientMm(affine, [d, h, w]) {
  return [0, 4, 8].map((row) => affine[row] * d + affine[row + 1] * h + affine[row + 2] * w + affine[row + 3]);
}

const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [(n >> 2) & 1, (n >> 1) & 1, n & 1].map((side) => side - 0.5));
const EDGES = CORNERS.flatMap((_, a) => [1, 2, 4].filter((bit) => !(a & bit)).map((bit) => [a, a | bit]));

/**
 * The outline in which a plane cuts one cell, in image px of the plane.
 *
 * @param {number[]} affine
 * @param {number[]} cell [depth, height, width]
 * @param {object} plane As `geometry.js` describes.
 * @returns {number[][]} Three to six corners in order round the outline; empty where the plane passes by.
 */
export function cellOnPlane(affine, cell, plane) {
  const corners = CORNERS.map((offset) => cellToPatientMm(affine, cell.map((at, axis) => at + offset[axis])));
  const sides = corners.map((corner) => distanceFromPlaneMm(plane, corner));
  const hits = [];
  for (const [a, b] of EDGES) {
    // A corner on the plane belongs to the side above: cells that touch share it once.
    if (sides[a] >= 0 === sides[b] >= 0) continue;
    const share = sides[a] / (sides[a] - sides[b]);
    hits.push(patientMmToImagePx(plane, corners[a].map((from, axis) => from + (corners[b][axis] - from) * share)));
  }
  if (hits.length < 3) return [];
  const middle = [0, 1].map((axis) => hits.reduce((sum, hit) => sum + hit[axis], 0) / hits.length);
  const angle = (hit) => Math.atan2(hit[1] - middle[1], hit[0] - middle[0]);
  return hits.sort((a, b) => angle(a) - angle(b));
}

/**
 * All cells of a map that a plane cuts and that are strong enough to be drawn.
 *
 * @param {{affine: number[], shape: number[], values: Uint8Array}} map
 * @param {object} plane
 * @returns {{outline: number[][], share: number}[]}
 */
export function heatOnPlane({ affine, shape, values }, plane) {
  const found = [];
  values.forEach((value, place) => {
    const share = value / 255;
    if (share < LEAST_SHARE) return;
    const cell = [Math.floor(place / (shape[1] * shape[2])), Math.floor(place / shape[2]) % shape[1], place % shape[2]];
    const outline = cellOnPlane(affine, cell, plane);
    if (outline.length) found.push({ outline, share });
  });
  return found;
}

/** Bytes of base64 text. */
export function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/**
 * The maps of one item, of every kind of series.
 *
 * @param {{maps: object[]}} answer What the server says of a case; `values` of each map as bytes.
 * @param {string} structure
 * @param {string} finding
 * @returns {{kind: string, frame: string, cell_mm: number[], affine: number[], shape: number[], values: Uint8Array}[]}
 */
export function mapsOf(answer, structure, finding) {
  return answer.maps.flatMap((map) => {
    const n = map.shape.reduce((product, side) => product * side, 1);
    return map.items.flatMap((item, place) =>
      item.structure === structure && item.finding === finding
        ? [{
            kind: map.kind,
            frame: map.frame_of_reference,
            cell_mm: map.cell_mm,
            affine: item.affine,
            shape: map.shape,
            values: map.values.subarray(place * n, (place + 1) * n),
          }]
        : [],
    );
  });
}
