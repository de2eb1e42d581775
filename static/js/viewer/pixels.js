// From decoded numbers to modality values. Pure; runs in the decoding worker.

/** The smallest of the array types that Cornerstone and the painter know and that holds these values. */
function typeFor(min, max, whole) {
  if (!whole) return Float32Array;
  if (min >= 0 && max <= 255) return Uint8Array;
  if (min >= 0 && max <= 65535) return Uint16Array;
  if (min >= -32768 && max <= 32767) return Int16Array;
  return Float32Array;
}

/** Bits above the stored ones may hold anything: fill them with the sign. */
function extendSign(raw, bitsStored) {
  const shift = 32 - bitsStored;
  for (let i = 0; i < raw.length; i += 1) raw[i] = (raw[i] << shift) >> shift;
}

function bounds(raw) {
  let min = Infinity;
  let max = -Infinity;
  for (let i = 0; i < raw.length; i += 1) {
    const value = raw[i];
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

/**
 * Modality values of a frame.
 *
 * @param {ArrayLike<number>} raw Numbers as decoded; may be changed.
 * @param {object} frame Record of `framesOfInstance`.
 * @returns {{pixels: ArrayLike<number>, min: number, max: number}} Colour keeps its numbers.
 */
export function modalityValues(raw, frame) {
  const grey = frame.samplesPerPixel === 1;
  if (grey && frame.pixelRepresentation === 1 && frame.bitsStored < 8 * raw.BYTES_PER_ELEMENT) extendSign(raw, frame.bitsStored);
  let { min, max } = bounds(raw);
  const slope = grey ? frame.rescaleSlope : 1;
  const intercept = grey ? frame.rescaleIntercept : 0;
  const rescaled = slope !== 1 || intercept !== 0;
  if (rescaled) {
    const ends = [min * slope + intercept, max * slope + intercept];
    min = Math.min(...ends);
    max = Math.max(...ends);
  }
  const Type = typeFor(min, max, Number.isInteger(slope) && Number.isInteger(intercept));
  // Numbers that may stay as they are are not copied, also where a smaller type would do.
  if (!rescaled && (raw instanceof Type || raw instanceof Uint16Array || raw instanceof Int16Array)) return { pixels: raw, min, max };
  const pixels = new Type(raw.length);
  for (let i = 0; i < raw.length; i += 1) pixels[i] = raw[i] * slope + intercept;
  return { pixels, min, max };
}
