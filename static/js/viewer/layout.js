// Which viewports there are, what hangs in them, and where they stand.

import { DerivedStack } from "./derived.js";
import { imagePxToPatientMm } from "./geometry.js";
import { chooseHangings, gridFor, leadWithFinding } from "./hanging.js";
import { noPlanesText } from "./labels.js";
import { Pane } from "./pane.js";
import { volumeOf } from "./reformat.js";

const PLANES = ["sagittal", "axial", "coronal"];

export class Layout {
  /**
   * @param {object} viewer The element: `config`, `grid`, `stacks`, `panes`; told of every viewport by `adopt(pane)`.
   * @param {{leads: boolean}} how `leads`: where one finding is settled at a time, its plane has the main place.
   */
  constructor(viewer, { leads }) {
    this.viewer = viewer;
    this.leads = leads;
    const { hanging, series } = viewer.config;
    this.hangings = chooseHangings(hanging, series);
    if (leads) this.hangings = this.hangings.map(leadWithFinding);
    this.hanging = 0;
    this.threePlanes = undefined; // the state before, while three planes are shown
    this.maximised = undefined;
  }

  get name() {
    return this.hangings[this.hanging]?.name;
  }

  /** Number of a hanging protocol that fits the case; the first where none has that name. */
  numberOf(name) {
    return Math.max(0, this.hangings.findIndex((one) => one.name === name));
  }

  /** The series that the hanging shows, as stacks. */
  get hung() {
    return this.hangings[this.hanging].slots.map(({ series }) => this.#stackOf(series));
  }

  #stackOf(series) {
    return this.viewer.stacks.find((stack) => stack.series === series);
  }

  /** Put up one of the fitting hanging protocols. @param {object} [resume] State to come back to. */
  hang(number, resume) {
    const { viewer } = this;
    this.hanging = number;
    this.threePlanes = undefined;
    const { slots, window: wish } = this.hangings[number];
    const keys = this.#hasKeys();
    this.#setPanes(slots.map(({ area }) => area));
    const first = this.leads ? viewer.panes.findIndex(({ area }) => area === "main") : 0;
    viewer.activate(viewer.panes[Math.min(resume?.active ?? Math.max(0, first), viewer.panes.length - 1)]);
    if (keys) viewer.focusImages();
    slots.forEach((slot, i) => {
      const saved = resume?.panes?.[i];
      const uid = saved?.series_uid ?? slot.series.series_uid;
      const stack = viewer.stacks.find((one) => one.uid === uid) ?? this.#stackOf(slot.series);
      const modalityWindow = wish?.[slot.series.modality] ?? (wish && !isPerModality(wish) ? wish : undefined);
      viewer.panes[i].setStack(stack, {
        index: saved ? saved.slice - 1 : undefined,
        window: saved?.window,
        inverted: saved?.inverted,
        view: saved?.view,
        wish: slot.rule.window ?? modalityWindow,
        fieldMm: slot.rule.field_mm,
      });
    });
    if (!resume) viewer.panes.forEach((pane) => viewer.joint.bring(pane));
    viewer.hangingChanged();
  }

  /** The study's own view once more. */
  rehang() {
    this.hang(this.hanging);
  }

  next() {
    this.hang((this.hanging + 1) % this.hangings.length);
  }

  /** Whether the keyboard is with a viewport; when viewports are exchanged under it, it must be given to a new one. */
  #hasKeys() {
    return this.viewer.grid.contains(document.activeElement);
  }

  #setPanes(areas) {
    const { viewer } = this;
    for (const pane of viewer.panes) pane.destroy();
    viewer.active = undefined;
    this.maximised = undefined;
    viewer.panes = areas.map((area, i) => {
      const pane = new Pane(viewer, i);
      pane.area = area;
      viewer.adopt(pane);
      return pane;
    });
    viewer.grid.replaceChildren(...viewer.panes.map(({ element }) => element));
    this.arrange();
  }

  /** The active series in three planes, or back to the study's own view. */
  toggleThreePlanes() {
    const { viewer } = this;
    if (this.threePlanes) {
      this.hang(this.hanging, this.threePlanes);
      return;
    }
    const { stack, plane, look } = viewer.active;
    if (!stack || stack.derived) return;
    const volume = volumeOf(stack.planes);
    if (volume.reason) {
      viewer.active.note(noPlanesText(volume.reason));
      return;
    }
    const before = viewer.state();
    const at = plane && (viewer.placeOf(viewer.structure?.id, volume.frameOfReferenceUid) ?? middleOfPlane(plane));
    const keys = this.#hasKeys();
    this.#setPanes(["main", "top", "bottom"]);
    this.threePlanes = before;
    viewer.activate(viewer.panes[Math.max(0, PLANES.indexOf(volume.own))]);
    if (keys) viewer.focusImages();
    PLANES.forEach((name, i) => {
      const cut = name === volume.own ? stack : new DerivedStack(stack, volume, name);
      const pane = viewer.panes[i];
      pane.setStack(cut, { window: look.window, inverted: look.inverted }).then(() => {
        if (at) pane.showPlace(at, volume.frameOfReferenceUid);
      });
    });
    viewer.hangingChanged();
  }

  /** Lay the viewports out in the room there is. */
  arrange() {
    const { grid, panes } = this.viewer;
    const box = { width: grid.clientWidth, height: grid.clientHeight };
    if (!box.width || !box.height) return;
    if (this.maximised) {
      grid.style.gridTemplate = "minmax(0, 1fr) / minmax(0, 1fr)";
      for (const pane of panes) {
        pane.element.hidden = pane !== this.maximised;
        pane.element.style.gridArea = "1 / 1";
      }
    } else {
      const { columns, rows, places } = gridFor(
        panes.map(({ area }) => area),
        box,
        this.leads,
      );
      grid.style.gridTemplateColumns = columns;
      grid.style.gridTemplateRows = rows;
      places.forEach((place, i) => {
        const { element } = panes[i];
        element.hidden = place.hidden;
        element.style.gridArea = "";
        element.style.gridColumn = place.column;
        element.style.gridRow = place.row;
      });
    }
    for (const pane of panes) if (!pane.element.hidden) pane.resize();
  }

  /** One viewport over the whole grid, or back. */
  toggleMaximised(pane = this.viewer.active) {
    this.maximised = this.maximised ? undefined : pane;
    this.arrange();
  }

  /** Let a viewport exchange places with the main one, where one finding is settled at a time. */
  lead(pane) {
    const main = this.viewer.panes.find(({ area }) => area === "main");
    if (!this.leads || !main || main === pane) return;
    [main.area, pane.area] = [pane.area, main.area];
    this.arrange();
  }

  /** What is needed to come back to the same view. Three planes are a passing look, and what stood before counts. */
  state() {
    const { panes, active } = this.viewer;
    return {
      hanging: this.name,
      ...(this.threePlanes ?? { active: panes.indexOf(active), panes: panes.map((pane) => pane.state() ?? null) }),
    };
  }
}

function middleOfPlane(plane) {
  return imagePxToPatientMm(plane, [(plane.columns - 1) / 2, (plane.rows - 1) / 2]);
}

function isPerModality(wish) {
  return typeof wish === "object" && wish !== null && Object.keys(wish).some((key) => /^[A-Z]{2}$/.test(key));
}
