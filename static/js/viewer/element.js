// <rs-viewer>: the image side of the reading page.
//
// It talks with the rest of the page by DOM events only (see README.md beside this file), so that grading
// survives whatever happens here.

import { Actions } from "./actions.js";
import { AnnotationLayer } from "./annotation-layer.js";
import { Cine } from "./cine.js";
import { viewerConfig } from "./config.js";
import { html } from "./dom.js";
import { structureSoFar, takeEarly } from "./early.js";
import { DerivedStack } from "./derived.js";
import { afterPaint, Follower, whenIdle } from "./follow.js";
import { imagePxToPatientMm } from "./geometry.js";
import { chooseHangings, gridFor, leadWithFinding } from "./hanging.js";
import { noPlanesText } from "./labels.js";
import { Mouse } from "./mouse.js";
import { Pane } from "./pane.js";
import { levelsOf, middleFor, middleOfSides, placeOf, placesOf } from "./places.js";
import { Quality } from "./quality.js";
import { chooseRendering } from "./rendering.js";
import { volumeOf } from "./reformat.js";
import { LoadQueue, Stack } from "./stacks.js";
import { loadTexts, t } from "./texts.js";
import { Thumbnails } from "./thumbnails.js";

const STATE_DELAY_MS = 400;

export class RsViewer extends HTMLElement {
  panes = [];
  stacks = [];
  layers = [];
  active = undefined;
  structure = undefined;
  tool = "window";

  connectedCallback() {
    if (this.started) return;
    this.started = true;
    try {
      this.#start();
    } catch (error) {
      // Grading goes on without images; the page is told, so that its gate can open with a reason.
      console.error("The viewer could not start", error);
      this.replaceChildren(html("p", { class: "rs-empty" }, t("The images cannot be shown in this browser.")));
      this.tell("rs:image-failed", { label: "", reason: "viewer-not-started" });
    }
  }

  #start() {
    loadTexts();
    this.config = viewerConfig(this.dataset.config);
    this.classList.add("rs-viewer");
    this.dataset.rendering = "cpu";
    const root = this.dataset.dicomweb ?? "";
    this.stacks = this.config.series.map((series) => new Stack(series, root, takeEarly(series.series_uid)));
    this.queue = new LoadQueue({ parallel: 6 });
    this.quality = new Quality(this);
    for (const stack of this.stacks) {
      stack.addEventListener("again", () => this.#again(stack));
      // Also of a series that no viewport shows: the last image of all may be one of its.
      stack.addEventListener("change", () => stack.complete && this.hangings && this.quality.report());
    }
    window.addEventListener("online", () => {
      for (const stack of this.stacks) {
        stack.forgive();
        this.#again(stack);
      }
    });
    this.follower = new Follower({
      begin: (structure) => this.#beginStructure(structure),
      move: (pane, structure) => this.#moveTo(pane, structure),
      busy: (moving) => this.toggleAttribute("data-following", moving),
    });
    this.mouse = new Mouse(this);
    this.actions = new Actions(this);
    this.cine = new Cine(this);
    this.annotations = new AnnotationLayer(this);
    this.layers = [this.annotations];
    this.thumbnails = new Thumbnails(this, (stack) => this.showStack(stack));
    this.grid = html("div", { class: "rs-grid" });
    this.append(this.thumbnails.element, this.grid);
    this.addEventListener("keydown", (event) => this.actions.key(event));
    this.#listen();
    this.hangings = chooseHangings(this.config.hanging, this.config.series);
    // Where one finding is settled at a time, its plane has the main place.
    this.leads = this.dataset.lead === "finding";
    if (this.leads) this.hangings = this.hangings.map(leadWithFinding);
    const resumed = this.hangings.findIndex(({ name }) => name === this.config.resume?.hanging);
    if (!this.stacks.length) {
      this.grid.append(html("p", { class: "rs-empty" }, t("This case has no images.")));
      this.tell("rs:viewer-ready");
      return;
    }
    const named = structureSoFar();
    const back = this.config.resume?.structure === named;
    this.hang(Math.max(0, resumed), this.config.resume);
    // Coming back to the same joint, one comes back to the same images; another joint is gone to.
    if (named && back) this.#comeBackTo(named);
    else if (named) this.#goWhenOpen(named);
    // Fires at once with the first size, and whenever the layout of the page changes.
    new ResizeObserver(() => this.arrange()).observe(this.grid);
    this.tell("rs:viewer-ready");
    if (this.config.rendering === "gpu") this.#chooseRendering();
    for (const stack of this.stacks) stack.open().then(() => this.#rearrangeQueue(), () => this.quality.report());
  }

  /**
   * Ask again for every image of the case that failed or hangs: what troubled one will have troubled others,
   * also those that no viewport shows at the moment.
   */
  retry() {
    for (const stack of new Set([...this.stacks, ...this.panes.map((pane) => pane.stack)])) stack?.askAgain();
    for (const pane of this.panes) pane.retry();
    for (const stack of this.stacks) this.#again(stack);
  }

  /** A pause after a failure is over: ask again. */
  #again(stack) {
    stack.open().then(() => this.queue.pump(), () => {});
  }

