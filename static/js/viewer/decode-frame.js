// Hands frames to the decoding workers.

import { DecodePool, decodingLimitMs } from "./decode-pool.js";

let pool;

/** Start the workers, so that they are up when the first image arrives. */
export function startDecoders() {
  pool ??= new DecodePool(
    () => new Worker(new URL("./decode-worker.js", import.meta.url), { type: "module", name: "decoder" }),
    Math.max(1, Math.min(4, Math.floor((navigator.hardwareConcurrency || 2) / 2))),
  );
}

/**
 * Decode one frame to modality values.
 *
 * @param {object} frame Record of `framesOfInstance`.
 * @param {Uint8Array} bytes Handed over: of no use to the caller afterwards.
 * @param {string} transferSyntax
 * @returns {Promise<{pixels: ArrayLike<number>, min: number, max: number, rows: number, columns: number, samples: number}>}
 * @throws {import("./decode-pool.js").DecodingFailed}
 */
export function decodeFrame(frame, bytes, transferSyntax) {
  startDecoders();
  const { rows, columns, samplesPerPixel, bitsAllocated, bitsStored, pixelRepresentation, rescaleSlope, rescaleIntercept } = frame;
  const needed = { rows, columns, samplesPerPixel, bitsAllocated, bitsStored, pixelRepresentation, rescaleSlope, rescaleIntercept };
  return pool.decode({ frame: needed, transferSyntax, bytes }, [bytes.buffer], decodingLimitMs(rows * columns));
}
