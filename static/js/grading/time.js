// Seconds in front of the case: focused while the page is seen and used, idle while it is not.

const IDLE_AFTER_MS = 60000;

export class ActiveTime {
  constructor(focused = 0, idle = 0, now = () => performance.now(), page = globalThis.document) {
    this.focusedMs = focused * 1000;
    this.idleMs = idle * 1000;
    this.now = now;
    this.page = page;
    this.last = now();
    this.used = this.last;
    this.seen = page?.visibilityState !== "hidden";
    for (const name of ["keydown", "pointerdown", "wheel"]) page?.addEventListener(name, () => this.touch(), { passive: true, capture: true });
    page?.addEventListener("visibilitychange", () => this.tick());
  }

  touch() {
    this.tick();
    this.used = this.now();
  }

  /** Count what has passed since the last tick. */
  tick() {
    const now = this.now();
    const passed = now - this.last;
    this.last = now;
    // What has passed, passed as the page was until now: the event that hides it comes after it hid.
    if (!this.seen || this.last - this.used > IDLE_AFTER_MS) this.idleMs += passed;
    else this.focusedMs += passed;
    this.seen = this.page?.visibilityState !== "hidden";
  }

  get focused() {
    return Math.round(this.focusedMs / 1000);
  }

  get idle() {
    return Math.round(this.idleMs / 1000);
  }
}
