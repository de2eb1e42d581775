// Precision against recall: the model's curve, the readers as points, the share of positive items as the floor.
import { fill, number } from "./format.js";
import { crosses, placeLabels } from "./roc.js";
import { SHAPES } from "./theme.js";

const LEFT = 56;
const TOP = 10;

function points(data, colours) {
  const rows = data.figures.readers.map((row, place) => ({ row, shape: SHAPES[place % SHAPES.length], colour: colours.readers, code: row.code }));
  if (data.figures.model) rows.push({ row: data.figures.model, shape: "circle", colour: colours.model, code: data.text.model });
  return rows
    .filter(({ row }) => row.sensitivity.value !== null && row.ppv.value !== null)
    .map(({ row, ...look }) => ({
      ...look,
      x: row.sensitivity.value,
      y: row.ppv.value,
      x0: row.sensitivity.low,
      x1: row.sensitivity.high,
      y0: row.ppv.low,
      y1: row.ppv.high,
    }));
}

export function precisionOption(data, colours, width) {
  const curve = data.figures.precisionRecall;
  const { text } = data;
  const hasCurve = Boolean(curve && curve.recall.length);
  const shown = points(data, colours);
  if (!hasCurve && shown.length === 0) {
    const reason = curve ? curve.undefined_because : "";
    return { reason: reason ? fill(text.noCurve, { reason: text.reasons[reason] ?? reason }) : text.notEstimable };
  }
  const size = Math.max(Math.min(width - LEFT - 24, 400), 200);
  const axis = (name, extra) => ({
    type: "value", min: 0, max: 1, interval: 0.2, name, nameLocation: "middle",
    nameTextStyle: { color: colours.text3, fontSize: 12 },
    axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.text3, fontSize: 12, formatter: (value) => value.toFixed(1) },
    ...extra,
  });
  for (const point of shown) {
    point.px = LEFT + point.x * size;
    point.py = TOP + (1 - point.y) * size;
  }
  placeLabels(shown);
  const series = [];
  const graphic = [];
  if (hasCurve) {
    const floor = TOP + (1 - curve.prevalence) * size;
    series.push({ type: "line", symbol: "none", silent: true, z: 3, lineStyle: { color: colours.model, width: 1.75 }, data: curve.recall.map((x, place) => [x, curve.precision[place]]) });
    graphic.push(
      { type: "line", shape: { x1: LEFT, y1: floor, x2: LEFT + size, y2: floor }, style: { stroke: colours.edge, lineWidth: 1, lineDash: [4, 3] } },
      { type: "text", z: 10, x: LEFT + 4, y: floor + 4, style: { text: `${text.prevalence} ${number(curve.prevalence, 2)}`, fill: colours.text3, font: `12px ${colours.font}`, backgroundColor: colours.panel, padding: [0, 2] } },
    );
  }
  // Names of points at the edge stand outside the square.
  series.push({ ...crosses(shown, 0, colours, true), clip: false });
  return {
    height: TOP + size + 56,
    option: {
      animation: false,
      textStyle: { fontFamily: colours.font },
      graphic,
      grid: [{ left: LEFT, top: TOP, width: size, height: size }],
      xAxis: [axis(text.recall, { nameGap: 30 })],
      yAxis: [axis(text.precision, { nameGap: 38 })],
      series,
    },
  };
}
