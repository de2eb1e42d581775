// HTJ2K decoding, in the decoder's worker. Takes the place of the image loader's own module (see
// vite.config.js), which makes a decoder object in WebAssembly memory for every frame and never frees it:
// about 0.75 MB for each 512 x 512 image.

import openJph from "@cornerstonejs/codec-openjph/wasmjs";

const wasm = new URL("@cornerstonejs/codec-openjph/wasm", import.meta.url);
let started;

function codec() {
  started ??= openJph({ locateFile: (name) => (name.endsWith(".wasm") ? wasm.toString() : name) });
  return started;
}

export async function initialize() {
  await codec();
}

/**
 * Decode one frame.
 *
 * @param {Uint8Array} compressed
 * @param {object} imageInfo Frame as the loader describes it.
 * @returns {Promise<object>} `imageInfo` with `pixelData`, and the size that the stream itself states.
 */
export default async function decodeHTJ2K(compressed, imageInfo) {
  const { HTJ2KDecoder } = await codec();
  const decoder = new HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(compressed.length).set(compressed);
    decoder.decode();
    const info = decoder.getFrameInfo();
    // Of what is no image the decoder says so on the console only.
    if (!info.width || !info.height) throw new Error("not an HTJ2K image");
    const { buffer } = decoder.getDecodedBuffer().slice();
    const wide = info.bitsPerSample > 8;
    const signed = info.isSigned && info.componentCount === 1; // colour is never negative
    const Type = signed ? (wide ? Int16Array : Int8Array) : wide ? Uint16Array : Uint8Array;
    return {
      ...imageInfo,
      pixelData: new Type(buffer),
      columns: info.width,
      rows: info.height,
      bitsPerPixel: info.bitsPerSample,
      signed: info.isSigned,
      componentsPerPixel: info.componentCount,
    };
  } finally {
    decoder.delete();
  }
}
