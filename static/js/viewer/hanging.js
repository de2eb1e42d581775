// Hanging protocols: which series goes into which viewport, and where the viewports stand. Pure.

/** Used when the protocol file names none, in order of preference. */
export const DEFAULT_HANGING = [
  {
    name: "spine",
    viewports: [
      { modality: "MR", plane: "sagittal", weighting: "T2", area: "main" },
      { modality: "MR", plane: "axial", area: "top", field_mm: 140 },
      { modality: "CT", plane: "axial", area: "bottom", field_mm: 140 },
    ],
  },
  {
    name: "ct",
    viewports: [
      { modality: "CT", plane: "sagittal", area: "main" },
      { modality: "CT", plane: "axial", area: "top", field_mm: 140 },
      { modality: "CT", plane: "coronal", area: "bottom" },
    ],
  },
  {
    name: "x-ray",
    viewports: [
      { modality: "XR", plane: "projection", view: "lateral", area: "main" },
      { modality: "XR", plane: "projection", view: "AP", area: "top" },
    ],
  },
];

const MODALITY_GROUPS = { XR: ["CR", "DX", "RG", "XA", "RF", "XR"] };

function sameModality(wanted, modality) {
  if (!wanted || wanted === modality) return true;
  return (MODALITY_GROUPS[wanted] ?? []).includes(modality);
}

function matches(rule, series) {
  if (!sameModality(rule.modality, series.modality)) return false;
  if (rule.plane && rule.plane !== series.plane) return false;
  if (rule.view && String(rule.view).toLowerCase() !== String(series.view ?? "").toLowerCase()) return false;
  return true;
}

/** Whether a series has the weighting that a rule prefers. */
function weighted(rule, series) {
  if (!rule.weighting) return true;
  const words = `${series.weighting ?? ""} ${series.label ?? ""}`.toLowerCase().split(/[^a-z0-9]+/);
  return words.includes(String(rule.weighting).toLowerCase());
}

/**
 * Fill the viewports of one hanging protocol.
 *
 * @returns {{name: string, slots: {area: string, series: object, rule: object}[], wanted: number}}
 *   Slots of rules for which the case has a series; a series is used once, rules take the first match in
 *   the order of the case's series; a weighting is a preference, not a condition.
 */
export function fill(protocol, series) {
  const used = new Set();
  const slots = [];
  for (const rule of protocol.viewports) {
    const fitting = series.filter((candidate) => !used.has(candidate) && matches(rule, candidate));
    const found = fitting.find((candidate) => weighted(rule, candidate)) ?? fitting[0];
    if (!found) continue;
    used.add(found);
    slots.push({ area: rule.area ?? "main", series: found, rule });
  }
  return { name: protocol.name, slots, wanted: protocol.viewports.length, window: protocol.window };
}

/**
 * Hanging protocols that fit a case, best first: complete ones in their own order, then those with the
 * most viewports filled; at the end, always, plain ones made from whatever the case has.
 *
 * @param {object[]} protocols `{name, viewports: [{modality, plane, weighting?, area}], window?}`.
 * @param {object[]} series Series of the case.
 */
export function chooseHangings(protocols, series) {
  const own = (protocols?.length ? protocols : DEFAULT_HANGING).map((protocol) => fill(protocol, series));
  const filled = own.filter(({ slots }) => slots.length > 0);
  const complete = filled.filter(({ slots, wanted }) => slots.length === wanted);
  const partial = filled
    .filter(({ slots, wanted }) => slots.length < wanted)
    .sort((a, b) => b.slots.length - a.slots.length);
  const areas = ["main", "top", "bottom"];
  const plain = {
    name: "as-they-come",
    wanted: Math.min(3, series.length),
    slots: series.slice(0, 3).map((one, i) => ({ area: areas[i], series: one, rule: {} })),
  };
  return [...complete, ...partial, plain].filter(
    (hanging, i, all) => all.findIndex((other) => sameSlots(other, hanging)) === i,
  );
}

/**
 * Put the plane of the finding first: where an adjudicator settles one joint, the view that the protocol keeps
 * around the joint (`field_mm`) takes the main place, and what stood there takes its place.
 */
export function leadWithFinding(hanging) {
  const main = hanging.slots.find(({ area }) => area === "main");
  const finding = hanging.slots.find(({ rule }) => rule.field_mm);
  if (!main || !finding || main.rule.field_mm) return hanging;
  const area = (slot) => ({ [main.series.series_uid]: finding.area, [finding.series.series_uid]: "main" })[slot.series.series_uid] ?? slot.area;
  return { ...hanging, slots: hanging.slots.map((slot) => ({ ...slot, area: area(slot) })) };
}

function sameSlots(a, b) {
  return (
    a.slots.length === b.slots.length &&
    a.slots.every((slot, i) => slot.series === b.slots[i].series && slot.area === b.slots[i].area)
  );
}

/**
 * CSS grid of a set of areas.
 *
 * Wide: main column left (420 parts), the others stacked right (463 parts). Tall (portrait screens): main
 * on top at the full width, the others side by side below.
 *
 * @param {string[]} areas Area of each viewport, in order.
 * @param {{width: number, height: number}} size Room in CSS px.
 * @param {boolean} mainOnTop The tall form on any screen.
 * @returns {{columns: string, rows: string, places: {column: string, row: string, hidden: boolean}[]}}
 */
export function gridFor(areas, { width, height }, mainOnTop = false) {
  const shown = areas.map((area, i) => ({ area, i }));
  // Below 1280 px of window the viewer has less than about 800: the lowest view leaves first.
  const narrow = width < 720 && height < 1.15 * width;
  const kept = narrow && shown.length > 2 ? shown.slice(0, 2) : shown;
  const main = kept.filter(({ area }) => area === "main");
  const others = kept.filter(({ area }) => area !== "main");
  const places = areas.map(() => ({ column: "auto", row: "auto", hidden: true }));
  const put = (list, place) => list.forEach(({ i }, n) => (places[i] = { hidden: false, ...place(n, list.length) }));
  if (!main.length || !others.length) {
    const list = main.length ? main : others;
    const columns = width >= height ? Math.min(list.length, 2) : 1;
    put(list, (n) => ({ column: `${(n % columns) + 1}`, row: `${Math.floor(n / columns) + 1}` }));
    const rows = Math.ceil(list.length / columns);
    return { columns: `repeat(${columns}, minmax(0, 1fr))`, rows: `repeat(${rows}, minmax(0, 1fr))`, places };
  }
  if (mainOnTop || height > 1.15 * width) {
    const columns = Math.max(main.length, others.length);
    put(main, (n, count) => ({ column: count === 1 ? `1 / span ${columns}` : `${n + 1}`, row: "1" }));
    put(others, (n, count) => ({ column: count === 1 ? `1 / span ${columns}` : `${n + 1}`, row: "2" }));
    return { columns: `repeat(${columns}, minmax(0, 1fr))`, rows: "minmax(0, 6fr) minmax(0, 4fr)", places };
  }
  put(main, (n, count) => ({ column: "1", row: count === 1 ? `1 / span ${others.length}` : `${n + 1}` }));
  put(others, (n) => ({ column: "2", row: `${n + 1}` }));
  const rows = Math.max(main.length > 1 ? main.length : 1, others.length);
  const [left, right] = width > 1200 ? [540, 719] : [420, 463];
  return {
    columns: `minmax(0, ${left}fr) minmax(0, ${right}fr)`,
    rows: `repeat(${rows}, minmax(0, 1fr))`,
    places,
  };
}
