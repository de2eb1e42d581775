// The model's ROC curve with the readers as operating points, and a magnified inset where points crowd.
import { fill, interval, number } from "./format.js";
import { mark, SHAPES } from "./theme.js";

const LEFT = 56;
const TOP = 10;

/** The part of the unit square that holds all points with a margin; null where they do not crowd. */
export function insetBox(points) {
  if (points.length < 2) return null;
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const span = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  if (span > 0.4) return null;
  const half = Math.max(span * 0.8, 0.06);
  const centre = [(Math.max(...xs) + Math.min(...xs)) / 2, (Math.max(...ys) + Math.min(...ys)) / 2];
  const keep = (value) => Math.min(Math.max(value, half), 1 - half);
  const [cx, cy] = [keep(centre[0]), keep(centre[1])];
  return { x0: cx - half, x1: cx + half, y0: cy - half, y1: cy + half };
}

function operatingPoints(data, colours) {
  const { readers, model } = data.figures;
  const points = [];
  const add = (row, shape, colour, label) => {
    if (row.sensitivity.value === null || row.specificity.value === null) return;
    points.push({
      code: label,
      x: 1 - row.specificity.value,
      y: row.sensitivity.value,
      x0: row.specificity.high === null ? null : 1 - row.specificity.high,
      x1: row.specificity.low === null ? null : 1 - row.specificity.low,
      y0: row.sensitivity.low,
      y1: row.sensitivity.high,
      shape,
      colour,
      sensitivity: row.sensitivity,
      specificity: row.specificity,
    });
  };
  readers.forEach((row, place) => add(row, SHAPES[place % SHAPES.length], colours.readers, row.code));
  if (model) add(model, "circle", colours.model, data.text.model);
  return points;
}

export function crosses(points, gridIndex, colours, labelled) {
  return {
    type: "custom",
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    clip: true,
    z: 5,
    data: points.map((point) => [point.x, point.y]),
    renderItem(params, api) {
      const point = points[params.dataIndex];
      const [x, y] = api.coord([point.x, point.y]);
      const children = [];
      const line = (from, to) => {
        const [x1, y1] = api.coord(from);
        const [x2, y2] = api.coord(to);
        children.push({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: point.colour, lineWidth: 1, opacity: labelled ? 0.55 : 0.35 } });
      };
      if (point.x0 !== null) line([point.x0, point.y], [point.x1, point.y]);
      if (point.y0 !== null) line([point.x, point.y0], [point.x, point.y1]);
      children.push(mark(point.shape, x, y, labelled ? 11 : 9, { fill: point.colour, stroke: colours.panel, lineWidth: 1 }));
      if (labelled) {
        const [dx, dy, align] = point.place ?? [9, -9, "left"];
        children.push({ type: "text", x: x + dx, y: y + dy, style: { text: point.code, fill: point.colour, font: `600 12px ${colours.font}`, align, verticalAlign: "middle", stroke: colours.panel, lineWidth: 3 } });
      }
      return { type: "group", children };
    },
  };
}

/** Put the labels of near points on different sides, so that none covers another. */
export function placeLabels(points) {
  const sides = [[10, -10, "left"], [-10, -10, "right"], [10, 12, "left"], [-10, 12, "right"]];
  const taken = [];
  for (const point of points) {
    let best = sides[0];
    let most = -Infinity;
    for (const side of sides) {
      const spot = [point.px + side[0] * 2.6, point.py + side[1] * 1.4];
      const near = Math.min(
        ...taken.map(([x, y]) => Math.hypot((x - spot[0]) / 2, y - spot[1])),
        ...points.filter((other) => other !== point).map((other) => Math.hypot((other.px - spot[0]) / 1.5, other.py - spot[1])),
        1e6,
      );
      if (near > most + 4) {
        most = near;
        best = side;
      }
    }
    point.place = best;
    taken.push([point.px + best[0] * 2.6, point.py + best[1] * 1.4]);
  }
}

/** Where the curve's words stand: right of its bend and clear below its band. */
export function labelPlace(curve, hasInset) {
  const x = hasInset ? 0.4 : 0.42;
  const floor = hasInset ? 0.66 : 0.2;
  const lows = curve.band.filter(([at, low]) => at >= x - 0.1 && low !== null).map(([, low]) => low);
  const line = curve.fpr.map((at, place) => [at, curve.tpr[place]]).filter(([at]) => at >= x - 0.05).map(([, y]) => y);
  const under = Math.min(...lows, ...line, 0.97) - 0.03;
  return [0.985, Math.max(under, floor)];
}

function band(curve, gridIndex, colours) {
  return {
    type: "custom",
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    silent: true,
    clip: true,
    z: 1,
    data: [[0, 0]],
    renderItem(params, api) {
      const usable = curve.band.filter(([, low, high]) => low !== null && high !== null);
      const upper = usable.map(([x, , high]) => api.coord([x, high]));
      const lower = usable.map(([x, low]) => api.coord([x, low])).reverse();
      return { type: "polygon", shape: { points: [...upper, ...lower] }, style: { fill: colours.model, opacity: 0.13 } };
    },
  };
}

