// The decoding worker: one image at a time, by the image loader's own code.

import { decodeImageFrame } from "dicom-image-loader/decodeImageFrameWorker";

self.onmessage = async ({ data: { job, task } }) => {
  if (!task) return;
  try {
    const { imageFrame, transferSyntax, pixelData, decodeConfig, options } = task;
    const frame = await decodeImageFrame(imageFrame, transferSyntax, pixelData, decodeConfig, options);
    const { buffer } = frame.pixelData;
    self.postMessage({ job, frame }, [buffer]);
  } catch (error) {
    self.postMessage({ job, error: String(error?.message ?? error), fatal: isFatal(error) });
  }
};

/** A trap or an abort inside WebAssembly leaves its memory in no known state. */
function isFatal(error) {
  return error instanceof WebAssembly.RuntimeError || error instanceof RangeError || !(error instanceof Error);
}

self.postMessage({ ready: true });
