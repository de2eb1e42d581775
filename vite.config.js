import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The browser build: a few entries, a manifest that Django reads, everything as files of this origin.
 *
 * - `base: "./"`: chunks, workers and WebAssembly are found relative to the importing file, so the build
 *   works below any STATIC_URL.
 * - `assetsInlineLimit: 0`: no data: URL for scripts or WebAssembly; the Content-Security-Policy allows
 *   neither.
 * - ES workers: the decoder worker shares chunks with nothing and is loaded by `new Worker(url)`.
 */
export default defineConfig({
  base: "./",
  publicDir: false,
  resolve: {
    alias: [
      { find: /^xmlbuilder2$/, replacement: here("static/js/vendor-stubs/xmlbuilder2.js") },
      { find: /^dcmjs$/, replacement: here("static/js/vendor-stubs/dcmjs.js") },
      { find: /^@cornerstonejs\/metadata$/, replacement: here("static/js/vendor-stubs/cornerstone-metadata.js") },
      { find: /^cornerstone-metadata\//, replacement: here("node_modules/@cornerstonejs/metadata/dist/esm/") },
      { find: /^(node:)?(fs|path|url)$/, replacement: here("static/js/vendor-stubs/empty.js") },
    ],
  },
  worker: { format: "es" },
  build: {
    outDir: "static/build",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    chunkSizeWarningLimit: 4000,
    rollupOptions: {
      treeshake: {
        // Of what Cornerstone and vtk.js import for its effects only, the stack viewport needs WebGL's
        // render nodes. WebGPU, volumes and the rest of the house stay out when nothing names them.
        moduleSideEffects: (id) =>
          !/vtk\.js\/Rendering\/WebGPU|@cornerstonejs\/(core|metadata|utils|dicom-image-loader)\//.test(id),
      },
      input: {
        reading: here("static/js/reading.js"),
        lists: here("static/js/lists.js"),
        keys: here("static/js/keys.js"),
        office: here("static/js/office.js"),
        dashboard: here("static/js/dashboard.js"),
        case_images: here("static/js/case_images.js"),
      },
    },
  },
});
