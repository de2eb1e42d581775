// One Cornerstone stack viewport, driven by our own view transform, in CPU and in GPU rendering alike.

import { Enums } from "@cornerstonejs/core";
import { renderingEngine, renderingMode } from "./rendering.js";
import { canvasPxToImagePx, displayed, fitView, imagePxToCanvasPx } from "./view.js";
import { windowToRange } from "./windowing.js";

let counter = 0;

export class Surface {
  /** @param {HTMLElement} element Empty positioned element that the image fills. */
  constructor(element) {
    counter += 1;
    this.element = element;
    this.id = `viewport-${counter}`;
    const engine = renderingEngine();
    engine.enableElement({
      viewportId: this.id,
      element,
      type: Enums.ViewportType.STACK,
      defaultOptions: { background: [0, 0, 0], suppressEvents: true },
    });
    this.viewport = engine.getViewport(this.id);
    this.frame = undefined;
    this.view = undefined;
    this.#size();
  }

  destroy() {
    renderingEngine().disableElement(this.id);
  }

  get canvas() {
    return this.viewport.getCanvas();
  }


  /** Fit the drawing surface to the element, in device px. */
  #size() {
    // Measured when the layout changes and not when an image does: asking the browser costs a layout.
    this.size = { width: this.element.clientWidth, height: this.element.clientHeight };
    const canvas = this.canvas;
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.size;
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (w > 0 && h > 0 && (canvas.width !== w || canvas.height !== h)) {
      canvas.width = w;
      canvas.height = h;
    }
    if (renderingMode() === "cpu") {
      // Plain bilinear when enlarged, averaged when reduced: "low" drops rows of large radiographs.
      canvas.getContext("2d").imageSmoothingQuality = "medium";
    }
  }

  resize() {
    if (renderingMode() === "gpu") renderingEngine().resize(true, true);
    this.#size();
    this.#apply();
  }

  /**
   * Show an image that is already decoded and cached.
   *
   * @param {string[]} imageIds The stack.
   * @param {number} index
   * @param {object} frame Record of this image.
   * @param {{window: object, inverted: boolean, view: object}} look
   */
  async show(imageIds, index, frame, look) {
    // Of two calls that overlap only the newer comes back: Cornerstone drops the older one.
    if (this.imageIds !== imageIds) {
      this.imageIds = imageIds;
      await this.viewport.setStack(imageIds, index);
    } else if (this.viewport.getCurrentImageIdIndex() !== index || !this.frame) {
      await this.viewport.setImageIdIndex(index);
    }
    this.frame = frame;
    this.image = displayed(frame);
    this.setLook(look);
  }

  /** Window, inversion and view, drawn at the next frame of the browser. */
  setLook({ window: voi, inverted, view }) {
    if (!this.frame) return;
    this.view = view;
    const dark = this.frame.photometricInterpretation === "MONOCHROME1";
    const properties = { invert: dark !== Boolean(inverted) };
    if (this.frame.samplesPerPixel === 1 && voi) properties.voiRange = windowToRange(voi);
    this.viewport.setProperties(properties, true);
    this.#apply();
  }

  #apply() {
    if (!this.frame || !this.view) return;
    const { image, view, viewport } = this;
    if (renderingMode() === "cpu") {
      // The CPU path has no public call that sets all of these at once without rounding by the state
      // before; Cornerstone is pinned to one exact version and the pixel tests cover this.
      const cpu = viewport._cpuFallbackEnabledElement;
      const ratio = this.canvas.width / this.size.width;
      cpu.viewport.scale = view.scale * ratio * Math.min(image.pixelWidth, image.pixelHeight);
      cpu.viewport.rotation = view.rotation;
      cpu.viewport.hflip = view.flipH;
      cpu.viewport.vflip = view.flipV;
      cpu.viewport.displayedArea.rowPixelSpacing = image.pixelHeight;
      cpu.viewport.displayedArea.columnPixelSpacing = image.pixelWidth;
      cpu.viewport.displayedArea.brhc = { x: image.columns, y: image.rows };
      const turned = [
        (view.flipH ? -1 : 1) * (view.x / image.pixelWidth),
        (view.flipV ? -1 : 1) * (view.y / image.pixelHeight),
      ];
      const radians = (view.rotation * Math.PI) / 180;
      const [c, s] = [Math.cos(radians), Math.sin(radians)];
      cpu.viewport.translation = {
        x: -(turned[0] * c - turned[1] * s),
        y: -(turned[0] * s + turned[1] * c),
      };
    } else {
      const centre = [
        ((image.columns - 1) / 2) * image.pixelWidth + view.x,
        ((image.rows - 1) / 2) * image.pixelHeight + view.y,
        0,
      ];
      const radians = (view.rotation * Math.PI) / 180;
      // Up on the screen, in the image: rotate back, then undo the flips.
      let up = [-Math.sin(radians), -Math.cos(radians), 0];
      if (view.flipH) up = [-up[0], up[1], 0];
      if (view.flipV) up = [up[0], -up[1], 0];
      const mirrored = view.flipH !== view.flipV;
      const normal = [0, 0, mirrored ? 1 : -1];
      viewport.setCamera({
        viewUp: up,
        viewPlaneNormal: normal,
        focalPoint: centre,
        position: [centre[0], centre[1], normal[2] * 100],
        parallelScale: this.size.height / 2 / view.scale,
      });
    }
    viewport.render();
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
