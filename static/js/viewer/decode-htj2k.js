// HTJ2K decoding, in the decoder's worker. Each frame's decoder object is freed: they lie in WebAssembly memory,
// about 0.75 MB for each 512 x 512 image.

import openJph from "@cornerstonejs/codec-openjph/wasmjs";

const wasm = new URL("@cornerstonejs/codec-openjph/wasm", import.meta.url);
let started;

/** Start the decoder; at the first image where nobody did before. */
export function startHtj2k() {
  started ??= openJph({ locateFile: (name) => (name.endsWith(".wasm") ? wasm.toString() : name) });
  return started;
}

/**
 * Decode one frame.
 *
 * @param {Uint8Array} bytes
 * @returns {Promise<{values: ArrayLike<number>, rows: number, columns: number, samples: number}>} As the stream
 *   itself states.
 */
export async function decodeHtj2k(bytes) {
  const { HTJ2KDecoder } = await startHtj2k();
  const decoder = new HTJ2KDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const info = decoder.getFrameInfo();
    // Of what is no image the decoder says so on the console only.
    if (!info.width || !info.height) throw new Error("not an HTJ2K image");
    const { buffer } = decoder.getDecodedBuffer().slice();
    const wide = info.bitsPerSample > 8;
    const signed = info.isSigned && info.componentCount === 1; // colour is never negative
    const Type = signed ? (wide ? Int16Array : Int8Array) : wide ? Uint16Array : Uint8Array;
    return { values: new Type(buffer), rows: info.height, columns: info.width, samples: info.componentCount };
  } finally {
    decoder.delete();
  }
}
