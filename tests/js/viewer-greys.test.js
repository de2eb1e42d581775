// Values become greys by the LINEAR window, whole numbers by a table and others one by one; decoded numbers
// become modality values of a type that holds them.
import assert from "node:assert/strict";
import test from "node:test";
import { paintPixels } from "../../static/js/viewer/greys.js";
import { ImageCache } from "../../static/js/viewer/image-cache.js";
import { modalityValues } from "../../static/js/viewer/pixels.js";
import { linearGrey } from "../../static/js/viewer/windowing.js";

const window = { center: 40, width: 400 };

function painted(image, { voi = window, inverted = false } = {}) {
  const data = new Uint8ClampedArray((image.pixels.length / (image.color ? 3 : 1)) * 4);
  paintPixels(image, voi, inverted, new Uint32Array(data.buffer));
  return data;
}

for (const Type of [Int16Array, Float32Array]) {
  test(`the greys of ${Type.name} are those of the linear window`, () => {
    const pixels = Type.from({ length: 1200 }, (_, i) => i - 600);
    const data = painted({ pixels, min: -600, max: 599, color: false });
    pixels.forEach((value, i) => {
      const grey = Math.round(linearGrey(value, window));
      assert.deepEqual([...data.subarray(4 * i, 4 * i + 4)], [grey, grey, grey, 255]);
    });
  });
}

test("inversion turns black and white round", () => {
  const image = { pixels: Int16Array.of(-1000, 40, 1000), min: -1000, max: 1000, color: false };
  const [upright, inverted] = [painted(image), painted(image, { inverted: true })];
  assert.deepEqual([upright[0], upright[8]], [0, 255]);
  assert.deepEqual([inverted[0], inverted[8]], [255, 0]);
});

test("a window of one value divides black from white", () => {
  const data = painted({ pixels: Uint8Array.of(9, 10, 11), min: 9, max: 11, color: false }, { voi: { center: 10.5, width: 1 } });
  assert.deepEqual([data[0], data[4], data[8]], [0, 0, 255]);
});

test("colour is shown as it is, whatever the window", () => {
  const image = { pixels: Uint8Array.of(1, 2, 3, 200, 100, 0), min: 0, max: 200, color: true };
  assert.deepEqual([...painted(image)], [1, 2, 3, 255, 200, 100, 0, 255]);
  assert.deepEqual([...painted(image, { inverted: true })], [254, 253, 252, 255, 55, 155, 255, 255]);
});

const grey = { samplesPerPixel: 1, pixelRepresentation: 0, bitsStored: 16, rescaleSlope: 1, rescaleIntercept: 0 };

test("numbers without rescale are handed on and not copied", () => {
  const raw = Uint16Array.of(7, 4000, 12);
  const { pixels, min, max } = modalityValues(raw, grey);
  assert.equal(pixels, raw);
  assert.deepEqual([min, max], [7, 4000]);
});

test("the sign is the highest stored bit, whatever lies above it", () => {
  const raw = Int16Array.of(0x0fff, 0x0800, 0x07ff, 0x7001);
  const { pixels, min, max } = modalityValues(raw, { ...grey, pixelRepresentation: 1, bitsStored: 12 });
  assert.deepEqual([...pixels], [-1, -2048, 2047, 1]);
  assert.deepEqual([min, max], [-2048, 2047]);
});

test("rescale gives modality values in a type that holds them", () => {
  const hounsfield = modalityValues(Uint16Array.of(0, 1024, 4095), { ...grey, rescaleIntercept: -1024 });
  assert.ok(hounsfield.pixels instanceof Int16Array);
  assert.deepEqual([...hounsfield.pixels], [-1024, 0, 3071]);
  const fine = modalityValues(Uint16Array.of(0, 3), { ...grey, rescaleSlope: 0.5, rescaleIntercept: 1 });
  assert.ok(fine.pixels instanceof Float32Array);
  assert.deepEqual([...fine.pixels], [1, 2.5]);
  const turned = modalityValues(Uint8Array.of(0, 200), { ...grey, bitsStored: 8, rescaleSlope: -1, rescaleIntercept: 0 });
  assert.deepEqual([turned.min, turned.max, ...turned.pixels], [-200, 0, 0, -200]);
  const large = modalityValues(Int32Array.of(-5, 1e6), { ...grey, pixelRepresentation: 1, bitsStored: 32 });
  assert.deepEqual([...large.pixels], [-5, 1e6]);
});

test("colour is never rescaled", () => {
  const { pixels } = modalityValues(Uint8Array.of(1, 2, 3), { ...grey, samplesPerPixel: 3, bitsStored: 8, rescaleSlope: 2 });
  assert.deepEqual([...pixels], [1, 2, 3]);
});

test("what was looked at longest ago leaves the memory first, never what has just come", () => {
  const cache = new ImageCache(100);
  const image = (bytes) => ({ pixels: new Uint8Array(bytes) });
  cache.put("a", image(40));
  cache.put("b", image(40));
  cache.get("a");
  cache.put("c", image(40));
  assert.deepEqual(["a", "b", "c"].map((id) => Boolean(cache.get(id))), [true, false, true]);
  assert.equal(cache.bytes, 80);
  cache.put("a", image(10));
  assert.equal(cache.bytes, 50);
  cache.put("d", image(500));
  assert.deepEqual(["a", "c", "d"].map((id) => Boolean(cache.get(id))), [false, false, true]);
});
