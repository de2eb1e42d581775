// One viewport of the viewer: a stack on a surface, which image of it is shown and how.

import { ImageFailure } from "./failure.js";
import { imagePxToPatientMm, insideImage, nearestPlaneIndex, patientMmToImagePx } from "./geometry.js";
import { sliceLabel } from "./labels.js";
import { drawOverlay } from "./pane-overlay.js";
import { failureTile, paneParts } from "./pane-parts.js";
import { drawProgress, drawScale, drawTexts } from "./pane-texts.js";
import { Surface } from "./surface.js";
import { t } from "./texts.js";
import { centredOn, displayed, fitView } from "./view.js";
import { initialWindow } from "./windowing.js";

const SLOW_MS = 700;
// A reader is told within 3 s that an image does not come.
const TELL_MS = 2400;

export class Pane extends EventTarget {
  /**
   * @param {object} viewer The element: `queue`, `config`, `panes`, `active`, `layers`.
   * @param {number} number Position among the viewports, from 0.
   */
  constructor(viewer, number) {
    super();
    this.viewer = viewer;
    this.number = number;
    this.stack = undefined;
    this.index = -1; // shown image
    this.target = -1; // wanted image
    this.look = { window: undefined, inverted: false, view: undefined };
    this.fitted = true;
    Object.assign(this, paneParts());
    this.surface = undefined;
  }

  get uid() {
    return this.stack?.uid;
  }

  get frame() {
    return this.stack?.frames[this.index];
  }

  get plane() {
    return this.stack?.planes[this.index];
  }

  get image() {
    return this.stack?.image(this.index);
  }

  /**
   * Put a stack into this viewport.
   *
   * @param {import("./stacks.js").Stack} stack
   * @param {{index?: number, window?: object, inverted?: boolean, view?: object, wish?: object,
   *   fieldMm?: number}} start `fieldMm`: field of view around the joint's level, in mm.
   */
  async setStack(stack, start = {}) {
    this.stack?.removeEventListener("change", this.#onChange);
    this.stack = stack;
    stack.addEventListener("change", this.#onChange);
    this.index = -1;
    this.target = -1;
    this.look = { window: start.window, inverted: Boolean(start.inverted), view: start.view };
    this.fitted = !start.view;
    this.wish = start.wish;
    this.fieldMm = start.fieldMm;
    this.element.dataset.series = stack.uid;
    delete this.element.dataset.slice;
    delete this.element.dataset.ready;
    delete this.element.dataset.firstImage;
    this.#hideFailure();
    this.#name();
    this.#wait();
    // Measured and made while the server is being asked, not when the image is there.
    this.surface ??= new Surface(this.surfaceElement);
    try {
      await stack.open();
    } catch (failure) {
      if (this.stack === stack) this.#showFailure(failure);
      return;
    }
    if (this.stack !== stack) return;
    const middle = Math.floor((stack.imageIds.length - 1) / 2);
    const index = Number.isInteger(start.index) ? start.index : middle;
    await this.show(Math.min(Math.max(0, index), stack.imageIds.length - 1));
  }

  #onChange = () => {
    const { failure, stack, target } = this;
    // What failed here has come after all, by itself or by another viewport's asking.
    if (failure && target >= 0 && stack.states[target] === "loaded") this.show(target);
    else if (failure && target < 0 && stack.imageIds.length) this.setStack(stack, { ...this.look, wish: this.wish, fieldMm: this.fieldMm });
    drawProgress(this);
    this.dispatchEvent(new Event("progress"));
  };

  /** Scroll by a number of images. */
  step(delta) {
    if (this.target < 0) return Promise.resolve();
    return this.show(Math.min(this.stack.imageIds.length - 1, Math.max(0, this.target + delta)));
  }

  /**
   * Show an image; the newest wish wins. What stands on the screen and its number always belong together:
   * until the wanted image is there, the last one keeps its own number.
   */
  async show(index) {
    if (!this.stack?.imageIds.length) return;
    if (index === this.target && index === this.index && !this.failure) return;
    this.target = index;
    const stack = this.stack;
    let image = stack.image(index);
    if (!image) {
      this.#wait();
      try {
        image = await this.viewer.queue.now(stack, index);
      } catch (failure) {
        if (this.stack === stack && this.target === index) this.#showFailure(failure);
        return;
      }
    }
    if (this.stack !== stack || this.target !== index) return;
    await this.#draw(index, image);
  }

  async #draw(index, image) {
    const { stack } = this;
    const frame = stack.frames[index];
    this.look.window ??= this.windowFor(this.wish, frame, image);
    const shape = JSON.stringify([frame.rows, frame.columns, frame.spacing]);
    if (!this.look.view || (this.fitted && this.shape !== shape)) {
      this.look.view = this.#home(frame, stack.planes[index]);
      this.fitted = true;
    }
    this.shape = shape;
    await this.surface.show({ image, frame, imageIds: stack.imageIds, index }, this.look);
    if (this.stack !== stack) return;
    this.index = index;
    this.#hideFailure();
    this.element.dataset.slice = String(index + 1);
    this.element.dataset.ready = "";
    this.element.dataset.firstImage = "";
    this.redraw();
    this.dispatchEvent(new Event("shown"));
  }

