// A stack whose images are cut out of another stack when they are looked at.

import { decodedImage, registerDerived } from "./frames.js";
import { planeOfFrame } from "./geometry.js";
import { cachedImage, imageInMemory } from "./images.js";
import { reformat } from "./reformat.js";
import { t } from "./texts.js";

export class DerivedStack extends EventTarget {
  /**
   * @param {import("./stacks.js").Stack} source Stack whose metadata are there.
   * @param {object} volume `volumeOf(source.planes)`.
   * @param {"axial"|"sagittal"|"coronal"} name
   */
  constructor(source, volume, name) {
    super();
    this.source = source;
    this.derived = true;
    this.name = name;
    const words = { axial: t("axial"), sagittal: t("sagittal"), coronal: t("coronal") };
    this.series = {
      ...source.series,
      plane: name,
      label: name === volume.own ? source.label : t("{label}, {plane} reformat", { label: source.label, plane: words[name] }),
    };
    const { frames, sample } = reformat(volume, name);
    const model = source.frames[0];
    this.sample = sample;
    this.frames = frames.map((frame, i) => ({
      ...model,
      ...frame,
      sopUid: "",
      frame: i + 1,
      instanceNumber: i + 1,
      photometricInterpretation: model.photometricInterpretation,
      rescaleSlope: 1,
      rescaleIntercept: 0,
    }));
    this.planes = this.frames.map(planeOfFrame);
    this.imageIds = this.frames.map((frame, i) => registerDerived(frame, () => this.#cut(i)));
    this.middle = source.middle;
    source.addEventListener("change", () => this.dispatchEvent(new Event("change")));
  }

  get uid() {
    return this.source.uid;
  }

  get label() {
    return this.series.label;
  }

  get count() {
    return this.imageIds.length;
  }

  get loaded() {
    return Math.round((this.count * this.source.loaded) / Math.max(1, this.source.count));
  }

  get complete() {
    return this.source.complete;
  }

  get failed() {
    return this.source.failed;
  }

  get states() {
    return this.imageIds.map((id) => (imageInMemory(id) ? "loaded" : "waiting"));
  }

  open() {
    return Promise.resolve();
  }

  image(index) {
    return imageInMemory(this.imageIds[index]);
  }

  load(index) {
    return cachedImage(this.imageIds[index]);
  }

  askAgain() {
    this.source.askAgain();
  }

  get failures() {
    return [];
  }

  async #cut(index) {
    const images = await Promise.all(this.source.imageIds.map((_, i) => this.source.load(i)));
    const slices = images.map((image) => image.pixels);
    const values = this.sample(index, slices);
    const darkest = slices.reduce((low, slice) => Math.min(low, slice[0]), Infinity);
    let min = Infinity;
    let max = -Infinity;
    // Whole numbers, as stored.
    const wide = new Int32Array(values.length);
    for (let i = 0; i < values.length; i += 1) {
      const value = Number.isNaN(values[i]) ? darkest : Math.round(values[i]);
      wide[i] = value;
      if (value < min) min = value;
      if (value > max) max = value;
    }
    const pixels = min >= 0 ? Uint16Array.from(wide) : Int16Array.from(wide);
    return decodedImage(this.frames[index], pixels, min, max);
  }
}
