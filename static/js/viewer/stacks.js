// The series of a case as stacks of images: metadata, order, load queue with priorities, progress.

import { framesOfInstance } from "./dicomjson.js";
import { ImageFailure } from "./failure.js";
import { registerFrame } from "./frames.js";
import { middleOfStackX, orderFrames, planeOfFrame } from "./geometry.js";
import { abandon, cachedImage, imageInMemory } from "./images.js";
import { nearestWaiting } from "./load-order.js";
import { ask } from "./requests.js";

/** Failures that may pass by themselves; the rest waits for the reader. */
const PASSING = new Set(["connection", "slow", "server"]);
/** A damaged answer may be the network's fault; a file that stays damaged is not asked for without end. */
const DAMAGED_TRIES = 4;
const FIRST_PAUSE_MS = 3000;
const LONGEST_PAUSE_MS = 60000;

/** One series: its images in scroll order, and what is known about each. */
export class Stack extends EventTarget {
  /**
   * @param {object} series Entry of the page's configuration.
   * @param {string} root DICOMweb address of the presentation.
   * @param {Promise<object[]>|undefined} early Metadata asked for before the viewer was loaded.
   */
  constructor(series, root, early) {
    super();
    this.series = series;
    this.root = root.replace(/\/$/, "");
    this.early = early;
    this.frames = [];
    this.imageIds = [];
    this.planes = [];
    this.states = []; // per image: "waiting" | "loading" | "loaded" | "failed"
    this.failures = []; // per image: ImageFailure
    this.attempts = []; // per image: how often it was asked for
    this.damaged = []; // per image: how often it came damaged since the reader last asked
    this.opened = undefined;
  }

  get uid() {
    return this.series.series_uid;
  }

  get label() {
    return this.series.label;
  }

  get count() {
    return this.imageIds.length || this.series.n_images || 0;
  }

  get loaded() {
    return this.states.filter((state) => state === "loaded").length;
  }

  get complete() {
    return this.imageIds.length > 0 && this.loaded === this.imageIds.length;
  }

  get failed() {
    return this.states.some((state) => state === "failed") || Boolean(this.openFailure);
  }

  /** Ask for the metadata, once. */
  open() {
    if (this.opened) return this.opened;
    const opening = this.#open().catch((error) => {
      // Given up for a newer asking, whose answer counts.
      if (this.opened !== opening) return this.open();
      this.opened = undefined;
      this.openFailure = error instanceof ImageFailure ? error : new ImageFailure("server", String(error));
      this.openedBadly = this.openFailure.reason;
      this.#pauseAfter(this.openFailure);
      this.dispatchEvent(new Event("change"));
      throw this.openFailure;
    });
    this.opened = opening;
    return opening;
  }

  async #open() {
    const address = `${this.root}/studies/${this.series.study_uid}/series/${this.series.series_uid}`;
    const early = this.early;
    this.early = undefined;
    // An early answer that failed is asked for again, so that its reason can be told.
    this.asking = new AbortController();
    const { signal } = this.asking;
    const given = new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
    const ahead = early && (await Promise.race([early, given]));
    if (signal.aborted) throw new ImageFailure("slow", "given up to ask again");
    const fresh = this.openedBadly === "damaged";
    const datasets = ahead ?? (await fetchMetadata(`${address}/metadata`, { signal, fresh }));
    if (signal.aborted) throw new ImageFailure("slow", "given up to ask again");
    this.openFailure = undefined;
    const frames = orderFrames(datasets.flatMap(framesOfInstance).filter(({ rows, columns }) => rows && columns));
    if (!frames.length) throw new ImageFailure("gone", "the series holds no image");
    this.frames = frames;
    this.imageIds = frames.map((frame) =>
      registerFrame(frame, `${address}/instances/${frame.sopUid}/frames/${frame.frame}`),
    );
    this.planes = frames.map(planeOfFrame);
    this.states = frames.map(() => "waiting");
    this.failures = frames.map(() => undefined);
    this.middle = { x: middleOfStackX(this.planes), known: false };
    this.dispatchEvent(new Event("change"));
  }

  /** Image already decoded, or undefined. */
  image(index) {
    return this.states[index] === "loaded" ? imageInMemory(this.imageIds[index]) : undefined;
  }

  async load(index) {
    if (this.states[index] === "loaded" && imageInMemory(this.imageIds[index])) return this.image(index);
    const attempt = this.states[index] === "loading" ? this.attempts[index] : (this.attempts[index] ?? 0) + 1;
    this.attempts[index] = attempt;
    this.states[index] = "loading";
    try {
      const fresh = this.failures[index]?.reason === "damaged";
      const image = await cachedImage(this.imageIds[index], { fresh });
      this.states[index] = "loaded";
      this.failures[index] = undefined;
      this.pauses = 0;
      return image;
    } catch (error) {
      // Given up for a newer asking: its outcome counts.
      if (this.states[index] !== "loading" || this.attempts[index] !== attempt) return this.load(index);
      this.states[index] = "failed";
      this.failures[index] = error instanceof ImageFailure ? error : new ImageFailure("damaged", String(error));
      console.warn(`Image ${index + 1} of ${this.label}: ${this.failures[index].message}`);
      if (this.failures[index].reason === "damaged") this.#onceMore(index);
      else this.#pauseAfter(this.failures[index]);
      throw this.failures[index];
    } finally {
      this.dispatchEvent(new Event("change"));
    }
  }

  /**
   * Leave a server in trouble alone for a while, longer each time, then ask again by ourselves. What a
   * reader asks for meanwhile is asked for at once.
   */
  #pauseAfter(failure) {
    if (!PASSING.has(failure.reason) || this.paused) return;
    this.pauses = (this.pauses ?? 0) + 1;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (this.pauses - 1));
    this.paused = setTimeout(() => {
      this.forgive((index) => PASSING.has(this.failures[index]?.reason));
      this.dispatchEvent(new Event("again"));
    }, pause);
  }

  /** Ask again for a damaged image after a while; the other images go on meanwhile. */
  #onceMore(index) {
    this.damaged[index] = (this.damaged[index] ?? 0) + 1;
    if (this.damaged[index] >= DAMAGED_TRIES) return;
    setTimeout(
      () => {
        if (this.states[index] !== "failed") return;
        this.states[index] = "waiting";
        this.dispatchEvent(new Event("again"));
      },
      FIRST_PAUSE_MS * 2 ** (this.damaged[index] - 1),
    );
  }

  /** The reader wants what is missing: forget failures, and start anew what hangs. */
  askAgain() {
    this.damaged = [];
    this.forgive();
    if (!this.imageIds.length) {
      this.asking?.abort();
      this.opened = undefined;
      return;
    }
    this.states.forEach((state, index) => {
      if (state !== "loading") return;
      abandon(this.imageIds[index]);
      this.states[index] = "waiting"; // whoever waits for it asks anew
    });
  }

  /** Forget failures, so that the images are asked for again. */
  forgive(which = () => true) {
    clearTimeout(this.paused);
    this.paused = undefined;
    this.states = this.states.map((state, index) => (state === "failed" && which(index) ? "waiting" : state));
    this.openFailure = undefined;
  }
}

