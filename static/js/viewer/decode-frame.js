// Hands frames to the decoding workers. Takes the place of the image loader's module of this purpose (see
// vite.config.js), whose workers cannot be replaced one by one and copy every image twice.

import decodeJPEGBaseline8BitColor from "dicom-image-loader/decodeJPEGBaseline8BitColor";
import { DecodePool, decodingLimitMs } from "./decode-pool.js";

const JPEG_BASELINE = "1.2.840.10008.1.2.4.50";
let pool;

/** Start the workers, so that they are up when the first image arrives. */
export function startDecoders() {
  pool ??= new DecodePool(
    () => new Worker(new URL("./decode-worker.js", import.meta.url), { type: "module", name: "decoder" }),
    Math.max(1, Math.min(4, Math.floor((navigator.hardwareConcurrency || 2) / 2))),
  );
}

/** Called by the image loader with its own arguments. */
export default function decodeImageFrame(imageFrame, transferSyntax, pixelData, canvas, options = {}, decodeConfig) {
  if (transferSyntax === JPEG_BASELINE && imageFrame.bitsAllocated === 8 && imageFrame.samplesPerPixel >= 3) {
    return decodeJPEGBaseline8BitColor(imageFrame, pixelData, canvas);
  }
  startDecoders();
  const task = { imageFrame, transferSyntax, pixelData, options, decodeConfig };
  return pool.decode(task, [pixelData.buffer], decodingLimitMs(imageFrame.rows * imageFrame.columns));
}
