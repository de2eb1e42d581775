// Draws the image of a viewport on a plain canvas. It is there at once, exact, and as fast as WebGL without a
// graphics card; with one, gpu-painter.js takes its place when the first images stand.

import { html } from "./dom.js";
import { paintPixels } from "./greys.js";
import { imagePxToCanvasPx } from "./view.js";

export class CanvasPainter {
  /** @param {HTMLElement} element Empty positioned element that the image fills. */
  constructor(element) {
    this.canvas = html("canvas", { class: "rs-canvas" });
    element.append(this.canvas);
    this.context = this.canvas.getContext("2d", { alpha: false });
    this.shown = undefined;
  }

  destroy() {
    cancelAnimationFrame(this.asked);
    this.shown = undefined;
    this.canvas.remove();
    // Browsers keep the memory of a canvas for a while, unless it has no size.
    for (const canvas of [this.canvas, this.source].filter(Boolean)) canvas.width = canvas.height = 0;
  }

  /** Fit the canvas to its element. @param {{width: number, height: number, ratio: number}} size CSS px, device px in one. */
  resize(size) {
    this.size = size;
    const [w, h] = [Math.round(size.width * size.ratio), Math.round(size.height * size.ratio)];
    if (w > 0 && h > 0 && (this.canvas.width !== w || this.canvas.height !== h)) {
      this.canvas.width = w;
      this.canvas.height = h;
      this.#ask();
    }
  }

  /** @param {object} shown Image, its shape, window, inversion and view (surface.js). */
  show(shown) {
    const first = !this.shown;
    this.shown = shown;
    if (first) this.#draw();
    else this.#ask();
  }

  /** Once per frame of the browser, however often it is asked for. */
  #ask() {
    if (!this.shown || this.asked) return;
    this.asked = requestAnimationFrame(() => {
      this.asked = undefined;
      if (this.shown) this.#draw();
    });
  }

  /** The image under its window, one canvas px for each of its own. */
  #painted() {
    const { image, window: voi, inverted } = this.shown;
    const key = image.color ? String(inverted) : `${voi.center}/${voi.width}/${inverted}`;
    if (this.paintedImage === image && this.paintedKey === key) return this.source;
    if (this.source?.width !== image.columns || this.source.height !== image.rows) {
      this.source = new OffscreenCanvas(image.columns, image.rows);
      this.sourceContext = this.source.getContext("2d", { alpha: false });
      this.data = new ImageData(image.columns, image.rows);
      this.numbers = new Uint32Array(this.data.data.buffer);
    }
    paintPixels(image, voi, inverted, this.numbers);
    this.sourceContext.putImageData(this.data, 0, 0);
    this.paintedImage = image;
    this.paintedKey = key;
    return this.source;
  }

  #draw() {
    const { context, canvas, size } = this;
    const { displayed, view } = this.shown;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    // Plain bilinear when enlarged, averaged when reduced: "low" drops rows of large radiographs.
    context.imageSmoothingEnabled = true;
    context.imageSmoothingQuality = "medium";
    // The source canvas begins half a pixel before the centre of the first one.
    const place = (px) => imagePxToCanvasPx(displayed, view, size, px).map((value) => value * size.ratio);
    const [x, y] = place([-0.5, -0.5]);
    const [ax, ay] = place([0.5, -0.5]);
    const [bx, by] = place([-0.5, 0.5]);
    context.setTransform(ax - x, ay - y, bx - x, by - y, x, y);
    context.drawImage(this.#painted(), 0, 0);
  }
}
