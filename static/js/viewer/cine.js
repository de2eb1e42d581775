// Runs through the images of the active viewport, to and fro, only while the reader wants it.

export class Cine {
  constructor(viewer, perSecond = 12) {
    this.viewer = viewer;
    this.interval = 1000 / perSecond;
    this.pane = undefined;
  }

  get running() {
    return Boolean(this.pane);
  }

  toggle() {
    if (this.pane) this.stop();
    else this.start();
  }

  start() {
    this.pane = this.viewer.active;
    this.direction = 1;
    let last = performance.now();
    const tick = (now) => {
      if (!this.pane) return;
      if (this.viewer.active !== this.pane || !this.pane.element.isConnected) {
        this.stop();
        return;
      }
      if (now - last >= this.interval) {
        last = now;
        const count = this.pane.stack.imageIds.length;
        const next = this.pane.target + this.direction;
        if (next < 0 || next >= count) this.direction *= -1;
        // Wait for images that are not there yet instead of skipping them.
        if (this.pane.target === this.pane.index) this.pane.step(this.direction);
      }
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
    this.#tell();
  }

  stop() {
    this.pane = undefined;
    this.#tell();
  }

  #tell() {
    this.viewer.toggleAttribute("data-cine", this.running);
    this.viewer.tell("rs:viewer-cine", { running: this.running });
  }
}