  /** Window by a wish of the protocol (a preset, numbers, percentiles), for the shown image. */
  windowFor(wish, frame = this.frame, image = this.image) {
    return initialWindow({
      modality: frame.modality,
      wish,
      presets: this.viewer.presets(frame.modality),
      fileWindows: image.color ? [{ center: 128, width: 256 }] : frame.windows,
      pixels: image.pixels,
    });
  }

  /** Apply a change of window, inversion or view. */
  setLook(change) {
    Object.assign(this.look, change);
    if (change.view) this.fitted = false;
    this.surface?.setLook(this.look);
    this.redraw();
    this.dispatchEvent(new Event("look"));
  }

  /** The view that the protocol wants: so many mm around the joint's level, else the whole image. */
  #home(frame, plane) {
    const { rotation, flipH, flipV } = this.look.view ?? {};
    const image = displayed(frame);
    const { size } = this.surface;
    const whole = fitView(image, size, { rotation, flipH, flipV });
    if (!this.fieldMm || !this.centre || !plane) return whole;
    const scale = Math.max(whole.scale, Math.min(size.width, size.height) / this.fieldMm);
    return centredOn(image, { ...whole, scale }, patientMmToImagePx(plane, this.centre));
  }

  /** Back to the view that the protocol wants. */
  home() {
    if (!this.frame) return;
    this.setLook({ view: this.#home(this.frame, this.plane) });
    this.fitted = true;
  }

  /** The whole image. */
  fit() {
    if (!this.frame) return;
    const { rotation, flipH, flipV } = this.look.view;
    this.setLook({ view: this.surface.fit({ rotation, flipH, flipV }) });
    this.fitted = !this.fieldMm;
  }

  /** Keep a patient point in the middle where the protocol shows a small field; a reader's own zoom stays. */
  centreOn(point) {
    this.centre = point;
    if (!this.fieldMm || !this.frame || !this.plane) return;
    if (this.fitted) this.home();
    else this.setLook({ view: centredOn(displayed(this.frame), this.look.view, patientMmToImagePx(this.plane, point)) });
  }

  reset() {
    if (!this.frame) return;
    this.look.window = this.windowFor(this.wish);
    this.look.inverted = false;
    this.look.view = undefined;
    this.home();
  }

  resize() {
    this.surface?.resize();
    if (!this.surface || !this.frame) return;
    if (this.fitted) this.home();
    else this.redraw();
  }

  /** Whether places of this frame of reference can be found in the stack. */
  isIn(frameOfReference) {
    return Boolean(this.stack?.frames.some((frame) => frame.frameOfReferenceUid === frameOfReference));
  }

  /**
   * Jump to the image that shows a patient point best.
   *
   * @param {number[]} point Patient mm.
   * @param {string} frameOfReference
   * @param {number[]} [centre] What to keep in the middle where the protocol shows a small field.
   * @returns {boolean}
   */
  showPlace(point, frameOfReference, centre) {
    if (!this.isIn(frameOfReference)) return false;
    const index = nearestPlaneIndex(this.stack.planes, point);
    if (index < 0) return false;
    this.show(index);
    if (centre) this.centreOn(centre);
    return true;
  }

  #wait() {
    clearTimeout(this.waitTimer);
    const { stack, target } = this;
    const asked = performance.now();
    const still = () => this.stack === stack && this.target === target && (target < 0 || this.index !== target);
    this.waitTimer = setTimeout(() => {
      if (!still()) return;
      this.waiting.textContent = target < 0 ? t("Loading images") : t("Loading image {n}", { n: target + 1 });
      this.waiting.hidden = false;
      this.waitTimer = setTimeout(
        () => still() && !this.failure && this.#showFailure(new ImageFailure("slow", `${stack.label} after ${TELL_MS} ms`)),
        asked + TELL_MS - performance.now(),
      );
    }, SLOW_MS);
  }

  /** A sentence over the image for a few seconds. */
  note(text) {
    clearTimeout(this.noteTimer);
    this.waiting.textContent = text;
    this.waiting.hidden = false;
    this.live.textContent = text;
    this.noteTimer = setTimeout(() => {
      this.waiting.hidden = true;
    }, 5000);
  }

  #showFailure(failure) {
    clearTimeout(this.waitTimer);
    this.waiting.hidden = true;
    this.failure = failure;
    // Nothing of another image may stand behind the message.
    this.picture.toggleAttribute("data-hidden", true);
    delete this.element.dataset.ready;
    delete this.element.dataset.slice;
    this.element.dataset.failed = failure.reason;
    this.tile.replaceChildren(...failureTile(this, failure));
    this.tile.hidden = false;
    this.dispatchEvent(new CustomEvent("failed", { detail: { label: this.stack.label, reason: failure.reason } }));
  }

  #hideFailure() {
    clearTimeout(this.waitTimer);
    this.waiting.hidden = true;
    this.picture.toggleAttribute("data-hidden", false);
    if (!this.failure) return;
    this.failure = undefined;
    delete this.element.dataset.failed;
    this.tile.hidden = true;
  }

  /** After `stack.askAgain()`: show what failed here as soon as it comes. */
  async retry() {
    if (!this.failure) return;
    const { stack } = this;
    const index = this.target;
    this.target = -1;
    if (index < 0 || !stack.imageIds.length) await this.setStack(stack, { wish: this.wish, fieldMm: this.fieldMm });
    else await this.show(index);
  }

  /** Corner texts, letters, lines: everything over the image. */
  redraw() {
    if (!this.frame || !this.surface?.image) return;
    this.#name();
    drawTexts(this);
    drawScale(this);
    drawProgress(this);
    this.redrawOverlay();
    this.element.dataset.window = `${this.look.window.width.toFixed(1)}/${this.look.window.center.toFixed(1)}`;
    this.element.dataset.sop = this.frame.sopUid;
  }

  /** Lines, names and marks over the image, once per frame of the browser however often it is asked for. */
  redrawOverlay() {
    if (this.overlayAsked) return;
    this.overlayAsked = requestAnimationFrame(() => {
      this.overlayAsked = undefined;
      if (this.frame && this.surface?.image) drawOverlay(this);
    });
  }

  #name() {
    const place = this.index >= 0 ? `, ${sliceLabel(this.index, this.stack.count)}` : "";
    this.element.setAttribute("aria-label", `${this.stack.label}${place}`);
  }

  /** Patient mm and image px under a canvas point; undefined outside an image with a place. */
  placeUnder(canvasPx) {
    if (!this.plane) return undefined;
    const px = this.surface.canvasPxToImagePx(canvasPx);
    return insideImage(this.plane, px) ? { px, mm: imagePxToPatientMm(this.plane, px) } : undefined;
  }

  /** Resume information; series, image and look, never an address. */
  state() {
    if (!this.frame) return undefined;
    const { window: voi, inverted, view } = this.look;
    return {
      series_uid: this.uid,
      slice: this.index + 1,
      sop_uid: this.frame.sopUid,
      frame: this.frame.frame,
      window: { center: voi.center, width: voi.width },
      inverted,
      view: this.fitted ? undefined : view,
    };
  }

  destroy() {
    this.stack?.removeEventListener("change", this.#onChange);
    if (this.overlayAsked) cancelAnimationFrame(this.overlayAsked);
    this.surface?.destroy();
    this.surface = undefined;
    this.element.remove();
  }
}
