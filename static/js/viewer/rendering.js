// Who draws: a plain canvas at once, and WebGL by Cornerstone3D in its place where a graphics card is.

import { CanvasPainter } from "./canvas-painter.js";

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|microsoft basic render/i;
const surfaces = new Set();
let Painter = CanvasPainter;

/** A painter in an element. */
export function painterFor(element) {
  return new Painter(element);
}

/** Tell a surface when another painter is chosen, until `leaveRendering`. */
export function followRendering(surface) {
  surfaces.add(surface);
}

export function leaveRendering(surface) {
  surfaces.delete(surface);
}

/** Whether WebGL is there and not emulated in software (remote desktops, virtual machines). */
function hasGraphicsCard() {
  const canvas = document.createElement("canvas");
  const gl = canvas.getContext("webgl2") ?? canvas.getContext("webgl");
  if (!gl) return false;
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(named ? named.UNMASKED_RENDERER_WEBGL : gl.RENDERER) ?? "");
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !SOFTWARE.test(renderer);
}

/**
 * Choose who draws from now on. What stands keeps standing until the new painter has drawn the same.
 *
 * @param {"auto"|"cpu"|"gpu"} wanted "auto": the graphics card where there is one. Emulated WebGL is slower than the
 *   plain canvas, and no more exact.
 * @returns {Promise<"cpu"|"gpu">}
 */
export async function chooseRendering(wanted = "auto") {
  if (Painter !== CanvasPainter) return "gpu";
  if (wanted === "cpu" || (wanted === "auto" && !hasGraphicsCard())) return "cpu";
  try {
    const { GpuPainter, startGpu } = await import("./gpu-painter.js");
    if (!startGpu()) return "cpu";
    Painter = GpuPainter;
    await Promise.all([...surfaces].map((surface) => surface.handOver(GpuPainter)));
    return "gpu";
  } catch (error) {
    console.warn("The graphics card is not used", error);
    Painter = CanvasPainter;
    return "cpu";
  }
}
