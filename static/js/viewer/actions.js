// What the keys and the tool buttons do on the image side.

import { chordOf, keymapOf } from "./keymap.js";
import { zoomed } from "./view.js";

export class Actions {
  constructor(viewer) {
    this.viewer = viewer;
    this.lookup = keymapOf(viewer.config.keymap);
  }

  /** Handle a key that reached the viewer; keys belong to the side that has the focus. */
  key(event) {
    if (event.isComposing || event.target.closest("input, textarea, select")) return;
    if (event.target.closest("button") && ["Space", "Enter"].includes(event.code)) return;
    const action = this.lookup.get(chordOf(event));
    if (!action) return;
    if (this.run(action) !== false) {
      event.preventDefault();
      event.stopPropagation();
    }
  }

  /** @returns {false|void} false when the action does not apply here. */
  run(action) {
    const { viewer } = this;
    const pane = viewer.active;
    // Escape gives up a half-drawn mark first, then leaves the images.
    if (action === "to-panel") return viewer.annotations.escape() ? undefined : viewer.leave();
    if (!pane) return false;
    if (action.startsWith("preset-")) return this.preset(Number(action.slice(7)));
    if (action.startsWith("tool-")) return viewer.setTool(action.slice(5));
    switch (action) {
      case "previous-image":
        return void pane.step(-1);
      case "next-image":
        return void pane.step(1);
      case "first-image":
        return void pane.show(0);
      case "last-image":
        return void pane.show(pane.stack.imageIds.length - 1);
      case "previous-series":
        return this.series(-1);
      case "next-series":
        return this.series(1);
      case "previous-viewport":
        return this.viewport(-1);
      case "next-viewport":
        return this.viewport(1);
      case "zoom-in":
        return this.zoom(1.25);
      case "zoom-out":
        return this.zoom(0.8);
      case "fit":
        return pane.fit();
      case "reset":
        return pane.reset();
      case "invert":
        return pane.setLook({ inverted: !pane.look.inverted });
      case "rotate-right":
        return this.turn(90);
      case "rotate-left":
        return this.turn(-90);
      case "flip-across":
        return this.flip("flipH");
      case "flip-down":
        return this.flip("flipV");
      case "cine":
        return viewer.cine.toggle();
      case "own-view":
        return viewer.layout.rehang();
      case "next-hanging":
        return viewer.layout.next();
      case "mpr":
        return viewer.layout.toggleThreePlanes();
      case "maximise":
        return viewer.layout.toggleMaximised();
      case "retry-image":
        return viewer.retry();
      default: {
        for (const layer of viewer.layers) if (layer.run?.(action, pane)) return undefined;
        return false;
      }
    }
  }

  preset(number) {
    const pane = this.viewer.active;
    if (!pane.frame) return;
    const presets = this.viewer.presets(pane.frame.modality);
    const preset = presets.find(({ key }) => String(key) === String(number)) ?? presets[number - 1];
    if (!preset) return;
    if (Number.isFinite(preset.width)) pane.setLook({ window: { center: preset.center, width: preset.width, preset: preset.key } });
    else pane.setLook({ window: pane.windowFor(preset) });
  }

  series(delta) {
    const { viewer } = this;
    const at = viewer.stacks.indexOf(viewer.active.stack);
    const n = viewer.stacks.length;
    const stack = viewer.stacks[(at + delta + n) % n];
    if (stack && stack !== viewer.active.stack) viewer.showStack(stack);
  }

  viewport(delta) {
    const { viewer } = this;
    const shown = viewer.panes.filter(({ element }) => !element.hidden);
    const next = shown[(shown.indexOf(viewer.active) + delta + shown.length) % shown.length];
    viewer.activate(next);
    viewer.focusImages();
  }

  zoom(factor) {
    const pane = this.viewer.active;
    if (pane.frame) pane.setLook({ view: zoomed(pane.surface.image, pane.look.view, pane.surface.size, factor) });
  }

  turn(degrees) {
    const pane = this.viewer.active;
    if (!pane.frame) return;
    const view = { ...pane.look.view, rotation: (pane.look.view.rotation + degrees + 360) % 360 };
    const wasFitted = pane.fitted;
    pane.setLook({ view });
    if (wasFitted) pane.home();
  }

  /** Mirroring is absent where sides matter. */
  flip(which) {
    const { viewer } = this;
    if (viewer.config.sided) return;
    const pane = viewer.active;
    if (pane.frame) pane.setLook({ view: { ...pane.look.view, [which]: !pane.look.view[which] } });
  }
}
