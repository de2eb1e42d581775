// Window and level. Pure. Values are modality values (after rescale), e.g. HU for CT.

/**
 * Grey level of a value under the LINEAR window of PS3.3 C.11.2.1.2.1.
 *
 * @param {number} value Modality value.
 * @param {{center: number, width: number}} window width >= 1.
 * @returns {number} 0 .. 255, not rounded.
 */
export function linearGrey(value, { center, width }) {
  if (width <= 1) return value <= center - 0.5 ? 0 : 255;
  const low = center - 0.5 - (width - 1) / 2;
  const high = center - 0.5 + (width - 1) / 2;
  if (value <= low) return 0;
  if (value > high) return 255;
  return ((value - (center - 0.5)) / (width - 1) + 0.5) * 255;
}

/** Value range that is drawn from black to white under a window. */
export function windowToRange({ center, width }) {
  const w = Math.max(1, width);
  return { lower: center - 0.5 - (w - 1) / 2, upper: center - 0.5 + (w - 1) / 2 };
}

/**
 * Window that spans two percentiles of an image's values.
 *
 * @param {ArrayLike<number>} pixels Modality values; at most about 65,000 of them are looked at.
 * @param {number} low, high Percentiles in 0 .. 100.
 */
export function percentileWindow(pixels, low = 1, high = 99) {
  const step = Math.max(1, Math.floor(pixels.length / 65536));
  // Numbers of one kind are sorted several times as fast as a list of anything.
  const sample = new Float64Array(Math.ceil(pixels.length / step));
  for (let i = 0; i < sample.length; i += 1) sample[i] = pixels[i * step];
  sample.sort();
  const at = (p) => sample[Math.min(sample.length - 1, Math.max(0, Math.round((p / 100) * (sample.length - 1))))];
  const bottom = at(low);
  const top = at(high);
  const width = Math.max(1, top - bottom);
  return { center: bottom + width / 2, width };
}

/**
 * First window of a series in a viewport: the protocol's wish, else CT by the first preset and everything
 * else by the file's own window, else by percentiles.
 *
 * @param {object} args
 * @param {string} args.modality
 * @param {object|string|undefined} args.wish `{center, width}`, `{preset: key}`, `{percentiles: [lo, hi]}`,
 *   a preset's key, or "file".
 * @param {object[]} args.presets Presets of this modality: `{key, name, width, center}`.
 * @param {object[]} args.fileWindows Windows written in the file.
 * @param {ArrayLike<number>} args.pixels Modality values of a representative image.
 * @returns {{center: number, width: number, preset?: string}}
 */
export function initialWindow({ modality, wish, presets = [], fileWindows = [], pixels }) {
  const byKey = (key) => presets.find((preset) => String(preset.key) === String(key) || preset.name === key);
  const fromPreset = (preset) => ({ center: preset.center, width: preset.width, preset: preset.key });
  if (typeof wish === "object" && wish !== null) {
    if (Number.isFinite(wish.center) && Number.isFinite(wish.width)) return { center: wish.center, width: wish.width };
    if (wish.preset !== undefined && byKey(wish.preset)) return fromPreset(byKey(wish.preset));
    if (Array.isArray(wish.percentiles)) return percentileWindow(pixels, ...wish.percentiles);
  }
  if (typeof wish === "string" && byKey(wish)) return fromPreset(byKey(wish));
  if (modality === "CT" && wish !== "file" && presets.length && Number.isFinite(presets[0].width)) {
    return fromPreset(presets[0]);
  }
  if (fileWindows.length) return { ...fileWindows[0] };
  return percentileWindow(pixels, 1, 99);
}

/**
 * Window after dragging: right widens, down lifts the level (so that the image darkens), in steps that
 * grow with the present width so that CT and 8-bit images feel alike.
 *
 * @param {{center: number, width: number}} start Window when the button went down.
 * @param {number} dx, dy Movement in CSS px, y down.
 */
export function draggedWindow(start, dx, dy) {
  const step = Math.max(start.width, 50) / 400;
  return { center: start.center + dy * step, width: Math.max(1, start.width + dx * step) };
}
