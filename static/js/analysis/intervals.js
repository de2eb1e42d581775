// Rows of estimates with their whiskers on one axis: agreement, differences, forests.
import { mark } from "./theme.js";

/** Round steps for an axis from low to high: 1, 2 or 5 times a power of ten, at most `most` of them. */
export function niceStep(low, high, most = 6) {
  const span = Math.max(high - low, 1e-9);
  const raw = span / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw - 1e-12);
  return step;
}

/** Limits of an axis that holds all values and `include`, on round steps. */
export function axisRange(values, include = [], limits = [-Infinity, Infinity], most = 6) {
  const all = [...values, ...include].filter((value) => Number.isFinite(value));
  if (all.length === 0) return { min: -1, max: 1, step: 0.5 };
  const low = Math.min(...all);
  const high = Math.max(...all);
  const step = niceStep(low, high, most);
  return {
    min: Math.max(limits[0], Math.floor(low / step + 1e-9) * step),
    max: Math.min(limits[1], Math.ceil(high / step - 1e-9) * step),
    step,
  };
}

/** Decimals that tell the ticks of an axis apart. */
export function decimals(step) {
  return Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
}

/** A series that draws one whisker with its mark per row: data [row, value, low, high]. */
export function whiskers(rows, colours, { gridIndex = 0, cap = 4, size = 9 } = {}) {
  return {
    type: "custom",
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    silent: false,
    z: 4,
    clip: true,
    data: rows.map((row, place) => [place, row.value, row.low, row.high]),
    encode: { x: 1, y: 0 },
    renderItem(params, api) {
      const row = rows[params.dataIndex];
      if (row.value === null || row.value === undefined) return null;
      const [x, y] = api.coord([row.value, params.dataIndex]);
      const children = [];
      if (row.low !== null && row.high !== null) {
        const [low] = api.coord([row.low, params.dataIndex]);
        const [high] = api.coord([row.high, params.dataIndex]);
        const style = { stroke: row.colour ?? colours.text1, lineWidth: 1.5 };
        children.push({ type: "line", shape: { x1: low, y1: y, x2: high, y2: y }, style });
        if (cap) {
          for (const end of [low, high]) {
            children.push({ type: "line", shape: { x1: end, y1: y - cap, x2: end, y2: y + cap }, style });
          }
        }
      }
      children.push(mark(row.shape ?? "rect", x, y, size, { fill: row.colour ?? colours.text1 }));
      return { type: "group", children };
    },
  };
}

/** The ground beyond the margin, shaded, with its dashed line and the line of no difference. */
export function marginGround(margin, colours, { gridIndex = 0 } = {}) {
  return {
    type: "custom",
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    silent: true,
    z: 1,
    data: [[0, 0]],
    renderItem(params, api) {
      const { x, y, width, height } = params.coordSys;
      const at = Math.min(Math.max(api.coord([-margin, 0])[0], x), x + width);
      const zero = api.coord([0, 0])[0];
      return {
        type: "group",
        children: [
          { type: "rect", shape: { x, y, width: Math.max(at - x, 0), height }, style: { fill: colours.raised } },
          { type: "line", shape: { x1: at, y1: y, x2: at, y2: y + height }, style: { stroke: colours.lamp, lineWidth: 1.5, lineDash: [4, 3] } },
          { type: "line", shape: { x1: zero, y1: y, x2: zero, y2: y + height }, style: { stroke: colours.text1, lineWidth: 1 } },
        ],
      };
    },
  };
}
