import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * The browser build: three entries, a manifest that Django reads, everything as files of this origin.
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
      input: {
        reading: here("static/js/reading.js"),
        lists: here("static/js/lists.js"),
        office: here("static/js/office.js"),
        dashboard: here("static/js/dashboard.js"),
      },
    },
  },
});