function curveLine(curve, gridIndex, colours, width) {
  return {
    type: "line",
    xAxisIndex: gridIndex,
    yAxisIndex: gridIndex,
    symbol: "none",
    clip: true,
    silent: true,
    z: 3,
    lineStyle: { color: colours.model, width },
    data: curve.fpr.map((x, place) => [x, curve.tpr[place]]),
  };
}

export function rocOption(data, colours, width) {
  const { curve } = data.figures;
  const { text } = data;
  const points = operatingPoints(data, colours);
  const hasCurve = curve && curve.fpr.length > 0;
  if (!hasCurve && points.length === 0) {
    const reason = curve ? curve.undefined_because : "";
    return { reason: curve ? fill(text.noCurve, { reason: text.reasons[reason] ?? reason }) : text.notEstimable };
  }
  const size = Math.max(Math.min(width - LEFT - 24, 452), 200);
  const box = insetBox(points);
  const inset = { left: LEFT + size * 0.46, top: TOP + size * 0.44, size: size * 0.51 };
  const main = (x, y) => [LEFT + x * size, TOP + (1 - y) * size];
  const axis = (name, gridIndex, extra) => ({
    type: "value", gridIndex, min: 0, max: 1, interval: 0.2, name, nameLocation: "middle",
    nameTextStyle: { color: colours.text3, fontSize: 12 },
    axisLine: { show: false }, axisTick: { show: false },
    splitLine: { lineStyle: { color: colours.line } },
    axisLabel: { color: colours.text3, fontSize: 12, formatter: (value) => value.toFixed(1) },
    ...extra,
  });
  const graphic = [
    { type: "line", shape: { x1: main(0, 0)[0], y1: main(0, 0)[1], x2: main(1, 1)[0], y2: main(1, 1)[1] }, style: { stroke: colours.edge, lineWidth: 1, lineDash: [2, 4], opacity: 0.6 }, z: -1 },
  ];
  const grids = [{ left: LEFT, top: TOP, width: size, height: size }];
  const xAxes = [axis(text.oneMinusSpecificity, 0, { nameGap: 30 })];
  const yAxes = [axis(text.sensitivity, 0, { nameGap: 38 })];
  const series = [];
  if (hasCurve) {
    series.push(band(curve, 0, colours), curveLine(curve, 0, colours, 1.75));
    const [tx, ty] = main(...labelPlace(curve, Boolean(box)));
    graphic.push(
      { type: "text", x: tx, y: ty, style: { text: fill(text.modelCurve, { value: number(curve.auc.value) }), fill: colours.model, font: `600 13px ${colours.font}`, align: "right" } },
      { type: "text", x: tx, y: ty + 18, style: { text: fill(text.ci, { interval: interval(curve.auc, text.to, 3) }), fill: colours.model, font: `12px ${colours.font}`, align: "right" } },
    );
  }
  if (box) {
    const [x0, y1] = main(box.x0, box.y1);
    const [x1, y0] = main(box.x1, box.y0);
    graphic.push(
      { type: "rect", shape: { x: x0, y: y1, width: x1 - x0, height: y0 - y1 }, style: { fill: "none", stroke: colours.edge, lineWidth: 1 } },
      { type: "line", shape: { x1, y1, x2: inset.left + inset.size, y2: inset.top }, style: { stroke: colours.line, lineWidth: 1 }, z: -1 },
      { type: "line", shape: { x1: x0, y1: y0, x2: inset.left, y2: inset.top + inset.size }, style: { stroke: colours.line, lineWidth: 1 }, z: -1 },
    );
    grids.push({ left: inset.left, top: inset.top, width: inset.size, height: inset.size, show: true, backgroundColor: colours.panel, borderColor: colours.edge, z: 6 });
    const hidden = { axisLabel: { show: false }, splitLine: { show: false }, axisLine: { show: false }, axisTick: { show: false }, interval: undefined, name: "" };
    xAxes.push(axis("", 1, { ...hidden, min: box.x0, max: box.x1 }));
    yAxes.push(axis("", 1, { ...hidden, min: box.y0, max: box.y1 }));
    for (const point of points) {
      point.px = inset.left + ((point.x - box.x0) / (box.x1 - box.x0)) * inset.size;
      point.py = inset.top + (1 - (point.y - box.y0) / (box.y1 - box.y0)) * inset.size;
    }
    placeLabels(points);
    series.push(crosses(points.map((point) => ({ ...point, x0: null, y0: null })), 0, colours, false));
    const raise = (one, z) => ({ ...one, z });
    if (hasCurve) series.push(raise(band(curve, 1, colours), 7), raise(curveLine(curve, 1, colours, 1.75), 8));
    series.push(raise(crosses(points, 1, colours, true), 9));
  } else {
    for (const point of points) [point.px, point.py] = main(point.x, point.y);
    placeLabels(points);
    series.push(crosses(points, 0, colours, true));
  }
  return {
    height: TOP + size + 56,
    option: { animation: false, textStyle: { fontFamily: colours.font }, graphic, grid: grids, xAxis: xAxes, yAxis: yAxes, series },
  };
}
