// The picture of one viewport: an image under our own view transform, whoever draws it.

import { followRendering, leaveRendering, painterFor } from "./rendering.js";
import { canvasPxToImagePx, displayed, fitView, imagePxToCanvasPx } from "./view.js";

export class Surface {
  /** @param {HTMLElement} element Empty positioned element that the image fills. */
  constructor(element) {
    this.element = element;
    this.shown = undefined; // what is drawn: one object for each change
    this.painter = painterFor(element);
    this.#measure();
    followRendering(this);
  }

  destroy() {
    leaveRendering(this);
    this.painter.destroy();
    this.painter = undefined;
  }

  get canvas() {
    return this.painter.canvas;
  }

  get view() {
    return this.shown?.view;
  }

  /** Shape of the image that is shown. */
  get image() {
    return this.shown?.displayed;
  }

  /** Measured when the layout changes and not when an image does: asking the browser costs a layout. */
  #measure() {
    this.size = { width: this.element.clientWidth, height: this.element.clientHeight, ratio: window.devicePixelRatio || 1 };
    this.painter.resize(this.size);
  }

  resize() {
    this.#measure();
    if (this.shown) this.painter.show(this.shown);
  }

  /**
   * Show an image that is in memory.
   *
   * @param {object} what
   * @param {import("./frames.js").DecodedImage} what.image
   * @param {object} what.frame Its record.
   * @param {string[]} what.imageIds Its stack.
   * @param {number} what.index Its place there.
   * @param {{window: object, inverted: boolean, view: object}} look
   */
  async show({ image, frame, imageIds, index }, look) {
    this.what = { image, frame, imageIds, index, displayed: displayed(frame) };
    await this.setLook(look);
  }

  /** Window, inversion and view. */
  setLook({ window: voi, inverted, view }) {
    if (!this.what) return undefined;
    // MONOCHROME1 says that its least value is white.
    const dark = this.what.frame.photometricInterpretation === "MONOCHROME1";
    this.shown = { ...this.what, window: voi, inverted: dark !== Boolean(inverted), view };
    return this.painter.show(this.shown);
  }

  /** Let another painter take the picture over, once it has drawn what stands. */
  async handOver(Painter) {
    const next = new Painter(this.element);
    try {
      let drawn;
      while (this.painter && this.shown !== drawn) {
        next.resize(this.size);
        drawn = this.shown;
        await next.show(drawn);
      }
    } catch (error) {
      next.destroy();
      throw error;
    }
    if (!this.painter) {
      next.destroy();
      return;
    }
    this.painter.destroy();
    this.painter = next;
    next.resize(this.size);
  }

  fit(keep) {
    return fitView(this.image, this.size, keep);
  }

  /** Canvas CSS px of an image px ([column, row], 0 at the centre of the first pixel). */
  imagePxToCanvasPx(px) {
    return imagePxToCanvasPx(this.image, this.view, this.size, px);
  }

  canvasPxToImagePx(px) {
    return canvasPxToImagePx(this.image, this.view, this.size, px);
  }
}
