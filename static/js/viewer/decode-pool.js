// A few decoding workers, none of which is trusted: one that dies, or does not come back from an image, is
// ended and replaced, and only the image it was at is lost.

/** A worker that has not come up after this long is given up: its script did not arrive. */
const START_LIMIT_MS = 30000;
/** Far above any honest image, also on a busy machine. */
const LIMIT_MS = 10000;
const LIMIT_MS_PER_MEGAPIXEL = 3000;

/** Why no image came out. `reason` as in ImageFailure. */
export class DecodingFailed extends Error {
  constructor(reason, detail) {
    super(detail);
    this.reason = reason;
  }
}

/** Longest time that an image of so many pixels may take, ms. */
export function decodingLimitMs(pixels) {
  return LIMIT_MS + (pixels / 1e6) * LIMIT_MS_PER_MEGAPIXEL;
}

export class DecodePool {
  /**
   * @param {() => Worker} start Starts a worker that says `{ready: true}`, then answers each `{job, task}` with
   *   `{job, frame}` or `{job, error, fatal}`; `fatal`: its decoder cannot be used again.
   * @param {number} size
   */
  constructor(start, size) {
    this.start = start;
    this.waiting = [];
    this.counter = 0;
    this.seats = Array.from({ length: size }, () => this.#seat({}));
  }

  /**
   * Decode one image.
   *
   * @param {object} task What the worker gets.
   * @param {Transferable[]} transfer Handed over, not copied.
   * @param {number} limitMs
   * @returns {Promise<object>} The decoded frame.
   * @throws {DecodingFailed}
   */
  decode(task, transfer, limitMs) {
    return new Promise((resolve, reject) => {
      this.counter += 1;
      this.waiting.push({ job: this.counter, task, transfer, limitMs, resolve, reject });
      this.#serve();
    });
  }

  /** Put a fresh worker on a seat. */
  #seat(seat) {
    const worker = this.start();
    Object.assign(seat, { worker, ready: false, job: undefined });
    const own = (act) => (event) => seat.worker === worker && act(event);
    worker.onmessage = own(({ data }) => this.#answer(seat, data));
    worker.onerror = own((event) => {
      event.preventDefault?.();
      const reason = seat.ready ? "damaged" : "connection";
      this.#lose(seat, new DecodingFailed(reason, `the decoder died: ${event.message ?? "its script did not come"}`));
    });
    worker.onmessageerror = own(() => this.#lose(seat, new DecodingFailed("damaged", "the decoder's answer was unreadable")));
    return seat;
  }

  #answer(seat, { ready, job, frame, error, fatal }) {
    if (ready) {
      seat.ready = true;
      if (seat.job) this.#watch(seat);
      return;
    }
    if (seat.job?.job !== job) return;
    clearTimeout(seat.timer);
    const { resolve, reject } = seat.job;
    seat.job = undefined;
    if (error === undefined) resolve(frame);
    else reject(new DecodingFailed("damaged", error));
    if (fatal) this.#replace(seat);
    this.#serve();
  }

  #serve() {
    for (const seat of this.seats) {
      if (!this.waiting.length) return;
      if (seat.job) continue;
      if (!seat.worker) this.#seat(seat);
      seat.job = this.waiting.shift();
      const { job, task, transfer } = seat.job;
      this.#watch(seat);
      try {
        seat.worker.postMessage({ job, task }, transfer);
      } catch (error) {
        // What cannot be sent is the task's fault, not the worker's.
        this.#answer(seat, { job, error: String(error) });
      }
    }
  }

  #watch(seat) {
    clearTimeout(seat.timer);
    const { ready, job } = seat;
    const failure = ready
      ? new DecodingFailed("damaged", `decoding did not end within ${Math.round(job.limitMs)} ms`)
      : new DecodingFailed("slow", "the decoder did not start");
    seat.timer = setTimeout(() => this.#lose(seat, failure), ready ? job.limitMs : START_LIMIT_MS);
  }

  #replace(seat) {
    seat.worker?.terminate();
    seat.worker = undefined; // started again for the next image
  }

  #lose(seat, failure) {
    clearTimeout(seat.timer);
    const { job } = seat;
    this.#replace(seat);
    seat.job = undefined;
    job?.reject(failure);
    this.#serve();
  }
}
