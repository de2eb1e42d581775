// Frames of the case: where they are on the server, fetching and decoding them with distrust.

import createImage from "dicom-image-loader/createImage";
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

/** Make an image known that is computed in the page. @param {(imageId: string) => Promise<object>} make */
export function registerDerived(frame, make) {
  counter += 1;
  const imageId = `rs:${counter}`;
  records.set(imageId, { frame, make });
  return imageId;
}

export function frameOf(imageId) {
  return records.get(imageId)?.frame;
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
 * @returns {Promise<object>} Cornerstone image with modality values (rescaled).
 * @throws {ImageFailure}
 */
export async function loadFrame(imageId, { signal, fresh = false } = {}) {
  const record = records.get(imageId);
  if (!record) throw new ImageFailure("gone", `unknown ${imageId}`);
  if (record.make) return record.make(imageId);
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
  let image;
  try {
    image = await createImage(imageId, part.bytes, transferSyntax, { useRGBA: false, preScale: { enabled: true } });
  } catch (error) {
    if (error instanceof DecodingFailed) throw new ImageFailure(error.reason, error.message);
    throw new ImageFailure("damaged", String(error?.message ?? error));
  }
  if (image.rows !== frame.rows || image.columns !== frame.columns) {
    throw new ImageFailure("damaged", `${image.columns} x ${image.rows} pixels instead of ${frame.columns} x ${frame.rows}`);
  }
  const samples = image.color ? 3 : 1;
  if (image.voxelManager.getScalarData().length !== frame.rows * frame.columns * samples) {
    throw new ImageFailure("damaged", "wrong number of decoded pixels");
  }
  return image;
}
