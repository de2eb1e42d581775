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
import { afterPaint, whenIdle } from "./follow.js";
import { Joint } from "./joint.js";
import { Layout } from "./layout.js";
import { Mouse } from "./mouse.js";
import { levelsOf, middleOfSides, placeOf } from "./places.js";
import { Quality } from "./quality.js";
import { chooseRendering } from "./rendering.js";
import { LoadQueue, Stack } from "./stacks.js";
import { loadTexts, t } from "./texts.js";
import { Thumbnails } from "./thumbnails.js";

const STATE_DELAY_MS = 400;

export class RsViewer extends HTMLElement {
  panes = [];
  stacks = [];
  layers = [];
  active = undefined;
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
      stack.addEventListener("change", () => stack.complete && this.layout && this.quality.report());
    }
    window.addEventListener("online", () => {
      for (const stack of this.stacks) {
        stack.forgive();
        this.#again(stack);
      }
    });
    this.joint = new Joint(this);
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
    this.layout = new Layout(this, { leads: this.dataset.lead === "finding" });
    if (!this.stacks.length) {
      this.grid.append(html("p", { class: "rs-empty" }, t("This case has no images.")));
      this.tell("rs:viewer-ready");
      return;
    }
    const named = structureSoFar();
    const { resume } = this.config;
    this.layout.hang(this.layout.numberOf(resume?.hanging), resume);
    // Coming back to the same joint, one comes back to the same images; another joint is gone to.
    if (named && resume?.structure === named) this.joint.comeBackTo(named);
    else if (named) this.joint.goWhenOpen(named);
    // Fires at once with the first size, and whenever the layout of the page changes.
    new ResizeObserver(() => this.layout.arrange()).observe(this.grid);
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
    on("rs:activate-structure", ({ structure }) => this.joint.activate(structure));
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

  /** A viewport that the layout has made: hear it and let the mouse work in it. */
  adopt(pane) {
    this.mouse.attach(pane);
    pane.addEventListener("shown", () => this.#shown(pane));
    pane.addEventListener("look", () => this.#changed());
    pane.addEventListener("progress", () => this.quality.report());
    pane.addEventListener("failed", ({ detail }) => {
      this.queue.begin();
      this.tell("rs:image-failed", detail);
      this.quality.report();
    });
  }

  /** Other series hang in the viewports. */
  hangingChanged() {
    this.#rearrangeQueue();
    this.#changed();
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
    this.joint.bring(this.active);
    this.#markThumbnails();
    this.#rearrangeQueue();
  }

  get structure() {
    return this.joint.structure;
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
      ...this.layout.state(),
      structure: this.structure?.id,
      seen: [...this.quality.seen],
      measurements: this.annotations.measurements,
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
    this.layout.lead(pane);
    this.activate(pane);
    this.redraw();
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
