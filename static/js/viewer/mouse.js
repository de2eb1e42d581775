// The mouse, as users of OHIF know it: left = the chosen tool, middle = pan, right = zoom, wheel = scroll.
//
// The mouse makes a viewport the active one but never takes the keys: a reader who scrolls by wheel can go
// on typing grades.

import { dot } from "./geometry.js";
import { panned, zoomed } from "./view.js";
import { draggedWindow } from "./windowing.js";

const WHEEL_STEP = 60; // of deltaY; trackpads send many small ones

export class Mouse {
  constructor(viewer) {
    this.viewer = viewer;
    this.drag = undefined;
  }

  attach(pane) {
    const { element } = pane;
    element.addEventListener("pointerdown", (event) => this.#down(pane, event));
    element.addEventListener("pointermove", (event) => this.#move(pane, event));
    element.addEventListener("pointerup", (event) => this.#up(pane, event));
    element.addEventListener("pointercancel", (event) => this.#up(pane, event));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("dblclick", (event) => {
      if (!event.target.closest("button")) this.viewer.layout.toggleMaximised(pane);
    });
    element.addEventListener("wheel", (event) => this.#wheel(pane, event), { passive: false });
  }

  /** Pointer position in CSS px of the picture. */
  #at(pane, event) {
    const box = pane.surfaceElement.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  #toolFor(event) {
    if (event.button === 1) return "pan";
    if (event.button === 2) return "zoom";
    return this.viewer.tool;
  }

  #down(pane, event) {
    if (event.target.closest("button, kbd")) return;
    event.preventDefault(); // keep the keyboard focus where it is
    this.viewer.activate(pane);
    if (!pane.frame) return;
    const tool = this.#toolFor(event);
    const at = this.#at(pane, event);
    this.drag = { pane, tool, start: at, last: at, window: { ...pane.look.window }, view: pane.look.view, event };
    pane.element.setPointerCapture(event.pointerId);
    for (const layer of this.viewer.layers) if (layer.down?.(this.drag, at)) return;
    if (tool === "crosshair") this.#crosshair(pane, at);
  }

  #move(pane, event) {
    const at = this.#at(pane, event);
    const { drag } = this;
    if (!drag || drag.pane !== pane) {
      for (const layer of this.viewer.layers) layer.hover?.(pane, at);
      return;
    }
    const [du, dv] = [at[0] - drag.last[0], at[1] - drag.last[1]];
    drag.last = at;
    if (drag.layer) drag.layer.move(drag, at);
    else if (drag.tool === "window") {
      pane.setLook({ window: draggedWindow(drag.window, at[0] - drag.start[0], at[1] - drag.start[1]), preset: undefined });
    } else if (drag.tool === "pan") pane.setLook({ view: panned(pane.look.view, du, dv) });
    else if (drag.tool === "zoom") {
      const factor = Math.exp((at[1] - drag.start[1]) / -200);
      pane.setLook({ view: zoomed(pane.surface.image, drag.view, pane.surface.size, factor, drag.start) });
    } else if (drag.tool === "crosshair") this.#crosshair(pane, at);
  }

  #up(pane, event) {
    const { drag } = this;
    if (!drag || drag.pane !== pane) return;
    this.drag = undefined;
    drag.layer?.up(drag, this.#at(pane, event));
  }

  #crosshair(pane, at) {
    const place = pane.placeUnder(at);
    if (place && pane.frame.frameOfReferenceUid) this.viewer.jumpTo(place.mm, pane.frame.frameOfReferenceUid, pane);
  }

  #wheel(pane, event) {
    event.preventDefault();
    this.viewer.activate(pane);
    if (event.ctrlKey) {
      const factor = Math.exp(-event.deltaY / 400);
      if (pane.frame) pane.setLook({ view: zoomed(pane.surface.image, pane.look.view, pane.surface.size, factor, this.#at(pane, event)) });
      return;
    }
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 20 : event.deltaMode === WheelEvent.DOM_DELTA_PAGE ? 400 : 1;
    this.turned = (pane === this.turnedPane ? (this.turned ?? 0) : 0) + event.deltaY * unit;
    this.turnedPane = pane;
    // A notch of a wheel is one image, whatever it reports; small steps of a trackpad add up.
    if (Math.abs(this.turned) < Math.min(WHEEL_STEP, Math.abs(event.deltaY * unit) >= 50 ? 1 : WHEEL_STEP)) return;
    const step = Math.sign(this.turned);
    this.turned = 0;
    this.scrolled = pane;
    pane.step(step);
  }

  /** Viewports of the same plane and frame of reference follow the one that was scrolled. */
  follow(pane) {
    const { viewer } = this;
    if (pane !== viewer.active || !pane.plane || viewer.syncing) return;
    const { plane } = pane;
    const centre = [0, 1, 2].map(
      (axis) =>
        plane.origin[axis] +
        (plane.row[axis] * plane.spacing[1] * (plane.columns - 1)) / 2 +
        (plane.column[axis] * plane.spacing[0] * (plane.rows - 1)) / 2,
    );
    viewer.syncing = true;
    for (const other of viewer.panes) {
      if (other === pane || !other.plane || other.stack === pane.stack) continue;
      if (Math.abs(dot(other.plane.normal, plane.normal)) < 0.9) continue;
      other.showPlace(centre, plane.frameOfReferenceUid);
    }
    viewer.syncing = false;
  }
}
