// JPEG-LS decoding, in the decoder's worker.

import charls from "@cornerstonejs/codec-charls/decodewasmjs";

const wasm = new URL("@cornerstonejs/codec-charls/decodewasm", import.meta.url);
let started;

/**
 * Decode one frame.
 *
 * @param {Uint8Array} bytes
 * @param {object} frame Record of `framesOfInstance`: the stream does not say whether its numbers are signed.
 * @returns {Promise<{values: ArrayLike<number>, rows: number, columns: number, samples: number}>} As the stream
 *   itself states.
 */
export async function decodeJpegLs(bytes, frame) {
  started ??= charls({ locateFile: (name) => (name.endsWith(".wasm") ? wasm.toString() : name) });
  const codec = await started;
  const decoder = new codec.JpegLSDecoder();
  try {
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const info = decoder.getFrameInfo();
    if (!info.width || !info.height) throw new Error("not a JPEG-LS image");
    const { buffer } = decoder.getDecodedBuffer().slice();
    const wide = info.bitsPerSample > 8;
    const signed = frame.pixelRepresentation === 1 && info.componentCount === 1;
    const Type = signed ? (wide ? Int16Array : Int8Array) : wide ? Uint16Array : Uint8Array;
    return { values: new Type(buffer), rows: info.height, columns: info.width, samples: info.componentCount };
  } catch (error) {
    // CharLS throws the address of its words.
    throw typeof error === "number" ? new Error(codec.getExceptionMessage(error)) : error;
  } finally {
    decoder.delete();
  }
}
