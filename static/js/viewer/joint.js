// The joint being graded, and the viewports that go to it.

import { Follower } from "./follow.js";
import { middleFor, placesOf } from "./places.js";

export class Joint {
  /** @param {object} viewer The element: `config`, `panes`, `active`, `redrawOverlays`. */
  constructor(viewer) {
    this.viewer = viewer;
    this.structure = undefined;
    this.follower = new Follower({
      begin: (id) => this.#begin(id),
      move: (pane, id) => this.#move(pane, id),
      busy: (moving) => viewer.toggleAttribute("data-following", moving),
    });
  }

  /** Viewports with a place for it go there, after the panel has drawn itself. */
  activate(id) {
    this.follower.to(id);
  }

  #named(id) {
    return this.viewer.config.structures.find((one) => one.id === id);
  }

  #begin(id) {
    const { viewer } = this;
    this.structure = this.#named(id) ?? (id ? { id } : undefined);
    viewer.redrawOverlays();
    const places = placesOf(viewer.config, id);
    const moving = viewer.panes.filter((pane) => places.some(({ frame }) => pane.isIn(frame)));
    return moving.sort((a, b) => Number(b === viewer.active) - Number(a === viewer.active));
  }

  #move(pane, id) {
    const { config } = this.viewer;
    for (const place of placesOf(config, id)) {
      if (pane.isIn(place.frame)) pane.showPlace(place.point, place.frame, middleFor(config, this.structure, place));
    }
  }

  /** Call back for each viewport whose images are known, while the joint is still the same. */
  #whenOpen(id, act) {
    this.structure = this.#named(id);
    for (const pane of this.viewer.panes) {
      pane.stack?.open().then(
        () => this.structure?.id === id && act(pane),
        () => {},
      );
    }
  }

  /** A viewport that was given other images goes where the joint is in them. */
  bring(pane) {
    const id = this.structure?.id;
    if (!id) return;
    pane.stack.open().then(
      () => this.structure?.id === id && this.#move(pane, id),
      () => {},
    );
  }

  /** Go to the joint that was named before the images were known. */
  goWhenOpen(id) {
    this.#whenOpen(id, () => this.activate(id));
  }

  /** The images stay as they were left; a viewport that showed the protocol's field shows it again. */
  comeBackTo(id) {
    const { config } = this.viewer;
    this.#whenOpen(id, (pane) => {
      const place = placesOf(config, id).find(({ frame }) => pane.isIn(frame));
      if (place && pane.fitted) pane.centreOn(middleFor(config, this.structure, place));
    });
  }
}
