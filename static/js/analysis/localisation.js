// FROC and wAFROC curves of readers and model, each with its name at its end.
import { mark, SHAPES } from "./theme.js";

const LEFT = 56;
const RIGHT = 84;
const NAME_LEAD = 16;
const DASHES = ["solid", [7, 4], [2, 3], [8, 3, 2, 3]];

/** The next round number above a value: the end of an axis. */
export function roundUp(value) {
  if (!(value > 0)) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * unit).find((end) => end >= value * 0.999);
}

/** Heights for names: as near as possible to where their curves end, and none over another. */
export function spread(wanted, least, top, bottom) {
  const order = wanted.map((y, place) => ({ y, place })).sort((a, b) => a.y - b.y);
  let last = top - least;
  for (const one of order) {
    one.at = Math.max(one.y, last + least);
    last = one.at;
  }
  let limit = bottom + least;
  for (const one of [...order].reverse()) {
    one.at = Math.min(one.at, limit - least);
    limit = one.at;
  }
  const result = [];
  for (const one of order) result[one.place] = one.at;
  return result;
}

export function localisationOption(data, kind, colours, width) {
  const rows = data.curves.filter((row) => row.curves[kind][0].length > 1);
  if (rows.length === 0) return { reason: data.text.noCurve };
  const { text } = data;
  const size = Math.max(Math.min(width - LEFT - RIGHT, 420), 200);
  const isFroc = kind === "FROC";
  const end = isFroc ? roundUp(Math.max(...rows.flatMap((row) => row.curves[kind][0].slice(1)))) : 1;
  const axis = (name, max, extra) => ({
    type: "value", min: 0, max, interval: max / 5, name, nameLocation: "middle",
    nameTextStyle: { color: colours.text3, fontSize: 12 },
    axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.text3, fontSize: 12, formatter: (value) => String(Number(value.toFixed(3))) },
    ...extra,
  });
  const ends = rows.map((row) => {
    const [xs, ys] = row.curves[kind];
    // The name stands where the marked part ends, not in the corner that all curves reach.
    const last = isFroc ? xs.length - 1 : xs.length - 2;
    return { x: xs[last], y: ys[last] };
  });
  const heights = spread(ends.map(({ y }) => 10 + (1 - y) * size), NAME_LEAD, 10, 10 + size);
  const colourOf = (row) => (row.kind === "model" ? colours.model : colours.readers);
  return {
    height: size + 66,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      grid: { left: LEFT, top: 10, width: size, height: size },
      xAxis: axis(isFroc ? text.falsePerCase : text.falseCases, end, { nameGap: 30 }),
      yAxis: axis(isFroc ? text.lesions : text.weightedLesions, 1, { nameGap: 38 }),
      graphic: rows.flatMap((row, place) => {
        const x = LEFT + (ends[place].x / end) * size;
        const y = 10 + (1 - ends[place].y) * size;
        return [
          { type: "line", shape: { x1: x + 5, y1: y, x2: LEFT + size + 8, y2: heights[place] }, style: { stroke: colours.line, lineWidth: 1 } },
          { type: "text", x: LEFT + size + 12, y: heights[place], style: { text: row.code, fill: colourOf(row), font: `600 12px ${colours.font}`, verticalAlign: "middle" } },
        ];
      }),
      series: rows.flatMap((row, place) => {
        const [xs, ys] = row.curves[kind];
        const points = xs.map((x, k) => [x, ys[k]]);
        const shape = row.kind === "model" ? "circle" : SHAPES[place % SHAPES.length];
        return [
          { type: "line", symbol: "none", silent: true, data: points, lineStyle: { color: colourOf(row), width: 1.5, type: row.kind === "model" ? "solid" : DASHES[place % DASHES.length] } },
          {
            type: "custom",
            silent: true,
            z: 4,
            data: points.slice(1, isFroc ? undefined : -1),
            renderItem(params, api) {
              const [x, y] = api.coord([api.value(0), api.value(1)]);
              return mark(shape, x, y, 7, { fill: colourOf(row), stroke: colours.panel, lineWidth: 1 });
            },
          },
        ];
      }),
    },
  };
}
