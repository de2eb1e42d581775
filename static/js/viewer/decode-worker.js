// The decoding worker: one image at a time, in one of the forms in which the server keeps frames.

import { decodeHtj2k, startHtj2k } from "./decode-htj2k.js";
import { decodeJpegLs } from "./decode-jpegls.js";
import { modalityValues } from "./pixels.js";

const DECODERS = {
  "1.2.840.10008.1.2": asItLies,
  "1.2.840.10008.1.2.1": asItLies,
  "1.2.840.10008.1.2.4.80": decodeJpegLs,
  "1.2.840.10008.1.2.4.81": decodeJpegLs,
  "1.2.840.10008.1.2.4.201": decodeHtj2k,
  "1.2.840.10008.1.2.4.202": decodeHtj2k,
  "1.2.840.10008.1.2.4.203": decodeHtj2k,
};

/** Little endian numbers, without compression. */
function asItLies(bytes, { rows, columns, samplesPerPixel, bitsAllocated, pixelRepresentation }) {
  const signed = pixelRepresentation === 1;
  const Type = {
    8: signed ? Int8Array : Uint8Array,
    16: signed ? Int16Array : Uint16Array,
    32: signed ? Int32Array : Uint32Array,
  }[bitsAllocated];
  if (!Type) throw new Error(`${bitsAllocated} bits a number`);
  // Copied, because numbers of several bytes must begin at a multiple of their size.
  const { buffer } = bytes.slice(0, rows * columns * samplesPerPixel * Type.BYTES_PER_ELEMENT);
  return { values: new Type(buffer), rows, columns, samples: samplesPerPixel };
}

self.onmessage = async ({ data: { job, task } }) => {
  if (!task) return;
  try {
    const { bytes, transferSyntax, frame } = task;
    const decode = DECODERS[transferSyntax];
    if (!decode) throw new Error(`no decoder for transfer syntax ${transferSyntax}`);
    const { values, ...shape } = await decode(bytes, frame);
    const { pixels, min, max } = modalityValues(values, frame);
    self.postMessage({ job, frame: { ...shape, pixels, min, max } }, [pixels.buffer]);
  } catch (error) {
    self.postMessage({ job, error: String(error?.message ?? error), fatal: isFatal(error) });
  }
};

/** A trap or an abort inside WebAssembly leaves its memory in no known state. */
function isFatal(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError || !(error instanceof Error);
}

self.postMessage({ ready: true });
// The form in which frames are kept where nothing else was set: its decoder is got ready before the first image.
startHtj2k().catch(() => {});
