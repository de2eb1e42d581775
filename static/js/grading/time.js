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
    if (this.page?.visibilityState === "hidden" || now - this.used > IDLE_AFTER_MS) this.idleMs += passed;
    else this.focusedMs += passed;
  }

  get focused() {
    return Math.round(this.focusedMs / 1000);
  }

  get idle() {
    return Math.round(this.idleMs / 1000);
  }
}
