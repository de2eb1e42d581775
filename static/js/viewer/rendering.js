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
import { init as initLoader } from "@cornerstonejs/dicom-image-loader";
import { loadFrame } from "./frames.js";
import { cornerstoneModule } from "./metadata.js";

const ENGINE = "readerstudy";
let engine;
let mode;

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
  initLoader({ maxWebWorkers: Math.max(1, Math.min(4, Math.floor((navigator.hardwareConcurrency || 2) / 2))) });
  metaData.addProvider(cornerstoneModule, 100000);
  imageLoader.registerImageLoader("rs", (imageId) => ({ promise: loadFrame(imageId) }));
  cache.setMaxCacheSize(2 * 1024 * 1024 * 1024);
  engine = getRenderingEngine(ENGINE) ?? new RenderingEngine(ENGINE);
  return engine;
}

/** "cpu" or "gpu", once the engine is started. */
export function renderingMode() {
  return mode;
}
