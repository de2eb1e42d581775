// What of a case is here at full quality and was seen so; once everything is here, the next case is brought near.

import { prefetch } from "./prefetch.js";

export class Quality {
  /** @param {object} viewer The element: `stacks`, `panes`, `config`, `layout`, `tell`. */
  constructor(viewer) {
    this.viewer = viewer;
    this.toldStuck = new Set();
    // Series that were shown when all their images were there; of an earlier visit too.
    const { resume } = viewer.config;
    this.seen = new Set(viewer.stacks.map(({ uid }) => uid).filter((uid) => resume?.seen?.includes(uid)));
  }

  /** Tell the page whether everything the protocol hangs is here at full quality, and what of it was seen so. */
  report() {
    const wanted = new Set(this.viewer.layout.hung);
    const missing = [...wanted].filter((stack) => !stack.complete).map(({ label }) => label);
    for (const { stack, index, failure, element } of this.viewer.panes) {
      if (stack?.complete && index >= 0 && !failure && !element.hidden) this.seen.add(stack.uid);
    }
    for (const stack of wanted) this.#tellStuck(stack);
    const unseen = this.viewer.stacks.filter(({ uid }) => this.viewer.config.required.includes(uid) && !this.seen.has(uid));
    const detail = {
      complete: missing.length === 0,
      missing,
      seen: [...this.seen],
      unseen: unseen.map(({ label }) => label),
    };
    if (detail.complete && this.viewer.stacks.every(({ complete }) => complete)) this.#prefetch();
    const key = JSON.stringify(detail);
    if (key === this.told) return;
    this.told = key;
    this.viewer.dataset.quality = detail.complete ? "full" : "loading";
    this.viewer.tell("rs:full-quality", detail);
  }

  /** An image that fails out of sight keeps its series incomplete: the page is told, once, when the rest is here. */
  #tellStuck(stack) {
    const failed = stack.states.filter((state) => state === "failed").length;
    if (!failed || stack.loaded + failed < stack.count || this.toldStuck.has(stack)) return;
    this.toldStuck.add(stack);
    this.viewer.tell("rs:image-failed", { label: stack.label, reason: stack.failures.find(Boolean).reason });
  }

  /** Once all images of this case are here, those of the next one are brought near. */
  #prefetch() {
    if (this.fetchedAhead || !this.viewer.config.prefetch) return;
    this.fetchedAhead = new AbortController();
    window.addEventListener("pagehide", () => this.fetchedAhead.abort());
    prefetch(this.viewer.config.prefetch, this.fetchedAhead.signal).then(({ images }) => {
      this.viewer.dataset.prefetched = String(images);
    });
  }
}
