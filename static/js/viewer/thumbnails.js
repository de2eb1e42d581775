// The column of series at the left: a small picture, a name, a load bar, which one is active.

import { html } from "./dom.js";
import { whenIdle } from "./follow.js";
import { paintPixels } from "./greys.js";
import { t } from "./texts.js";
import { pixelSize } from "./view.js";
import { initialWindow } from "./windowing.js";

const SIDE = 60;

/** Draw a decoded image, whole, into a square canvas. */
function paint(canvas, image, frame, voi) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(SIDE * ratio);
  canvas.height = Math.round(SIDE * ratio);
  const context = canvas.getContext("2d");
  const data = new ImageData(image.columns, image.rows);
  paintPixels(image, voi, frame.photometricInterpretation === "MONOCHROME1", new Uint32Array(data.data.buffer));
  const whole = new OffscreenCanvas(image.columns, image.rows);
  whole.getContext("2d").putImageData(data, 0, 0);
  const [pixelWidth, pixelHeight] = pixelSize(frame);
  const width = image.columns * pixelWidth;
  const height = image.rows * pixelHeight;
  // Fill the square: the middle of the image says more at 60 px than its black margins.
  const k = Math.max(canvas.width / width, canvas.height / height);
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#000";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(
    whole,
    (canvas.width - width * k) / 2,
    (canvas.height - height * k) / 2,
    width * k,
    height * k,
  );
}

export class Thumbnails {
  /**
   * @param {object} viewer
   * @param {(stack: object) => void} choose
   */
  constructor(viewer, choose) {
    this.viewer = viewer;
    this.element = html("nav", { class: "rs-thumbs", "aria-label": t("Series") });
    this.items = viewer.stacks.map((stack) => this.#item(stack, choose));
    this.element.append(...this.items.map(({ button }) => button));
  }

  #item(stack, choose) {
    const canvas = html("canvas", { class: "rs-thumb-picture", width: SIDE, height: SIDE, "aria-hidden": "true" });
    const bar = html("span", { class: "rs-thumb-bar" });
    const label = html("span", { class: "rs-thumb-label" }, stack.label);
    const button = html(
      "button",
      { type: "button", class: "rs-thumb", tabindex: "-1", title: stack.label, onclick: () => choose(stack) },
      html("span", { class: "rs-thumb-frame" }, canvas, html("span", { class: "rs-thumb-track" }, bar)),
      label,
    );
    button.dataset.series = stack.uid;
    const item = { stack, button, bar, canvas, painted: false };
    stack.addEventListener("change", () => this.#update(item));
    return item;
  }

  #update(item) {
    const { stack, bar } = item;
    const share = stack.count ? stack.loaded / stack.count : 0;
    bar.style.width = `${(share * 100).toFixed(1)}%`;
    item.button.dataset.state = stack.failed ? "failed" : stack.complete ? "complete" : "loading";
    item.button.setAttribute("aria-label", `${stack.label}, ${t("{n} of {count} images loaded", { n: stack.loaded, count: stack.count })}`);
    // The picture can wait until what the reader looks at stands.
    if (item.painted || item.asked || !stack.frames.length) return;
    item.asked = true;
    whenIdle(() => {
      item.asked = false;
      this.#picture(item);
    });
  }

  #picture(item) {
    const { stack, canvas } = item;
    const middle = Math.floor((stack.imageIds.length - 1) / 2);
    const index = stack.states[middle] === "loaded" ? middle : stack.complete ? 0 : -1;
    const image = index >= 0 ? stack.image(index) : undefined;
    if (!image) return;
    item.painted = true;
    const frame = stack.frames[index];
    paint(
      canvas,
      image,
      frame,
      initialWindow({
        modality: frame.modality,
        presets: this.viewer.presets(frame.modality),
        fileWindows: frame.windows,
        pixels: image.pixels,
      }),
    );
  }

  /** Mark the series of the active viewport and those that are shown. */
  mark(active, shown) {
    for (const { stack, button } of this.items) {
      button.toggleAttribute("data-active", stack === active);
      button.toggleAttribute("data-shown", shown.includes(stack));
      button.setAttribute("aria-current", String(stack === active));
    }
  }
}
