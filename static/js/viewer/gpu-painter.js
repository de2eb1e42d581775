// Draws the image of a viewport by Cornerstone3D's legacy stack viewport in WebGL.
//
// Cornerstone gets the pixels and their shape only (metadata.js); images come from our own memory.

import {
  cache,
  canRenderFloatTextures,
  Enums,
  getRenderingEngine,
  imageLoader,
  init as initCore,
  metaData,
  RenderingEngine,
  setUseCPURendering,
  utilities,
} from "@cornerstonejs/core";
import { cornerstoneModule } from "./metadata.js";
import { pixelSize } from "./view.js";
import { windowToRange } from "./windowing.js";

const ENGINE = "readerstudy";
let engine;
let counter = 0;
const given = new Map(); // imageId -> Cornerstone's image, while it is asked for

/** Start Cornerstone, once. @returns {boolean} false where this WebGL cannot draw every kind of image. */
export function startGpu() {
  if (engine) return true;
  initCore();
  setUseCPURendering(false);
  if (!canRenderFloatTextures()) return false;
  metaData.addProvider(cornerstoneModule, 100000);
  imageLoader.registerImageLoader("rs", (imageId) => ({ promise: Promise.resolve(given.get(imageId)) }));
  // Records over pixels that lie in our own memory; what leaves it should not be held here for long.
  cache.setMaxCacheSize(512 * 1024 ** 2);
  engine = getRenderingEngine(ENGINE) ?? new RenderingEngine(ENGINE);
  return true;
}

/** An image as Cornerstone describes one. */
function cornerstoneImage(imageId, frame, { rows, columns, color, pixels, min, max }) {
  const [pixelWidth, pixelHeight] = pixelSize(frame);
  const samples = color ? 3 : 1;
  return {
    imageId,
    dataType: pixels.constructor.name,
    color,
    rgba: false,
    numberOfComponents: samples,
    rows,
    columns,
    height: rows,
    width: columns,
    rowPixelSpacing: pixelHeight,
    columnPixelSpacing: pixelWidth,
    slope: 1,
    intercept: 0,
    invert: frame.photometricInterpretation === "MONOCHROME1",
    minPixelValue: min,
    maxPixelValue: max,
    windowCenter: color ? 128 : (min + max) / 2,
    windowWidth: color ? 256 : Math.max(1, max - min),
    sizeInBytes: pixels.byteLength,
    imageFrame: { photometricInterpretation: color ? "RGB" : frame.photometricInterpretation },
    voxelManager: utilities.VoxelManager.createImageVoxelManager({
      scalarData: pixels,
      width: columns,
      height: rows,
      numberOfComponents: samples,
    }),
    getPixelData: () => pixels,
    getCanvas: undefined,
  };
}

export class GpuPainter {
  /** @param {HTMLElement} element Positioned element that the image fills. */
  constructor(element) {
    counter += 1;
    this.id = `viewport-${counter}`;
    // Of its own, because Cornerstone writes into the element that it is given.
    this.element = document.createElement("div");
    this.element.className = "rs-canvas";
    element.prepend(this.element);
    engine.enableElement({
      viewportId: this.id,
      element: this.element,
      type: Enums.ViewportType.STACK,
      defaultOptions: { background: [0, 0, 0], suppressEvents: true },
    });
    this.viewport = engine.getViewport(this.id);
  }

  destroy() {
    engine.disableElement(this.id);
    this.element.remove();
  }

  get canvas() {
    return this.viewport.getCanvas();
  }

  /** @param {{width: number, height: number, ratio: number}} size CSS px, device px in one. */
  resize(size) {
    this.size = size;
    const { canvas } = this;
    const [w, h] = [Math.round(size.width * size.ratio), Math.round(size.height * size.ratio)];
    if (w > 0 && h > 0 && (canvas.width !== w || canvas.height !== h)) {
      engine.resize(true, true);
      canvas.width = w;
      canvas.height = h;
    }
  }

  /** @param {object} shown Image, its shape, window, inversion and view (surface.js). */
  async show(shown) {
    const { image, imageIds, index, frame } = shown;
    const imageId = imageIds[index];
    this.newest = shown;
    if (this.imageId !== imageId) {
      this.imageId = imageId;
      if (!cache.getImage(imageId)) given.set(imageId, cornerstoneImage(imageId, frame, image));
      // Of two calls that overlap only the newer comes back: Cornerstone drops the older one.
      const coming = this.imageIds === imageIds ? this.viewport.setImageIdIndex(index) : this.viewport.setStack(imageIds, index);
      this.imageIds = imageIds;
      await coming;
      given.delete(imageId);
    }
    // A change of look while the image is on its way is drawn with it.
    if (this.imageId === imageId && this.viewport.getCurrentImageId() === imageId) this.#look(this.newest);
  }

  #look({ frame, displayed: image, window: voi, inverted, view }) {
    const properties = { invert: inverted };
    if (frame.samplesPerPixel === 1 && voi) properties.voiRange = windowToRange(voi);
    this.viewport.setProperties(properties, true);
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
    this.viewport.setCamera({
      viewUp: up,
      viewPlaneNormal: normal,
      focalPoint: centre,
      position: [centre[0], centre[1], normal[2] * 100],
      parallelScale: this.size.height / 2 / view.scale,
    });
    this.viewport.render();
  }
}
