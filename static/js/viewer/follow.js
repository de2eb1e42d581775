// The viewports follow the joint that is being graded, and never at the expense of the grade: nothing moves
// before the browser has painted the answer, one viewport is drawn per frame, and a newer joint takes the
// place of an older one that the viewports have not reached.

const LONGEST_WAIT_MS = 400;

/** Call back when what stands now has been painted. */
export function afterPaint(act) {
  if (document.hidden) setTimeout(act);
  else requestAnimationFrame(() => setTimeout(act));
}

/** Call back when the browser has nothing better to do, or after two seconds. */
export function whenIdle(act) {
  if (window.requestIdleCallback) window.requestIdleCallback(act, { timeout: 2000 });
  else setTimeout(act, 500);
}

/** Keys or clicks wait to be handled, as far as the browser tells. */
const inputWaits = () => Boolean(navigator.scheduling?.isInputPending?.());

export class Follower {
  /**
   * @param {object} act
   * @param {(structure: string) => object[]} act.begin Makes the joint the active one and gives the viewports
   *   that have a place for it, the most important first.
   * @param {(pane: object, structure: string) => void} act.move Moves one viewport there.
   * @param {(moving: boolean) => void} act.busy Told when following begins and ends.
   */
  constructor({ begin, move, busy }) {
    this.act = { begin, move, busy };
    this.wanted = undefined; // {structure}: not begun
    this.left = []; // viewports still to be moved
    this.scheduled = false;
  }

  /** Follow to a joint; the newest wish wins. */
  to(structure) {
    this.wanted = { structure };
    this.since ??= performance.now();
    this.act.busy(true);
    this.#later();
  }

  #later() {
    if (this.scheduled) return;
    this.scheduled = true;
    afterPaint(() => {
      this.scheduled = false;
      this.#step();
    });
  }

  #step() {
    if (inputWaits() && performance.now() - this.since < LONGEST_WAIT_MS) {
      this.#later();
      return;
    }
    if (this.wanted) {
      this.structure = this.wanted.structure;
      this.wanted = undefined;
      this.left = this.act.begin(this.structure);
    }
    const pane = this.left.shift();
    if (pane) this.act.move(pane, this.structure);
    if (this.left.length) {
      this.#later();
      return;
    }
    this.since = undefined;
    this.act.busy(false);
  }
}
