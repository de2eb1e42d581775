// Drawing, moving and deleting measurements and marks with the mouse; undo and redo.

import { annotation, annotationText, boxInPatient, boxSection, complete, handlesOf, measured, MEASUREMENTS, SHAPES, shifted, withHandle, withPoints } from "./annotations.js";
import { svg } from "./dom.js";
import { History } from "./history.js";
import { distanceToSegment } from "./measures.js";
import { t } from "./texts.js";

const HANDLE_REACH = 9;
const LINE_REACH = 6;

export class AnnotationLayer {
  /** @param {object} viewer `config.marks` and `config.measurements` are what was kept before. */
  constructor(viewer) {
    this.viewer = viewer;
    this.history = new History([...(viewer.config.marks ?? []), ...(viewer.config.resume?.measurements ?? [])]);
    this.draft = undefined;
    this.selected = undefined;
  }

  get all() {
    return this.history.present;
  }

  /** Shape of the active tool: a measurement, or a mark of the protocol ("mark:lesion"). */
  #shape(tool) {
    if (MEASUREMENTS.includes(tool)) return { shape: tool };
    if (!tool.startsWith("mark:")) return undefined;
    const kind = (this.viewer.config.mark_kinds ?? []).find(({ id }) => id === tool.slice(5));
    return kind && { shape: kind.shape, kind: kind.id, class: this.viewer.markClass ?? kind.classes?.[0]?.id ?? kind.classes?.[0] };
  }

  /** Replace the protocol's marks by what the page has; measurements stay. Nothing is announced. */
  setMarks(marks) {
    const own = new Map(this.all.map((one) => [one.id, one]));
    this.draft = undefined;
    // How far a mark reaches in this stack is known here.
    this.history.push([...marks.map((mark) => ({ ...mark, slices: own.get(mark.id)?.slices })), ...this.measurements]);
    this.viewer.redraw();
  }

  /** The images of a stack that a box reaches, from what it was kept with. */
  #resolve(stack) {
    for (const one of this.all) {
      if (!SHAPES[one.shape].depth || one.slices || one.series_uid !== stack.uid || !stack.frames?.length) continue;
      const ends = one.slice_sops ?? [one.sop_uid, one.sop_uid];
      const frames = one.slice_frames ?? [one.frame, one.frame];
      const at = ends.map((sop, i) => stack.frames.findIndex((frame) => frame.sopUid === sop && frame.frame === frames[i]));
      if (at.every((index) => index >= 0)) one.slices = [Math.min(...at), Math.max(...at)];
    }
  }

  #on(pane) {
    // Image px of a series say nothing on images that were cut out of it.
    if (pane.stack.derived) return [];
    const { frame, index } = pane;
    this.#resolve(pane.stack);
    return this.all.filter(
      (one) =>
        isOn(one, frame) || (one.slices && one.series_uid === pane.uid && index >= one.slices[0] && index <= one.slices[1]),
    );
  }

  /** Whether what is being drawn belongs to the image that a viewport shows now; on others it waits. */
  #drawsOn(pane) {
    return this.draft?.pane === pane && isOn(this.draft.one, pane.frame);
  }

  // ---- mouse ------------------------------------------------------------------------------------------

  /** A button went down; true when this layer takes the drag. */
  down(drag, at) {
    if (drag.event.button !== 0 || drag.pane.stack.derived) return false;
    const { pane } = drag;
    const wanted = this.#shape(drag.tool);
    if (this.#drawsOn(pane)) return this.#continue(drag, at);
    this.#cancel();
    const hit = this.#hit(pane, at);
    if (hit && hit.one.fixed) this.#select(hit.one, pane);
    else if (hit) {
      this.#select(hit.one, pane);
      drag.layer = this;
      drag.edit = { ...hit, from: pane.surface.canvasPxToImagePx(at) };
      return true;
    }
    if (this.selected && !wanted) this.#select(undefined, pane);
    if (!wanted) return false;
    const px = held(wanted, pane.frame, pane.surface.canvasPxToImagePx(at));
    const points = SHAPES[wanted.shape].points === 1 ? [px] : [px, px];
    const one = annotation({ ...wanted, id: crypto.randomUUID(), frame: pane.frame, plane: pane.plane, points });
    if (SHAPES[wanted.shape].depth) one.slices = [pane.index, pane.index];
    this.draft = { pane, one };
    if (SHAPES[wanted.shape].points === 1) this.#finish();
    drag.layer = this;
    pane.redraw();
    return true;
  }

  #continue(drag, at) {
    const { pane, one } = this.draft;
    const px = held(one, pane.frame, pane.surface.canvasPxToImagePx(at));
    const { points: wanted } = SHAPES[one.shape];
    const points = one.points_px;
    if (one.shape === "polygon" && points.length > 3) {
      const first = pane.surface.imagePxToCanvasPx(points[0]);
      if (Math.hypot(first[0] - at[0], first[1] - at[1]) < HANDLE_REACH) {
        this.draft.one = withPoints(one, pane.plane, points.slice(0, -1));
        this.#finish();
        return true;
      }
    }
    // The last point follows the mouse; a press sets it and starts the next one.
    this.draft.one = withPoints(one, pane.plane, [...points.slice(0, -1), px]);
    if (points.length >= wanted) this.draft.last = true;
    else this.draft.one = withPoints(this.draft.one, pane.plane, [...this.draft.one.points_px, px]);
    drag.layer = this;
    pane.redraw();
    return true;
  }

  move(drag, at) {
    const { pane } = drag;
    const px = pane.surface.canvasPxToImagePx(at);
    if (drag.edit) {
      const { one, handle, from } = drag.edit;
      // Scrolled away meanwhile: what is moved is not on this image.
      if (!this.#on(pane).includes(one)) return;
      const points =
        handle === undefined
          ? shifted(one.points_px, [px[0] - from[0], px[1] - from[1]], pane.frame)
          : withHandle(one, handle, held(one, pane.frame, px));
      const changed = moved(one, pane.stack, points);
      if (!complete(changed)) return;
      drag.edit.changed = changed;
      this.preview = changed;
      pane.redraw();
    } else if (this.#drawsOn(pane)) this.#follow(px);
  }

  hover(pane, at) {
    if (this.#drawsOn(pane)) this.#follow(pane.surface.canvasPxToImagePx(at));
  }

  #follow(px) {
    const { pane, one } = this.draft;
    this.draft.one = withPoints(one, pane.plane, [...one.points_px.slice(0, -1), held(one, pane.frame, px)]);
    pane.redraw();
  }

  up(drag) {
    if (drag.edit) {
      this.preview = undefined;
      if (drag.edit.changed) {
        this.#commit(this.all.map((one) => (one.id === drag.edit.one.id ? drag.edit.changed : one)));
        this.selected = drag.edit.one.id;
        this.#tellValue(drag.edit.changed, drag.pane);
      }
      drag.pane.redraw();
      return;
    }
    if (!this.draft) return;
    const { one } = this.draft;
    const { points, drag: byDrag } = SHAPES[one.shape];
    // Begun on one image and let go on another: points that were clicked wait, a stroke is given up.
    if (!this.#drawsOn(drag.pane)) {
      if (byDrag) this.#cancel();
      return;
    }
    if (byDrag || this.draft.last) {
      this.#finish();
      return;
    }
    // Shapes of several lines can be clicked point by point or dragged line by line.
    if (same(one.points_px.at(-1), one.points_px.at(-2))) return;
    if (one.points_px.length === points) this.#finish();
    else this.draft.one = withPoints(one, this.draft.pane.plane, [...one.points_px, one.points_px.at(-1)]);
  }

  #finish() {
    const { pane, one } = this.draft;
    this.draft = undefined;
    if (complete(one)) {
      const kept = one.slices ? { ...one, box: boxInPatient(one, pane.stack.planes) } : one;
      this.#commit([...this.all, kept]);
      this.selected = kept.id;
      this.#tellValue(kept, pane);
    }
    pane.redraw();
  }

  /** Say what was measured, so that the panel can take the value over. */
  #tellValue(one, pane) {
    if (one.kind) return;
    const { length, angle, area } = measured(one, pane.frame);
    const found = angle === undefined ? (length ?? area) : { value: angle, unit: "°" };
    if (found) this.viewer.measured({ shape: one.shape, ...found });
  }

  #hit(pane, at) {
    const canvas = (px) => pane.surface.imagePxToCanvasPx(px);
    for (const one of [...this.#on(pane)].reverse()) {
      const points = one.points_px.map(canvas);
      const handle = grasped(handlesOf(one, points), at);
      if (handle >= 0) return { one, handle };
      const outline = outlineOf(one.shape, points);
      if (outline.some(([a, b]) => distanceToSegment(at, a, b) < LINE_REACH)) return { one };
    }
    return undefined;
  }

  #select(one, pane) {
    this.selected = one?.id;
    this.viewer.markSelected(one?.kind ? one.id : undefined);
    pane.redraw();
  }

  // ---- keys -------------------------------------------------------------------------------------------

  /** @returns {boolean} true when the action was this layer's. */
  run(action, pane) {
    switch (action) {
      case "undo":
        if (this.draft) this.#cancel();
        else if (this.history.undo()) this.#announce();
        break;
      case "redo":
        if (this.history.redo()) this.#announce();
        break;
      case "delete-mark":
        if (this.draft) this.#cancel();
        else if (this.all.some(({ id, fixed }) => id === this.selected && !fixed)) {
          this.#commit(this.all.filter(({ id }) => id !== this.selected));
        }
        break;
      case "finish-mark":
        if (this.draft?.one.shape !== "polygon" || !this.#drawsOn(pane)) return false;
        this.draft.one = withPoints(this.draft.one, pane.plane, this.draft.one.points_px.slice(0, -1));
        this.#finish();
        break;
      case "deeper":
      case "shallower":
        return this.#extend(pane, action === "deeper" ? 1 : -1);
      default:
        return false;
    }
    this.viewer.redraw();
    return true;
  }

  /** Let the selected 3-D box reach one image further, in the direction of scrolling, or back. */
  #extend(pane, step) {
    const one = this.all.find(({ id }) => id === this.selected);
    if (!one?.slices || one.fixed || one.series_uid !== pane.uid || pane.stack.derived) return false;
    const index = Math.min(pane.stack.imageIds.length - 1, Math.max(0, pane.index + step));
    const slices =
      index < one.slices[0] || index > one.slices[1]
        ? [Math.min(one.slices[0], index), Math.max(one.slices[1], index)]
        : step > 0
          ? [index, one.slices[1]]
          : [one.slices[0], index];
    const grown = { ...one, slices, slice_sops: slices.map((i) => pane.stack.frames[i].sopUid), slice_frames: slices.map((i) => pane.stack.frames[i].frame) };
    grown.box = boxInPatient(grown, pane.stack.planes);
    this.#commit(this.all.map((other) => (other.id === one.id ? grown : other)));
    pane.show(index);
    return true;
  }

  /** Give up what is being drawn. @returns {boolean} false when nothing was. */
  #cancel() {
    const pane = this.draft?.pane;
    this.draft = undefined;
    pane?.redraw();
    return Boolean(pane);
  }

  escape() {
    return this.#cancel();
  }

  #commit(all) {
    this.history.push(all);
    this.#announce();
  }

  #announce() {
    this.viewer.annotationsChanged({
      marks: this.all.filter(({ kind }) => kind),
      measurements: this.all.filter(({ kind }) => !kind),
    });
  }

  get measurements() {
    return this.all.filter(({ kind }) => !kind);
  }

  // ---- drawing ----------------------------------------------------------------------------------------

  draw(pane) {
    const { frame } = pane;
    if (pane.stack.derived) return this.#sections(pane);
    const shown = this.#on(pane).map((one) => (this.preview?.id === one.id ? this.preview : one));
    if (this.#drawsOn(pane)) shown.push(this.draft.one);
    return shown.map((one) => this.#figure(pane, frame, one));
  }

  /** What an image cut out of a stack cuts of the boxes over that stack: seen there, not edited. */
  #sections(pane) {
    const { source } = pane.stack;
    this.#resolve(source);
    return this.all
      .filter((one) => one.slices && one.series_uid === source.uid && pane.plane)
      .map((one) => ({ one, points: boxSection(one, source.planes, pane.plane).map((px) => pane.surface.imagePxToCanvasPx(px)) }))
      .filter(({ points }) => points.length)
      .map(({ one, points }) => {
        const selected = one.id === this.selected ? " rs-mark-selected" : "";
        const group = svg("g", { class: `rs-mark rs-mark-protocol rs-mark-section${selected}` });
        const path = `M${points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}Z`;
        group.append(svg("path", { class: "rs-mark-halo", d: path }), svg("path", { class: "rs-mark-line", d: path }));
        this.#words(pane, group, points, annotationText(one, pane.frame, undefined, t, (named) => this.viewer.classLabel(named)));
        return group;
      });
  }

  #figure(pane, frame, one) {
    const points = one.points_px.map((px) => pane.surface.imagePxToCanvasPx(px));
    const selected = one.id === this.selected || one === this.draft?.one;
    const group = svg("g", { class: `rs-mark${selected ? " rs-mark-selected" : ""}${one.kind ? " rs-mark-protocol" : ""}` });
    const path = outlineOf(one.shape, points)
      .map(([a, b]) => `M${a[0].toFixed(1)} ${a[1].toFixed(1)}L${b[0].toFixed(1)} ${b[1].toFixed(1)}`)
      .join("");
    if (path) group.append(svg("path", { class: "rs-mark-halo", d: path }), svg("path", { class: "rs-mark-line", d: path }));
    if (one.shape === "cobb" && points.length === 4) {
      const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
      const [a, b] = [middle(points[0], points[1]), middle(points[2], points[3])];
      group.append(svg("line", { class: "rs-mark-link", x1: a[0], y1: a[1], x2: b[0], y2: b[1] }));
    }
    const handles = handlesOf(one, points);
    if (selected || one.shape === "point") {
      for (const [x, y] of handles) group.append(svg("circle", { class: "rs-mark-handle", cx: x, cy: y, r: 3.5 }));
    }
    const lines = annotationText(one, frame, pane.image?.pixels, t, (named) => this.viewer.classLabel(named));
    if (one.slices && one.slices[1] > one.slices[0]) lines.push(t("{n} images", { n: one.slices[1] - one.slices[0] + 1 }));
    this.#words(pane, group, handles, lines);
    return group;
  }

  /** Lines of text beside a figure, inside the viewport. */
  #words(pane, group, points, lines) {
    const right = points.reduce((best, point) => (point[0] > best[0] ? point : best), points[0]);
    const { width, height } = pane.surface.size;
    const wide = Math.max(0, ...lines.map((line) => line.length)) * 7;
    const x = right[0] + 10 + wide > width ? Math.max(4, Math.min(...points.map(([px]) => px)) - 10 - wide) : right[0] + 10;
    const y = Math.min(height - 8 - 15 * lines.length, Math.max(14, right[1]));
    lines.forEach((line, i) => group.append(svg("text", { class: "rs-mark-text", x, y: y + 4 + 15 * i }, line)));
  }
}

