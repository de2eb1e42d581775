// Every request for images, so that all of them can be held at once: images end with their case, and a page that
// submits its case, locks itself or is being left asks for nothing any more. What was under way is given up, and
// asked for again when the page stays after all.

import { failureOfStatus, ImageFailure } from "./failure.js";

/**
 * Milliseconds without a single byte after which a request is given up. A viewport that waits says so long
 * before (pane.js); what comes late after all is shown after all.
 */
export const QUIET_LIMIT_MS = 15000;
/** A page that is still there so long after it was to be left stays. */
const LEAVING_MS = 20000;
/** The same, after a person was asked whether to leave. */
const ASKED_MS = 2000;

const running = new Set();
let held;

/** Give up every request under way, and ask for nothing until `releaseRequests`. */
export function holdRequests() {
  if (held) return;
  held = {};
  held.over = new Promise((resolve) => {
    held.end = resolve;
  });
  for (const giveUp of running) giveUp("held");
}

/** Go on: what was given up is asked for again. */
export function releaseRequests() {
  held?.end();
  held = undefined;
}

/** Follow the page: `rs:case-ends`, `rs:case-stays`, and what the browser says of being left. */
export function holdWithThePage(page = document, view = window) {
  page.addEventListener("rs:case-ends", holdRequests);
  page.addEventListener("rs:case-stays", releaseRequests);
  page.addEventListener("rs:locking", holdRequests);
  let timer;
  view.addEventListener("beforeunload", (event) => {
    if (held) return;
    holdRequests();
    // Timers stand still while a dialog asks; `defaultPrevented` is final only after all have heard the event.
    timer = setTimeout(() => {
      timer = setTimeout(releaseRequests, event.defaultPrevented ? ASKED_MS : LEAVING_MS);
    });
  });
  // Back from the browser's memory of pages.
  view.addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    clearTimeout(timer);
    releaseRequests();
  });
}

async function untilReleased(signal) {
  while (held) {
    if (signal?.aborted) return;
    const { over } = held;
    await new Promise((resolve) => {
      over.then(resolve);
      signal?.addEventListener("abort", resolve, { once: true });
    });
  }
}

/**
 * Ask for something and read it.
 *
 * @template T
 * @param {string} url
 * @param {{accept: string, signal?: AbortSignal, fresh?: boolean, quietMs?: number, priority?: string}} how
 *   `fresh`: past the browser's own cache.
 * @param {(response: Response, alive: () => void) => Promise<T>} read `alive()` says that something arrived.
 * @returns {Promise<T>}
 * @throws {ImageFailure} Also for an answer that is not a success.
 */
export async function ask(url, { accept, signal, fresh = false, quietMs = QUIET_LIMIT_MS, priority = "auto" }, read) {
  for (;;) {
    await untilReleased(signal);
    const controller = new AbortController();
    let why;
    let timer;
    const giveUp = (because) => {
      why ??= because;
      controller.abort();
    };
    const alive = () => {
      clearTimeout(timer);
      timer = setTimeout(giveUp, quietMs, "slow");
    };
    const stop = () => giveUp("stopped");
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    running.add(giveUp);
    try {
      alive();
      const response = await fetch(url, {
        headers: { Accept: accept },
        credentials: "same-origin",
        cache: fresh ? "reload" : "default",
        priority,
        signal: controller.signal,
      });
      if (!response.ok) throw failureOfStatus(response.status);
      return await read(response, alive);
    } catch (error) {
      if (why === "held") continue;
      if (error instanceof ImageFailure) throw error;
      if (why === "slow") throw new ImageFailure("slow", `no byte for ${quietMs} ms`);
      if (why === "stopped") throw new ImageFailure("slow", "given up to ask again");
      if (error instanceof SyntaxError) throw new ImageFailure("damaged", "the answer is not JSON");
      throw new ImageFailure("connection", String(error?.message ?? error));
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", stop);
      running.delete(giveUp);
    }
  }
}
