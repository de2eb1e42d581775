// Places of structures, as the page's configuration states them. Pure.

/** Places of a structure: `{frame, point}`, one frame of reference each, patient mm. */
export function placesOf({ landmarks }, id) {
  return landmarks
    .filter(({ structure }) => structure === id)
    .map(({ frame_of_reference: frame, point_mm: point }) => ({ frame, point }));
}

/** Place of a structure in one frame of reference, patient mm. */
export function placeOf({ landmarks }, structure, frameOfReference) {
  return landmarks.find((mark) => mark.structure === structure && mark.frame_of_reference === frameOfReference)?.point_mm;
}

/** Mean place of each group of structures ("L4/5"). */
export function levelsOf(config, frameOfReference) {
  const groups = new Map();
  for (const structure of config.structures) {
    const point = placeOf(config, structure.id, frameOfReference);
    if (!point || !structure.group) continue;
    groups.set(structure.group, [...(groups.get(structure.group) ?? []), point]);
  }
  return [...groups].map(([group, points]) => ({
    group,
    point: [0, 1, 2].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length),
  }));
}

/** The middle of a joint's level, so that the view stays put from the right joint to the left. */
export function middleFor(config, structure, { frame, point }) {
  return levelsOf(config, frame).find(({ group }) => group === structure?.group)?.point ?? point;
}

/** Where left and right meet in a stack: between the joints of both sides, else its middle. */
export function middleOfSides(config, stack) {
  const frame = stack.series.frame_of_reference;
  const xs = { right: [], left: [] };
  for (const structure of config.structures) {
    const point = placeOf(config, structure.id, frame);
    if (point && xs[structure.side]) xs[structure.side].push(point[0]);
  }
  if (!xs.right.length || !xs.left.length) return stack.middle;
  const mean = (list) => list.reduce((sum, x) => sum + x, 0) / list.length;
  return { x: (mean(xs.right) + mean(xs.left)) / 2, known: true };
}
