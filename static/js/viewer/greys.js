// From modality values to what a canvas takes: four bytes a pixel. Pure.

import { linearGrey } from "./windowing.js";

/** Largest table of greys; images with more different values are computed pixel by pixel. */
const LONGEST_TABLE = 1 << 17;
const BLACK = new Uint8Array(new Uint32Array([0xff000000]).buffer)[3] === 0xff ? 0xff000000 : 0x000000ff;

/** A grey as the 32-bit number that lies in memory as red, green, blue, opaque. */
function opaque(grey) {
  const g = Math.round(grey);
  return BLACK === 0xff000000 ? (0xff000000 | (g << 16) | (g << 8) | g) >>> 0 : ((g << 24) | (g << 16) | (g << 8) | 0xff) >>> 0;
}

/**
 * Paint an image under a window.
 *
 * @param {import("./frames.js").DecodedImage} image
 * @param {{center: number, width: number}} voi LINEAR window; colour is shown as it is.
 * @param {boolean} inverted
 * @param {Uint32Array} out One number a pixel, row by row, over the bytes of an ImageData.
 */
export function paintPixels(image, voi, inverted, out) {
  const { pixels, min, max, color } = image;
  const turned = (grey) => opaque(inverted ? 255 - grey : grey);
  if (color) {
    const table = Uint32Array.from({ length: 256 }, (_, value) => turned(value));
    const [red, green, blue] = BLACK === 0xff000000 ? [0x000000ff, 0x0000ff00, 0x00ff0000] : [0xff000000, 0x00ff0000, 0x0000ff00];
    for (let i = 0, at = 0; i < out.length; i += 1, at += 3) {
      out[i] = (BLACK | (table[pixels[at]] & red) | (table[pixels[at + 1]] & green) | (table[pixels[at + 2]] & blue)) >>> 0;
    }
    return;
  }
  if (pixels instanceof Float32Array || max - min >= LONGEST_TABLE) {
    for (let i = 0; i < out.length; i += 1) out[i] = turned(linearGrey(pixels[i], voi));
    return;
  }
  const table = new Uint32Array(max - min + 1);
  for (let i = 0; i < table.length; i += 1) table[i] = turned(linearGrey(min + i, voi));
  for (let i = 0; i < out.length; i += 1) out[i] = table[pixels[i] - min];
}