/** Series metadata as DICOM JSON; ImageFailure when it does not come. */
export function fetchMetadata(url, { signal, fresh = false } = {}) {
  return ask(url, { accept: "application/dicom+json", signal, fresh }, (response) => response.json());
}

/**
 * Loads all images of several stacks, those that are looked at first.
 *
 * Order: images asked for by a viewport now; then, stack by stack in turn, outwards from the image each
 * stack is at; stacks that no viewport shows come last.
 *
 * Until `begin()` images that a viewport asks for come alone: nothing shall keep the first one from being seen.
 */
export class LoadQueue {
  constructor({ parallel = 6 } = {}) {
    this.parallel = parallel;
    this.running = 0;
    this.urgent = [];
    this.stacks = []; // {stack, at, shown}
    this.turn = 0;
    this.begun = false;
  }

  /** Until now only what a viewport waits for was asked for; from now on everything. */
  begin() {
    this.begun = true;
    this.pump();
  }

  /** Tell the queue which stacks are shown, and at which image. */
  arrange(stacks) {
    this.stacks = stacks;
    this.pump();
  }

  /** One image, before all others. @returns {Promise<object>} */
  now(stack, index) {
    if (stack.states[index] === "loaded" || stack.states[index] === "loading") return stack.load(index);
    // Only the newest wish of a stack is urgent; an overtaken one is loaded in its turn.
    this.urgent = this.urgent.filter((job) => job.stack !== stack || job.index === index);
    return new Promise((resolve, reject) => {
      this.urgent.unshift({ stack, index, resolve, reject });
      this.pump();
    });
  }

  #next() {
    while (this.urgent.length) {
      const job = this.urgent.shift();
      return job;
    }
    if (!this.begun) return undefined;
    for (const shown of [true, false]) {
      const group = this.stacks.filter(
        ({ shown: isShown, stack }) => isShown === shown && stack.imageIds.length && !stack.derived && !stack.paused,
      );
      for (let i = 0; i < group.length; i += 1) {
        const { stack, at } = group[(this.turn + i) % group.length];
        const index = nearestWaiting(stack.states, at, stack.attempts);
        if (index >= 0) {
          this.turn += 1;
          return { stack, index };
        }
      }
    }
    return undefined;
  }

  pump() {
    while (this.running < this.parallel) {
      const job = this.#next();
      if (!job) return;
      this.running += 1;
      job.stack
        .load(job.index)
        .then(job.resolve, job.reject ?? (() => {}))
        .finally(() => {
          this.running -= 1;
          this.pump();
        });
    }
  }
}
