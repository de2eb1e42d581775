// The protocol as the grading panel uses it. Pure.

export const itemKey = (structure, finding) => `${structure}|${finding}`;
export const splitKey = (key) => key.split("|");

/**
 * Order of reading and neighbours on screen.
 *
 * Structures are read right, left, next level; the patient's right stands in the left half, as on the
 * image. `halves` are the columns of structures on screen: ["right", "left"] or [""].
 */
export class ProtocolView {
  constructor(config) {
    this.structures = config.structures;
    this.findings = config.findings;
    this.levels = config.levels;
    this.derived = config.derived ?? [];
    this.halves = config.sided ? ["right", "left"] : [""];
    this.findingsAt = new Map(this.structures.map((s) => [s.id, this.findings.filter((f) => !f.at?.length || f.at.includes(s.id))]));
    this.order = this.structures.flatMap((s) => this.findingsAt.get(s.id).map((f) => itemKey(s.id, f.id)));
    // Where some findings are asked at some structures only, the rows are a list: cells stand in the order of
    // their findings, and a column has no title of its own.
    this.isList = this.findings.some((f) => f.at?.length);
    this.width = Math.max(0, ...[...this.findingsAt.values()].map((findings) => findings.length));
    this.structureById = new Map(this.structures.map((s) => [s.id, s]));
    this.findingById = new Map(this.findings.map((f) => [f.id, f]));
  }

  structure(id) {
    return this.structureById.get(id);
  }

  finding(id) {
    return this.findingById.get(id);
  }

  /** Structure of a level and half, or undefined where the level lacks that side. */
  at(level, half) {
    return level.structures.map((id) => this.structure(id)).find((s) => s.side === half);
  }

  /** The next item in reading order; the same one at the end. */
  after(key) {
    const place = this.order.indexOf(key);
    return this.order[Math.min(place + 1, this.order.length - 1)];
  }

  /** The next item without an answer, from `key` on and then from the start; undefined when all are answered. */
  nextOpen(key, isAnswered) {
    const place = this.order.indexOf(key);
    const ring = [...this.order.slice(place + 1), ...this.order.slice(0, place + 1)];
    return ring.find((other) => !isAnswered(other));
  }

  /** Where an arrow key leads on the screen's grid; the same item at an edge. */
  neighbour(key, direction) {
    const [structureId, findingId] = splitKey(key);
    const structure = this.structure(structureId);
    let row = this.levels.findIndex((level) => level.structures.includes(structureId));
    const { width } = this;
    let column = this.halves.indexOf(structure.side) * width + this.findingsAt.get(structureId).findIndex((f) => f.id === findingId);
    if (direction === "up") row -= 1;
    if (direction === "down") row += 1;
    if (direction === "left") column -= 1;
    if (direction === "right") column += 1;
    const level = this.levels[row];
    const half = this.halves[Math.floor(column / width)];
    const target = level && half !== undefined && column >= 0 ? this.at(level, half) : undefined;
    const findings = target ? this.findingsAt.get(target.id) : [];
    // A shorter row is entered at its end.
    const found = findings[Math.min(column % width, direction === "up" || direction === "down" ? findings.length - 1 : width)];
    return found ? itemKey(target.id, found.id) : key;
  }

  /** First item of the structure that follows (step 1) or precedes (step -1); undefined beyond the ends. */
  structureStep(key, step) {
    const place = this.structures.findIndex((s) => s.id === splitKey(key)[0]) + step;
    const target = this.structures[place];
    const [first] = target ? this.findingsAt.get(target.id) : [];
    return first ? itemKey(target.id, first.id) : undefined;
  }

  /**
   * The typed answers of a finding, in the order of their digits from 1.
   *
   * @param {Array<{id: string, label: string}>} reasons of "not assessable"
   * @param {(msgid: string) => string} t
   */
  typedChoices(findingId, reasons, t = (words) => words) {
    const { typed } = this.finding(findingId);
    const choices = [];
    if (typed.includes("not-assessable")) {
      for (const reason of reasons) choices.push({ label: t("Not assessable: {reason}", { reason: reason.label }), answer: { kind: "not_assessable", reason: reason.id } });
    }
    if (typed.includes("absent")) choices.push({ label: t("Joint absent"), answer: { kind: "absent" } });
    if (typed.includes("fused")) choices.push({ label: t("Joint fused"), answer: { kind: "fused" } });
    return choices;
  }

  keysOfStructure(structureId) {
    return this.findingsAt.get(structureId).map((f) => itemKey(structureId, f.id));
  }

  /**
   * A derived grade of one structure, or undefined until every finding that implies it is answered.
   *
   * @param {object} derived {implies: {finding: [implied grade per grade]}}
   * @param {(key: string) => object|undefined} cellOf
   */
  derive(derived, structureId, cellOf) {
    let highest;
    for (const [findingId, implied] of Object.entries(derived.implies)) {
      const cell = cellOf(itemKey(structureId, findingId));
      if (!cell?.kind) return undefined;
      if (cell.kind === "grade") highest = Math.max(highest ?? 0, implied[cell.grade]);
    }
    return highest;
  }
}