/** Whether an annotation was made on this very image. */
const isOn = (one, frame) => Boolean(frame) && one.sop_uid === frame.sopUid && one.frame === frame.frame;

/** A point of a mark stays on its image, where alone it can be kept; a measurement may reach beyond. */
function held({ kind }, { columns, rows }, [x, y]) {
  if (!kind) return [x, y];
  return [Math.min(columns - 0.5, Math.max(-0.5, x)), Math.min(rows - 0.5, Math.max(-0.5, y))];
}

/** An annotation at other points of its own image, whichever of the images that it reaches is shown. */
function moved(one, stack, points) {
  const plane = stack.planes[stack.frames.findIndex((frame) => isOn(one, frame))];
  const changed = withPoints(one, plane, points);
  return one.box ? { ...changed, box: boxInPatient(changed, stack.planes) } : changed;
}

/** Which handle lies under the mouse, or -1. Those close together leave room on the outline, by which all is moved. */
function grasped(handles, at) {
  return handles.findIndex((handle, i) => {
    const room = Math.min(...handles.filter((_, other) => other !== i).map((other) => apart(handle, other)));
    return apart(handle, at) < Math.min(HANDLE_REACH, Math.max(room / 3, 2));
  });
}

const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

const same = (a, b) => apart(a, b) < 0.5;

/** Segments, in canvas px, along which a shape can be seen and grasped. */
function outlineOf(shape, points) {
  if (points.length < 2) return [];
  if (shape === "cobb") return points.length > 2 ? [points.slice(0, 2), points.slice(2, 4)].filter(({ length }) => length === 2) : [points];
  const { region } = SHAPES[shape];
  if (region === "box") {
    const [[x1, y1], [x2, y2]] = points;
    return ring([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]);
  }
  if (region === "ellipse") {
    const [[x1, y1], [x2, y2]] = points;
    const [cx, cy, rx, ry] = [(x1 + x2) / 2, (y1 + y2) / 2, Math.abs(x2 - x1) / 2, Math.abs(y2 - y1) / 2];
    const n = 48;
    return ring(Array.from({ length: n }, (_, i) => [cx + rx * Math.cos((2 * Math.PI * i) / n), cy + ry * Math.sin((2 * Math.PI * i) / n)]));
  }
  if (region === "polygon") return ring(points);
  return points.slice(1).map((point, i) => [points[i], point]);
}

function ring(points) {
  return points.map((point, i) => [point, points[(i + 1) % points.length]]);
}