  #listen() {
    const on = (name, act) => document.addEventListener(name, (event) => act(event.detail ?? {}));
    on("rs:activate-structure", ({ structure }) => this.activateStructure(structure));
    on("rs:step-slice", ({ delta }) => this.active?.step(Number(delta) || 0));
    on("rs:focus-images", () => this.focusImages());
    on("rs:set-tool", ({ tool, class: className }) => {
      this.markClass = className;
      this.setTool(tool ?? "window");
    });
    on("rs:image-retry", () => this.retry());
    on("rs:set-marks", ({ marks }) => this.annotations.setMarks(marks));
    on("rs:go-to-mark", ({ id }) => this.goToMark(id));
    this.addEventListener("focusin", (event) => {
      const pane = this.panes.find(({ element }) => element.contains(event.target));
      if (pane) this.activate(pane);
      this.toggleAttribute("data-keys", true);
    });
    this.addEventListener("focusout", (event) => {
      if (!this.contains(event.relatedTarget)) this.toggleAttribute("data-keys", false);
    });
  }

  /** Say something to the page. */
  tell(name, detail = {}) {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));
  }

  /** Window presets of a modality, at most five have keys. */
  presets(modality) {
    const group = ["CR", "DX", "RG", "XA", "RF"].includes(modality) ? "XR" : modality;
    return this.config.presets?.[modality] ?? this.config.presets?.[group] ?? [];
  }

  /** Put up one of the fitting hanging protocols. */
  hang(number, resume) {
    this.hanging = number;
    this.threePlanes = undefined;
    const { slots, window: wish } = this.hangings[number];
    this.#setPanes(slots.map(({ area }) => area));
    const first = this.leads ? this.panes.findIndex(({ area }) => area === "main") : 0;
    this.activate(this.panes[Math.min(resume?.active ?? Math.max(0, first), this.panes.length - 1)]);
    slots.forEach((slot, i) => {
      const saved = resume?.panes?.[i];
      const uid = saved?.series_uid ?? slot.series.series_uid;
      const stack = this.stacks.find((one) => one.uid === uid) ?? this.#stackOf(slot.series);
      const modalityWindow = wish?.[slot.series.modality] ?? (wish && !isPerModality(wish) ? wish : undefined);
      this.panes[i].setStack(stack, {
        index: saved ? saved.slice - 1 : undefined,
        window: saved?.window,
        inverted: saved?.inverted,
        view: saved?.view,
        wish: slot.rule.window ?? modalityWindow,
        fieldMm: slot.rule.field_mm,
      });
    });
    this.#rearrangeQueue();
    this.#changed();
  }

  #setPanes(areas) {
    for (const pane of this.panes) pane.destroy();
    this.active = undefined;
    this.maximised = undefined;
    this.panes = areas.map((area, i) => {
      const pane = new Pane(this, i);
      pane.area = area;
      this.mouse.attach(pane);
      pane.addEventListener("shown", () => this.#shown(pane));
      pane.addEventListener("look", () => this.#changed());
      pane.addEventListener("progress", () => this.quality.report());
      pane.addEventListener("failed", ({ detail }) => {
        this.queue.begin();
        this.tell("rs:image-failed", detail);
        this.quality.report();
      });
      return pane;
    });
    this.grid.replaceChildren(...this.panes.map(({ element }) => element));
    this.arrange();
  }

  /** The active series in three planes, or back to the study's own view. */
  async toggleThreePlanes() {
    if (this.threePlanes) {
      this.hang(this.hanging, this.threePlanes);
      this.focusIfKeys();
      return;
    }
    const { stack, plane, look } = this.active;
    if (!stack || stack.derived) return;
    const volume = volumeOf(stack.planes);
    if (volume.reason) {
      this.active.note(noPlanesText(volume.reason));
      return;
    }
    const before = this.state();
    const at = plane && middleOfPlane(plane);
    this.#setPanes(["main", "top", "bottom"]);
    this.threePlanes = before;
    const names = ["sagittal", "axial", "coronal"];
    this.activate(this.panes[Math.max(0, names.indexOf(volume.own))]);
    names.forEach((name, i) => {
      const cut = name === volume.own ? stack : new DerivedStack(stack, volume, name);
      this.panes[i].setStack(cut, { window: look.window, inverted: look.inverted }).then(() => {
        if (at) this.panes[i]?.showPlace(at, volume.frameOfReferenceUid);
      });
    });
    this.#rearrangeQueue();
    this.focusIfKeys();
  }

  /** Keep the keyboard here when the viewports were exchanged under it. */
  focusIfKeys() {
    if (this.hasAttribute("data-keys")) this.focusImages();
  }

  /** The series that the hanging shows, as stacks. */
  get hung() {
    return this.hangings[this.hanging].slots.map(({ series }) => this.#stackOf(series));
  }

  #stackOf(series) {
    return this.stacks.find((stack) => stack.series === series);
  }

  /** Lay the viewports out in the room there is. */
  arrange() {
    const box = { width: this.grid.clientWidth, height: this.grid.clientHeight };
    if (!box.width || !box.height) return;
    if (this.maximised) {
      this.grid.style.gridTemplate = "minmax(0, 1fr) / minmax(0, 1fr)";
      for (const pane of this.panes) {
        pane.element.hidden = pane !== this.maximised;
        pane.element.style.gridArea = "1 / 1";
      }
    } else {
      const grid = gridFor(
        this.panes.map(({ area }) => area),
        box,
        this.leads,
      );
      this.grid.style.gridTemplateColumns = grid.columns;
      this.grid.style.gridTemplateRows = grid.rows;
      grid.places.forEach((place, i) => {
        const { element } = this.panes[i];
        element.hidden = place.hidden;
        element.style.gridArea = "";
        element.style.gridColumn = place.column;
        element.style.gridRow = place.row;
      });
    }
    for (const pane of this.panes) if (!pane.element.hidden) pane.resize();
  }

  /** One viewport over the whole grid, or back. */
  toggleMaximised(pane = this.active) {
    this.maximised = this.maximised ? undefined : pane;
    this.arrange();
  }

  activate(pane) {
    if (!pane || pane === this.active) return;
    this.active = pane;
    for (const one of this.panes) {
      one.element.toggleAttribute("data-active", one === pane);
      one.element.tabIndex = one === pane ? 0 : -1;
    }
    this.#markThumbnails();
    this.redraw();
    this.#changed();
  }

  focusImages() {
    this.active?.element.focus({ preventScroll: true });
  }

  /** Another series in the active viewport; one that is already shown is activated instead. */
  showStack(stack) {
    const already = this.panes.find((pane) => pane.stack === stack && !pane.element.hidden);
    if (already) {
      this.activate(already);
      return;
    }
    this.active.setStack(stack);
    this.#markThumbnails();
    this.#rearrangeQueue();
  }

  /** The joint being graded: viewports with a place for it go there, after the panel has drawn itself. */
  activateStructure(id) {
    this.follower.to(id);
  }

  #beginStructure(id) {
    this.structure = this.config.structures.find((one) => one.id === id) ?? (id ? { id } : undefined);
    this.redrawOverlays();
    const places = placesOf(this.config, id);
    const moving = this.panes.filter((pane) => places.some(({ frame }) => pane.isIn(frame)));
    return moving.sort((a, b) => Number(b === this.active) - Number(a === this.active));
  }

  #moveTo(pane, id) {
    for (const place of placesOf(this.config, id)) {
      if (pane.isIn(place.frame)) pane.showPlace(place.point, place.frame, middleFor(this.config, this.structure, place));
    }
  }

  /** Go to the joint that was named before the images were known. */
  /** The images stay as they were left; a viewport that showed the protocol's field shows it again. */
  #comeBackTo(id) {
    this.structure = this.config.structures.find((one) => one.id === id);
    for (const pane of this.panes) {
      pane.stack?.open().then(
        () => {
          const place = placesOf(this.config, id).find(({ frame }) => pane.isIn(frame));
          if (place && this.structure?.id === id && pane.fitted) pane.centreOn(middleFor(this.config, this.structure, place));
        },
        () => {},
      );
    }
  }

  #goWhenOpen(id) {
    this.structure = this.config.structures.find((one) => one.id === id);
    for (const pane of this.panes) {
      pane.stack?.open().then(
        () => this.structure?.id === id && this.activateStructure(id),
        () => {},
      );
    }
  }

  /** Place of a structure in one frame of reference, patient mm. */
  placeOf(structure, frameOfReference) {
    return placeOf(this.config, structure, frameOfReference);
  }

  /** Mean place of each group of structures ("L4/5"), for the names beside the spine. */
  levels(frameOfReference) {
    return levelsOf(this.config, frameOfReference);
  }

  /** Where left and right meet in a stack: between the joints of both sides, else its middle. */
  middleOf(stack) {
    return middleOfSides(this.config, stack);
  }

  /** All viewports move to a patient point. */
  jumpTo(point, frameOfReference, except) {
    for (const pane of this.panes) if (pane !== except) pane.showPlace(point, frameOfReference);
  }

  redraw() {
    for (const pane of this.panes) pane.redraw();
  }

  redrawOverlays() {
    for (const pane of this.panes) pane.redrawOverlay();
  }

  #shown(pane) {
    if (!this.firstImage) {
      this.firstImage = true;
      this.dataset.firstImage = "";
      performance.mark("rs:first-image");
      this.tell("rs:first-image");
      // The rest can wait for what the reader looks at.
      afterPaint(() => this.queue.begin());
      if (this.config.rendering !== "gpu") whenIdle(() => this.#chooseRendering());
    }
    for (const other of this.panes) if (other !== pane) other.redrawOverlay();
    this.mouse.follow(pane);
    // While everything is here, scrolling costs the drawing alone.
    if (!this.stacks.every(({ complete }) => complete)) this.#rearrangeQueue();
    this.quality.report();
    this.#changed();
  }

  async #chooseRendering() {
    this.dataset.rendering = await chooseRendering(this.config.rendering);
  }

  #markThumbnails() {
    this.thumbnails.mark(
      this.active?.stack,
      this.panes.map(({ stack }) => stack),
    );
  }

  #rearrangeQueue() {
    const shown = this.panes.filter((pane) => pane.stack).map((pane) => ({ stack: pane.stack, at: Math.max(0, pane.target), shown: true }));
    const rest = this.stacks
      .filter((stack) => !shown.some((entry) => entry.stack === stack))
      .map((stack) => ({ stack, at: Math.floor(stack.count / 2), shown: false }));
    this.queue.arrange([...shown, ...rest]);
    this.#markThumbnails();
  }

  #changed() {
    clearTimeout(this.stateTimer);
    this.stateTimer = setTimeout(() => this.tell("rs:viewer-state", { state: this.state() }), STATE_DELAY_MS);
  }

  /** What is needed to come back to the same view. */
  state() {
    return {
      hanging: this.hangings[this.hanging]?.name,
      // Three planes are a passing look: one comes back to the study's own view.
      ...(this.threePlanes ?? {}),
      ...(this.threePlanes ? {} : this.#panesState()),
      structure: this.structure?.id,
      seen: [...this.quality.seen],
      measurements: this.annotations.measurements,
    };
  }

  #panesState() {
    return {
      active: this.panes.indexOf(this.active),
      panes: this.panes.map((pane) => pane.state() ?? null),
    };
  }

  /** Leave the images for the grading panel. */
  leave() {
    this.tell("rs:focus-panel");
  }

  /** Marks belong to the read: the page saves them. Measurements come back with the viewer's state. */
  annotationsChanged({ marks }) {
    const key = JSON.stringify(marks);
    if (key !== this.lastMarks) {
      this.lastMarks = key;
      this.tell("rs:marks", { marks });
    }
    this.redraw();
    this.#changed();
  }

  /** Words for the class of a mark. */
  classLabel({ kind, class: name }) {
    const classes = this.config.mark_kinds.find(({ id }) => id === kind)?.classes ?? [];
    return classes.find((one) => one.id === name)?.label ?? name;
  }

  /** Bring a mark into view: in a viewport of its series, else in the active one. */
  async goToMark(id) {
    const mark = this.annotations.all.find((one) => one.id === id);
    const stack = mark && this.stacks.find(({ uid }) => uid === mark.series_uid);
    if (!stack) return;
    this.annotations.selected = id;
    let pane = this.panes.find((one) => one.stack === stack && !one.element.hidden);
    if (!pane) {
      pane = this.active;
      await pane.setStack(stack);
    }
    await stack.open();
    const index = stack.frames.findIndex((frame) => frame.sopUid === mark.sop_uid && frame.frame === mark.frame);
    if (index >= 0) pane.show(index);
    this.#lead(pane);
    this.activate(pane);
    this.redraw();
  }

  /** Exchange places with the main viewport, where one finding is settled at a time. */
  #lead(pane) {
    const main = this.panes.find(({ area }) => area === "main");
    if (!this.leads || !main || main === pane) return;
    [main.area, pane.area] = [pane.area, main.area];
    this.arrange();
  }

  /** A mark was chosen on the image, or none any more. */
  markSelected(id) {
    this.tell("rs:mark-selected", { id });
  }

  /** A value was read off an image: `{shape, value, unit}`. */
  measured(detail) {
    this.tell("rs:measured", detail);
  }

  setTool(tool) {
    this.annotations.escape();
    this.tool = tool;
    this.dataset.tool = tool;
    this.tell("rs:viewer-tool", { tool });
  }
}

function middleOfPlane(plane) {
  return imagePxToPatientMm(plane, [(plane.columns - 1) / 2, (plane.rows - 1) / 2]);
}

function isPerModality(wish) {
  return typeof wish === "object" && wish !== null && Object.keys(wish).some((key) => /^[A-Z]{2}$/.test(key));
}
