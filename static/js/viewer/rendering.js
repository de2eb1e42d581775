// Starts Cornerstone3D once: rendering engine, decode workers, metadata provider and image loader.

import {
  cache,
  getRenderingCapabilities,
  getRenderingEngine,
  imageLoader,
  init as initCore,
  metaData,
  RenderingEngine,
  setUseCPURendering,
} from "@cornerstonejs/core";
import { startDecoders } from "./decode-frame.js";
import { loadFrame } from "./frames.js";
import { cornerstoneModule } from "./metadata.js";

const ENGINE = "readerstudy";
let engine;
let mode;

// Cornerstone sees an image only when it is whole: its cache rejects into nowhere when a load fails.
const ready = new Map();
const loading = new Map();

/**
 * The image, from Cornerstone's cache or fetched and put there.
 *
 * @param {string} imageId
 * @param {{fresh?: boolean}} [how] `fresh`: past the browser's own cache, where a damaged answer may lie.
 * @returns {Promise<object>}
 * @throws {import("./failure.js").ImageFailure}
 */
export function cachedImage(imageId, { fresh = false } = {}) {
  const known = cache.getImage(imageId);
  if (known) return Promise.resolve(known);
  if (!loading.has(imageId)) {
    const controller = new AbortController();
    const entry = { controller };
    entry.promise = loadFrame(imageId, { signal: controller.signal, fresh })
      .then((image) => {
        ready.set(imageId, image);
        return imageLoader.loadAndCacheImage(imageId);
      })
      .finally(() => {
        ready.delete(imageId);
        if (loading.get(imageId) === entry) loading.delete(imageId);
      });
    loading.set(imageId, entry);
  }
  return loading.get(imageId).promise;
}

/** Give up a request that hangs, so that the next asking starts a new one. */
export function abandon(imageId) {
  loading.get(imageId)?.controller.abort();
  loading.delete(imageId);
}

/**
 * The rendering engine, started at the first call.
 *
 * @param {"auto"|"cpu"|"gpu"} wanted "auto": CPU where WebGL is missing or emulated in software (remote
 *   desktops, virtual machines), where the CPU path is faster and exact.
 */
export function renderingEngine(wanted = "auto") {
  if (engine) return engine;
  initCore();
  const capabilities = getRenderingCapabilities();
  const cpu = wanted === "cpu" || (wanted === "auto" && (!capabilities.webgl || capabilities.softwareRasterizer));
  setUseCPURendering(cpu);
  mode = cpu ? "cpu" : "gpu";
  startDecoders();
  metaData.addProvider(cornerstoneModule, 100000);
  imageLoader.registerImageLoader("rs", (imageId) => ({ promise: Promise.resolve(ready.get(imageId)) }));
  cache.setMaxCacheSize(2 * 1024 * 1024 * 1024);
  engine = getRenderingEngine(ENGINE) ?? new RenderingEngine(ENGINE);
  return engine;
}

/** "cpu" or "gpu", once the engine is started. */
export function renderingMode() {
  return mode;
}
