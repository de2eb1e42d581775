// Frames of the case: where they are on the server, fetching and decoding them with distrust.

import { decodeFrame } from "./decode-frame.js";
import { DecodingFailed } from "./decode-pool.js";
import { ImageFailure } from "./failure.js";
import { BrokenAnswer, sealOf, singlePart } from "./multipart.js";
import { ask } from "./requests.js";

const records = new Map();
let counter = 0;
const ACCEPT = 'multipart/related; type="application/octet-stream"; transfer-syntax=*';

/**
 * Make a frame known and get its image id. Ids are numbers of this page and mean nothing elsewhere.
 *
 * @param {object} frame Record of `framesOfInstance`.
 * @param {string} url Address of the frame.
 */
export function registerFrame(frame, url) {
  counter += 1;
  const imageId = `rs:${counter}`;
  records.set(imageId, { frame, url });
  return imageId;
}

/** Make an image known that is computed in the page. @param {() => Promise<DecodedImage>} make */
export function registerDerived(frame, make) {
  counter += 1;
  const imageId = `rs:${counter}`;
  records.set(imageId, { frame, make });
  return imageId;
}

export function frameOf(imageId) {
  return records.get(imageId)?.frame;
}

/**
 * @typedef {object} DecodedImage
 * @property {number} rows
 * @property {number} columns
 * @property {boolean} color
 * @property {ArrayLike<number>} pixels Modality values (rescaled), row by row; of colour red, green, blue in turn.
 * @property {number} min The least of them.
 * @property {number} max The greatest.
 */

/** An image of what a frame's pixels are. @returns {DecodedImage} */
export function decodedImage(frame, pixels, min, max) {
  return { rows: frame.rows, columns: frame.columns, color: frame.samplesPerPixel > 1, pixels, min, max };
}

/** Bytes of the answer, which must be as many as it states. */
async function bytesOf(response, alive) {
  const stated = Number(response.headers.get("Content-Length") ?? NaN);
  const encoded = response.headers.get("Content-Encoding");
  const reader = response.body.getReader();
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    alive();
    chunks.push(value);
    length += value.length;
  }
  if (!encoded && Number.isFinite(stated) && stated !== length) {
    throw new ImageFailure("damaged", `${length} bytes instead of ${stated}`);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return { contentType: response.headers.get("Content-Type"), bytes };
}

async function withRetry(act) {
  try {
    return await act();
  } catch (error) {
    // One more try for what passes by itself; a server that says no, or a damaged frame, is believed.
    if (!["connection"].includes(error.reason)) throw error;
    await new Promise((resolve) => setTimeout(resolve, 250));
    return act();
  }
}

const UNCOMPRESSED = new Set(["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"]);

/**
 * Fetch and decode one frame.
 *
 * @param {string} imageId
 * @param {{signal?: AbortSignal, fresh?: boolean}} [how] `fresh`: past the browser's own cache.
 * @returns {Promise<DecodedImage>}
 * @throws {ImageFailure}
 */
export async function loadFrame(imageId, { signal, fresh = false } = {}) {
  const record = records.get(imageId);
  if (!record) throw new ImageFailure("gone", `unknown ${imageId}`);
  if (record.make) return record.make();
  const { frame, url } = record;
  const answer = await withRetry(() => ask(url, { accept: ACCEPT, signal, fresh }, bytesOf));
  let part;
  try {
    part = singlePart(answer.contentType, answer.bytes);
  } catch (error) {
    if (error instanceof BrokenAnswer) throw new ImageFailure("damaged", error.message);
    throw error;
  }
  // Bytes of another frame decode to a perfect image of something else.
  if (frame.seal !== undefined && sealOf(frame.sopUid, frame.frame, part.bytes) !== frame.seal) {
    throw new ImageFailure("damaged", "the bytes are not those of this image");
  }
  const transferSyntax = part.transferSyntax ?? "1.2.840.10008.1.2.1";
  if (UNCOMPRESSED.has(transferSyntax)) {
    const expected = (frame.rows * frame.columns * frame.samplesPerPixel * frame.bitsAllocated) / 8;
    const odd = expected % 2;
    if (part.bytes.length !== expected && part.bytes.length !== expected + odd) {
      throw new ImageFailure("damaged", `${part.bytes.length} bytes of pixels instead of ${expected}`);
    }
  }
  let decoded;
  try {
    decoded = await decodeFrame(frame, part.bytes, transferSyntax);
  } catch (error) {
    if (error instanceof DecodingFailed) throw new ImageFailure(error.reason, error.message);
    throw error;
  }
  const { rows, columns, samples, pixels, min, max } = decoded;
  if (rows !== frame.rows || columns !== frame.columns) {
    throw new ImageFailure("damaged", `${columns} x ${rows} pixels instead of ${frame.columns} x ${frame.rows}`);
  }
  if (samples !== frame.samplesPerPixel || pixels.length !== rows * columns * samples) {
    throw new ImageFailure("damaged", "wrong number of decoded pixels");
  }
  return decodedImage(frame, pixels, min, max);
}
