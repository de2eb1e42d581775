// The images of the case in memory, each asked for once however many wait for it.

import { loadFrame } from "./frames.js";
import { ImageCache } from "./image-cache.js";

const cache = new ImageCache(2 * 1024 ** 3);
const loading = new Map();

/** The image where it is in memory, else undefined. @returns {import("./frames.js").DecodedImage|undefined} */
export function imageInMemory(imageId) {
  return cache.get(imageId);
}

/**
 * The image, from memory or fetched and kept there.
 *
 * @param {string} imageId
 * @param {{fresh?: boolean}} [how] `fresh`: past the browser's own cache, where a damaged answer may lie.
 * @returns {Promise<import("./frames.js").DecodedImage>}
 * @throws {import("./failure.js").ImageFailure}
 */
export function cachedImage(imageId, { fresh = false } = {}) {
  const known = cache.get(imageId);
  if (known) return Promise.resolve(known);
  if (!loading.has(imageId)) {
    const controller = new AbortController();
    const entry = { controller };
    entry.promise = loadFrame(imageId, { signal: controller.signal, fresh })
      .then((image) => {
        cache.put(imageId, image);
        return image;
      })
      .finally(() => {
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
