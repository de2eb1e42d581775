// Decoded images in memory, up to a limit; those that were looked at longest ago leave first. Pure.

export class ImageCache {
  /** @param {number} limitBytes */
  constructor(limitBytes) {
    this.limitBytes = limitBytes;
    this.bytes = 0;
    this.images = new Map(); // in the order of their last use
  }

  get(id) {
    const image = this.images.get(id);
    if (image) {
      this.images.delete(id);
      this.images.set(id, image);
    }
    return image;
  }

  /** @param {{pixels: {byteLength: number}}} image */
  put(id, image) {
    this.#drop(id);
    this.images.set(id, image);
    this.bytes += image.pixels.byteLength;
    for (const oldest of this.images.keys()) {
      if (this.bytes <= this.limitBytes || oldest === id) break;
      this.#drop(oldest);
    }
  }

  #drop(id) {
    const image = this.images.get(id);
    if (!image) return;
    this.images.delete(id);
    this.bytes -= image.pixels.byteLength;
  }
}
