// Colours, type and marks, read from the tokens so that charts and page never differ.

export function theme() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return {
    model: read("--model"),
    readers: read("--readers"),
    text1: read("--text-1"),
    text2: read("--text-2"),
    text3: read("--text-3"),
    line: read("--line"),
    edge: read("--edge"),
    panel: read("--panel"),
    raised: read("--raised"),
    lamp: read("--lamp"),
    // Single quotes: the drawing writes the font into attributes without escaping it.
    font: read("--font").replace(/"/g, "'").replace(/\s+/g, " "),
    grades: [0, 1, 2, 3, 4].map((step) => ({ ground: read(`--grade-${step}`), text: read(`--grade-${step}-text`) })),
  };
}

/** Shape of reader k: four shapes, so that readers differ without colour. */
export const SHAPES = ["circle", "rect", "triangle", "diamond"];

/** A mark of a shape centred at (x, y), as an ECharts graphic element. */
export function mark(shape, x, y, size, style) {
  const r = size / 2;
  switch (shape) {
    case "rect":
      return { type: "rect", shape: { x: x - r * 0.9, y: y - r * 0.9, width: size * 0.9, height: size * 0.9 }, style };
    case "triangle":
      return { type: "polygon", shape: { points: [[x, y - r], [x + r, y + r * 0.8], [x - r, y + r * 0.8]] }, style };
    case "diamond":
      return { type: "polygon", shape: { points: [[x, y - r * 1.15], [x + r * 1.15, y], [x, y + r * 1.15], [x - r * 1.15, y]] }, style };
    default:
      return { type: "circle", shape: { cx: x, cy: y, r }, style };
  }
}
